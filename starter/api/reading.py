"""Reads payments and collections, one or a page of them. The two differ only in direction."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from domain.lifecycle.resource import Certainty
from domain.payments.order import Direction, Rail
from domain.payments.payment import UnknownPayment
from domain.payments.report import PaymentState
from regimes.rails import COLLECTING
from starter.api.answers import PaymentsAnswer, payment_answer
from starter.api.bodies import Moment
from starter.api.callers import PAGE_MAX
from starter.api.cursors import list_place, of_list
from starter.api.parts import Parts
from starter.api.problems import not_found
from starter.following import rests
from store.finding import ListPlace, Wanted
from store.records import PaymentRecord

#: The rails of either direction.
RAILS = {
    Direction.INCOMING: frozenset(rail.value for rail in COLLECTING),
    Direction.OUTGOING: frozenset(rail.value for rail in Rail if rail not in COLLECTING),
}


class PaymentsQuery(BaseModel):
    """The filters of a list. Every one that is given has to match; an unknown one is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    state: PaymentState | None = None
    certainty: Certainty | None = None
    partner: str | None = None
    key: str | None = Field(default=None, description="the Idempotency-Key it was ordered under")
    end_to_end_id: str | None = None
    partner_reference: str | None = None
    created_from: Moment | None = None
    created_before: Moment | None = None
    after: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 20


async def page(
    parts: Parts, tenant: str, query: PaymentsQuery, direction: Direction
) -> PaymentsAnswer:
    """A page of a tenant's payments, the newest first."""
    wanted = Wanted(
        tenant=tenant,
        rails=RAILS[direction],
        after=list_place(query.after),
        **query.model_dump(exclude={"after", "limit"}),
    )
    found = await parts.orchestrator.find(wanted, limit=query.limit)
    last = found.records[-1] if found.records and found.cut_after is not None else None
    return PaymentsAnswer(
        data=[payment_answer(record) for record in found.records],
        next_cursor=of_list(ListPlace(last.created_at, last.payment_id)) if last else None,
    )


async def one(
    parts: Parts,
    tenant: str,
    payment_id: str,
    direction: Direction,
    *,
    wait: int = 0,
    after_sequence: int | None = None,
) -> PaymentRecord:
    """One payment of the tenant, perhaps after a wait.

    Args:
        wait: seconds to wait until it rests or, with `after_sequence`, until it has a later event.

    Raises:
        Problem: the tenant has no such payment of this direction.
    """
    what = "collection" if direction is Direction.INCOMING else "payment"

    def until(record: PaymentRecord) -> bool:
        if after_sequence is not None:
            return record.sequence > after_sequence
        return rests(record, parts.clock.now())

    try:
        record = await parts.orchestrator.get(payment_id, tenant=tenant)
        if record.payment.direction is not direction:
            raise not_found(what, payment_id)
        if wait and not until(record):
            record = await parts.orchestrator.wait(
                payment_id,
                until,
                tenant=tenant,
                deadline=parts.clock.now() + timedelta(seconds=wait),
            )
    except UnknownPayment:
        raise not_found(what, payment_id) from None
    return record
