"""A file's status now, as an ISO 20022 pain.002, from its lines and their payments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from domain.ids import hashed
from domain.lifecycle.resource import Certainty
from domain.payments.payment import Payment
from domain.payments.report import PaymentState as S
from domain.payments.states import STATES
from messages.credit_transfer import CreditTransferFile, FileRefused, Line
from messages.pain002 import FileStatus, LineStatus, Reason, Status
from starter.files.plan import file_key
from store.file_lines import KeptFile, LineNow
from store.records import PaymentRecord

_ISO_LENGTH: Final = 4


def status_of(payment: Payment) -> Status:
    """The status that may be reported. A payment in doubt is pending, and never a success."""
    if payment.certainty is Certainty.UNKNOWN:
        return Status.PENDING
    if payment.state is S.UNCONFIRMED and payment.settled_at is not None:
        return Status.SETTLED  # The partner's last word stands.
    return Status(STATES[payment.state].iso)


def line_status(now: LineNow) -> LineStatus:
    """The status of one line: why it was refused, or how its payment stands."""
    line = now.line
    if now.payment is not None:
        status, reasons = status_of(now.payment), _reasons(now.payment)
    elif line.refusals:
        status = Status.REJECTED
        reasons = tuple(Reason(code=r.code, text=f"{r.field}: {r.text}") for r in line.refusals)
    else:
        status = Status.PENDING
        reasons = (Reason(proprietary="NOT_RECORDED", text="not recorded; give the file again"),)
    return LineStatus(
        status_id=now.payment_id or f"line-{line.position}",
        payment_information_id=line.payment_information_id,
        end_to_end_id=line.end_to_end_id,
        instruction_id=line.instruction_id,
        uetr=line.uetr,
        status=status,
        reasons=reasons,
        accepted_at=now.created_at,
    )


def file_status(file: KeptFile, lines: Sequence[LineNow], at: datetime) -> FileStatus:
    """The status of the whole file at this moment."""
    return FileStatus(
        message_id=_report_id(file.tenant, file.file_key, at.isoformat()),
        created_at=at,
        initiating_party=file.header.initiating_party,
        original_message_id=file.message_id,
        original_version=file.header.version,
        original_created_at=file.header.created_at,
        count=file.header.count,
        control_sum=file.header.control_sum,
        lines=[line_status(line) for line in lines],
    )


def refused_status(
    file: CreditTransferFile,
    why: Reason,
    at: datetime,
    *,
    refusals: Mapping[int, Sequence[Reason]],
    known: Mapping[int, PaymentRecord],
) -> FileStatus:
    """The status of a file of which nothing new is paid.

    Args:
        why: why the file is refused, and each line that has no reason of its own.
        refusals: by position, why single lines are refused.
        known: by position, payments of an earlier run. With them the file is not refused as a
            whole: these lines have the status of their payments.
    """

    def status(line: Line) -> LineStatus:
        record = known.get(line.position)
        return LineStatus(
            status_id=record.payment_id if record else f"line-{line.position}",
            payment_information_id=line.payment_information_id,
            end_to_end_id=line.end_to_end_id,
            instruction_id=line.instruction_id,
            uetr=line.uetr,
            status=status_of(record.payment) if record else Status.REJECTED,
            reasons=(
                _reasons(record.payment) if record else tuple(refusals.get(line.position) or (why,))
            ),
            accepted_at=record.created_at if record else None,
        )

    return FileStatus(
        message_id=_report_id(file_key(file), at.isoformat()),
        created_at=at,
        initiating_party=file.initiating_party,
        original_message_id=file.message_id,
        original_version=file.version,
        original_created_at=file.created_at,
        count=len(file.lines),
        control_sum=file.control_sum,
        lines=[status(line) for line in file.lines],
        reason=None if known else why,
    )


def unread_status(refused: FileRefused, at: datetime) -> FileStatus:
    """The status of a file that could not be read to its end: rejected, whatever it contains."""
    return FileStatus(
        message_id=_report_id(refused.message_id, str(refused), at.isoformat()),
        created_at=at,
        initiating_party="",
        original_message_id=refused.message_id,
        original_version=refused.version,
        original_created_at=None,
        count=None,
        control_sum=None,
        lines=(),
        reason=Reason(code=refused.code, text=f"{refused.field}: {refused.text}".lstrip(": ")),
    )


def _report_id(*parts: str) -> str:
    return f"STS-{hashed(*parts, length=24, alphabet='0123456789abcdef')}"


def _reasons(payment: Payment) -> tuple[Reason, ...]:
    if payment.certainty is Certainty.UNKNOWN:
        return (Reason(proprietary="IN_DOUBT", text="whether it was executed is not known yet"),)
    # Texts of our checks and operators are not meant for the readers of the report.
    why = "" if payment.is_ours else payment.reason or ""
    if payment.state is S.RETURNED:
        return (Reason(proprietary="RETURNED", text=why or "came back after it was sent"),)
    if payment.state is S.EXPIRED:
        return (Reason(proprietary="EXPIRED", text=why or "it was not sent in time"),)
    if payment.state is S.CANCELLED:
        return (Reason(code="DS02", text=why),)
    if payment.state is S.REJECTED:
        code = payment.status_reason or ""
        is_iso = len(code) == _ISO_LENGTH and code.isalnum() and code.isupper()
        return (
            Reason(
                code=code if is_iso else "",
                proprietary="" if is_iso else code or "REJECTED",
                text=why,
            ),
        )
    return ()
