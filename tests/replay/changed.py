"""Payment workflows changed without a patch: what the guard has to catch."""

from __future__ import annotations

from datetime import timedelta

from temporalio import workflow

from activities.messages import ResourceRef
from workflows.payment import PaymentWorkflow


@workflow.defn(name="PaymentWorkflow")
class ChangedAtItsBeginning(PaymentWorkflow):
    """Waits a moment before it loads."""

    @workflow.run
    async def run(self, ref: ResourceRef) -> str:
        await workflow.sleep(timedelta(milliseconds=10))
        return await super().run(ref)


@workflow.defn(name="PaymentWorkflow")
class ChangedAtItsEnd(PaymentWorkflow):
    """Waits a moment before it ends."""

    @workflow.run
    async def run(self, ref: ResourceRef) -> str:
        result = await super().run(ref)
        await workflow.sleep(timedelta(milliseconds=10))
        return result
