"""Who calls, what they may do, and the headers and parameters that many requests share."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request
from fastapi.security import HTTPBearer

from domain.scopes import Scope
from starter.acceptance import KEY_LENGTH_MAX
from starter.api.problems import Problem
from store.api_keys import ApiKey

#: For the OpenAPI document: the guard has authenticated the caller before.
BEARER: Final = HTTPBearer(auto_error=False, description="a key of `finality api-key new`")
WAIT_SECONDS_MAX: Final = 30
PAGE_MAX: Final = 100
_BY_LENGTH_MAX: Final = 100


class Needs:
    """Lets a caller pass whose key has the scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __call__(self, request: Request) -> ApiKey:
        key: ApiKey = request.state.key
        if self._scope not in key.scopes:
            raise Problem(
                403, "not-allowed", "Not allowed",
                f"This key lacks the scope {self._scope}. Nothing was stored. Make a key with "
                f"`finality api-key new --name NAME --scope {self._scope}`.",
            )  # fmt: skip
        return key


def _received(request: Request) -> dict[str, Any]:
    """The body as it was sent, without the fields that are null: they say nothing."""
    body = request.state.received
    return without_nulls(body) if isinstance(body, dict) else {}


def without_nulls(value: Any) -> Any:
    """The value of JSON without the fields that are null: they say nothing."""
    match value:
        case dict():
            return {name: without_nulls(item) for name, item in value.items() if item is not None}
        case list():
            return [without_nulls(item) for item in value]
        case _:
            return value


Pays = Annotated[ApiKey, Depends(Needs(Scope.PAY))]
Connects = Annotated[ApiKey, Depends(Needs(Scope.CONNECT))]
Reads = Annotated[ApiKey, Depends(Needs(Scope.READ))]
ReadsAccounts = Annotated[ApiKey, Depends(Needs(Scope.ACCOUNTS))]
Operates = Annotated[ApiKey, Depends(Needs(Scope.OPERATE))]
Received = Annotated[dict[str, Any], Depends(_received)]
IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_LENGTH_MAX,
        pattern=r"^[\x20-\x7e]+$",
        description="your own, for this object and for ever; no secret and no account number",
    ),
]
ConsentIdPath = Annotated[str, Path(max_length=100)]
PaymentIdPath = Annotated[str, Path(max_length=100)]
Wait = Annotated[
    int, Query(ge=0, le=WAIT_SECONDS_MAX, description="seconds to wait for something to change")
]
Limit = Annotated[int, Query(ge=1, le=PAGE_MAX)]


def by(key: ApiKey) -> str:
    """Who asks, for timelines.

    It is part of a command's fingerprint. So it names the program and not its key: a key that
    replaces another one repeats the same command.
    """
    return f"api/{key.name}"[:_BY_LENGTH_MAX]
