"""What a file would pay, from which balances, and what its partners would refuse.

It asks the partners with the same code that prepares a send, so that the answers agree. Nothing is
made and nothing is recorded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from domain.lifecycle.answers import Unanswered, Unprepared
from domain.money import Money
from partners.interface import PaymentPartner
from regimes.refusal import Refusal
from starter.files.judging import FileTerms, Judged
from starter.files.outcome import Verdict
from starter.files.plan import PlannedOrder, RefusedLine
from starter.following import AT_ONCE
from starter.leaving import Balance, Leaving, leaving

Partners = Mapping[tuple[str, str], PaymentPartner]


@dataclass(frozen=True)
class Preview:
    """The result of a preview."""

    judged: Judged
    """Lines that their partners would not take are among the refused."""
    unanswered: Mapping[str, int]
    """Reason why a partner did not say whether it takes a line -> the number of such lines."""
    sums: Sequence[Leaving]
    """What would leave each balance."""

    @property
    def is_sure(self) -> bool:
        """Whether each balance is known and suffices, and the partners said that they take each
        line."""
        return not self.unanswered and all(one.is_covered for one in self.sums)

    def verdict(self, terms: FileTerms) -> Verdict:
        """What paying the file by these terms would come to."""
        judged = self.judged
        in_the_way = bool(judged.refused or judged.repeats)
        if not judged.new or (in_the_way and not terms.skip_invalid):
            is_paid = judged.known and not in_the_way
            return Verdict.ALL_WELL if is_paid else Verdict.NOTHING_PAID
        return Verdict.ALL_WELL if self.is_sure and not in_the_way else Verdict.SOME_NOT


async def preview(partners: Partners, judged: Judged) -> Preview:
    """Ask the partners all that a send asks."""
    judged, unanswered = await examine(partners, judged)

    async def available(balance: Balance) -> Money | Unanswered:
        partner = partners.get((balance.partner, balance.partner_account))
        if partner is None:
            return Unanswered(f"{balance.partner}/{balance.partner_account} is not in the settings")
        return await partner.available(balance.currency, balance.on_behalf_of)

    sums = await leaving((line.order for line in judged.new), available)
    return Preview(judged, unanswered, sums)


async def examine(partners: Partners, judged: Judged) -> tuple[Judged, dict[str, int]]:
    """Ask about each line that would be paid.

    Returns the lines as judged by our checks and by their partners, and how often each reason was
    given by partners that did not say whether they take a line.
    """
    gate = asyncio.Semaphore(AT_ONCE)

    async def ask(line: PlannedOrder) -> Unprepared | None:
        partner = partners.get((line.debtor.partner, line.debtor.partner_account))
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
    return replace(judged, refused=everything, orders=orders), unanswered
