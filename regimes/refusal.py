"""Why an order cannot be paid, by the codes of the ISO 20022 list."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """One reason why an order cannot be paid.

    `code` is from ISO 20022 ExternalStatusReason1Code. `field` is the field of the order, or the
    element of the file, that is wrong. `text` says what is wrong and what to do, without account
    numbers.
    """

    code: str
    field: str
    text: str


class Advice(NamedTuple):
    """A notice about a field that the rail takes, but that may be wrong or arrive changed."""

    field: str
    text: str
