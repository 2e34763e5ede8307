"""Redacts exchanges for storage: no credentials, no whole account numbers, bounded bodies."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlencode

from domain.card_numbers import hide_card_numbers
from domain.lifecycle.answers import Exchange
from transport.credentials import hide_in_text, is_credential
from transport.exchange import Outcome, Request, Response
from transport.json_text import NotJson, UnsafeJson, parse

KEPT_CHARACTERS_MAX: Final = 64 * 1024
_HIDDEN: Final = "[hidden]"
_ACCOUNTS: Final = frozenset({"account_number", "iban", "payer_ultimate_account_number"})
#: An object with one of these fields is an error, so its `code` is not a credential.
_ERROR: Final = frozenset({"category", "message", "description", "detail"})
#: Our own hashes, kept although they may look like account numbers.
_OURS: Final = frozenset({"beneficiary_external_reference", "unique_request_id"})
#: ISO 13616, with or without spaces between groups, anywhere in a text.
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}\b", re.ASCII)
#: A bare number as long as an account number. Amounts contain a point, dates and times a hyphen
#: or colon.
_LONG_NUMBER: Final = re.compile(r"(?<![\w.-])\d{8,34}(?![\w.-])", re.ASCII)


def masked(number: str) -> str:
    """The last four characters, or none if the number is too short to hide the rest."""
    compact = number.replace(" ", "")
    return f"…{compact[-4:]}" if len(compact) > 6 else "…"


def redact_text(text: str) -> str:
    """Free text, such as an error message: numbers of accounts and cards masked, no credentials."""
    text = hide_in_text(text, _HIDDEN)
    text = _IBAN.sub(lambda match: masked(match[0]), text)
    text = hide_card_numbers(text, masked)
    return _LONG_NUMBER.sub(lambda match: masked(match[0]), text)


def redact_body(body: str) -> str:
    """Redact JSON field by field and anything else as text. Unsafe JSON is not kept at all."""
    try:
        whole = parse(body)
    except NotJson:
        return _bounded(redact_text(body))
    except UnsafeJson as unsafe:
        return f"{_HIDDEN} {len(body)} characters of JSON: {unsafe}"
    return _bounded(json.dumps(_redacted("", whole), ensure_ascii=False, separators=(",", ":")))


def evidence(
    request: Request, outcome: Outcome, sent_at: datetime, *, with_content: bool = True
) -> Exchange:
    """The exchange, redacted for storage.

    Args:
        with_content: False leaves out the body of an answer that succeeded.
    """
    if request.content_type == "application/x-www-form-urlencoded":
        pairs = parse_qsl(request.body.decode("utf-8", errors="replace"), keep_blank_values=True)
        sent = _bounded(_as_sent(pairs))
    else:
        sent = redact_body(request.body.decode("utf-8", errors="replace")) if request.body else ""
    query = _as_sent(request.query)
    if isinstance(outcome, Response):
        is_left_out = not with_content and 200 <= outcome.status < 300
        status, received = outcome.status, "" if is_left_out else redact_body(outcome.text)
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
    """Form fields or query parameters, redacted, in the order and spelling of the request."""
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
            # With a message beside it, `code` names an error; alone it may be a login code.
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
