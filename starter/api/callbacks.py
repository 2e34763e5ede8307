"""`/v1/callbacks`: users come back from a bank's page, to the app's own page or to ours.

The app's page hands the parameters over with its key. Our page is opened by the user's browser, so
it takes no key. There the tenant is in the address, and the browser's value in a cookie.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from fastapi.responses import HTMLResponse

from starter.api.answers import PaymentAnswer, payment_answer
from starter.api.callers import Connects
from starter.api.consent_answers import ConsentAnswer, consent_answer
from starter.api.consent_bodies import CallbackBody
from starter.api.parts import Parts
from starter.callback_page import COOKIE, HEADERS, came_back


def callbacks(parts: Parts) -> APIRouter:
    """The route for apps with a page of their own."""
    router = APIRouter(prefix="/v1/callbacks", tags=["consents"])

    @router.post("", operation_id="answer_callback")
    async def answer(body: CallbackBody, caller: Connects) -> ConsentAnswer | PaymentAnswer:
        """Hand over how a user came back. It counts once; a repeat sees how it stands.

        The answer is the consent, or the payment that the user approved.
        """
        if await parts.approver.is_of_a_payment(body.params):
            taken = await parts.approver.answer(
                body.params, tenant=caller.tenant, browser_session=body.browser_session
            )
            return payment_answer(
                await parts.orchestrator.get(taken.payment_id, tenant=caller.tenant)
            )
        receipt = await parts.consents.answer(
            body.params, tenant=caller.tenant, browser_session=body.browser_session
        )
        return consent_answer(receipt)

    return router


def users_callbacks(parts: Parts) -> APIRouter:
    """The page for users, who have no key."""
    router = APIRouter(prefix="/v1/callbacks", tags=["consents"])

    @router.get("/{tenant}", operation_id="callback_page", response_class=HTMLResponse)
    async def show(tenant: Annotated[str, Path(max_length=100)], request: Request) -> Response:
        """The bank leads the user's browser here. The page shows how it stands."""
        params = dict(request.query_params)
        is_of_a_payment = await parts.approver.is_of_a_payment(params)
        status, text = await came_back(
            parts.approver if is_of_a_payment else parts.consents,
            params,
            tenant=tenant,
            browser_session=request.cookies.get(COOKIE, ""),
        )
        return HTMLResponse(text, status, headers=dict(HEADERS))

    return router
