"""Single values of a credit transfer file in our own types; what cannot be one is refused."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from sys import intern
from typing import Final

from domain.accounts import AccountError, check_bic
from domain.currencies import DIGITS
from domain.money import Money, MoneyError
from domain.order import ChargeBearer
from domain.party import PostalAddress
from messages.credit_transfer import NOT_PROVIDED, Notice
from messages.elements import WRONG_CONTENT
from messages.reading import Reading
from regimes.refusal import Refusal
from regimes.sepa import CUT_OFF, REMITTANCE_LENGTH_MAX

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_UETR: Final = re.compile(
    r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}", re.ASCII
)
_PLAIN_DECIMAL: Final = re.compile(r"\d{1,18}\.\d{1,17}", re.ASCII)

_ADDRESS: Final = {
    "Dept": "department",
    "SubDept": "sub_department",
    "StrtNm": "street_name",
    "BldgNb": "building_number",
    "BldgNm": "building_name",
    "Flr": "floor",
    "PstBx": "post_box",
    "Room": "room",
    "PstCd": "post_code",
    "TwnNm": "town_name",
    "TwnLctnNm": "town_location_name",
    "DstrctNm": "district_name",
    "CtrySubDvsn": "country_sub_division",
    "Ctry": "country",
}


def execution_date(reading: Reading) -> date | None:
    """ReqdExctnDt: a day up to version .07, a choice of day and moment after; both are read."""
    paths = ("ReqdExctnDt", "ReqdExctnDt/Dt", "ReqdExctnDt/DtTm")
    given = [(path, text) for path in paths if (text := reading.text(path))]
    if len(given) != 1:
        if not reading.is_refused("ReqdExctnDt"):
            reading.refuse("DT01", "ReqdExctnDt", "give exactly one day, as in 2026-11-25")
        return None
    path, text = given[0]
    try:
        if path.endswith("DtTm"):
            if _TIME.fullmatch(text):
                at = datetime.fromisoformat(text)
                return CUT_OFF.day_of(at) if at.tzinfo else at.date()
        elif match := _DATE.fullmatch(text):
            return date.fromisoformat(match[1])
    except (ValueError, OverflowError):
        pass
    reading.refuse("DT01", path, f"{text[:40]!r} is no day of the calendar, as in 2026-11-25")
    return None


def moment(text: str) -> datetime | None:
    """An ISODateTime, aware; None where it is none. Without offset it is taken as UTC."""
    try:
        read = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read and read.tzinfo is None else read


def amount(reading: Reading) -> tuple[int, str]:
    """Minor units and currency; zero of none where it cannot be read, with a refusal."""
    path = "Amt/InstdAmt"
    text = reading.require(path, "AM12")
    currency = reading.text(f"{path}/@Ccy")
    if reading.is_refused(path):
        return 0, ""
    if currency not in DIGITS:
        reading.refuse("AM11", f"{path}/@Ccy", f"{currency!r} is not a payable ISO 4217 code")
        return 0, ""
    try:
        return Money.from_wire(text, currency).minor, currency
    except MoneyError as error:
        code = "CH20" if _PLAIN_DECIMAL.fullmatch(text) else "AM12"
        reading.refuse(code, path, str(error))
        return 0, ""


def agent(reading: Reading, path: str) -> str:
    """The BIC of an agent; BIC up to version .03, BICFI since .04 are read in every version."""
    given = [at for name in ("BIC", "BICFI") if reading.text(at := f"{path}/FinInstnId/{name}")]
    if len(given) > 1:
        reading.refuse("RC01", given[1], "stands beside BIC; give one of the two")
    for at in given[:1]:
        try:
            return check_bic(reading.text(at))
        except AccountError as error:
            reading.refuse("RC01", at, str(error))
    return ""


def address(reading: Reading, path: str) -> PostalAddress | None:
    """A PstlAdr; None where it says nothing."""
    values = {
        ours: text for name, ours in _ADDRESS.items() if (text := reading.text(f"{path}/{name}"))
    }
    lines = tuple(text for text in reading.texts(f"{path}/AdrLine") if text != NOT_PROVIDED)
    if not values and not lines:
        return None
    return PostalAddress.model_validate({**values, "address_lines": lines})


def remittance(reading: Reading) -> str:
    """RmtInf/Ustrd; several are joined, which is noted."""
    path = "RmtInf/Ustrd"
    texts = [text for text in reading.texts(path) if text != NOT_PROVIDED]
    joined = " ".join(texts)
    if len(joined) > REMITTANCE_LENGTH_MAX:
        text = (
            f"has {len(joined)} characters in all, the scheme carries {REMITTANCE_LENGTH_MAX}; "
            "shorten it, nothing is cut"
        )
        reading.refuse("RR07", path, text)
    elif len(texts) > 1:
        reading.notice(path, f"the scheme carries one text; {len(texts)} are joined by blanks")
    return joined


def charge_bearer(reading: Reading, block: Reading) -> ChargeBearer:
    """ChrgBr of the line, else of its block. SEPA knows only that each side pays its own."""
    code, field = reading.text("ChrgBr"), "ChrgBr"
    if not code:
        code, field = block.text("ChrgBr"), "PmtInf/ChrgBr"
    if code == ChargeBearer.SHAR:
        reading.notices.append(Notice(field, "in SEPA each side pays its own: sent as SLEV"))
    elif code not in ("", ChargeBearer.SLEV):
        text = f"{code!r} is not possible in SEPA, each side pays its own charges; use SLEV"
        reading.refusals.append(Refusal("BE19", field, text))
    return ChargeBearer.SLEV


def uetr(reading: Reading) -> str:
    """The UETR, which must be a version 4 UUID."""
    path = "PmtId/UETR"
    text = reading.text(path)
    if text and not _UETR.fullmatch(text):
        reading.refuse(WRONG_CONTENT, path, "is not a version 4 UUID in small letters")
    return text


def is_batch(reading: Reading) -> bool:
    """BtchBookg: whether one booking for the block was wished, which is noted."""
    wished = reading.text("BtchBookg") in ("true", "1")
    if wished:
        reading.notice("BtchBookg", "each line is booked by itself")
    return wished


def account_currency(reading: Reading, path: str, code: str) -> str:
    """The Ccy of an account, "" where none is given."""
    currency = reading.text(f"{path}/Ccy")
    if currency and currency not in DIGITS:
        reading.refuse(code, f"{path}/Ccy", f"{currency!r} is not a payable ISO 4217 code")
    return intern(currency)
