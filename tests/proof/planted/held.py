"""A workflow for a planted bug, in a module of its own."""

from __future__ import annotations

from temporalio import workflow

from activities.messages import ResourceRef
from workflows.payment import PaymentWorkflow


@workflow.defn(name="PaymentWorkflow")
class HeldByItsHandlers(PaymentWorkflow):
    """Waits at the end of a run for handlers without letting them go."""

    @workflow.run
    async def run(self, ref: ResourceRef) -> str:
        return await super().run(ref)

    async def _answer_handlers(self) -> None:
        await workflow.wait_condition(workflow.all_handlers_finished)
