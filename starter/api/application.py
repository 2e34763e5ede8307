"""The HTTP API as an ASGI application. It translates; what happens is decided behind it.

FastAPI is used for its OpenAPI document and for the reading of parameters. Its own errors are
replaced by problems of RFC 9457.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable
from typing import Any, Final

from fastapi import Depends, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from domain.clock import ClocksApart
from domain.payments.payment import UnknownPayment
from starter.api.account_data import account_data
from starter.api.callbacks import callbacks, users_callbacks
from starter.api.callers import BEARER
from starter.api.collections import collections
from starter.api.consents import consents
from starter.api.document import Documented
from starter.api.events import events
from starter.api.files import files
from starter.api.guard import VERSION, Guard, Limits
from starter.api.health import health
from starter.api.ordering import said
from starter.api.parts import Parts
from starter.api.payments import payments
from starter.api.people import halts, tasks
from starter.api.problems import (
    FieldError,
    Problem,
    ProblemBody,
    away,
    conflict,
    invalid,
    not_found,
    pointer,
)
from starter.api.reports import reports
from starter.api.webhooks import webhook_deliveries, webhook_endpoints
from starter.asking import InvalidCommand
from starter.consenting import InvalidConsent
from starter.consents import InvalidCallback
from starter.webhooks.endpoints import InvalidEndpoint
from store.callbacks import CallbackRefused
from store.claims import CannotClaim, ClaimReused, OverBound
from store.commands import CommandReused
from store.consent_renewals import CannotRenew
from store.faults import StoreAway
from store.keyring import KeyringError
from store.webhooks.deliveries import UnknownDelivery
from store.webhooks.endpoints import EndpointConflict, UnknownEndpoint
from store.webhooks.requests import WebhookKeyReused

log = logging.getLogger("finality.api")

_KEY: Final = "idempotency-key"
#: The parts of a field's name, such as `accounts[0]` or `user.user_id`.
_PARTS: Final = re.compile(r"\w+", re.ASCII)
_PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    422: {"model": ProblemBody, "description": "fields are invalid; nothing was stored"},
    "4XX": {"model": ProblemBody, "description": "a problem, as application/problem+json"},
    "5XX": {"model": ProblemBody, "description": "a problem; the same request is safe"},
}


def application(parts: Parts, limits: Limits | None = None) -> FastAPI:
    """The application. Everything below /v1 needs a key; the rest is about the process."""
    app = Documented(
        title="Finality",
        version=VERSION,
        description="Payments and consents that run until they are final. See docs/api.md.",
        openapi_url="/openapi.json",
        # These pages would load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    routers = (
        payments, collections, consents, callbacks, account_data, files, events,
        webhook_endpoints, webhook_deliveries, tasks, halts, reports,
    )  # fmt: skip
    for router in routers:
        app.include_router(router(parts), dependencies=[Depends(BEARER)], responses=_PROBLEMS)
    app.include_router(users_callbacks(parts), responses=_PROBLEMS)
    app.include_router(health(parts))
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, _handler(answer))
    app.add_exception_handler(HTTPException, _of_http)
    app.add_middleware(Guard, keys=parts.keys, clock=parts.clock, limits=limits or Limits())
    return app


def problem_of(error: Exception) -> Problem:
    """What an error of the use cases is to a caller, over HTTP or not."""
    return next(_ANSWERS[kind](error) for kind in type(error).__mro__ if kind in _ANSWERS)


def _handler(
    answer: Callable[[Any], Problem],
) -> Callable[[Request, Exception], Awaitable[JSONResponse]]:
    async def handle(_: Request, error: Exception) -> JSONResponse:
        return answer(error).response()

    return handle


def _unreadable(error: RequestValidationError) -> Problem:
    """Parameters or a body that do not have their shape. The input is never repeated."""
    found = error.errors()
    if any(str(each["loc"][-1]).lower() == _KEY for each in found if each["loc"][0] == "header"):
        return Problem(
            400, "idempotency-key", "Idempotency-Key is missing or invalid",
            "Give a header Idempotency-Key of 1 to 255 printable ASCII characters: your own number "
            "for this object, the same whenever the request is repeated. Nothing was stored.",
        )  # fmt: skip
    of_body = [each for each in found if each["loc"][0] == "body"]
    if of_body:
        return invalid(
            FieldError(pointer=pointer(*each["loc"][1:]), detail=said(each["msg"]))
            for each in of_body
        )
    listed = "; ".join(
        f"{'.'.join(map(str, each['loc'][1:]))}: {said(each['msg'])}" for each in found
    )
    return Problem(400, "malformed", "Malformed parameters", f"{listed}.")


async def _of_http(request: Request, error: Exception) -> JSONResponse:
    """An address or a method that there is not."""
    assert isinstance(error, HTTPException)
    kind = {404: "not-found", 405: "method-not-allowed"}.get(error.status_code, "malformed")
    detail = "See /openapi.json for the addresses and their methods."
    headers = dict(error.headers or {})
    if error.status_code == 405:
        # Starlette names the methods of one route, and each method here is a route of its own.
        methods = request.app.methods_at(request.url.path)
        if methods:
            headers["Allow"] = ", ".join(sorted(methods))
    return Problem(error.status_code, kind, str(error.detail), detail, headers=headers).response()


def _store_away(error: StoreAway) -> Problem:
    log.error("the database is away: %s", error)
    return away("The database is away, so it is not known whether anything was stored.")


def _unusable(error: Exception) -> Problem:
    """People have to mend something first. They read it in the log and by `finality doctor`."""
    log.error("a request cannot be served: %s", error)
    # A file may have been recorded in part, and a reading may fail after the write.
    return away(
        "Nothing can be recorded now, and it is not known whether anything was stored. The "
        "server's log and `finality doctor` say why.",
        retry_after=30,
    )


def _reused(error: Exception) -> Problem:
    title = "The key stands for another request"
    return conflict("key-reused", title, f"{error}. Nothing was done.")


def _cannot_claim(error: CannotClaim) -> Problem:
    field, _, text = str(error).partition(": ")
    more = {"left": error.left.model_dump()} if isinstance(error, OverBound) else {}
    place = f"/{field}" if field == "amount" else ""
    return conflict(
        "cannot-claim", "It cannot be captured or refunded as it stands",
        f"{error}. Nothing was recorded.", errors=[FieldError(pointer=place, detail=text)], **more,
    )  # fmt: skip


def _invalid_command(error: InvalidCommand) -> Problem:
    field, _, text = str(error).partition(": ")
    return invalid([FieldError(pointer=f"/{field}", detail=text)])


def _invalid_endpoint(error: InvalidEndpoint) -> Problem:
    return invalid(FieldError(pointer=f"/{each.field}", detail=each.text) for each in error.wrong)


def _endpoint_conflict(error: EndpointConflict) -> Problem:
    return conflict(
        "endpoint-state", "The endpoint's state does not allow it", f"{error}. Nothing was done."
    )


def _invalid_consent(error: InvalidConsent) -> Problem:
    return invalid(
        FieldError(pointer=pointer(*_PARTS.findall(each.field)), detail=each.text)
        for each in error.problems
    )


def _invalid_callback(error: InvalidCallback) -> Problem:
    field, _, text = str(error).partition(": ")
    place = "/params/state" if field == "state" else "/params"
    return invalid([FieldError(pointer=place, detail=text)])


def _callback_refused(error: CallbackRefused) -> Problem:
    return Problem(
        403, "callback-refused", "The callback is not used", f"{error}. Nothing was done."
    )


def _cannot_renew(error: CannotRenew) -> Problem:
    title = "It cannot be renewed as it stands"
    return conflict("cannot-renew", title, f"{error}. Nothing was done.")


def _unexpected(error: Exception) -> Problem:
    return Problem(
        500, "internal", "Internal error",
        "It is not known whether anything was stored. Send the same request again with the same "
        "key.",
        headers={"retry-after": "5", "x-should-retry": "true"},
    )  # fmt: skip


#: What each error of the use cases is over HTTP. The most specific class counts.
_ANSWERS: Final[dict[type[Exception], Callable[[Any], Problem]]] = {
    Problem: lambda problem: problem,
    RequestValidationError: _unreadable,
    StoreAway: _store_away,
    KeyringError: _unusable,
    ClocksApart: _unusable,
    CommandReused: _reused,
    WebhookKeyReused: _reused,
    InvalidEndpoint: _invalid_endpoint,
    EndpointConflict: _endpoint_conflict,
    UnknownEndpoint: lambda error: not_found("webhook endpoint", str(error)),
    UnknownDelivery: lambda error: not_found("webhook delivery", str(error)),
    ClaimReused: _reused,
    CannotClaim: _cannot_claim,
    InvalidCommand: _invalid_command,
    InvalidConsent: _invalid_consent,
    InvalidCallback: _invalid_callback,
    CallbackRefused: _callback_refused,
    CannotRenew: _cannot_renew,
    UnknownPayment: lambda error: not_found("payment", str(error).rpartition(" ")[2]),
    Exception: _unexpected,
}
