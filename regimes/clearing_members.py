"""Banks by their numbers in national clearings: each system's country, and its numbers' shape."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from domain.accounts import AccountError, ClearingMember

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
#: ISO 20022 Max35Text, for a system whose numbers have no known shape.
_ANY: Final = re.compile(r"[A-Z0-9/.]{1,35}", re.ASCII)


class Shape(NamedTuple):
    """The shape of a clearing system's numbers: as a pattern, and in words."""

    country: str
    pattern: str
    words: str


# ISO 20022 ExternalClearingSystemIdentification1Code, as defined in 4Q2023. The lengths are those
# that the list gives, or gave earlier, for each system.
SHAPES: Final[Mapping[str, Shape]] = {
    "ATBLZ": Shape("AT", r"\d{5}", "5 digits"),
    "AUBSB": Shape("AU", r"\d{6}", "6 digits"),
    "CACPA": Shape("CA", r"\d{9}", "9 digits: 0, institution, transit"),
    "CHBCC": Shape("CH", r"\d{3,5}", "3 to 5 digits"),
    "CHSIC": Shape("CH", r"\d{6}", "6 digits"),
    "CNAPS": Shape("CN", r"\d{12}", "12 digits"),
    "DEBLZ": Shape("DE", r"\d{8}", "8 digits"),
    "ESNCC": Shape("ES", r"\d{8,9}", "8 or 9 digits"),
    "GBDSC": Shape("GB", r"\d{6}", "6 digits"),
    "GRBIC": Shape("GR", r"\d{7}", "7 digits"),
    "HKNCC": Shape("HK", r"\d{3}(\d{3})?", "3 digits of the bank, with or without 3 of a branch"),
    "IENCC": Shape("IE", r"\d{6}", "6 digits"),
    "INFSC": Shape("IN", r"[A-Z]{4}0[A-Z0-9]{6}", "11 letters and digits, the fifth a zero"),
    "ITNCC": Shape("IT", r"\d{10}", "10 digits"),
    "JPZGN": Shape("JP", r"\d{7}", "7 digits: bank and branch"),
    "NZNCC": Shape("NZ", r"\d{6}", "6 digits"),
    "PLKNR": Shape("PL", r"\d{8}", "8 digits"),
    "PTNCC": Shape("PT", r"\d{8}", "8 digits"),
    "RUCBC": Shape("RU", r"\d{9}", "9 digits"),
    "SESBA": Shape("SE", r"\d{4}", "4 digits"),
    "SGIBG": Shape("SG", r"\d{4}(\d{3})?", "4 digits of the bank, with or without 3 of a branch"),
    "THCBC": Shape("TH", r"\d{3}", "3 digits"),
    "TWNCC": Shape("TW", r"\d{7}", "7 digits"),
    "USABA": Shape("US", r"\d{9}", "9 digits"),
    "USPID": Shape("US", r"\d{4}", "4 digits"),
    "ZANCC": Shape("ZA", r"\d{6}", "6 digits"),
}

#: Systems of the list whose shape is not known here. Besides these, each country has a system that
#: is named by the country's two letters.
_WITHOUT_SHAPE: Final = frozenset(
    ["BRISP", "CNCIP", "EGNCC", "KRBOK", "MARAC", "MARPA", "MZBMO", "NACSC", "NZRSA", "ZWTSS"]
)

#: American Bankers Association: weights of a routing number's digits. Their sum ends in zero.
_ABA_WEIGHTS: Final = (3, 7, 1) * 3


def country_of(system: str) -> str:
    """The country of a clearing system; "" if there is no such system."""
    shape = SHAPES.get(system)
    if shape is not None:
        return shape.country
    return system[:2] if system in _WITHOUT_SHAPE or _COUNTRY.fullmatch(system) else ""


def check_member(system: str, number: str) -> ClearingMember:
    """The bank, with its number without blanks and hyphens.

    Raises:
        AccountError: the system does not exist, or the number is none of its numbers. The text
            says what is expected.
    """
    if not country_of(system):
        raise AccountError(
            f"{system[:10]!r} is not a clearing system; give its code of the ISO 20022 list, such "
            "as USABA"
        )
    plain = re.sub(r"[ -]", "", number).upper()
    shape = SHAPES.get(system)
    if shape is None:
        if not _ANY.fullmatch(plain):
            raise AccountError(f"{number[:20]!r} cannot be a number of {system}; ask for it again")
        return ClearingMember(system=system, number=plain)
    if not re.fullmatch(shape.pattern, plain, re.ASCII):
        raise AccountError(
            f"{number[:20]!r} is not a number of {system}, which has {shape.words}; ask for it "
            "again"
        )
    if system == "USABA" and not _is_routing_number(plain):
        raise AccountError(
            f"{number[:20]!r} has a wrong check digit for {system}; ask the creditor to repeat it"
        )
    return ClearingMember(system=system, number=plain)


def _is_routing_number(digits: str) -> bool:
    weighed = zip(map(int, digits), _ABA_WEIGHTS, strict=True)
    return sum(digit * weight for digit, weight in weighed) % 10 == 0
