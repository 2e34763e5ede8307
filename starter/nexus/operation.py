"""The operation `pay`: a run waits for the payment's end, and a token names that run for a cancel.

A cancel carries no payload, so no seal proves who sent it: only the token does. The SDK's own token
is plain text, which anybody can write, and the SDK cancels whatever run of our namespace it names.
Ours has the payment's id and a MAC by the door's keyring, and names runs of this door alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import fields
from typing import Final

from nexusrpc import HandlerError, HandlerErrorType
from nexusrpc.handler import (
    CancelOperationContext,
    OperationHandler,
    StartOperationContext,
    StartOperationResultAsync,
)
from temporalio import nexus
from temporalio.common import WorkflowIDConflictPolicy

from activities.payment_ends import EndWanted
from domain.ids import payment_end_id
from starter.nexus.door import Door
from starter.nexus.service import PayRequest, Shown
from workflows.payment_end import PaymentEndWorkflow

_PURPOSE: Final = "nexus operation token"


class PayOperation(OperationHandler[PayRequest, Shown]):
    """The operation of one door.

    Args:
        accepted: records the payment once, and returns its id.
    """

    def __init__(self, door: Door, accepted: Callable[[PayRequest], Awaitable[str]]) -> None:
        self._door = door
        self._accepted = accepted

    async def start(
        self, ctx: StartOperationContext, input: PayRequest
    ) -> StartOperationResultAsync:
        """Record the payment once, and have a run wait for its end.

        If this worker is killed in between, the server asks again, and the key finds the payment.
        """
        payment_id = await self._accepted(input)
        # The context that can start a run has the same fields.
        run = nexus.WorkflowRunOperationContext(
            **{f.name: getattr(ctx, f.name) for f in fields(ctx)}
        )
        await run.start_workflow(
            PaymentEndWorkflow.run,
            EndWanted(payment_id=payment_id),
            id=self._run_id(payment_id),
            id_conflict_policy=WorkflowIDConflictPolicy.USE_EXISTING,
            static_summary=f"waits for the end of {payment_id}",
        )
        return StartOperationResultAsync(f"{payment_id}.{self._macs(payment_id)[0]}")

    async def cancel(self, ctx: CancelOperationContext, token: str) -> None:
        """Cancel the run that the token names.

        Raises:
            HandlerError: this door gave no such token, or the key that signed it is gone.
        """
        payment_id, _, mac = token.rpartition(".")
        given = mac.encode()
        if not any(hmac.compare_digest(given, each.encode()) for each in self._macs(payment_id)):
            raise HandlerError(
                "this door gave no operation that token; to cancel a payment, ask for "
                "`cancel_payment` with its key",
                type=HandlerErrorType.NOT_FOUND,
            )
        await nexus.client().get_workflow_handle(self._run_id(payment_id)).cancel()

    def _run_id(self, payment_id: str) -> str:
        return payment_end_id(self._door.name, self._door.tenant, payment_id)

    def _macs(self, payment_id: str) -> tuple[str, ...]:
        """By each key of the door. A token counts for one namespace, door and tenant."""
        named = f"{nexus.info().namespace}\n{self._run_id(payment_id)}"
        return self._door.keyring.macs(named.encode(), _PURPOSE)
