"""`/v1/payments`: credit transfers."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from domain.lifecycle.command import Outcome
from domain.payments.order import Direction, Order
from domain.payments.payment import UnknownPayment
from starter.api.accounts import paying
from starter.api.answers import (
    CommandAnswer,
    LinkAnswer,
    PaymentAnswer,
    PaymentsAnswer,
    command_answer,
    payment_answer,
)
from starter.api.bodies import CancelBody, PaymentBody
from starter.api.callers import IdempotencyKey, PaymentIdPath, Pays, Reads, Received, Wait, by
from starter.api.ordering import REPLAYED, also, order_once
from starter.api.parts import Parts
from starter.api.problems import Problem, not_found
from starter.api.reading import PaymentsQuery, one, page
from store.api_keys import ApiKey

_OUT: Final = Direction.OUTGOING
_AfterSequence = Annotated[
    int | None, Query(ge=0, description="with wait: until it has an event after this one")
]


def payments(parts: Parts) -> APIRouter:
    """The routes of credit transfers."""
    router = APIRouter(prefix="/v1/payments", tags=["payments"])

    @router.post("", status_code=201, operation_id="create_payment", responses=also(PaymentAnswer))
    async def create(
        body: PaymentBody, caller: Pays, key: IdempotencyKey, received: Received, response: Response
    ) -> PaymentAnswer:
        """Order a credit transfer once under the key.

        201: recorded and begun. 202: recorded, and begun by itself as soon as it can be. 200: the
        key was known; the payment is shown as it now stands.
        """

        def order() -> Order:
            return body.order(caller.tenant, *paying(body, caller, parts.debtors))

        return await order_once(
            parts, caller.tenant, order, key, response,
            received=received, acknowledged=body.acknowledge_duplicate_of, at=router.prefix,
            browser_session=body.browser_session or "",
        )  # fmt: skip

    @router.get("", operation_id="list_payments")
    async def listed(caller: Reads, query: Annotated[PaymentsQuery, Query()]) -> PaymentsAnswer:
        """The tenant's credit transfers, the newest first. `key` finds the one under a key."""
        return await page(parts, caller.tenant, query, _OUT)

    @router.get("/{payment_id}", operation_id="get_payment")
    async def get(
        payment_id: PaymentIdPath,
        caller: Reads,
        wait: Wait = 0,
        after_sequence: _AfterSequence = None,
    ) -> PaymentAnswer:
        """One credit transfer. With `wait`, as soon as it rests or has another event."""
        record = await one(
            parts, caller.tenant, payment_id, _OUT, wait=wait, after_sequence=after_sequence
        )
        return payment_answer(record)

    @router.get("/{payment_id}/action", operation_id="get_payment_action")
    async def action(payment_id: PaymentIdPath, caller: Pays) -> LinkAnswer:
        """Where the payer approves it at the bank. Needs the scope `pay`: the address acts for
        the payer."""
        return await payers_action(parts, payment_id, caller, _OUT)

    @router.post(
        "/{payment_id}/cancel",
        status_code=201,
        operation_id="cancel_payment",
        responses=also(CommandAnswer),
    )
    async def cancel(
        payment_id: PaymentIdPath,
        body: CancelBody,
        caller: Pays,
        key: IdempotencyKey,
        response: Response,
    ) -> CommandAnswer:
        """Cancel it, at whatever point it is.

        201: the outcome is known. 202: it is not known yet; ask again with the same key.
        """
        return await cancelled(parts, payment_id, body, caller, key, response, _OUT)

    return router


async def payers_action(
    parts: Parts, payment_id: str, caller: ApiKey, direction: Direction
) -> LinkAnswer:
    """What the payer of a payment or collection has to do now.

    Raises:
        Problem: there is nothing to do, or no such object.
    """
    await one(parts, caller.tenant, payment_id, direction)
    found = await parts.orchestrator.action(payment_id, tenant=caller.tenant)
    if found is None:
        raise Problem(
            404, "not-found", "Nothing to do", f"The payer of {payment_id} has nothing to do now."
        )
    return LinkAnswer(kind=found.kind, url=found.url, expires_at=found.expires_at)


async def cancelled(
    parts: Parts,
    payment_id: str,
    body: CancelBody,
    caller: ApiKey,
    key: str,
    response: Response,
    direction: Direction,
) -> CommandAnswer:
    """Cancel a payment or collection once under the key, and set status and headers."""
    await one(parts, caller.tenant, payment_id, direction)
    try:
        await parts.orchestrator.answer_of(payment_id, key, tenant=caller.tenant)
        is_known = True
    except UnknownPayment:
        raise not_found("payment", payment_id) from None
    except LookupError:
        is_known = False
    receipt = await parts.orchestrator.cancel(
        payment_id, key, tenant=caller.tenant, by=by(caller), why=body.why
    )
    if is_known:
        response.status_code = 200
    elif receipt.command.outcome is Outcome.ASKED:
        response.status_code = 202
    response.headers[REPLAYED] = str(is_known).lower()
    record = await parts.orchestrator.get(payment_id, tenant=caller.tenant)
    return command_answer(receipt, record)
