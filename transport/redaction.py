"""What of an exchange may be kept: no credentials, no whole account numbers, bounded bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from domain.answers import Exchange
from transport.credentials import hide_in_text, is_credential
from transport.exchange import Outcome, Request, Response
from transport.json_text import NotJson, UnsafeJson, parse

KEPT_CHARACTERS_MAX: Final = 64 * 1024
_HIDDEN: Final = "[hidden]"
_ACCOUNTS: Final = frozenset({"account_number", "iban", "payer_ultimate_account_number"})
#: What stands beside the code of an error.
_ERROR: Final = frozenset({"message", "description", "detail"})
#: Our own hashes, which may look like an account number.
_OURS: Final = frozenset({"beneficiary_external_reference", "unique_request_id"})
#: ISO 13616, spaces allowed between groups; wherever it stands in a text.
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.ASCII)
#: A bare number as long as an account's. Amounts have a point, dates and times a sign.
_LONG_NUMBER: Final = re.compile(r"(?<![\w.-])\d{8,34}(?![\w.-])", re.ASCII)


def masked(number: str) -> str:
    """The last four characters; nothing of a number too short to hide the rest."""
    compact = number.replace(" ", "")
    return f"…{compact[-4:]}" if len(compact) > 6 else "…"


def redact_text(text: str) -> str:
    """Free text, such as an error message, with account numbers masked and credentials hidden."""
    text = hide_in_text(text, _HIDDEN)
    text = _IBAN.sub(lambda match: masked(match[0]), text)
    return _LONG_NUMBER.sub(lambda match: masked(match[0]), text)


def redact_body(body: str) -> str:
    """JSON field by field; anything else as text. JSON that no field can be told of is not kept."""
    try:
        whole = parse(body)
    except NotJson:
        return _bounded(redact_text(body))
    except UnsafeJson as unsafe:
        return f"{_HIDDEN} {len(body)} characters of JSON: {unsafe}"
    return _bounded(json.dumps(_redacted("", whole), ensure_ascii=False, separators=(",", ":")))


def evidence(request: Request, outcome: Outcome, sent_at: datetime) -> Exchange:
    """The exchange as it may be stored."""
    if request.content_type == "application/x-www-form-urlencoded":
        pairs = parse_qsl(request.body.decode("utf-8", errors="replace"), keep_blank_values=True)
        sent = _bounded(_as_sent(pairs))
    else:
        sent = redact_body(request.body.decode("utf-8", errors="replace")) if request.body else ""
    query = _as_sent(request.query)
    if isinstance(outcome, Response):
        status, received = outcome.status, redact_body(outcome.text)
    else:
        status, received = None, redact_text(outcome.why)
    return Exchange(
        method=request.method,
        path=f"{request.path}?{query}" if query else request.path,
        status=status,
        request=sent,
        response=received,
        sent_at=sent_at,
    )


def _as_sent(pairs: Sequence[tuple[str, str]]) -> str:
    """Form fields or query parameters in the order and spelling in which they go."""
    redacted = [(name, str(_redacted(name, value))) for name, value in pairs]
    return urlencode(redacted, safe="[]").replace(quote("…"), "…")


def _redacted(name: str, value: Any, *, in_error: bool = False) -> Any:
    key = name.lower().replace("[]", "")
    match value:
        case None | bool():
            return value
        case _ if key in _OURS:
            return value
        case _ if is_credential(name) and not (in_error and key == "code"):
            return _HIDDEN
        case dict():
            # Beside a message a code says what went wrong; alone it may log somebody in.
            error = not _ERROR.isdisjoint(map(str.lower, value))
            return {
                inner: _redacted(str(inner), each, in_error=error) for inner, each in value.items()
            }
        case list():
            return [_redacted(name, each) for each in value]
        case _ if key in _ACCOUNTS:
            return masked(str(value))
        case str():
            return redact_text(value)
        case _:
            return value


def _bounded(text: str) -> str:
    if len(text) <= KEPT_CHARACTERS_MAX:
        return text
    return f"{text[:KEPT_CHARACTERS_MAX]}… ({len(text)} characters in all)"
