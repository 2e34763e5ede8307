"""The life of a payment: the loop of every lifecycle, with a payment's own activities."""

from __future__ import annotations

from temporalio import workflow

from activities.messages import ResourceRef
from activities.partner_steps import PartnerSteps
from activities.payment_store import PaymentStore
from workflows.lifecycle import Lifecycle, Steps


@workflow.defn
class PaymentWorkflow(Lifecycle):
    """Drives one payment until nothing is due."""

    steps = Steps(
        load=PaymentStore.load,
        record=PaymentStore.record,
        cancel=PaymentStore.cancel,
        instruct=PartnerSteps.instruct,
        read=PartnerSteps.read,
    )

    @workflow.run
    async def run(self, ref: ResourceRef) -> str:
        """Run until the payment ends, or may leave Temporal. The result describes it in words."""
        return await self.drive(ref)
