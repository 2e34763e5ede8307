"""The partner's activities, run as a worker would run them."""

from __future__ import annotations

import dataclasses
from datetime import timedelta

from temporalio.testing import ActivityEnvironment

from activities.checks import Checks
from activities.partner_steps import PartnerSteps, Step, StepRequest
from assembly import STORE_AWAY
from domain.profile import Profile
from domain.view import PaymentView
from tests.fakes import ACCOUNT, BANK, FakePartner, profile
from tests.store.books import INSTRUCTION, PAYMENT, Store

REQUEST = StepRequest(payment_id=PAYMENT, instruction_id=INSTRUCTION)


class Steps:
    """Steps of one payment with one partner."""

    def __init__(self, store: Store, partner: FakePartner) -> None:
        self.store = store
        self.partner = partner
        self.environment = ActivityEnvironment()
        self.environment.info = dataclasses.replace(
            self.environment.info,
            started_time=store.clock.now(),
            start_to_close_timeout=timedelta(minutes=3),
        )
        self.activities = PartnerSteps(
            partners={(BANK, ACCOUNT): partner},
            book=store.book,
            payments=store.payments,
            inbox=store.inbox,
            checks=Checks(store.clock),
            clock=store.clock,
            store_away=STORE_AWAY,
        )

    async def instruct(self) -> Step:
        step: Step = await self.environment.run(self.activities.instruct, REQUEST)
        return step

    async def read(self) -> Step:
        step: Step = await self.environment.run(self.activities.read, REQUEST)
        return step

    async def instructed(self) -> PaymentView:
        """Instruct, with the store at hand."""
        view = (await self.instruct()).view
        assert view is not None
        return view

    async def was_read(self) -> PaymentView:
        view = (await self.read()).view
        assert view is not None
        return view


async def steps_of(store: Store, of: Profile | None = None) -> Steps:
    """A recorded order, and a partner of that profile."""
    behaviour = of or profile()
    await store.accept(as_of=behaviour)
    return Steps(store, FakePartner(behaviour, store.clock))
