"""`/v1/collections`: money pulled from payers, with captures, increments, refunds and cancels."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response

from domain.payments.order import Direction, Order
from starter.api.accounts import collecting
from starter.api.answers import (
    ClaimAnswer,
    CommandAnswer,
    EpisodesAnswer,
    LinkAnswer,
    PaymentAnswer,
    PaymentsAnswer,
    episode_answer,
    payment_answer,
)
from starter.api.bodies import CancelBody, ClaimBody, CollectionBody
from starter.api.callers import IdempotencyKey, PaymentIdPath, Pays, Reads, Received, Wait, by
from starter.api.ordering import REPLAYED, also, order_once
from starter.api.parts import Parts
from starter.api.payments import cancelled, payers_action
from starter.api.reading import PaymentsQuery, one, page
from starter.asking import ClaimReceipt
from store.api_keys import ApiKey

_IN: Final = Direction.INCOMING
_AfterSequence = Annotated[
    int | None, Query(ge=0, description="with wait: until it has an event after this one")
]


def collections(parts: Parts) -> APIRouter:
    """The routes of collections."""
    router = APIRouter(prefix="/v1/collections", tags=["collections"])

    @router.post(
        "", status_code=201, operation_id="create_collection", responses=also(PaymentAnswer)
    )
    async def create(
        body: CollectionBody,
        caller: Pays,
        key: IdempotencyKey,
        received: Received,
        response: Response,
    ) -> PaymentAnswer:
        """Collect once under the key. The statuses are those of a credit transfer."""

        def order() -> Order:
            through = collecting(body, caller, parts.profiles())
            return body.order(caller.tenant, through.partner, through.account)

        return await order_once(
            parts, caller.tenant, order, key, response,
            received=received, acknowledged=body.acknowledge_duplicate_of, at=router.prefix,
        )  # fmt: skip

    @router.get("", operation_id="list_collections")
    async def listed(caller: Reads, query: Annotated[PaymentsQuery, Query()]) -> PaymentsAnswer:
        """The tenant's collections, the newest first."""
        return await page(parts, caller.tenant, query, _IN)

    @router.get("/{payment_id}", operation_id="get_collection")
    async def get(
        payment_id: PaymentIdPath,
        caller: Reads,
        wait: Wait = 0,
        after_sequence: _AfterSequence = None,
    ) -> PaymentAnswer:
        """One collection. With `wait`, as soon as it rests or has another event."""
        record = await one(
            parts, caller.tenant, payment_id, _IN, wait=wait, after_sequence=after_sequence
        )
        return payment_answer(record)

    @router.get("/{payment_id}/action", operation_id="get_collection_action")
    async def action(payment_id: PaymentIdPath, caller: Pays) -> LinkAnswer:
        """Where the payer acts now. It needs the scope `pay`: the address acts for the payer."""
        return await payers_action(parts, payment_id, caller, _IN)

    @router.get("/{payment_id}/captures", operation_id="list_captures")
    async def captures(payment_id: PaymentIdPath, caller: Reads) -> EpisodesAnswer:
        """Its captures, each with a state of its own."""
        return await episodes(payment_id, caller.tenant, "capture")

    @router.get("/{payment_id}/increments", operation_id="list_increments")
    async def increments(payment_id: PaymentIdPath, caller: Reads) -> EpisodesAnswer:
        """Its increments, each with a state of its own."""
        return await episodes(payment_id, caller.tenant, "increment")

    @router.get("/{payment_id}/reversals", operation_id="list_reversals")
    async def reversals(payment_id: PaymentIdPath, caller: Reads) -> EpisodesAnswer:
        """Its refunds, and the returns and disputes that nobody of ours asked for."""
        return await episodes(payment_id, caller.tenant, "reversal")

    @router.post(
        "/{payment_id}/captures",
        status_code=201,
        operation_id="capture_collection",
        responses=also(ClaimAnswer),
    )
    async def capture(
        payment_id: PaymentIdPath,
        body: ClaimBody,
        caller: Pays,
        key: IdempotencyKey,
        response: Response,
    ) -> ClaimAnswer:
        """Take some of what is held. 202: it is sent as soon as it can be. 200: known key."""
        ask = partial(parts.orchestrator.capture, payment_id, key, body.amount.money)
        return await claimed(payment_id, caller, ask, response)

    @router.post(
        "/{payment_id}/increments",
        status_code=201,
        operation_id="increment_collection",
        responses=also(ClaimAnswer),
    )
    async def increment(
        payment_id: PaymentIdPath,
        body: ClaimBody,
        caller: Pays,
        key: IdempotencyKey,
        response: Response,
    ) -> ClaimAnswer:
        """Hold so much more, before any of it is captured. The statuses are those of a capture.

        The payer's bank may decline. Then the claim is `failed`, and the hold is as it was.
        """
        ask = partial(parts.orchestrator.increment, payment_id, key, body.amount.money)
        return await claimed(payment_id, caller, ask, response)

    @router.post(
        "/{payment_id}/refunds",
        status_code=201,
        operation_id="refund_collection",
        responses=also(ClaimAnswer),
    )
    async def refund(
        payment_id: PaymentIdPath,
        body: ClaimBody,
        caller: Pays,
        key: IdempotencyKey,
        response: Response,
    ) -> ClaimAnswer:
        """Give back some of what was captured. The statuses are those of a capture."""
        ask = partial(parts.orchestrator.refund, payment_id, key, body.amount.money)
        return await claimed(payment_id, caller, ask, response)

    @router.post(
        "/{payment_id}/confirmations",
        status_code=201,
        operation_id="confirm_collection",
        responses=also(ClaimAnswer),
    )
    async def confirm(
        payment_id: PaymentIdPath, caller: Pays, key: IdempotencyKey, response: Response
    ) -> ClaimAnswer:
        """Ask again, with the payer there now, for one that was declined because nobody was there.

        `action` then has the page on which the payer confirms. The statuses are those of a
        capture.
        """
        ask = partial(parts.orchestrator.confirm, payment_id, key)
        return await claimed(payment_id, caller, ask, response)

    @router.post(
        "/{payment_id}/cancel",
        status_code=201,
        operation_id="cancel_collection",
        responses=also(CommandAnswer),
    )
    async def cancel(
        payment_id: PaymentIdPath,
        body: CancelBody,
        caller: Pays,
        key: IdempotencyKey,
        response: Response,
    ) -> CommandAnswer:
        """Cancel it. The statuses are those of a credit transfer's cancel."""
        return await cancelled(parts, payment_id, body, caller, key, response, _IN)

    async def episodes(payment_id: str, tenant: str, what: str) -> EpisodesAnswer:
        await one(parts, tenant, payment_id, _IN)
        found = await parts.orchestrator.episodes(payment_id, tenant=tenant)
        shown = [episode_answer(each) for each in found]
        return EpisodesAnswer(data=[each for each in shown if each.object == what])

    async def claimed(
        payment_id: str,
        caller: ApiKey,
        ask: Callable[..., Awaitable[ClaimReceipt]],
        response: Response,
    ) -> ClaimAnswer:
        tenant = caller.tenant
        await one(parts, tenant, payment_id, _IN)
        receipt = await ask(tenant=tenant, by=by(caller))
        if receipt.is_replay:
            response.status_code = 200
        elif not receipt.is_notified:
            response.status_code = 202
        response.headers[REPLAYED] = str(receipt.is_replay).lower()
        found = await parts.orchestrator.episodes(receipt.payment_id, tenant=tenant)
        own = next(
            each for each in found if each.instruction_id == receipt.instruction.instruction_id
        )
        record = await parts.orchestrator.get(receipt.payment_id, tenant=tenant)
        return ClaimAnswer(claim=episode_answer(own), collection=payment_answer(record))

    return router
