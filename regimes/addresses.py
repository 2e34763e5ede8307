"""How a postal address must be written, and from which day."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import Final

from domain.party import PostalAddress

ADDRESS_LINES_MAX: Final = 2
ADDRESS_LINE_LENGTH_MAX: Final = 70

_COUNTRY = re.compile(r"[A-Z]{2}", re.ASCII)


class Scheme(StrEnum):
    """The rules that an address follows."""

    EPC = "epc"
    CROSS_BORDER = "cross_border"


#: From this day an address needs town and country in their own elements.
TOWN_AND_COUNTRY_SINCE: Final = {
    # European Payments Council, 2025 SEPA rulebooks with their implementation guidelines:
    # end of the unstructured address on 15 November 2026.
    Scheme.EPC: date(2026, 11, 15),
    # SWIFT CBPR+ and the market infrastructures' HVPS+ guidelines, Standards Release 2026.
    Scheme.CROSS_BORDER: date(2026, 11, 14),
}


def address_problem(
    address: PostalAddress, *, on: date, scheme: Scheme | None = Scheme.EPC
) -> str | None:
    """What is wrong with an address on a day of execution, and what to do; None if nothing.

    Structured: town and country in their own elements. Hybrid: these, and at most two lines
    of 70 characters. Lines alone are allowed until the day in `TOWN_AND_COUNTRY_SINCE`.

    Args:
        address: the address.
        on: the day of execution.
        scheme: None if the rail has no known day from which it requires town and country.
    """
    if address.country is not None and not _COUNTRY.fullmatch(address.country):
        return f"country {address.country[:10]!r} is not a two-letter ISO 3166 code"
    if len(address.address_lines) > ADDRESS_LINES_MAX:
        return (
            f"has {len(address.address_lines)} address lines; at most {ADDRESS_LINES_MAX} are "
            "allowed: move the rest to town, post code and street"
        )
    if any(len(line) > ADDRESS_LINE_LENGTH_MAX for line in address.address_lines):
        return f"has an address line of more than {ADDRESS_LINE_LENGTH_MAX} characters"
    since = TOWN_AND_COUNTRY_SINCE[scheme] if scheme is not None else date.max
    if on >= since and not (address.town_name and address.country):
        return (
            f"lacks town and country in their own elements, required since {since}; "
            "add them (two free lines may stay), or leave the address out"
        )
    return None
