"""`/v1/consents`: users' permission to read their accounts at banks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from domain.consents.request import ConsentRequest
from domain.lifecycle.command import Outcome
from domain.lifecycle.resource import UnknownResource
from starter.api.answers import LinkAnswer
from starter.api.bodies import Moment
from starter.api.callers import (
    PAGE_MAX,
    Connects,
    ConsentIdPath,
    IdempotencyKey,
    Reads,
    Wait,
    by,
)
from starter.api.consent_answers import (
    ConsentAnswer,
    ConsentCommandAnswer,
    ConsentsAnswer,
    consent_answer,
    consent_command_answer,
)
from starter.api.consent_bodies import ConsentBody, RenewBody, RevokeBody
from starter.api.ordering import REPLAYED, also
from starter.api.parts import Parts
from starter.api.problems import FieldError, Problem, conflict, invalid, not_found
from starter.consents import ConsentReceipt
from store.accepting import KeyReused
from store.api_keys import ApiKey

_LOOK_EVERY_SECONDS: Final = 0.2
#: The bank's link is worth this wait. After it the caller asks again.
_PATIENCE: Final = timedelta(seconds=5)


class ConsentsQuery(BaseModel):
    """Which consents; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    user_id: str | None = Field(default=None, description="your own id of a user")
    renew_before: Moment | None = Field(
        default=None, description="only those to be renewed by then, the soonest first"
    )
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 20


def consents(parts: Parts) -> APIRouter:
    """The routes of consents."""
    router = APIRouter(prefix="/v1/consents", tags=["consents"])

    @router.post("", status_code=201, operation_id="create_consent", responses=also(ConsentAnswer))
    async def create(
        body: ConsentBody, caller: Connects, key: IdempotencyKey, response: Response
    ) -> ConsentAnswer:
        """Ask for access once under the key. 201: the bank has the request; `…/action` has its
        page. 202: recorded, and asked as soon as it can be. 200: the key was known."""
        request = body.request(caller.tenant)
        receipt = await _once(_asked(parts, caller, request, key, body.browser_session))
        return _answered(receipt, response, router.prefix)

    @router.get("", operation_id="list_consents")
    async def listed(caller: Reads, query: Annotated[ConsentsQuery, Query()]) -> ConsentsAnswer:
        """The tenant's consents, the newest first."""
        found = await parts.consents.find(
            tenant=caller.tenant,
            user_id=query.user_id,
            renew_before=query.renew_before,
            limit=query.limit,
        )
        return ConsentsAnswer(data=list(map(consent_answer, found)))

    @router.get("/{consent_id}", operation_id="get_consent")
    async def get(consent_id: ConsentIdPath, caller: Reads, wait: Wait = 0) -> ConsentAnswer:
        """One consent. With `wait`, as soon as its state or certainty changes."""
        first = receipt = await _own(parts, consent_id, caller)
        deadline = parts.clock.now() + timedelta(seconds=wait)
        while _stands(receipt) == _stands(first) and parts.clock.now() < deadline:
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
            receipt = await _own(parts, consent_id, caller)
        return consent_answer(receipt)

    @router.get("/{consent_id}/action", operation_id="get_consent_action")
    async def action(consent_id: ConsentIdPath, caller: Connects) -> LinkAnswer:
        """Where the user goes on. It needs the scope `connect`: the address acts for the user."""
        found = (await _own(parts, consent_id, caller)).action
        if found is None:
            raise Problem(
                404,
                "not-found",
                "Nothing to do",
                f"The user of {consent_id} has nothing to do now.",
            )
        return LinkAnswer(kind=found.kind, url=found.url, expires_at=found.expires_at)

    @router.post(
        "/{consent_id}/renew",
        status_code=201,
        operation_id="renew_consent",
        responses=also(ConsentAnswer),
    )
    async def renew(
        consent_id: ConsentIdPath,
        body: RenewBody,
        caller: Connects,
        key: IdempotencyKey,
        response: Response,
    ) -> ConsentAnswer:
        """Have the user confirm it again, as its regime says. Where a new consent supersedes it,
        the answer is the new one."""
        await _own(parts, consent_id, caller)
        receipt = await _once(
            parts.consents.renew(
                consent_id, key, tenant=caller.tenant, by=by(caller),
                browser_session=body.browser_session, patience=_PATIENCE,
            )
        )  # fmt: skip
        return _answered(receipt, response, router.prefix)

    @router.post(
        "/{consent_id}/revoke",
        status_code=201,
        operation_id="revoke_consent",
        responses=also(ConsentCommandAnswer),
    )
    async def revoke(
        consent_id: ConsentIdPath,
        body: RevokeBody,
        caller: Connects,
        key: IdempotencyKey,
        response: Response,
    ) -> ConsentCommandAnswer:
        """End it, at the bank too. Nothing is read from now on.

        201: it has ended. 202: the bank has not confirmed that yet; ask again with the same key.
        """
        await _own(parts, consent_id, caller)
        receipt = await parts.consents.revoke(
            consent_id, key, tenant=caller.tenant, by=by(caller), why=body.why
        )
        answer = consent_command_answer(receipt)
        if receipt.is_replay:
            response.status_code = 200
        elif answer.outcome is Outcome.ASKED:
            response.status_code = 202
        response.headers[REPLAYED] = str(receipt.is_replay).lower()
        return answer

    return router


async def _asked(
    parts: Parts, caller: ApiKey, request: ConsentRequest, key: str, browser_session: str
) -> ConsentReceipt:
    """Ask once. A repeat finds its consent also after the rights of the API key have changed."""
    known = await parts.consents.repeat(request, key)
    if known is not None:
        return known
    _require_right(caller, request)
    return await parts.consents.request(
        request, key, browser_session=browser_session, patience=_PATIENCE
    )


def _require_right(caller: ApiKey, request: ConsentRequest) -> None:
    """Raises:
    Problem: the key may not ask through that account.
    """
    if (request.partner, request.partner_account) in caller.accounts:
        return
    listed = ", ".join(sorted(map("/".join, caller.accounts))) or "none"
    text = (
        f"this API key may not ask for consents through that account; it may use: {listed}. Make a "
        "key that may with `finality api-key new --name NAME --scope connect --account "
        "PARTNER/ACCOUNT`"
    )
    raise invalid([FieldError(pointer="/partner_account", detail=text)])


async def _once(asking: Awaitable[ConsentReceipt]) -> ConsentReceipt:
    try:
        return await asking
    except KeyReused as reused:
        raise conflict(
            "key-reused", "The key stands for another request", f"{reused}. Nothing was done.",
            id=reused.payment_id,
        ) from None  # fmt: skip


async def _own(parts: Parts, consent_id: str, caller: ApiKey) -> ConsentReceipt:
    """Raises:
    Problem: the tenant has no such consent.
    """
    try:
        return await parts.consents.show(consent_id, tenant=caller.tenant)
    except UnknownResource:
        raise not_found("consent", consent_id) from None


def _stands(receipt: ConsentReceipt) -> tuple[object, object]:
    return receipt.consent.state, receipt.consent.certainty


def _answered(receipt: ConsentReceipt, response: Response, at: str) -> ConsentAnswer:
    """Set status and headers."""
    response.status_code = 200 if receipt.is_replay else 201 if receipt.is_notified else 202
    response.headers[REPLAYED] = str(receipt.is_replay).lower()
    response.headers["Location"] = f"{at}/{receipt.consent_id}"
    return consent_answer(receipt)
