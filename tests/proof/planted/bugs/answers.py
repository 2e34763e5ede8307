"""Bugs: what answers prove."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import domain.lifecycle.absence as absence
import domain.lifecycle.answers as answers
import domain.lifecycle.heard as heard
import domain.lifecycle.sending as sending
import domain.payments.fold as folding
from domain.lifecycle.sending import Answer, AttemptResult
from domain.payments.report import PaymentState, Report, Source
from tests.proof.planted.bug import everywhere, planted

_NOTHING: Final = answers.Exchange(
    method="GET", path="/", status=200, request="", response="", sent_at=datetime.now(UTC)
)


def _refused(told: Any, heard_now: Any, why: str) -> Any:
    report = Report(
        instruction_id=told.instruction_id,
        source=Source.REPLY,
        as_of=heard_now,
        state=PaymentState.REJECTED,
        partner_status=why,
        reason=why,
    )
    return told.model_copy(
        update={"result": AttemptResult.ANSWERED, "answer": Answer.REFUSED, "report": report}
    )


def _taken_for_a_refusal(wrongly: Callable[[Any], bool]) -> None:
    original = heard.heard_of_send

    def hears(
        payment_id: str, instruction_id: str, attempt: int, answer: Any, now: Any, **more: Any
    ) -> Any:
        told = original(payment_id, instruction_id, attempt, answer, now, **more)
        return _refused(told, now, "failed") if wrongly(answer) else told

    everywhere(original, hears)


@planted("no answer in time is a failure")
def a_timeout_is_a_failure() -> None:
    _taken_for_a_refusal(
        lambda answer: isinstance(answer, answers.InDoubt) and not answer.server_error
    )


@planted("any answer of 500 and above is a failure")
def a_server_error_is_a_failure() -> None:
    _taken_for_a_refusal(lambda answer: isinstance(answer, answers.InDoubt) and answer.server_error)


@planted("that our key is a duplicate is a failure, of the first send too")
def a_duplicate_is_a_failure() -> None:
    _taken_for_a_refusal(lambda answer: isinstance(answer, answers.Duplicate))
    a_refused_repeat_is_a_refusal()


@planted("a refused repeat ends the doubt about the first")
def a_refused_repeat_is_a_refusal() -> None:
    everywhere(sending.doubted_besides, lambda *_: False)

    def hears_all(self: Any, report: Any) -> bool:
        return False

    folding._Folding._is_refusal_of_a_repeat = hears_all  # type: ignore[method-assign]


@planted("a lookup that cannot tell counts as an empty one")
def cannot_tell_is_absent() -> None:
    original = heard.heard_of_lookup

    def hears(
        payment_id: str, instruction_id: str, answer: Any, now: Any, *, needs_watermark: bool
    ) -> Any:
        if isinstance(answer, answers.CannotTell):
            answer = answers.Absent(answer.asked_at, answer.exchange or _NOTHING, watermark=True)
        return original(payment_id, instruction_id, answer, now, needs_watermark=needs_watermark)

    everywhere(original, hears)


@planted("one empty answer proves absence, whenever it was asked")
def absence_is_believed_at_once() -> None:
    def proven(op: Any, book: Any) -> bool:
        return any(looked.result is sending.LookupResult.ABSENT for looked in book.lookups)

    everywhere(absence.is_proven_absent, proven)


@planted("an empty answer of a list that lags counts without a watermark")
def a_lagging_list_is_believed() -> None:
    original = heard.heard_of_lookup

    def hears(*given: Any, needs_watermark: bool) -> Any:
        return original(*given, needs_watermark=False)

    everywhere(original, hears)
    _without_delay()


def _without_delay() -> None:
    def at_once(op: Any, book: Any) -> Any:
        return max(attempt.opened_at for attempt in book.attempts)

    everywhere(absence.settled_from, at_once)


@planted("the lookup leaves out what is completed")
def the_lookup_asks_for_half() -> None:
    from tests.proof.bank_partner import BankPartner

    find = BankPartner.find

    async def finds(self: Any, subject: Any) -> Any:
        found = await find(self, subject)
        if isinstance(found, answers.Found) and found.report.state is PaymentState.SETTLED:
            return answers.Absent(found.report.as_of, found.exchange, watermark=True)
        return found

    BankPartner.find = finds  # type: ignore[method-assign]


@planted("a status that nobody knows is a failure", "tests/partners/currencycloud/test_read.py",
         "tests/partners/currencycloud/test_words.py")  # fmt: skip
def an_unknown_status_is_a_failure() -> None:
    from partners.currencycloud import mapping

    original = mapping.report

    def reports(*given: Any, **options: Any) -> Any:
        told = original(*given, **options)
        failed = {"state": PaymentState.REJECTED, "drift": ()}
        return told.model_copy(update=failed) if told.state is None else told

    everywhere(original, reports)
