"""The fingerprint of an order as received. A repeated key must come with the same fingerprint."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from domain.payments.order import Order

#: Fields added after the first version, by the part of the order that has them.
_ADDED: Final = {
    "": (
        "ultimate_debtor",
        "creditor_agent_member",
        "creditor_agent_country",
        "creditor_reference",
        "collection",
    ),
    "debtor": ("kind", "birth_date", "identification"),
    "creditor": ("kind", "birth_date", "identification"),
    "times": ("submit_from", "wished_execution_date"),
}


def fields_of(order: Order) -> dict[str, Any]:
    """The order's fields for the fingerprint. Fields that later versions added count only if they
    are set, so that keys of the first version keep their fingerprints."""
    fields = order.model_dump(mode="json")
    for part, names in _ADDED.items():
        where = fields[part] if part else fields
        for name in names:
            if where[name] is None:
                del where[name]
    return fields


def fingerprint(fields: dict[str, Any]) -> str:
    """SHA-256 of the fields as canonical JSON (RFC 8785 for strings, integers, lists, objects).

    No other values occur: amounts are strings or integers, never floats. So Python's JSON with
    sorted keys and without blanks is the canonical form.

    Raises:
        TypeError: a float or another value without a canonical form.
    """
    return hashlib.sha256(_canonical(fields)).hexdigest()


def fingerprint_of_many(name: str, items: Iterable[dict[str, Any]]) -> str:
    """The fingerprint of an object with one field, a list of objects that is not kept in memory.

    Raises:
        TypeError: as `fingerprint` does.
    """
    digest = hashlib.sha256(b"{" + json.dumps(name).encode() + b":[")
    for number, item in enumerate(items):
        digest.update(b"," * bool(number) + _canonical(item))
    digest.update(b"]}")
    return digest.hexdigest()


def _canonical(fields: dict[str, Any]) -> bytes:
    _refuse_floats(fields)
    # RFC 8785 sorts by UTF-16 code units. Our field names are ASCII, so the order is the same.
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _refuse_floats(value: Any) -> None:
    match value:
        case float():
            raise TypeError("a float has no place in an order; give amounts as minor units")
        case dict():
            for item in value.values():
                _refuse_floats(item)
        case list() | tuple():
            for item in value:
                _refuse_floats(item)
        case _:
            return
