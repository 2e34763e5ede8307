"""The partner's activities, run as a worker would run them."""

from __future__ import annotations

import dataclasses

from temporalio.testing import ActivityEnvironment

from activities.checks import Checks
from activities.messages import Step, StepRequest
from activities.partner_steps import PartnerSteps
from activities.witness import Witness
from assembly import STORE_AWAY
from domain.clock import Clock
from domain.ids import instruction_id, workflow_id
from domain.lifecycle.profile import InstructionKind, Profile
from domain.payments.view import PaymentView
from partners.interface import PaymentLister
from store.folding import Folding
from store.turns import ReadTurns
from tests.fakes import ACCOUNT, BANK, FakePartner, profile
from tests.performing import performing
from tests.store.books import INSTRUCTION, PAYMENT, PAYMENTS, Store

REQUEST = StepRequest(resource_id=PAYMENT, instruction_id=INSTRUCTION)


class Steps:
    """Steps of one payment with one partner."""

    def __init__(self, store: Store, partner: FakePartner, payment_id: str = PAYMENT) -> None:
        self.store = store
        self.request = StepRequest(
            resource_id=payment_id, instruction_id=instruction_id(payment_id, InstructionKind.PAY)
        )
        self.partner = partner
        self.server: Clock = store.clock
        """Temporal's own, which may differ from ours."""
        self.environment = performing(store.clock)
        self.activities = PartnerSteps(
            partners={(BANK, ACCOUNT): partner},
            kinds=PAYMENTS,
            book=store.book,
            turns=ReadTurns(store.database, Folding(store.keyring, PAYMENTS)),
            checks=Checks(store.clock),
            witness=self.witness(),
            clocks=store.clocks,
            future=store.future,
            store_away=STORE_AWAY,
        )

    def witness(self) -> Witness:
        """As a process has it that has just begun."""
        listers = (
            {(BANK, ACCOUNT): (self.partner, self.partner.profile)}
            if isinstance(self.partner, PaymentLister)
            else {}
        )
        strangers = self.store.strangers
        return Witness(listers=listers, strangers=strangers, clock=self.store.clock)

    def _begun(self) -> ActivityEnvironment:
        self.environment.info = dataclasses.replace(
            self.environment.info, started_time=self.server.now()
        )
        return self.environment

    async def instruct(self) -> Step:
        step: Step = await self._begun().run(self.activities.instruct, self.request)
        return step

    async def read(self) -> Step:
        step: Step = await self._begun().run(self.activities.read, self.request)
        return step

    async def instructed(self) -> PaymentView:
        """Instruct, with the store at hand; the payment after it."""
        return await self._after(await self.instruct())

    async def was_read(self) -> PaymentView:
        """Read, with the store at hand; the payment after it."""
        return await self._after(await self.read())

    async def _after(self, step: Step) -> PaymentView:
        """The payment as the step left it in the store, and told the workflow."""
        view = await self.store.payments.view(self.request.resource_id)
        assert step.next is not None
        assert (step.next.state, step.next.certainty) == (
            view.payment.state,
            view.payment.certainty,
        )
        return view


async def steps_of(store: Store, of: Profile | None = None) -> Steps:
    """A recorded order, and a partner of that profile."""
    behaviour = of or profile()
    await store.accept(as_of=behaviour)
    return Steps(store, FakePartner(behaviour, store.clock))


def in_its_run(payment_id: str = PAYMENT) -> ActivityEnvironment:
    """Where an activity runs that the payment's own workflow asked for."""
    environment = ActivityEnvironment()
    environment.info = dataclasses.replace(
        environment.info, workflow_id=workflow_id("shop", payment_id)
    )
    return environment
