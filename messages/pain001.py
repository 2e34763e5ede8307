"""Reads pain.001, the customer's credit transfer file, versions .03 to .12."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from sys import intern
from typing import BinaryIO, Final, cast

from lxml import etree

from messages import values
from messages.credit_transfer import (
    CreditTransferFile,
    FileRefused,
    Line,
    Notice,
    PaymentInformation,
)
from messages.document import (
    ISO,
    Document,
    message_in,
    message_of,
    name_of,
    namespace_of,
    place_of,
    whereabouts,
)
from messages.elements import NOT_ALLOWED, WRONG_FORM
from messages.envelope import unwrapped
from messages.reading import Reading
from messages.structure import Place, structure_of
from messages.sums import Tally
from regimes.banks import country_of_bank
from regimes.rails import Destination, way_to
from regimes.refusal import Refusal

VERSIONS: Final = tuple(f"pain.001.001.{number:02}" for number in range(3, 13))

#: Fields that identify or prove a file. If one is invalid, the whole file is refused, because a
#: second submission could not be recognised.
_FILE_ELEMENTS: Final = frozenset({"MsgId", "PmtInfId", "NbOfTxs", "CtrlSum"})
#: Document, CstmrCdtTrfInitn, PmtInf, CdtTrfTxInf: deeper elements are read with their parent.
_STRUCTURE_DEPTH: Final = 4


def read(source: Path | bytes | BinaryIO, *, allow_truncation: bool = False) -> CreditTransferFile:
    """Read a whole file. Nothing is returned until its end is read and its sums agree.

    Errors of single lines are in their `refusals`. The other lines could be paid; the caller
    decides whether they are.

    Args:
        allow_truncation: cut a remittance that is too long, with a notice, instead of refusing it.

    Raises:
        FileRefused: not a pain.001 that we read, broken, cut short, without a message id or
            lines, or with wrong counts, wrong sums or a block name used twice.
        OSError: the source cannot be read.
    """
    with _opened(source) as stream:
        return _File(Document(stream, _STRUCTURE_DEPTH), allow_truncation=allow_truncation).read()


@contextmanager
def _opened(source: Path | bytes | BinaryIO) -> Iterator[BinaryIO]:
    if isinstance(source, Path):
        with source.open("rb") as stream:
            yield stream
    else:
        yield BytesIO(source) if isinstance(source, bytes) else source


@dataclass(frozen=True, slots=True)
class _Block:
    """The PmtInf that is being read."""

    group: Reading
    reading: Reading
    information: PaymentInformation
    tally: Tally


class _File:
    """One pass over the document; elements are freed as soon as they are read."""

    def __init__(self, document: Document, *, allow_truncation: bool) -> None:
        self._document = document
        self._allow_truncation = allow_truncation
        self._namespace = ""
        self._top_level: Mapping[str, Place] = {}
        self._group: Reading | None = None
        self._block: _Block | None = None
        self._tally = Tally()
        self._lines: list[Line] = []
        self._block_names: set[str] = set()
        self._repeated = ""
        self._trailing: list[Refusal] = []
        #: Equal notices of many lines are stored once.
        self._notices: dict[tuple[Notice, ...], tuple[Notice, ...]] = {}

    def read(self) -> CreditTransferFile:
        try:
            return self._read()
        except FileRefused as refused:
            # The status report of the refusal needs these to name the file.
            refused.message_id = self._group.text("MsgId") if self._group is not None else ""
            refused.version = message_of(self._namespace)
            raise

    def _read(self) -> CreditTransferFile:
        version = ""
        path: list[str] = []
        for event, element in unwrapped(self._document):
            if event == "start":
                if not path:
                    self._namespace = namespace_of(element)
                    version = _version(self._namespace)
                    self._top_level = structure_of(version).message.places
                path.append(name_of(element, self._namespace))
                self._begin(path, element)
            else:
                self._end(path, element)
                path.pop()
        return self._finish(version)

    def _begin(self, path: list[str], element: etree._Element) -> None:
        """Refuse a file whose parts are not those of its schema or are in another order."""
        if elsewhere := whereabouts(element, self._namespace):
            where = "/".join((*path[2:-1], name_of(element)))
            raise FileRefused("FF01", where[:160], f"{elsewhere} ({place_of(element)})")
        match path[1:]:
            case ["CstmrCdtTrfInitn"] if self._group is not None:
                raise _misplaced(
                    "CstmrCdtTrfInitn", "appears twice; send each in a file of its own"
                )
            case ["CstmrCdtTrfInitn"] if element.items():
                raise _misplaced("CstmrCdtTrfInitn", "has attributes; remove them")
            case [name] if name != "CstmrCdtTrfInitn":
                raise _misplaced(name, "appears where CstmrCdtTrfInitn should")
            case [_, "GrpHdr"] if self._group is not None:
                raise _misplaced("GrpHdr", "appears twice; send each in a file of its own")
            case [_, "PmtInf"] if self._trailing:
                raise _misplaced("PmtInf", f"appears after {self._trailing[0].field}")
            case [_, name] if f"{{{self._namespace}}}{name}" not in self._top_level:
                text = (
                    f"is not an element that {message_of(self._namespace)} has here; leave it out"
                )
                raise FileRefused("FF01", name[:160], f"{text} ({place_of(element)})")
            case [_, "PmtInf", name] if name != "CdtTrfTxInf" and self._block is not None:
                raise _misplaced(f"PmtInf/{name}", "appears after CdtTrfTxInf; put it before")

    def _end(self, path: list[str], element: etree._Element) -> None:
        match path[1:]:
            case [_, "GrpHdr"]:
                self._group = self._whole(
                    Reading(element, "GrpHdr", self._namespace), place_of(element)
                )
            case [_, "PmtInf", "CdtTrfTxInf"]:
                self._block = self._block or self._open_block(next(element.iterancestors()))
                self._line(element, self._block)
            case [_, "PmtInf"]:
                self._close_block()
            case [_, name]:
                text = "is not an element that we carry; leave it out"
                # An element that the schema does not have was refused at its start.
                self._trailing.append(Refusal(NOT_ALLOWED, name[:160], text))
            case [_, _, _]:
                return
        self._document.release(element)

    def _whole(self, reading: Reading, place: str) -> Reading:
        """The reading, if all elements that the whole file depends on are right.

        Raises:
            FileRefused: one of them is wrong.
        """
        for code, field, text in reading.refusals:
            is_header = field.startswith("GrpHdr") and code == WRONG_FORM
            if is_header or field.rpartition("/")[2] in _FILE_ELEMENTS:
                raise FileRefused(code, field, f"{text} ({place})")
        return reading

    def _open_block(self, element: etree._Element) -> _Block:
        if self._group is None:
            raise _misplaced("PmtInf", "appears before GrpHdr; put GrpHdr first")
        reading = self._whole(Reading(element, "PmtInf", self._namespace), place_of(element))
        name = reading.raw("PmtInfId")
        if not name:
            raise FileRefused("FF01", "PmtInf/PmtInfId", "is missing; give each block a name")
        if name in self._block_names:
            self._repeated = self._repeated or name
        self._block_names.add(name)
        reading.require("PmtMtd", "AG03")
        return _Block(self._group, reading, _information(name, reading), Tally())

    def _line(self, element: etree._Element, block: _Block) -> None:
        reading = Reading(element, "CdtTrfTxInf", self._namespace)
        amount = self._amount_of(element)
        place = place_of(element)
        block.tally.add(amount, place)
        self._tally.add(amount, place)
        if not (end_to_end_id := reading.raw("PmtId/EndToEndId")):
            reading.require("PmtId/EndToEndId", "FF08")
        amount_minor, currency = values.amount(reading)
        iban, other = values.account(reading, "CdtrAcct", "AC03")
        agent, member = values.agent(reading, "CdtrAgt"), values.member(reading, "CdtrAgt")
        agent_country = values.agent_country(reading, "CdtrAgt")
        service = values.service(reading, block.reading)
        rail, notice = way_to(
            Destination(
                currency=currency,
                country=country_of_bank(
                    iban=iban,
                    system=member.system if member else "",
                    bic=agent,
                    stated=agent_country,
                ),
                has_iban=bool(iban),
                clearing_system=member.system if member else "",
            ),
            service.levels,
            is_high=service.is_high,
        )
        if notice:
            reading.notice("CdtrAgt", notice)
        remittance = values.remittance(reading, allow_truncation=self._allow_truncation)
        category = "PmtTpInf/CtgyPurp/Cd"
        line = Line(
            position=len(self._lines) + 1,
            source_line=cast(int, element.sourceline),
            payment_information=block.information,
            rail=rail,
            service=service.words,
            end_to_end_id=end_to_end_id,
            instruction_id=reading.text("PmtId/InstrId"),
            uetr=values.uetr(reading),
            amount_minor=amount_minor,
            currency=intern(currency),
            ultimate_debtor=(values.ultimate_debtor(reading) or block.information.ultimate_debtor),
            creditor_name=reading.require("Cdtr/Nm", "BE22"),
            creditor_address=values.address(reading, "Cdtr/PstlAdr"),
            creditor_identity=values.identity(reading, "Cdtr", "BE17"),
            creditor_iban=iban,
            creditor_other=other,
            creditor_account_currency=values.account_currency(reading, "CdtrAcct", "AC11"),
            creditor_agent=intern(agent),
            creditor_agent_member=member,
            creditor_agent_country=agent_country,
            remittance_information=remittance.text,
            remittance_cut=remittance.cut,
            creditor_reference=remittance.reference,
            charge_bearer=values.charge_bearer(reading, block.reading, rail),
            purpose=intern(reading.text("Purp/Cd")),
            category_purpose=intern(reading.text(category) or block.reading.text(category)),
            notices=(),
            refusals=(),
        )
        readings = (block.group, block.reading, reading)
        known_rail = rail if currency else None
        notices = tuple(notice for one in readings for notice in one.notices_on(known_rail))
        refusals = tuple(refusal for one in readings for refusal in one.refusals_on(known_rail))
        notices = self._notices.setdefault(notices, notices)
        self._lines.append(replace(line, notices=notices, refusals=refusals))

    def _amount_of(self, line: etree._Element) -> str:
        """The amount that counts in the sums, even if the line is refused."""
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
        created_at = values.moment(group.raw("CreDtTm"))
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
    if message in VERSIONS and namespace == f"{ISO}{message}":
        return message
    raise FileRefused("FF01", "Document", f"{_described(namespace)}; {_REMEDY}")


def _described(namespace: str) -> str:
    """What a file with an unsupported namespace is, for people."""
    plain = namespace.strip().lower()
    if plain != namespace and plain.removeprefix(ISO) in VERSIONS:
        return f"{namespace[:80]!r} is written otherwise than the standard's {plain}"
    message = message_of(namespace) or message_in(namespace)
    if message.startswith("pain.008"):
        return f"{message} is a direct debit; only credit transfers are paid"
    if message.startswith("pain.001"):
        whose = next((words for name, words in _VARIANTS.items() if name in namespace.lower()), "")
        return f"{namespace[:80]!r} is a variant or version of {message} that is not read{whose}"
    what = next((words for kind, words in _OTHERS.items() if message.startswith(kind)), "")
    return f"{message or repr(namespace[:80])} is not a credit transfer file{what}"


#: Part of a variant's namespace -> its owner, so that people can ask for another export.
_VARIANTS: Final = {
    "stuzza": " (STUZZA: Austria's)",
    "six-interbank": " (SIX: Switzerland's)",
    ".ch.": " (SIX: Switzerland's)",
    "pain.001.002": " (Germany's)",
    "pain.001.003": " (Germany's)",
    "cbi": " (CBI: Italy's)",
    "swift": " (SWIFT's)",
}
#: Beginning of another ISO 20022 message's name -> what the message is.
_OTHERS: Final = {
    "pain.002": " but a status report, which a bank sends about one",
    "pain.007": " but a reversal",
    "pain.013": " but a request to pay",
    "camt.05": " but a statement or notice of an account, which a bank sends, or a recall",
    "camt": " but a message about accounts or cases",
    "pacs": " but a message between banks",
    "head": " but a header alone",
}
_REMEDY: Final = (
    f"give {VERSIONS[0]} to {VERSIONS[-1]} of ISO 20022, whose Document has "
    f'xmlns="{ISO}{VERSIONS[6]}" or that of another of these versions'
)


def _information(name: str, reading: Reading) -> PaymentInformation:
    iban, other = values.account(reading, "DbtrAcct", "AC02")
    return PaymentInformation(
        payment_information_id=name,
        requested_execution_date=values.execution_date(reading),
        debtor_name=reading.require("Dbtr/Nm", "BE08"),
        debtor_address=values.address(reading, "Dbtr/PstlAdr"),
        debtor_iban=iban,
        debtor_other=other,
        debtor_account_currency=values.account_currency(reading, "DbtrAcct", "AC10"),
        debtor_agent=values.agent(reading, "DbtrAgt"),
        ultimate_debtor=values.ultimate_debtor(reading),
        batch_booking=values.is_batch(reading),
    )
