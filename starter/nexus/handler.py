"""Handles the operations of other teams' workflows, each within the rights of its door.

It translates, as the handlers of the HTTP API do: the order is what `POST /v1/payments` takes, and
the same code accepts it. So one key stands for one payment, whichever way it came.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable
from typing import Any, Final, TypeVar

from nexusrpc import HandlerError, HandlerErrorType, OperationError, OperationErrorState
from nexusrpc.handler import (
    OperationHandler,
    StartOperationContext,
    operation_handler,
    service_handler,
    sync_operation,
)
from pydantic import ValidationError
from temporalio.exceptions import ApplicationError

from domain.payments.order import Direction, Order
from starter.api.accounts import paying
from starter.api.answers import payment_answer
from starter.api.application import problem_of
from starter.api.bodies import PaymentBody
from starter.api.callers import without_nulls
from starter.api.guard import Limits
from starter.api.ordering import invalid_fields, ordered
from starter.api.parts import Parts
from starter.api.problems import FieldError, Problem, invalid, not_found, pointer
from starter.api.reading import RAILS
from starter.api.strict_json import NotStrict, parsed
from starter.client import Receipt
from starter.nexus.door import Door
from starter.nexus.operation import PayOperation
from starter.nexus.service import (
    CancelRequest,
    FinalityPayments,
    GetRequest,
    PayRequest,
    Shown,
)
from store.finding import Wanted
from store.records import PaymentRecord

log = logging.getLogger("finality.nexus")

#: A sealed order could be kept by somebody who has no key, and given again at any time: a key is
#: free after a refusal. After this moment it is refused.
_UNTIL_WHEN: Final = FieldError(
    pointer=pointer("times", "submit_before"),
    detail="is missing; give the moment after which the order is not to be sent any more",
)

Done = TypeVar("Done")


@service_handler(service=FinalityPayments)
class PaymentsHandler:
    """The operations of one door."""

    def __init__(self, parts: Parts, door: Door, limits: Limits) -> None:
        self._parts = parts
        self._door = door
        self._limits = limits

    @operation_handler
    def pay(self) -> OperationHandler[PayRequest, Shown]:
        """Ends with the payment."""

        async def accepted(asked: PayRequest) -> str:
            return (await _answered(self._ordered(asked))).payment_id

        return PayOperation(self._door, accepted)

    @sync_operation
    async def get_payment(self, ctx: StartOperationContext, asked: GetRequest) -> Shown:
        """How the payment stands now."""
        return show(await _answered(self._found(asked.key)))

    @sync_operation
    async def cancel_payment(self, ctx: StartOperationContext, asked: CancelRequest) -> Shown:
        """Cancel the payment, at whatever point it is, and show how it stands now."""
        return show(await _answered(self._cancelled(asked)))

    async def _ordered(self, asked: PayRequest) -> Receipt:
        received = self._checked(asked.order)
        try:
            body = PaymentBody.model_validate(received)
        except ValidationError as error:
            raise invalid_fields(error) from None

        def order() -> Order:
            if body.times.submit_before is None:
                raise invalid([_UNTIL_WHEN])
            through = paying(body, self._door, self._parts.debtors)
            return body.order(self._door.tenant, *through)

        return await ordered(
            self._parts.orchestrator, self._door.tenant, order, asked.key,
            received=received, acknowledged=body.acknowledge_duplicate_of,
            browser_session=body.browser_session or "", patience=None,
        )  # fmt: skip

    def _checked(self, order: dict[str, Any]) -> dict[str, Any]:
        """The order, if a body of the HTTP API could be the same."""
        text = json.dumps(order).encode()
        if len(text) > self._limits.json_bytes_max:
            raise Problem(
                413, "too-large", "The order is too large",
                f"At most {self._limits.json_bytes_max} bytes are taken. Nothing was stored.",
            )  # fmt: skip
        try:
            checked: dict[str, Any] = without_nulls(parsed(text))
        except NotStrict as error:
            raise Problem(
                400, "malformed", "Malformed order", f"The order {error}. Nothing was stored."
            ) from None
        return checked

    async def _found(self, key: str) -> PaymentRecord:
        wanted = Wanted(tenant=self._door.tenant, key=key, rails=RAILS[Direction.OUTGOING])
        found = await self._parts.orchestrator.find(wanted, limit=1)
        if not found.records:
            raise not_found("payment under the key", key)
        return found.records[0]

    async def _cancelled(self, asked: CancelRequest) -> PaymentRecord:
        known, tenant = await self._found(asked.key), self._door.tenant
        await self._parts.orchestrator.cancel(
            known.payment_id, asked.command, tenant=tenant, by=self._door.by, why=asked.why
        )
        return await self._parts.orchestrator.get(known.payment_id, tenant=tenant)


def show(record: PaymentRecord) -> Shown:
    """The payment's object, as the HTTP API has it."""
    return payment_answer(record).model_dump(mode="json")


async def _answered(asked: Awaitable[Done]) -> Done:
    """The answer, or the error as the caller's workflow gets it.

    Raises:
        OperationError: refused. Its cause has the kind of the problem as its type, and the object
            of RFC 9457 as its detail.
        HandlerError: we cannot answer now. Temporal asks again.
    """
    try:
        return await asked
    except Exception as error:
        problem = problem_of(error)
        detail = problem.body["detail"]
        if problem.status >= 500:
            log.error("an operation cannot be answered now: %s", type(error).__name__)
            raise HandlerError(detail, type=HandlerErrorType.UNAVAILABLE) from None
        kind = problem.body["type"].rpartition(":")[2]
        cause = ApplicationError(detail, problem.body, type=kind, non_retryable=True)
        raise OperationError(detail, state=OperationErrorState.FAILED) from cause
