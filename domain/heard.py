"""What one step with a partner brought, whole: stored in one transaction, or carried until it is."""

from __future__ import annotations

from datetime import datetime

from pydantic import AwareDatetime, BaseModel, ConfigDict

from domain.answers import (
    Absent,
    Accepted,
    CannotTell,
    Duplicate,
    Exchange,
    Found,
    InDoubt,
    LookedFor,
    NotSent,
    Read,
    Refused,
    Submitted,
    Told,
    Untold,
)
from domain.report import Report
from domain.sending import Answer, AttemptResult, LookedUp, LookupResult


class Heard(BaseModel):
    """The outcome of one step. Recording it twice is recording it once.

    `attempt` and `result` belong to a send, `looked_up` to a lookup; a read has neither.
    `inbox_through` is the payment's highest inbox number noted before a read was asked.
    """

    model_config = ConfigDict(frozen=True)

    payment_id: str
    instruction_id: str
    heard_at: AwareDatetime
    why: str = ""
    attempt: int | None = None
    result: AttemptResult | None = None
    answer: Answer | None = None
    server_error: bool = False
    not_before: AwareDatetime | None = None
    looked_up: LookedUp | None = None
    report: Report | None = None
    exchange: Exchange | None = None
    inbox_through: int = 0
    drift: tuple[str, ...] = ()


def heard_of_send(
    payment_id: str, instruction_id: str, attempt: int, answer: Submitted, now: datetime
) -> Heard:
    """What a submit brought."""
    base = Heard(
        payment_id=payment_id, instruction_id=instruction_id, attempt=attempt, heard_at=now
    )

    def answered(kind: Answer, report: Report, exchange: Exchange) -> Heard:
        told = report.model_copy(update={"attempt": attempt})
        return base.model_copy(
            update={
                "result": AttemptResult.ANSWERED,
                "answer": kind,
                "report": told,
                "exchange": exchange,
                "why": told.reason or told.partner_status,
            }
        )

    match answer:
        case Accepted(report, exchange):
            return answered(Answer.ACCEPTED, report, exchange)
        case Refused(report, exchange):
            return answered(Answer.REFUSED, report, exchange)
        case Duplicate(report, exchange):
            return answered(Answer.DUPLICATE, report, exchange)
        case NotSent(why, exchange, retry_at):
            result, changes = AttemptResult.NOT_SENT, {"not_before": retry_at}
        case InDoubt(why, server_error, exchange, drift):
            result, changes = AttemptResult.UNKNOWN, {}
            base = base.model_copy(update={"server_error": server_error, "drift": drift})
    return base.model_copy(update={"result": result, "why": why, "exchange": exchange, **changes})


def heard_of_lookup(
    payment_id: str,
    instruction_id: str,
    answer: LookedFor,
    now: datetime,
    *,
    needs_watermark: bool,
) -> Heard:
    """What a lookup brought. An empty answer of a list that lags counts only with a watermark."""
    base = Heard(payment_id=payment_id, instruction_id=instruction_id, heard_at=now)
    match answer:
        case Found(report, exchange):
            looked = LookedUp(asked_at=report.as_of, result=LookupResult.FOUND)
            why = report.partner_status
            base = base.model_copy(update={"report": report})
        case Absent(asked_at, exchange, watermark):
            counts = watermark or not needs_watermark
            looked = LookedUp(
                asked_at=asked_at,
                result=LookupResult.ABSENT if counts else LookupResult.CANNOT_TELL,
            )
            why = "nothing under our key" if counts else "nothing yet, but the list lags"
        case CannotTell(asked_at, why, exchange):
            looked = LookedUp(asked_at=asked_at, result=LookupResult.CANNOT_TELL)
    return base.model_copy(update={"looked_up": looked, "exchange": exchange, "why": why})


def heard_of_read(
    payment_id: str, instruction_id: str, answer: Read, now: datetime, inbox_through: int
) -> Heard:
    """What a read brought; without a usable answer nothing is marked as read."""
    base = Heard(payment_id=payment_id, instruction_id=instruction_id, heard_at=now)
    match answer:
        case Told(report, exchange):
            return base.model_copy(
                update={
                    "report": report,
                    "exchange": exchange,
                    "why": report.partner_status,
                    "inbox_through": inbox_through,
                }
            )
        case Untold(why, exchange, retry_at, drift):
            return base.model_copy(
                update={"why": why, "exchange": exchange, "not_before": retry_at, "drift": drift}
            )
