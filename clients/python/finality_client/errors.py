"""What a call raises. Every error says whether the request may have been recorded, and under which
key it is to be repeated."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

if TYPE_CHECKING:
    import httpx

    from finality_client.answers import Payment

_TYPE: Final = "urn:finality:problem:"


class FinalityError(Exception):
    """Every error of this package that a call raises.

    Attributes:
        key: the Idempotency-Key of the request, if it had one.
        may_be_recorded: the server may have recorded the request. Repeat it with this key and no
            other, or look with `find(key)`.
    """

    def __init__(self, text: str, *, key: str | None = None, may_be_recorded: bool = False) -> None:
        super().__init__(text)
        self.key = key
        self.may_be_recorded = may_be_recorded


class NoAnswer(FinalityError):
    """No answer came, after every retry."""


class UnreadableAnswer(FinalityError):
    """Something answered with success, but not as Finality does: a proxy, or another program."""


class WebhookInvalid(FinalityError):
    """A delivery that is forged, stale or malformed. Answer it with 400 and do nothing else."""


class WaitedTooLong(FinalityError):
    """The time to wait is over. The payment goes on by itself.

    Attributes:
        payment: as it was seen last.
    """

    def __init__(self, text: str, payment: Payment) -> None:
        super().__init__(text, key=payment.key)
        self.payment = payment


class FieldError(BaseModel):
    """One field that is wrong."""

    model_config = ConfigDict(extra="allow", frozen=True)

    pointer: str = ""
    """JSON pointer into the body that was sent (RFC 6901); empty for the whole of it."""
    detail: str = ""
    code: str | None = None
    """ISO 20022 status reason, if there is one."""


class ApiError(FinalityError):
    """The server's answer is an error (RFC 9457).

    Attributes:
        status: of HTTP.
        kind: the word of its type, such as `invalid`; empty if the answer is no problem of ours.
        detail: what happened and what to do, for engineers.
        errors: each field that is wrong.
        body: everything that the answer had.
        retry_after: seconds that the server asks to wait, if it does.
    """

    def __init__(
        self,
        text: str,
        *,
        status: int,
        kind: str,
        body: Mapping[str, Any],
        retry_after: float | None = None,
        key: str | None = None,
        may_be_recorded: bool = False,
    ) -> None:
        super().__init__(text, key=key, may_be_recorded=may_be_recorded)
        self.status = status
        self.kind = kind
        self.body = body
        self.detail = str(body.get("detail") or "")
        self.retry_after = retry_after
        self.errors = _field_errors(body.get("errors"))


class Invalid(ApiError):
    """Fields are wrong; `errors` names each. Nothing was stored, and the key is still free."""


class Unauthenticated(ApiError):
    """The API key is missing, unknown or revoked."""


class NotAllowed(ApiError):
    """The API key lacks the scope."""


class NotFound(ApiError):
    """This tenant has no such object."""


class KeyReused(ApiError):
    """The key stands for another request. `id` is its object, where the server names it."""

    @property
    def id(self) -> str | None:
        found = self.body.get("id")
        return found if isinstance(found, str) else None


class PossibleDuplicate(ApiError):
    """The same payment was ordered under another key, and nothing was stored."""

    @property
    def earlier(self) -> list[dict[str, Any]]:
        """The payments it may repeat, each with its `id`."""
        return _objects(self.body.get("earlier"))

    @property
    def acknowledge(self) -> dict[str, Any]:
        """If both are meant: fields to add to the order (of a file: parameters). Empty if
        operators have to decide first."""
        found = self.body.get("acknowledge")
        return dict(found) if isinstance(found, dict) and not self.needs_operator else {}

    @property
    def needs_operator(self) -> bool:
        """An earlier payment is in doubt and may turn out to be this one."""
        return bool(self.body.get("needs_operator"))


class CannotClaim(ApiError):
    """It cannot be captured, refunded or confirmed as it stands; `detail` says why."""

    @property
    def left(self) -> dict[str, Any] | None:
        """How much is left, if more was asked for."""
        found = self.body.get("left")
        return found if isinstance(found, dict) else None


class SeveralFiles(ApiError):
    """Files of several senders have the message id. Ask again with the `file_key` of one."""

    @property
    def files(self) -> list[dict[str, Any]]:
        return _objects(self.body.get("files"))


class CursorLost(ApiError):
    """The cursor of events is from a history that a restore took away: begin without one."""


class TooManyRequests(ApiError):
    """This API key asks too often; see `retry_after`."""


class Unavailable(ApiError):
    """The server, or its database, cannot answer now."""


_BY_KIND: Final[Mapping[str, type[ApiError]]] = {
    "invalid": Invalid,
    "file-refused": Invalid,
    "key-reused": KeyReused,
    "possible-duplicate": PossibleDuplicate,
    "cannot-claim": CannotClaim,
    "several-files": SeveralFiles,
    "cursor-lost": CursorLost,
}
_BY_STATUS: Final[Mapping[int, type[ApiError]]] = {
    401: Unauthenticated,
    403: NotAllowed,
    404: NotFound,
    422: Invalid,
    429: TooManyRequests,
}


def api_error(
    response: httpx.Response, *, key: str | None, may_be_recorded: bool, retry_after: float | None
) -> ApiError:
    """The error that an answer is. An unknown kind is told by its status."""
    body = _problem(response)
    kind = str(body.get("type") or "")
    kind = kind.removeprefix(_TYPE) if kind.startswith(_TYPE) else ""
    status = response.status_code
    fallback = Unavailable if status >= 500 else ApiError
    made = _BY_KIND.get(kind) or _BY_STATUS.get(status, fallback)
    title = str(body.get("title") or "") or f"The server answered {status} without a reason"
    text = f"{title} ({status} {kind})" if kind else f"{title} ({status})"
    if detail := body.get("detail"):
        text = f"{text}: {detail}"
    if may_be_recorded:
        text = f"{text} It may be recorded all the same: repeat it with the key {key!r} only."
    return made(
        text, status=status, kind=kind, body=body, retry_after=retry_after, key=key,
        may_be_recorded=may_be_recorded,
    )  # fmt: skip


def _problem(response: httpx.Response) -> dict[str, Any]:
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _field_errors(found: Any) -> list[FieldError]:
    made = []
    for each in found if isinstance(found, list) else []:
        try:
            made.append(FieldError.model_validate(each))
        except ValidationError:
            made.append(FieldError(detail=str(each)))
    return made


def _objects(found: Any) -> list[dict[str, Any]]:
    listed = found if isinstance(found, list) else []
    return [each for each in listed if isinstance(each, dict)]
