"""Why an order cannot be paid, in the words of the standard's code list."""

from __future__ import annotations

from typing import NamedTuple


class Refusal(NamedTuple):
    """One thing wrong.

    `code` is of ISO 20022 ExternalStatusReason1Code; `field` is where it is wrong, an order's
    field or a file's element; `text` says what is wrong and what to do, without account numbers.
    """

    code: str
    field: str
    text: str


class Advice(NamedTuple):
    """Something that the rail takes, and may carry otherwise than the order says it."""

    field: str
    text: str
