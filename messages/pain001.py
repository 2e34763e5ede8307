"""Reads pain.001, the customer's credit transfer file, versions .03 to .12."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from io import BytesIO
from pathlib import Path
from sys import intern
from typing import BinaryIO, Final

from lxml import etree

from domain.accounts import AccountError, check_bic
from domain.currencies import DIGITS
from domain.money import Money, MoneyError
from domain.order import ChargeBearer
from domain.party import PostalAddress
from messages.credit_transfer import (
    NOT_PROVIDED,
    CreditTransferFile,
    FileRefused,
    Line,
    Notice,
    PaymentInformation,
)
from messages.document import Document, message_of, name_of, namespace_of
from messages.elements import NOT_ALLOWED, WRONG_CONTENT
from messages.reading import Reading
from messages.sums import Tally
from regimes.refusal import Refusal
from regimes.sepa import CUT_OFF, REMITTANCE_LENGTH_MAX

VERSIONS: Final = tuple(f"pain.001.001.{number:02}" for number in range(3, 13))

_DATE: Final = re.compile(r"(\d{4}-\d\d-\d\d)(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_TIME: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)
_UETR: Final = re.compile(
    r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}", re.ASCII
)
_PLAIN_DECIMAL: Final = re.compile(r"\d{1,18}\.\d{1,17}", re.ASCII)

#: What a wrong value of makes the whole file unusable: it can no longer be told apart or proven.
_FILE_ELEMENTS: Final = frozenset({"MsgId", "PmtInfId", "NbOfTxs", "CtrlSum"})

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


def read(source: Path | bytes | BinaryIO) -> CreditTransferFile:
    """Read a whole file. Nothing is returned before its end was seen and its sums agree.

    What is wrong with single lines is in their `refusals`; the file's remaining lines could be
    paid, but whether they are is for the caller to decide.

    Raises:
        FileRefused: not a pain.001 we read, broken, cut short, or its counts, sums or block
            names do not agree.
        OSError: the source cannot be read.
    """
    with _opened(source) as stream:
        return _File(Document(stream)).read()


@contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    else:
        yield BytesIO(source) if isinstance(source, bytes) else source


@dataclass(slots=True)
class _Block:
    """A PmtInf that is being read."""

    information: PaymentInformation
    reading: Reading
    tally: Tally


class _File:
    """One pass over the document; elements are forgotten as soon as they are read."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._namespace = ""
        self._group: Reading | None = None
        self._block: _Block | None = None
        self._tally = Tally()
        self._lines: list[Line] = []
        self._block_names: set[str] = set()
        self._repeated = ""
        self._trailing: list[Refusal] = []
        #: Equal notices of many lines are held once.
        self._notices: dict[tuple[Notice, ...], tuple[Notice, ...]] = {}

    def read(self) -> CreditTransferFile:
        version = ""
        path: list[str] = []
        for event, element in self._document:
            if event == "start":
                if not path:
                    self._namespace = namespace_of(element)
                    version = _version(self._namespace)
                path.append(name_of(element, self._namespace))
                self._begin(path)
            else:
                self._end(path, element)
                path.pop()
        return self._finish(version)

    def _begin(self, path: list[str]) -> None:
        """Refuse a file whose parts stand in an order that we could misread."""
        match path[1:]:
            case ["CstmrCdtTrfInitn"] if self._group is not None:
                raise _misplaced("CstmrCdtTrfInitn", "stands twice; send one file each")
            case [name] if name != "CstmrCdtTrfInitn":
                raise _misplaced(name, "stands where CstmrCdtTrfInitn should")
            case [_, "GrpHdr"] if self._group is not None:
                raise _misplaced("GrpHdr", "stands twice; send one file each")
            case [_, "PmtInf"] if self._group is None:
                raise _misplaced("PmtInf", "stands before GrpHdr; put GrpHdr first")
            case [_, "PmtInf", name] if name != "CdtTrfTxInf" and self._block is not None:
                raise _misplaced(f"PmtInf/{name}", "stands after CdtTrfTxInf; put it before")

    def _end(self, path: list[str], element: etree._Element) -> None:
        match path[1:]:
            case [_, "GrpHdr"]:
                self._group = self._whole(Reading(element, "GrpHdr", self._namespace))
                self._document.release(element)
            case [_, "PmtInf", "CdtTrfTxInf"]:
                if self._block is None:
                    self._open_block(element)
                self._line(element)
                self._document.release(element)
            case [_, "PmtInf"]:
                self._close_block()
                self._document.release(element)
            case [_, name]:
                text = "is not an element that we carry; leave it out"
                self._trailing.append(Refusal(NOT_ALLOWED, name[:160], text))
                self._document.release(element)

    def _whole(self, reading: Reading) -> Reading:
        """The reading, unless the file as a whole hangs on an element that is wrong in it."""
        for code, field, text in reading.refusals:
            if field.rpartition("/")[2] in _FILE_ELEMENTS:
                raise FileRefused(code, field, text)
        return reading

    def _open_block(self, line: etree._Element) -> None:
        parent = line.getparent()
        assert parent is not None  # noqa: S101 (a line is found inside its block)
        reading = self._whole(Reading(parent, "PmtInf", self._namespace))
        name = reading.raw("PmtInfId")
        if not name:
            raise FileRefused("FF01", "PmtInf/PmtInfId", "is missing; give each block a name")
        if name in self._block_names:
            self._repeated = self._repeated or name
        self._block_names.add(name)
        reading.require("PmtMtd", "AG03")
        self._block = _Block(_information(name, reading), reading, Tally())

    def _line(self, element: etree._Element) -> None:
        assert self._block is not None  # noqa: S101 (opened by its first line)
        assert self._group is not None  # noqa: S101 (_begin refuses a block before it)
        reading = Reading(element, "CdtTrfTxInf", self._namespace)
        amount = self._amount_of(element)
        self._block.tally.add(amount)
        self._tally.add(amount)
        block = self._block.reading
        end_to_end_id = reading.raw("PmtId/EndToEndId")
        if not end_to_end_id:
            reading.require("PmtId/EndToEndId", "FF08")
        minor, currency = _amount(reading)
        name = reading.require("Cdtr/Nm", "BE22")
        iban = reading.require("CdtrAcct/Id/IBAN", "AC03")
        uetr = reading.text("PmtId/UETR")
        if uetr and not _UETR.fullmatch(uetr):
            reading.refuse(WRONG_CONTENT, "PmtId/UETR", "is not a version 4 UUID in small letters")
        agent = _agent(reading, "CdtrAgt")
        remittance = _remittance(reading)
        bearer = _charge_bearer(reading, block)
        purpose = reading.text("PmtTpInf/CtgyPurp/Cd") or block.text("PmtTpInf/CtgyPurp/Cd")
        notices = (*self._group.notices, *block.notices, *reading.notices)
        self._lines.append(
            Line(
                position=len(self._lines) + 1,
                source_line=int(element.sourceline or 0),
                payment_information=self._block.information,
                end_to_end_id=end_to_end_id,
                instruction_id=reading.text("PmtId/InstrId"),
                uetr=uetr,
                amount_minor=minor,
                currency=intern(currency),
                creditor_name=name,
                creditor_address=_address(reading, "Cdtr/PstlAdr"),
                creditor_iban=iban,
                creditor_account_currency=intern(reading.text("CdtrAcct/Ccy")),
                creditor_agent=intern(agent),
                remittance_information=remittance,
                charge_bearer=bearer,
                purpose=intern(reading.text("Purp/Cd")),
                category_purpose=intern(purpose),
                notices=self._notices.setdefault(notices, notices),
                refusals=(*self._group.refusals, *block.refusals, *reading.refusals),
            )
        )

    def _amount_of(self, line: etree._Element) -> str:
        """What counts for the sums, also of a line that is refused."""
        for path in ("Amt/InstdAmt", "Amt/EqvtAmt/Amt"):
            steps = "/".join(f"{{{self._namespace}}}{step}" for step in path.split("/"))
            if text := line.findtext(steps):
                return text.strip()
        return ""

    def _close_block(self) -> None:
        if self._block is None:
            raise FileRefused("FF01", "PmtInf", "has no CdtTrfTxInf; leave the block out")
        block, self._block = self._block, None
        if count := block.reading.raw("NbOfTxs"):
            block.tally.check_count(count, "PmtInf/NbOfTxs", "AM20")
        if control_sum := block.reading.raw("CtrlSum"):
            block.tally.check_sum(control_sum, "PmtInf/CtrlSum", "AM17")

    def _finish(self, version: str) -> CreditTransferFile:
        group = self._group
        if group is None:
            raise FileRefused("FF01", "GrpHdr", "is missing; give an ISO 20022 pain.001 file")
        self._tally.check_count(group.raw("NbOfTxs"), "GrpHdr/NbOfTxs", "AM19")
        if control_sum := group.raw("CtrlSum"):
            self._tally.check_sum(control_sum, "GrpHdr/CtrlSum", "AM16")
        if not self._lines:
            raise FileRefused("FF01", "PmtInf", "is missing; the file pays nothing")
        if self._repeated:
            text = f"{self._repeated!r} names two blocks of the file; give each its own"
            raise FileRefused("DU02", "PmtInf/PmtInfId", text)
        message_id = group.text("MsgId")
        if not message_id:
            text = "must name the file, so that it is not paid twice; give it a name of its own"
            raise FileRefused("DU01", "GrpHdr/MsgId", text)
        return self._described(version, message_id, group)

    def _described(self, version: str, message_id: str, group: Reading) -> CreditTransferFile:
        created_at = _moment(group.raw("CreDtTm"))
        known = {refusal.field for refusal in group.refusals}
        if created_at is None and "GrpHdr/CreDtTm" not in known:
            text = "is missing or no date and time"
            self._trailing.append(Refusal("DT02", "GrpHdr/CreDtTm", text))
        name, identification = group.text("InitgPty/Nm"), group.text("InitgPty/Id")
        if not (name or identification) and not group.is_refused("InitgPty"):
            text = "must name who sends the file; give a name or identification"
            self._trailing.append(Refusal("BE21", "GrpHdr/InitgPty", text))
        if self._trailing:
            for index, line in enumerate(self._lines):
                self._lines[index] = replace(line, refusals=(*line.refusals, *self._trailing))
        return CreditTransferFile(
            version=version,
            message_id=message_id,
            created_at=created_at,
            initiating_party=name or identification,
            initiating_party_key=f"Nm={name}; {identification}",
            control_sum=self._tally.sum,
            lines=tuple(self._lines),
        )


def _misplaced(field: str, text: str) -> FileRefused:
    return FileRefused("FF01", field[:160], text)


def _version(namespace: str) -> str:
    message = message_of(namespace)
    if message in VERSIONS:
        return message
    if message.startswith("pain.008"):
        what = f"{message} is a direct debit; only credit transfers are paid"
    elif message.startswith("pain.001"):
        what = f"{message} is a national variant or version that is not read"
    else:
        what = f"{message or repr(namespace[:80])} is not a credit transfer file"
    raise FileRefused("FF01", "Document", f"{what}; give {VERSIONS[0]} to {VERSIONS[-1]}")


def _information(name: str, reading: Reading) -> PaymentInformation:
    return PaymentInformation(
        payment_information_id=name,
        requested_execution_date=_execution_date(reading),
        debtor_name=reading.require("Dbtr/Nm", "BE08"),
        debtor_address=_address(reading, "Dbtr/PstlAdr"),
        debtor_iban=reading.require("DbtrAcct/Id/IBAN", "AC02"),
        debtor_account_currency=reading.text("DbtrAcct/Ccy"),
        debtor_agent=_agent(reading, "DbtrAgt"),
        batch_booking=_batch_booking(reading),
    )


def _batch_booking(reading: Reading) -> bool:
    is_batch = reading.text("BtchBookg") in ("true", "1")
    if is_batch:
        reading.notice("BtchBookg", "each line is booked by itself")
    return is_batch


def _execution_date(reading: Reading) -> date | None:
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
                moment = datetime.fromisoformat(text)
                return CUT_OFF.day_of(moment) if moment.tzinfo else moment.date()
        elif match := _DATE.fullmatch(text):
            return date.fromisoformat(match[1])
    except (ValueError, OverflowError):
        pass
    reading.refuse("DT01", path, f"{text[:40]!r} is no day of the calendar, as in 2026-11-25")
    return None


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text) if _TIME.fullmatch(text) else None
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _amount(reading: Reading) -> tuple[int, str]:
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


def _agent(reading: Reading, path: str) -> str:
    """The BIC, which is named BIC up to version .08 or so and BICFI after."""
    for name in ("BIC", "BICFI"):
        at = f"{path}/FinInstnId/{name}"
        if bic := reading.text(at):
            try:
                return check_bic(bic)
            except AccountError as error:
                reading.refuse("RC01", at, str(error))
    return ""


def _address(reading: Reading, path: str) -> PostalAddress | None:
    values = {
        ours: text for name, ours in _ADDRESS.items() if (text := reading.text(f"{path}/{name}"))
    }
    lines = tuple(text for text in reading.texts(f"{path}/AdrLine") if text != NOT_PROVIDED)
    if not values and not lines:
        return None
    return PostalAddress.model_validate({**values, "address_lines": lines})


def _remittance(reading: Reading) -> str:
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


def _charge_bearer(reading: Reading, block: Reading) -> ChargeBearer:
    """SEPA knows only that each side pays its own charges."""
    prefix, code = (
        ("", reading.text("ChrgBr"))
        if reading.text("ChrgBr")
        else ("PmtInf/", block.text("ChrgBr"))
    )
    if code in ("", ChargeBearer.SLEV):
        return ChargeBearer.SLEV
    if code == ChargeBearer.SHAR:
        text = "in SEPA each side pays its own charges: sent as SLEV"
        reading.notices.append(Notice(f"{prefix}ChrgBr", text))
        return ChargeBearer.SLEV
    text = f"{code!r} is not possible in SEPA, each side pays its own charges; use SLEV"
    reading.refusals.append(Refusal("BE19", f"{prefix}ChrgBr", text))
    return ChargeBearer.SLEV
