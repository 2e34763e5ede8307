"""Records new orders, each once under its key."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from domain.clock import Clock
from domain.ids import payment_id_of
from domain.lifecycle.profile import Profile
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate
from domain.payments.order import Order
from starter.acceptance import admit
from starter.fingerprint import fields_of, fingerprint
from starter.operators import Operators
from starter.signing import Signer
from store.accepting import Acceptance, Given
from store.payments import Payments


class Asked(NamedTuple):
    """One order of many, with the arguments of `pay`."""

    order: Order
    key: str
    received: Mapping[str, Any] | None = None
    rules_of: date | None = None
    intent: Intent | None = None
    acknowledged: Acknowledgement = Acknowledgement()
    by: Signer | None = None
    """The operator who acknowledges a possible duplicate, if one does."""
    browser_session: str = ""


class Orders:
    """Checks new orders and records them, each once under its key."""

    def __init__(
        self,
        payments: Payments,
        profiles: Callable[[], Mapping[tuple[str, str], Profile]],
        clock: Clock,
        operators: Operators,
    ) -> None:
        self._payments = payments
        self._profiles = profiles
        self._clock = clock
        self._operators = operators

    async def known(self, tenant: str, key: str, received: Mapping[str, Any]) -> Acceptance | None:
        """The payment that the key stands for, without a look at today's settings or rules.

        Raises:
            KeyReused: the key stands for another order.
        """
        return await self._payments.known(tenant, key, fingerprint(dict(received)))

    async def record(self, many: Sequence[Asked]) -> list[Acceptance | PossibleDuplicate]:
        """Record all of them in one transaction. A known key answers with its payment.

        Raises:
            InvalidOrder, KeyReused, NotSigned, KeyUnusable, ClocksApart, WrongKeyring: as
                `Orchestrator.pay`, for one of the orders. No order was recorded.
        """
        now = self._clock.now()
        known: dict[int, Acceptance] = {}
        prints = [
            fingerprint(dict(one.received) if one.received is not None else fields_of(one.order))
            for one in many
        ]
        for tenant in {one.order.tenant for one in many}:
            own = [place for place, one in enumerate(many) if one.order.tenant == tenant]
            found = await self._payments.known_of(
                tenant, [(many[place].key, prints[place]) for place in own]
            )
            known |= {place: one for place, one in zip(own, found, strict=True) if one is not None}
        given = {
            place: await self._given(one, prints[place], now)
            for place, one in enumerate(many)
            if place not in known
        }
        results: dict[int, Acceptance | PossibleDuplicate] = {**known}
        if given:
            async with self._noting(given.values()):
                accepted = await self._payments.accept_many(list(given.values()), now)
            results |= zip(given, accepted, strict=True)
        return [results[place] for place in range(len(many))]

    @asynccontextmanager
    async def _noting(self, given: Iterable[Given]) -> AsyncIterator[None]:
        """Record a refused acknowledgement, once for all orders of a call."""
        signed = [one.acknowledged.signed for one in given if one.acknowledged.signed]
        if not signed:
            yield
            return
        async with self._operators.noting(signed[0].statement):
            yield

    async def _given(self, one: Asked, print_of_fields: str, now: datetime) -> Given:
        """Check a new order by today's rules. A known key never comes here: it answers for ever."""
        admitted = admit(one.order, one.key, self._profiles(), now, rules_of=one.rules_of)
        payment_id = payment_id_of(one.order.tenant, one.key)
        return Given(
            admitted.order,
            key=one.key,
            fingerprint=print_of_fields,
            payment_id=payment_id,
            profile=admitted.profile,
            # By the day that the caller asked for: a day that was moved would hide a repeat.
            intent=one.intent or Intent.of(one.order),
            acknowledged=await self._acknowledged(
                one.order, payment_id, one.acknowledged.of, one.by
            ),
            browser_session=one.browser_session,
        )

    async def _acknowledged(
        self, order: Order, payment_id: str, of: Collection[str], operator: Signer | None
    ) -> Acknowledgement:
        if operator is None:
            return Acknowledgement(frozenset(of))
        said = Acknowledgement(frozenset(of), operator.by)
        statement = said.statement(order, payment_id, self._clock.now())
        return replace(said, signed=await self._operators.sign(statement, operator))
