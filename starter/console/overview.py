"""The first page: what is open, by partner and state, what people owe, and what stops sends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.states import STATES
from domain.payments.view import KIND as PAYMENT
from starter.console.desk import Desk, Visit
from store.backlog import Open

_REFUSALS_SHOWN: Final = 20


@dataclass(frozen=True)
class OpenPayments:
    """A row of the overview."""

    group: Open
    tone: str
    headline: str


def overview(desk: Desk) -> list[Route]:
    """The route of the overview."""
    parts = desk.parts

    async def show(visit: Visit) -> Response:
        groups = await parts.backlog.lifecycles()
        return visit.page(
            "overview.html",
            at="/",
            title="Overview",
            payments=_payments(groups),
            others=[group for group in groups if group.kind != PAYMENT],
            tasks=await parts.backlog.tasks(visit.now),
            halts=await parts.operations.halts(),
            refusals=(await parts.operators.refusals())[:_REFUSALS_SHOWN],
            sign_ins=await parts.operators.refused_sign_ins(),
        )

    return [Route("/", desk.behind_sign_in(show))]


def _payments(groups: Sequence[Open]) -> list[OpenPayments]:
    """Those in doubt first, and within each the oldest."""
    rows = [
        OpenPayments(
            group,
            tone(PaymentState(group.state), Certainty(group.certainty)),
            STATES[PaymentState(group.state)].headline,
        )
        for group in groups
        if group.kind == PAYMENT
    ]

    def place(row: OpenPayments) -> tuple[bool, datetime]:
        return row.group.certainty != Certainty.UNKNOWN, row.group.oldest_at

    return sorted(rows, key=place)


def tone(state: PaymentState, certainty: Certainty) -> str:
    """The colour of a payment: of its state, unless it is in doubt."""
    return "yellow" if certainty is Certainty.UNKNOWN else STATES[state].colour or "plain"
