"""The outcome of one step with a partner: stored in one transaction, or carried until it is."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from pydantic import AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from domain.ids import resource_of
from domain.lifecycle.answers import (
    Absent,
    Accepted,
    Answered,
    CannotTell,
    Duplicate,
    Exchange,
    Found,
    Gone,
    InDoubt,
    LookedFor,
    NotSent,
    Read,
    Refused,
    Submitted,
    TurnedAway,
    Unanswered,
)
from domain.lifecycle.report import Report, Source
from domain.lifecycle.sending import Answer, AttemptResult, LookedUp, LookupResult

#: Where a step's report can come from. Statements, our own checks and operators' decisions are
#: stored where they come in, and never pass through a workflow.
_SOURCES: Final = frozenset({Source.REPLY, Source.READ})


class NotOfAStep(ValueError):
    """No step with a partner can have this outcome; nothing of it was stored."""

    def __init__(self, resource_id: str, why: str) -> None:
        super().__init__(
            f"{resource_id}: {why}. Nothing was stored. Somebody else may write to Temporal "
            "with our key, or an adapter is wrong: look at the run's history in Temporal"
        )


class Heard(BaseModel):
    """The outcome of one step. Recording it twice has the effect of recording it once.

    `attempt` and `result` belong to a send, `looked_up` to a lookup; a read has neither.
    `inbox_through` is the resource's highest inbox number, noted before the read was sent.
    """

    model_config = ConfigDict(frozen=True, populate_by_name=True)

    resource_id: str = Field(validation_alias=AliasChoices("resource_id", "payment_id"))
    """Payloads of earlier releases name it `payment_id`."""
    instruction_id: str
    heard_at: AwareDatetime
    why: str = ""
    attempt: int | None = None
    nonce: str = ""
    """The attempt's nonce; empty if an earlier release made the step."""
    result: AttemptResult | None = None
    answer: Answer | None = None
    server_error: bool = False
    status: int | None = None
    """The HTTP status of an attempt that was turned away, which the profile has to declare."""
    not_before: AwareDatetime | None = None
    looked_up: LookedUp | None = None
    report: Report | None = None
    exchange: Exchange | None = None
    inbox_through: int = 0
    gone: bool = False
    """The partner can never be asked about it again."""

    def require_of_a_step(self) -> None:
        """Raise if no step with a partner about this resource can have this outcome.

        Raises:
            NotOfAStep: the text says what no step can bring.
        """
        if why := self._not_of_a_step():
            raise NotOfAStep(self.resource_id, why)

    def _not_of_a_step(self) -> str | None:
        if resource_of(self.instruction_id) != self.resource_id:
            return f"a step speaks of {self.instruction_id!r}, an instruction of another resource"
        report = self.report
        if report is None:
            return None
        if report.instruction_id != self.instruction_id:
            return f"a report about {report.instruction_id!r} came with {self.instruction_id!r}"
        if report.source not in _SOURCES:
            return f"a step cannot bring a {report.source.name} report"
        if report.settles or report.decided_on is not None:
            return "a step cannot decide what people are asked"
        return None


def heard_of_send(
    resource_id: str,
    instruction_id: str,
    attempt: int,
    answer: Submitted,
    now: datetime,
    *,
    nonce: str = "",
) -> Heard:
    """The outcome of a submit."""
    base = Heard(
        resource_id=resource_id,
        instruction_id=instruction_id,
        attempt=attempt,
        nonce=nonce,
        heard_at=now,
    )

    def ended(result: AttemptResult, why: str, exchange: Exchange | None, **more: Any) -> Heard:
        outcome = {"result": result, "why": why, "exchange": exchange}
        return base.model_copy(update=outcome | more)

    def answered(kind: Answer, report: Report, exchange: Exchange) -> Heard:
        told = report.model_copy(update={"attempt": attempt})
        why = told.reason or told.partner_status
        return ended(AttemptResult.ANSWERED, why, exchange, answer=kind, report=told)

    match answer:
        case Accepted(report, exchange):
            return answered(Answer.ACCEPTED, report, exchange)
        case Refused(report, exchange):
            return answered(Answer.REFUSED, report, exchange)
        case Duplicate(report, exchange):
            return answered(Answer.DUPLICATE, report, exchange)
        case NotSent(why, not_exchanged, retry_at):
            return ended(AttemptResult.NOT_SENT, why, not_exchanged, not_before=retry_at)
        case TurnedAway(status, why, refused_in, at):
            more = {"status": status, "server_error": status >= 500, "not_before": at}
            return ended(AttemptResult.TURNED_AWAY, why, refused_in, **more)
        case InDoubt(why, server_error, partly_exchanged, drift):
            why = _with_drift(why, drift)
            return ended(AttemptResult.UNKNOWN, why, partly_exchanged, server_error=server_error)


def heard_of_lookup(
    resource_id: str,
    instruction_id: str,
    answer: LookedFor,
    now: datetime,
    *,
    needs_watermark: bool,
) -> Heard:
    """The outcome of a lookup. If the list lags, an empty answer counts only with a watermark."""

    def looked(
        asked_at: datetime, result: LookupResult, why: str, exchange: Exchange | None
    ) -> Heard:
        return Heard(
            resource_id=resource_id,
            instruction_id=instruction_id,
            heard_at=now,
            looked_up=LookedUp(asked_at=asked_at, result=result),
            exchange=exchange,
            why=why,
        )

    match answer:
        case Found(report, exchange):
            found = looked(report.as_of, LookupResult.FOUND, report.partner_status, exchange)
            return found.model_copy(update={"report": report})
        case Absent(asked_at, exchange, watermark):
            if needs_watermark and not watermark:
                why = "nothing yet, but the list lags"
                return looked(asked_at, LookupResult.CANNOT_TELL, why, exchange)
            return looked(asked_at, LookupResult.ABSENT, "the partner does not show it", exchange)
        case CannotTell(asked_at, why, partly_exchanged):
            return looked(asked_at, LookupResult.CANNOT_TELL, why, partly_exchanged)


def heard_of_read(
    resource_id: str, instruction_id: str, answer: Read, now: datetime, inbox_through: int
) -> Heard:
    """The outcome of a read. Without a usable answer, nothing in the inbox is marked as read."""
    base = Heard(resource_id=resource_id, instruction_id=instruction_id, heard_at=now)

    def brought(why: str, exchange: Exchange | None, **more: Any) -> Heard:
        return base.model_copy(update={"why": why, "exchange": exchange, **more})

    match answer:
        case Answered(report, exchange):
            why = report.partner_status
            return brought(why, exchange, report=report, inbox_through=inbox_through)
        case Unanswered(why, partly_exchanged, retry_at, drift):
            return brought(_with_drift(why, drift), partly_exchanged, not_before=retry_at)
        case Gone(why, _, partly_exchanged):
            return brought(why, partly_exchanged, gone=True)


def _with_drift(why: str, drift: tuple[str, ...]) -> str:
    return f"{why} (outside the known contract: {'; '.join(drift)})" if drift else why
