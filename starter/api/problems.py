"""Errors of the HTTP API, as RFC 9457 describes them, with a JSON pointer for each wrong field."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from regimes.refusal import Refusal

_TYPE: Final = "urn:finality:problem:"
MEDIA_TYPE: Final = "application/problem+json"


class FieldError(BaseModel):
    """One field that is wrong."""

    pointer: str = Field(description="JSON pointer into the request body (RFC 6901)")
    detail: str
    code: str | None = Field(default=None, description="ISO 20022 status reason, if there is one")


class ProblemBody(BaseModel):
    """What an error looks like. Some kinds have more fields; docs/api.md names them."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[FieldError] | None = None


class Problem(Exception):
    """An answer that is an error.

    Attributes:
        status: of HTTP.
        body: the object of RFC 9457.
        headers: to send beside it.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        title: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(title)
        self.status = status
        self.headers = dict(headers or {})
        self.body: dict[str, Any] = {
            "type": f"{_TYPE}{kind}",
            "title": title,
            "status": status,
            "detail": detail,
            **more,
        }
        if errors:
            self.body["errors"] = [error.model_dump(exclude_none=True) for error in errors]

    def response(self) -> JSONResponse:
        return JSONResponse(
            self.body, status_code=self.status, headers=self.headers, media_type=MEDIA_TYPE
        )


def pointer(*parts: str | int) -> str:
    """The JSON pointer of a place in the body."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def not_found(what: str, named: str) -> Problem:
    """No such object, or another tenant's: the two look alike."""
    return Problem(404, "not-found", f"No such {what}", f"There is no {what} {named[:100]!r}.")


def invalid(errors: Iterable[FieldError]) -> Problem:
    """The body can be read, and some of its fields cannot be accepted. Nothing was stored."""
    listed = list(errors)
    detail = "; ".join(f"{error.pointer or 'the body'}: {error.detail}" for error in listed)
    return Problem(
        422, "invalid", "Some fields are invalid", f"Nothing was stored. {detail}", errors=listed
    )


def invalid_order(refusals: Iterable[Refusal]) -> Problem:
    """An order that cannot be paid, in the words of its checks."""
    return invalid(
        FieldError(
            pointer=pointer(*each.field.split(".")), detail=each.text, code=each.code or None
        )
        for each in refusals
    )


def conflict(kind: str, title: str, detail: str, **more: Any) -> Problem:
    """The request contradicts what is stored. Nothing was done."""
    return Problem(409, kind, title, detail, **more)


def away(detail: str, *, retry_after: int = 5) -> Problem:
    """Something we need is away. The same request under the same key is safe."""
    return Problem(
        503,
        "unavailable",
        "Try again later",
        f"{detail} Send the same request again with the same key.",
        headers={"retry-after": str(retry_after)},
    )
