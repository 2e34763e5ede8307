"""Cursors: opaque to callers, so that what is in them can change."""

from __future__ import annotations

import base64
import json
from datetime import UTC, date, datetime
from typing import Any

from starter.api.bodies import YEAR_MAX, YEAR_MIN
from starter.api.problems import FieldError, Problem
from store.account_data import TransactionPlace
from store.events import START, Cursor
from store.finding import ListPlace


def of_list(place: ListPlace) -> str:
    """The cursor of a list of payments."""
    return _written([place.created_at.astimezone(UTC).isoformat(), place.payment_id])


def list_place(text: str | None) -> ListPlace | None:
    """The place that a cursor names; None: the beginning.

    Raises:
        Problem: it is not a cursor of such a list.
    """
    match _read(text):
        case None:
            return None
        case [str(at), str(payment_id)] if _is_plain(payment_id):
            try:
                moment = datetime.fromisoformat(at)
            except ValueError:
                raise _no_cursor() from None
            if moment.tzinfo is None or not YEAR_MIN <= moment.year <= YEAR_MAX:
                raise _no_cursor()
            return ListPlace(moment, payment_id)
        case _:
            raise _no_cursor()


def of_accounts(account_id: str) -> str:
    """The cursor of a list of accounts."""
    return _written([account_id])


def account_place(text: str | None) -> str | None:
    """The place that a cursor names: the id of an account; None: the beginning.

    Raises:
        Problem: it is not a cursor of such a list.
    """
    match _read(text):
        case None:
            return None
        case [str(account_id)] if _is_plain(account_id):
            return account_id
        case _:
            raise _no_cursor()


def of_transactions(place: TransactionPlace) -> str:
    """The cursor of a list of transactions."""
    return _written([place.day.isoformat(), place.identity, place.ordinal])


def transaction_place(text: str | None) -> TransactionPlace | None:
    """The place that a cursor names; None: the beginning.

    Raises:
        Problem: it is not a cursor of such a list.
    """
    match _read(text):
        case None:
            return None
        case [str(day), str(identity), int(ordinal)] if _is_plain(identity) and 0 < ordinal < 2**31:
            try:
                return TransactionPlace(date.fromisoformat(day), identity, ordinal)
            except ValueError:
                raise _no_cursor() from None
        case _:
            raise _no_cursor()


def of_events(cursor: Cursor) -> str:
    """The cursor of a list of events."""
    return _written([cursor.position, cursor.mark])


def events_place(text: str | None) -> Cursor:
    """The place that a cursor names.

    Raises:
        Problem: it is not a cursor of such a list.
    """
    match _read(text):
        case None:
            return START
        case [int(position), str(mark)] if 0 <= position < 2**63 and _is_plain(mark):
            return Cursor(position, mark)
        case _:
            raise _no_cursor()


def _is_plain(text: str) -> bool:
    """No database takes U+0000 or half a surrogate pair."""
    return text.isascii() and (not text or text.isprintable())


def _written(value: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def _read(text: str | None) -> Any:
    if not text:
        return None
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        return json.loads(base64.b64decode(padded, altchars=b"-_", validate=True))
    except (ValueError, RecursionError):
        raise _no_cursor() from None


def _no_cursor() -> Problem:
    return Problem(
        400, "malformed", "Invalid cursor",
        "`after` is not a cursor of this list. Give the `next_cursor` of an earlier answer, or "
        "leave it out to begin at the start.",
        errors=[FieldError(pointer="", detail="after: is not a cursor of this list")],
    )  # fmt: skip
