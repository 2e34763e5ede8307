"""The life of a consent: the loop of every lifecycle, with the steps of every lifecycle."""

from __future__ import annotations

from temporalio import workflow

from activities.messages import ResourceRef
from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentStore
from workflows.lifecycle import Lifecycle, Steps


@workflow.defn
class ConsentWorkflow(Lifecycle):
    """Drives one consent until nothing is due: for months, if its user renews it."""

    steps = Steps(
        load=PaymentStore.load,
        record=PaymentStore.record,
        cancel=PaymentStore.cancel,
        instruct=PartnerSteps.instruct,
        read=PartnerSteps.read,
    )

    @workflow.run
    async def run(self, ref: ResourceRef) -> str:
        """Run until the consent ends, or may leave Temporal. The result describes it in words."""
        return await self.drive(ref)
