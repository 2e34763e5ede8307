"""Writes pain.002: the status of a credit transfer file, its blocks and its lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, BinaryIO, Final

from lxml import etree

VERSIONS: Final = tuple(f"pain.002.001.{n}" for n in ("03", "08", "10", "11", "12", "13", "14"))
_OLDEST: Final = "pain.002.001.03"
#: Earlier versions have no element for a UETR.
_UETR_SINCE: Final = "pain.002.001.10"
_UETR: Final = re.compile(r"[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}")
_ILLEGAL: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ID_LENGTH_MAX: Final = 35
_TEXT_LENGTH_MAX: Final = 105
_NAME_LENGTH_MAX: Final = 140


class Status(StrEnum):
    """The codes we use of ISO 20022 ExternalPaymentTransactionStatus1Code and -GroupStatus1Code."""

    RECEIVED = "RCVD"
    CHECKED = "ACTC"
    ACCEPTED = "ACCP"
    IN_PROCESS = "ACSP"
    SETTLED = "ACSC"
    PENDING = "PDNG"
    PARTLY = "PART"
    """For blocks and files: some lines are refused or cancelled, others are not."""
    REJECTED = "RJCT"
    CANCELLED = "CANC"


#: From the least advanced to the most.
_PROGRESS: Final = (
    Status.PENDING,
    Status.RECEIVED,
    Status.CHECKED,
    Status.ACCEPTED,
    Status.IN_PROCESS,
    Status.SETTLED,
)
_NOT_PAID: Final = frozenset({Status.REJECTED, Status.CANCELLED})


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a line has its status: an ISO code or a proprietary one, and a text for people."""

    code: str = ""
    """An ExternalStatusReason1Code."""
    proprietary: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class LineStatus:
    """The status of one line. Absent texts are empty."""

    status_id: str
    payment_information_id: str
    end_to_end_id: str
    instruction_id: str
    uetr: str
    status: Status
    reasons: tuple[Reason, ...] = ()
    accepted_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class FileStatus:
    """The status of a whole file; the lines of a block are adjacent."""

    message_id: str
    """The message id of this report."""
    created_at: datetime
    initiating_party: str
    original_message_id: str
    original_version: str
    original_created_at: datetime | None
    count: int | None
    """The number of lines. None, like the sum, if the file was refused before it was counted."""
    control_sum: Decimal | None
    lines: Sequence[LineStatus]
    reason: Reason | None = None
    """Why the file is refused as a whole."""


def common_status(statuses: Iterable[Status]) -> Status:
    """The status of all lines together.

    RCVD if there are none, RJCT if none is paid, PART if some are not, else the least advanced.
    """
    found = set(statuses)
    if not found:
        return Status.RECEIVED
    if found <= _NOT_PAID:
        return Status.REJECTED  # A group cannot have the status CANC.
    if found & _NOT_PAID or Status.PARTLY in found:
        return Status.PARTLY
    return min(found, key=_PROGRESS.index)


def write(report: FileStatus, version: str, out: BinaryIO) -> None:
    """Write the report, valid by the version's schema.

    Characters that XML cannot contain are left out, and texts are cut to ISO's lengths.

    Raises:
        ValueError: the version is none of VERSIONS.
    """
    if version not in VERSIONS:
        raise ValueError(f"there is no {version!r} here; known: {', '.join(VERSIONS)}")
    namespace = f"urn:iso:std:iso:20022:tech:xsd:{version}"
    build = _Builder(namespace, version)
    with etree.xmlfile(out, encoding="UTF-8") as xml:
        xml.write_declaration()
        with (
            xml.element(build.name("Document"), nsmap={None: namespace}),
            xml.element(build.name("CstmrPmtStsRpt")),
        ):
            xml.write(build.header(report))
            xml.write(build.group(report))
            for block, lines in _blocks(report.lines).items():
                with xml.element(build.name("OrgnlPmtInfAndSts")):
                    for element in build.block(block, lines):
                        xml.write(element)
                    for line in lines:
                        xml.write(build.line(line))


def _blocks(lines: Sequence[LineStatus]) -> dict[str, list[LineStatus]]:
    blocks: dict[str, list[LineStatus]] = {}
    for line in lines:
        blocks.setdefault(line.payment_information_id, []).append(line)
    return blocks


class _Builder:
    """Builds the elements of one version."""

    def __init__(self, namespace: str, version: str) -> None:
        self._namespace = namespace
        self._version = version

    def name(self, tag: str) -> str:
        return f"{{{self._namespace}}}{tag}"

    def header(self, report: FileStatus) -> etree._Element:
        head = self._element("GrpHdr")
        self._add(head, "MsgId", _identifier(report.message_id))
        self._add(head, "CreDtTm", _moment(report.created_at))
        party = etree.SubElement(head, self.name("InitgPty"))
        self._add(party, "Nm", _fit(report.initiating_party, _NAME_LENGTH_MAX))
        return head

    def group(self, report: FileStatus) -> etree._Element:
        group = self._element("OrgnlGrpInfAndSts")
        self._add(group, "OrgnlMsgId", _identifier(report.original_message_id))
        self._add(group, "OrgnlMsgNmId", _identifier(report.original_version))
        if report.original_created_at is not None:
            self._add(group, "OrgnlCreDtTm", _moment(report.original_created_at))
        if report.count is not None:
            self._add(group, "OrgnlNbOfTxs", str(report.count))
        if report.control_sum is not None:
            self._add(group, "OrgnlCtrlSum", f"{report.control_sum:f}")
        whole = common_status(line.status for line in report.lines)
        self._add(group, "GrpSts", Status.REJECTED if report.reason else whole)
        if report.reason:
            self._reason(group, report.reason)
        return group

    def block(self, name: str, lines: Sequence[LineStatus]) -> list[etree._Element]:
        held = self._element("OrgnlPmtInfAndSts")
        self._add(held, "OrgnlPmtInfId", _identifier(name))
        self._add(held, "OrgnlNbOfTxs", str(len(lines)))
        self._add(held, "PmtInfSts", common_status(line.status for line in lines))
        return list(held)

    def line(self, line: LineStatus) -> etree._Element:
        told = self._element("TxInfAndSts")
        self._add(told, "StsId", _identifier(line.status_id))
        self._add(told, "OrgnlInstrId", _fit(line.instruction_id, _ID_LENGTH_MAX))
        self._add(told, "OrgnlEndToEndId", _fit(line.end_to_end_id, _ID_LENGTH_MAX))
        uetr = line.uetr.lower()
        if self._version >= _UETR_SINCE and _UETR.fullmatch(uetr):
            self._add(told, "OrgnlUETR", uetr)
        # The oldest version has a fixed list of codes; for a line it lacks CANC and RCVD.
        old = {Status.CANCELLED: Status.REJECTED, Status.RECEIVED: Status.CHECKED}
        is_old = self._version == _OLDEST
        self._add(told, "TxSts", old.get(line.status, line.status) if is_old else line.status)
        for reason in line.reasons:
            self._reason(told, reason)
        if line.accepted_at is not None:
            self._add(told, "AccptncDtTm", _moment(line.accepted_at))
        return told

    def _reason(self, parent: etree._Element, reason: Reason) -> None:
        said = etree.SubElement(parent, self.name("StsRsnInf"))
        code = _fit(reason.code, _ID_LENGTH_MAX)
        proprietary = _fit(reason.proprietary, _ID_LENGTH_MAX)
        if code and len(code) > 4:  # ISO codes have four characters; others are proprietary.
            code, proprietary = "", code
        if code or proprietary:
            why = etree.SubElement(said, self.name("Rsn"))
            self._add(why, "Cd" if code else "Prtry", code or proprietary)
        self._add(said, "AddtlInf", _fit(reason.text, _TEXT_LENGTH_MAX))

    def _element(self, tag: str) -> etree._Element:
        # The stubs do not allow None, which stands for the default namespace.
        prefixes: dict[Any, str] = {None: self._namespace}
        return etree.Element(self.name(tag), nsmap=prefixes)

    def _add(self, parent: etree._Element, tag: str, text: str) -> None:
        if text:
            etree.SubElement(parent, self.name(tag)).text = str(text)


def _identifier(text: str) -> str:
    return _fit(text, _ID_LENGTH_MAX) or "NOTPROVIDED"


def _fit(text: str, length_max: int) -> str:
    return " ".join(_ILLEGAL.sub("", text).split())[:length_max].strip()


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
