"""Reads single values of a credit transfer file into our own types, or refuses them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from sys import intern
from typing import Final, NamedTuple

from domain.accounts import AccountError, ClearingMember, check_bic
from domain.currencies import DIGITS
from domain.money import Money, MoneyError
from domain.party import Identification, PartyKind, PostalAddress
from domain.payments.order import ChargeBearer, Rail
from messages.credit_transfer import NOT_PROVIDED, Identity, Notice, UltimateDebtor
from messages.decimals import decimal_of
from messages.elements import WRONG_CONTENT
from messages.reading import Reading
from regimes.clearing_members import check_member
from regimes.limits import REMITTANCE_LENGTH_MAX, is_creditor_reference
from regimes.rails import CHARGES_POSSIBLE, SEPA, charges_asked
from regimes.refusal import Refusal
from regimes.sepa import CUT_OFF

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_UETR: Final = re.compile(
    r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}", re.ASCII
)

_COUNTRY: Final = re.compile(r"[A-Z]{2}", re.ASCII)
#: The element inside a party's Id that identifies it, by the kind of party.
_KINDS: Final = {PartyKind.ORGANISATION: "OrgId", PartyKind.PERSON: "PrvtId"}


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
    """ReqdExctnDt: a day up to version .07, later a choice of day and moment.

    Both forms are read in every version. None, with a refusal, if there is not exactly one day.
    """
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
    reading.refuse("DT01", path, f"{text[:40]!r} is not a day of the calendar, as in 2026-11-25")
    return None


def moment(text: str) -> datetime | None:
    """An ISODateTime, aware; None if the text is none. A time without offset counts as UTC."""
    try:
        read = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read and read.tzinfo is None else read


def amount(reading: Reading) -> tuple[int, str]:
    """Minor units and currency; (0, ""), with a refusal, if they cannot be read."""
    path = "Amt/InstdAmt"
    text = reading.require(path, "AM12", choice="Amt")
    currency = reading.text(f"{path}/@Ccy")
    if reading.is_refused("Amt"):
        return 0, ""
    if currency not in DIGITS:
        reading.refuse("AM11", f"{path}/@Ccy", f"{currency!r} is not a payable ISO 4217 code")
        return 0, ""
    written = decimal_of(text)
    if written is None:
        # The schema refuses such a value, so there is a refusal already.
        return 0, ""
    try:
        return Money.from_wire(str(written), currency).minor, currency
    except MoneyError as error:
        reading.refuse("CH20" if written.fraction else "AM12", path, str(error))
        return 0, ""


def agent(reading: Reading, path: str) -> str:
    """The BIC of an agent, from BIC (up to version .03) or BICFI (since .04), in any version."""
    given = [at for name in ("BIC", "BICFI") if reading.text(at := f"{path}/FinInstnId/{name}")]
    if len(given) > 1:
        reading.refuse("RC01", given[1], "appears beside BIC; give one of the two")
    for at in given[:1]:
        try:
            return check_bic(reading.text(at))
        except AccountError as error:
            reading.refuse("RC01", at, str(error))
    return ""


def address(reading: Reading, path: str) -> PostalAddress | None:
    """A PstlAdr; None if it has no content."""
    values = {
        ours: text for name, ours in _ADDRESS.items() if (text := reading.text(f"{path}/{name}"))
    }
    lines = tuple(text for text in reading.texts(f"{path}/AdrLine") if text != NOT_PROVIDED)
    if not values and not lines:
        return None
    _notice_of_address(reading, path, values, has_lines=bool(lines))
    return PostalAddress.model_validate({**values, "address_lines": lines})


def _notice_of_address(
    reading: Reading, path: str, values: Mapping[str, str], *, has_lines: bool
) -> None:
    """Notices for parts of an address that are not sent, which depends on its other parts."""
    if path.startswith("Dbtr"):
        # All of it has a notice already: the partner knows the account holder.
        return
    has_street = bool(values.get("street_name") or values.get("building_number"))
    if not values.get("country"):
        text = "the partner takes an address only with its country (Ctry); this is not sent"
        for name, ours in _ADDRESS.items():
            if ours in values:
                reading.notice(f"{path}/{name}", text)
        if has_lines:
            reading.notice(f"{path}/AdrLine", text)
    elif has_lines and has_street:
        reading.notice(f"{path}/AdrLine", "the street is sent in its place")


def identity(reading: Reading, path: str, code: str) -> Identity | None:
    """The Id of a party; None if it has no content. More than one number is refused."""
    found: list[tuple[PartyKind, Identification]] = []
    kinds: set[PartyKind] = set()
    for kind, part in _KINDS.items():
        at = f"{path}/Id/{part}"
        scheme = reading.text(f"{at}/Othr/SchmeNm/Cd") or reading.text(f"{at}/Othr/SchmeNm/Prtry")
        if number := reading.text(f"{at}/Othr/Id"):
            found.append((kind, Identification(scheme=scheme, number=number)))
        elif scheme:
            reading.refuse(code, f"{at}/Othr/Id", "is missing beside its scheme; give the number")
    if lei := reading.text(f"{path}/Id/OrgId/LEI"):
        found.append((PartyKind.ORGANISATION, Identification(scheme="LEI", number=lei)))
    born = _birth_date(reading, f"{path}/Id/PrvtId/DtAndPlcOfBirth/BirthDt", code)
    kinds |= {kind for kind, _ in found} | ({PartyKind.PERSON} if born else set())
    if (len(found) > 1 or len(kinds) > 1) and not reading.is_refused(f"{path}/Id"):
        text = "says more than one thing about who it is; one number is carried, leave out the rest"
        reading.refuse(code, f"{path}/Id", text)
    if not kinds:
        return None
    return Identity(min(kinds), born, found[0][1] if found else None)


def ultimate_debtor(reading: Reading) -> UltimateDebtor | None:
    """An UltmtDbtr; None if it has no content."""
    path = "UltmtDbtr"
    if not reading.has(path):
        return None
    said = UltimateDebtor(
        name=reading.text(f"{path}/Nm"),
        address=address(reading, f"{path}/PstlAdr"),
        identity=identity(reading, path, "RR02"),
    )
    return said if any(said) else None


def _birth_date(reading: Reading, path: str, code: str) -> date | None:
    text = reading.text(path)
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        reading.refuse(code, path, f"{text[:40]!r} is not a day of the calendar, as in 1980-01-31")
        return None


def account(reading: Reading, path: str, code: str) -> tuple[str, str]:
    """IBAN and other number of an account; at least one is "". If both are absent, a refusal."""
    iban, other = reading.text(f"{path}/Id/IBAN"), reading.text(f"{path}/Id/Othr/Id")
    if iban and other:
        reading.refuse(code, f"{path}/Id/Othr", "appears beside an IBAN; give one of the two")
    elif not (iban or other) and not reading.is_refused(f"{path}/Id"):
        reading.refuse(code, f"{path}/Id/IBAN", "is missing; give it")
    return iban, "" if iban else other


def member(reading: Reading, path: str) -> ClearingMember | None:
    """The ClrSysMmbId of an agent; None if it is absent or refused."""
    at = f"{path}/FinInstnId/ClrSysMmbId"
    system, number = reading.text(f"{at}/ClrSysId/Cd"), reading.text(f"{at}/MmbId")
    if not (system or number):
        return None
    if not (system and number):
        missing = "MmbId" if system else "ClrSysId/Cd"
        if not (reading.is_refused(f"{at}/ClrSysId") or reading.is_refused(f"{at}/{missing}")):
            text = "is missing; a number and its clearing system belong together"
            reading.refuse("RC10", f"{at}/{missing}", text)
        return None
    try:
        return check_member(system, number)
    except AccountError as error:
        reading.refuse("RC10", at, str(error))
        return None


def agent_country(reading: Reading, path: str) -> str:
    """The country of an agent's address, in capitals; "" if it is absent or refused."""
    at = f"{path}/FinInstnId/PstlAdr/Ctry"
    country = reading.text(at).upper()
    if country and not _COUNTRY.fullmatch(country):
        reading.refuse("AG06", at, f"{country[:10]!r} is not a two-letter ISO 3166 code")
        return ""
    return intern(country)


class Remittance(NamedTuple):
    """The remittance information for the creditor, and the text that was cut off."""

    text: str
    cut: str
    reference: str


def remittance(reading: Reading, *, allow_truncation: bool) -> Remittance:
    """RmtInf: either texts or a creditor reference. Several texts are joined, with a notice."""
    path = "RmtInf/Ustrd"
    texts = [text for text in reading.texts(path) if text != NOT_PROVIDED]
    joined = " ".join(texts)
    cut = joined[REMITTANCE_LENGTH_MAX:]
    if cut and not allow_truncation:
        text = (
            f"has {len(joined)} characters in all, the scheme carries {REMITTANCE_LENGTH_MAX}; "
            "shorten it, or allow it to be cut (--allow-truncation)"
        )
        reading.refuse("RR07", path, text)
        # The whole text, so that the file reads the same with or without allow_truncation.
        return Remittance(joined, "", _reference(reading, joined))
    if len(texts) > 1:
        reading.notice(path, f"the scheme carries one text; {len(texts)} are joined by blanks")
    if cut:
        text = f"cut to {REMITTANCE_LENGTH_MAX} characters, as was allowed; the rest is not sent"
        reading.notice(path, text)
    return Remittance(joined[:REMITTANCE_LENGTH_MAX], cut, _reference(reading, joined))


def _reference(reading: Reading, text: str) -> str:
    """The creditor's reference. A reference beside a text is refused."""
    path = "RmtInf/Strd/CdtrRefInf"
    reference = reading.text(f"{path}/Ref")
    issuer = reading.text(f"{path}/Tp/Issr")
    if reading.text(f"{path}/Tp/CdOrPrtry/Cd") and not reference:
        if not reading.is_refused(f"{path}/Ref"):
            reading.refuse("RR09", f"{path}/Ref", "is missing beside its type; give it")
    elif reference and text:
        said = "appears beside Ustrd, but only one of the two is carried; leave the other out"
        reading.refuse("RR07", "RmtInf/Strd", said)
    elif issuer.upper() == "ISO" and not is_creditor_reference(reference):
        said = (
            "is not a reference of ISO 11649 (RF, two check digits, up to 21 characters), and Issr "
            "says ISO; give that reference, or leave Issr out"
        )
        reading.refuse("RR09", f"{path}/Ref", said)
    return reference


class Service(NamedTuple):
    """The service asked for; the line's values take precedence over its block's."""

    levels: tuple[str, ...]
    is_high: bool
    words: str


def service(reading: Reading, block: Reading) -> Service:
    """SvcLvl and InstrPrty."""
    levels = reading.texts("PmtTpInf/SvcLvl/Cd") or block.texts("PmtTpInf/SvcLvl/Cd")
    own = "" if reading.texts("PmtTpInf/SvcLvl/Cd") else "PmtInf/"
    if SEPA in levels and len(set(levels)) > 1:
        said = "SEPA appears beside other service levels; give one"
        reading.refusals.append(Refusal("FF04", f"{own}PmtTpInf/SvcLvl/Cd", said))
    priority = reading.text("PmtTpInf/InstrPrty") or block.text("PmtTpInf/InstrPrty")
    # Default values are left out, so that they do not change the line's fingerprint.
    said_more = {*levels, priority} - {"", SEPA, "NORM"}
    return Service(tuple(levels), priority == "HIGH", intern(" ".join(sorted(said_more))))


def charge_bearer(reading: Reading, block: Reading, rail: Rail) -> ChargeBearer:
    """ChrgBr of the line, else of its block, checked by the rules of the rail."""
    code, field = reading.text("ChrgBr"), "ChrgBr"
    if not code:
        code, field = block.text("ChrgBr"), "PmtInf/ChrgBr"
    charges = charges_asked(rail, code)
    if charges is None:
        refusal = Refusal("BE19", field, f"{code!r} {CHARGES_POSSIBLE[rail]}")
        reading.refusals.append(refusal)
        return ChargeBearer.SLEV
    if charges.notice:
        reading.notices.append(Notice(field if code else "ChrgBr", charges.notice))
    return charges.bearer


def uetr(reading: Reading) -> str:
    """The UETR, which must be a version 4 UUID."""
    path = "PmtId/UETR"
    text = reading.text(path)
    if text and not _UETR.fullmatch(text):
        reading.refuse(WRONG_CONTENT, path, "is not a version 4 UUID in small letters")
    return text


def is_batch(reading: Reading) -> bool:
    """BtchBookg: whether one booking for the block was asked for, which gets a notice."""
    wished = reading.text("BtchBookg") in ("true", "1")
    if wished:
        reading.notice("BtchBookg", "each line is booked by itself")
    return wished


def account_currency(reading: Reading, path: str, code: str) -> str:
    """The Ccy of an account; "" if none is given."""
    currency = reading.text(f"{path}/Ccy")
    if currency and currency not in DIGITS:
        reading.refuse(code, f"{path}/Ccy", f"{currency!r} is not a payable ISO 4217 code")
    return intern(currency)
