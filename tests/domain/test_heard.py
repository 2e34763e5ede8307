"""What a step brought: every answer of a partner has its place, and none says more than it is."""

from __future__ import annotations

import typing

import pytest

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
from domain.lifecycle.heard import Heard, heard_of_lookup, heard_of_read, heard_of_send
from domain.lifecycle.sending import Answer, AttemptResult, LookupResult
from domain.payments.report import PaymentState, Source
from tests.domain.samples import HOUR, INSTRUCTION, NOW, SECOND, report

S = PaymentState
EXCHANGE = Exchange("GET", "/payments", 200, "", "{}", NOW)
LATER = NOW + HOUR
REPLY = report(S.ACCEPTED, source=Source.REPLY, reason=None)
REFUSAL = report(S.REJECTED, source=Source.REPLY, partner_reference=None, reason="account closed")

SENT: dict[Submitted, tuple[AttemptResult, Answer | None]] = {
    Accepted(REPLY, EXCHANGE): (AttemptResult.ANSWERED, Answer.ACCEPTED),
    Refused(REFUSAL, EXCHANGE): (AttemptResult.ANSWERED, Answer.REFUSED),
    Duplicate(REFUSAL, EXCHANGE): (AttemptResult.ANSWERED, Answer.DUPLICATE),
    NotSent("connection refused", retry_at=LATER): (AttemptResult.NOT_SENT, None),
    TurnedAway(429, "too many", EXCHANGE, retry_at=LATER): (AttemptResult.TURNED_AWAY, None),
    InDoubt("500", server_error=True, exchange=EXCHANGE): (AttemptResult.UNKNOWN, None),
}
LOOKED: dict[LookedFor, LookupResult] = {
    Found(report(S.PROCESSING, SECOND), EXCHANGE): LookupResult.FOUND,
    Absent(NOW + SECOND, EXCHANGE): LookupResult.ABSENT,
    CannotTell(NOW + SECOND, "cut short"): LookupResult.CANNOT_TELL,
}
READ: tuple[Read, ...] = (
    Answered(report(S.PROCESSING, SECOND), EXCHANGE),
    Unanswered("503", EXCHANGE, retry_at=LATER),
    Gone("deleted after 90 days", NOW + SECOND, EXCHANGE),
)


def of_send(answer: Submitted) -> Heard:
    return heard_of_send("pay_1", INSTRUCTION, 3, answer, LATER)


def of_lookup(answer: LookedFor, *, needs_watermark: bool = False) -> Heard:
    return heard_of_lookup("pay_1", INSTRUCTION, answer, LATER, needs_watermark=needs_watermark)


def of_read(answer: Read) -> Heard:
    return heard_of_read("pay_1", INSTRUCTION, answer, LATER, 7)


def test_nothing_a_partner_may_answer_is_left_out() -> None:
    for union, answers in ((Submitted, SENT), (LookedFor, LOOKED), (Read, READ)):
        assert {type(answer) for answer in answers} == set(typing.get_args(union))


@pytest.mark.parametrize("answer", SENT)
def test_a_send_ends_its_attempt_as_it_was_answered(answer: Submitted) -> None:
    heard = of_send(answer)
    assert (heard.result, heard.answer) == SENT[answer]
    assert (heard.attempt, heard.heard_at) == (3, LATER)
    assert (heard.looked_up, heard.gone, heard.inbox_through) == (None, False, 0)
    told = None if isinstance(answer, NotSent | TurnedAway | InDoubt) else answer.report
    assert heard.report == (told and told.model_copy(update={"attempt": 3}))
    assert heard.exchange == answer.exchange
    assert heard.why
    assert heard.server_error == isinstance(answer, InDoubt)
    assert heard.not_before == (LATER if isinstance(answer, NotSent | TurnedAway) else None)
    assert heard.status == (429 if isinstance(answer, TurnedAway) else None)


def test_a_refusal_gives_the_partner_s_reason_where_there_is_one() -> None:
    assert of_send(Refused(REFUSAL, EXCHANGE)).why == "account closed"
    assert of_send(Accepted(REPLY, EXCHANGE)).why == "accepted"


@pytest.mark.parametrize("answer", LOOKED)
def test_a_lookup_counts_from_when_it_was_asked(answer: LookedFor) -> None:
    heard = of_lookup(answer)
    assert heard.looked_up is not None
    assert heard.looked_up.result is LOOKED[answer]
    assert heard.looked_up.asked_at == NOW + SECOND
    assert heard.report == (answer.report if isinstance(answer, Found) else None)
    assert (heard.attempt, heard.result, heard.answer) == (None, None, None)
    assert heard.exchange == answer.exchange
    assert heard.why


@pytest.mark.parametrize("watermark", [True, False])
def test_an_empty_answer_of_a_list_that_lags_counts_only_with_a_watermark(watermark: bool) -> None:
    looked = of_lookup(Absent(NOW, EXCHANGE, watermark), needs_watermark=True).looked_up
    assert looked is not None
    assert looked.result is (LookupResult.ABSENT if watermark else LookupResult.CANNOT_TELL)


def test_a_read_that_told_something_marks_the_news_as_read() -> None:
    told, unanswered, gone = map(of_read, READ)
    assert (told.report, told.inbox_through) == (report(S.PROCESSING, SECOND), 7)
    assert (unanswered.report, unanswered.inbox_through) == (None, 0)
    assert (unanswered.why, unanswered.not_before) == ("503", LATER)
    assert (gone.report, gone.inbox_through) == (None, 0)
    for heard in (told, unanswered, gone):
        assert (heard.attempt, heard.result, heard.looked_up) == (None, None, None)
        assert heard.exchange == EXCHANGE


def test_only_what_is_gone_for_ever_is_called_so() -> None:
    """That it is gone says nothing of what became of it: no report follows from it here."""
    gone = of_read(Gone("deleted after 90 days", NOW, None))
    assert gone.gone
    assert (gone.why, gone.report, gone.not_before) == ("deleted after 90 days", None, None)
    others = [of_send(a) for a in SENT] + [of_lookup(a) for a in LOOKED]
    assert not any(heard.gone for heard in (*others, *map(of_read, READ[:2])))


def test_what_lies_outside_the_known_contract_is_said() -> None:
    drift = ("payment.id: missing",)
    said = "no usable answer (outside the known contract: payment.id: missing)"
    assert of_send(InDoubt("no usable answer", drift=drift)).why == said
    assert of_read(Unanswered("no usable answer", drift=drift)).why == said


ALL = (*map(of_send, SENT), *map(of_lookup, LOOKED), *map(of_read, READ))


@pytest.mark.parametrize("heard", ALL)
def test_it_can_be_carried_until_the_store_is_back(heard: Heard) -> None:
    assert Heard.model_validate_json(heard.model_dump_json()) == heard
