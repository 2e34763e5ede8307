"""Asks partners before a file is paid whether they would take its lines.

Uses the same code that prepares a send, so that the answers agree.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import NamedTuple

from assembly import Assembly
from domain.payments.answers import Unprepared
from regimes.refusal import Refusal
from starter.files import PlannedOrder, RefusedLine
from terminal.judging import Judged
from terminal.recording import AT_ONCE


class Examined(NamedTuple):
    """The lines as judged by our checks and by their partners."""

    judged: Judged
    unanswered: dict[str, int]
    """Reason why a partner did not say whether it takes a line -> the number of such lines."""


async def examine(assembly: Assembly, judged: Judged) -> Examined:
    """Ask about each line that would be paid; make nothing and record nothing."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(line: PlannedOrder) -> Unprepared | None:
        partner = assembly.partners.get((line.debtor.partner, line.debtor.partner_account))
        if partner is None:
            name = f"{line.debtor.partner}/{line.debtor.partner_account}"
            return Unprepared(f"{name} is not in the settings")
        async with gate:
            return await partner.examine(line.order)

    new = judged.new
    answers = await asyncio.gather(*map(ask, new))
    refused: list[RefusedLine] = []
    unanswered: dict[str, int] = {}
    for line, answer in zip(new, answers, strict=True):
        if answer is None:
            continue
        if (report := answer.refused) is None:
            unanswered[answer.why] = unanswered.get(answer.why, 0) + 1
            continue
        code, text = report.status_reason or "NARR", report.reason or answer.why
        refused.append(RefusedLine(line.line, (Refusal(code, "CdtTrfTxInf", text),)))
    turned_away = {one.line.position for one in refused}
    orders = [one for one in judged.orders if one[0].line.position not in turned_away]
    everything = sorted([*judged.refused, *refused], key=lambda one: one.line.position)
    return Examined(replace(judged, refused=everything, orders=orders), unanswered)
