"""The fold of a consent: any order, any repetition, and nothing more hopeful than was said."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.consents.consent import Consent, Needs
from domain.consents.fold import CONFIRMED, DECLINED, REPLACED
from domain.consents.report import Action, ActionKind, ConsentState, Report, Source
from domain.consents.states import ENDS, STATES
from domain.lifecycle.grants import Grant
from domain.lifecycle.resource import Certainty, FindingKind, Instruction
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed
from tests.domain.consents.samples import (
    ANSWER,
    ASK,
    DAY,
    HOUR,
    NOW,
    RENEW,
    REVOKE,
    SECOND,
    TAKEN,
    WITH_US,
    attempt,
    book,
    folded,
    grant,
    instruction,
    report,
)

S = ConsentState
IN_DOUBT = book(attempt())

days = st.integers(0, 200).map(lambda number: number * DAY)
moments = days.map(lambda after: NOW + after)
grants = st.builds(
    Grant,
    permissions=st.sampled_from([None, ("balances",), ("transactions", "balances")]),
    accounts=st.sampled_from([None, (), grant("a").accounts, grant("b", "a").accounts]),
    valid_until=st.one_of(st.none(), moments),
    per_day=st.sampled_from([None, 2, 9]),
    authenticated_at=st.one_of(st.none(), moments),
)
actions = st.builds(
    Action, kind=st.sampled_from(ActionKind), expires_at=st.one_of(st.none(), moments)
)
partner_words = st.builds(
    Report,
    instruction_id=st.sampled_from([ASK, ASK, RENEW, ANSWER, REVOKE, "con_1/ask/9"]),
    source=st.sampled_from([Source.REPLY, Source.READ, Source.STATEMENT]),
    as_of=moments,
    try_number=st.integers(1, 2),
    attempt=st.sampled_from([None, 1]),
    state=st.one_of(st.none(), st.sampled_from(S)),
    partner_status=st.sampled_from(["one", "two"]),
    partner_reference=st.sampled_from([None, "c-1", "c-1", "c-2"]),
    drift=st.sampled_from([(), ("new field",)]),
    action=st.one_of(st.none(), actions),
    grant=st.one_of(st.none(), grants),
)
our_words = st.builds(
    Report,
    instruction_id=st.just(ASK),
    source=st.just(Source.GATE),
    as_of=moments,
    state=st.sampled_from([None, None, S.SUPERSEDED]),
    partner_status=st.sampled_from([CONFIRMED, DECLINED, REPLACED]),
)
decisions = st.builds(
    Report,
    instruction_id=st.just(ASK),
    source=st.just(Source.DECISION),
    as_of=moments,
    state=st.one_of(st.none(), st.sampled_from(S)),
    partner_status=st.just("found executed, says ann"),
    settles=st.sampled_from([(), ("the partner's word 'one'",), ("2 consents at the partner",)]),
    decided_on=st.one_of(st.none(), st.sampled_from(S)),
)
reports = st.one_of(partner_words, partner_words, partner_words, our_words, decisions)
books = st.sampled_from(
    [
        book(),
        TAKEN,
        IN_DOUBT,
        book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED),
        book(attempt(result=AttemptResult.NOT_SENT), closed=Closed.EXPIRED),
        book(attempt(answer=Answer.ACCEPTED), closed=Closed.CANCELLED),
        book(attempt(), closed=Closed.NOT_EXECUTED),
    ]
)
besides = st.lists(
    st.builds(instruction, st.sampled_from([RENEW, ANSWER, REVOKE]), books),
    max_size=3,
    unique_by=lambda each: each.instruction_id,
).map(tuple)


def _folded(told: list[Report], of: Book, beside: tuple[Instruction, ...], uk: bool) -> Consent:
    more: dict[str, Any] = {"terms": WITH_US} if uk else {}
    return folded(*told, of=of, beside=beside, **more)


@given(
    st.lists(reports, max_size=8), books, besides, st.booleans(), st.randoms(use_true_random=False)
)
def test_neither_order_nor_repetition_nor_portions_of_the_reports_matter(
    told: list[Report],
    of: Book,
    beside: tuple[Instruction, ...],
    uk: bool,
    chance: random.Random,
) -> None:
    whole = _folded(told, of, beside, uk)
    shuffled = [*told, *chance.choices(told, k=3)] if told else []
    chance.shuffle(shuffled)
    assert _folded(shuffled, of, beside, uk) == whole
    cut = len(told) // 2
    assert _folded([*told[cut:], *told[:cut]], of, beside, uk) == whole


@given(st.lists(reports, max_size=8), books, besides, st.booleans())
def test_whatever_is_told_nothing_is_read_without_a_grant(
    told: list[Report], of: Book, beside: tuple[Instruction, ...], uk: bool
) -> None:
    """It never raises, it survives storing, and data is read only where everything allows it."""
    consent = _folded(told, of, beside, uk)
    assert Consent.model_validate_json(consent.model_dump_json()) == consent
    said = {each.state for each in told}
    from_books = {S.DRAFT, S.EXPIRED, S.REVOKED_BY_US, S.REJECTED}
    assert consent.state in said | from_books | {S.EXPIRED, S.NEEDS_REAUTH}
    if consent.is_frozen or (of.in_doubt and consent.state not in ENDS):
        assert consent.certainty is Certainty.UNKNOWN
    for at in (NOW, NOW + 100 * DAY, NOW + 1000 * DAY):
        if not consent.not_readable(at):
            assert consent.state is S.ACTIVE
            assert consent.certainty is Certainty.SENT
            assert consent.valid_until is None or at < consent.valid_until
            assert consent.reauth_by is None or at < consent.reauth_by
    assert (consent.needs is not None) == (consent.state is S.NEEDS_REAUTH and _by_words(told))
    assert consent.per_day <= 4


def _by_words(told: list[Report]) -> bool:
    """Whether the bank said anything at all: people alone cannot say what a user has to do."""
    return any(r.source in (Source.REPLY, Source.READ) and r.state is not None for r in told)


def test_what_is_granted_is_folded_and_compared_with_what_was_asked() -> None:
    until = NOW + 90 * DAY
    consent = folded(
        report(S.AWAITING_USER),
        report(S.ACTIVE, HOUR, grant=grant("a", "b", valid_until=until, permissions=("balances",))),
        report(S.ACTIVE, DAY, grant=grant("a", valid_until=until - 83 * DAY)),
        valid_until=NOW + 180 * DAY,
    )
    assert consent.grant.accounts == grant("a").accounts
    assert consent.grant.permissions == ("balances",)
    assert consent.valid_until == NOW + 7 * DAY
    assert consent.granted_at == consent.authenticated_at == NOW + HOUR
    assert [(each.at - NOW, each.text) for each in consent.changes] == [
        (HOUR, "it ends earlier: 2026-05-31, not 2026-08-29"),
        (HOUR, "permission transactions was taken out"),
        (DAY, "it ends earlier: 2026-03-09, not 2026-05-31"),
        (DAY, "account b was taken out"),
    ]


def test_a_grant_without_accounts_is_read_no_more() -> None:
    consent = folded(report(S.ACTIVE, grant=Grant(accounts=())))
    assert consent.not_readable(NOW) == "the consent covers no account any more"


def test_a_bank_that_says_authorised_after_the_grant_has_ended_lets_it_expire() -> None:
    ends: dict[str, Any] = {"grant": grant("a", valid_until=NOW + 90 * DAY)}
    assert folded(report(S.ACTIVE, **ends), report(S.ACTIVE, 89 * DAY)).state is S.ACTIVE
    late = folded(report(S.ACTIVE, **ends), report(S.ACTIVE, 90 * DAY))
    assert late.state is S.EXPIRED
    assert late.is_over
    longer = report(S.ACTIVE, 90 * DAY, grant=grant("a", valid_until=NOW + 120 * DAY))
    assert folded(report(S.ACTIVE, **ends), longer).state is S.ACTIVE


def test_authentication_counts_as_long_as_the_regime_says_and_is_renewed() -> None:
    old = folded(report(S.ACTIVE), report(S.ACTIVE, 180 * DAY))
    assert (old.state, old.needs) == (S.NEEDS_REAUTH, Needs.AUTHENTICATION)
    again = grant("a", authenticated_at=NOW + 181 * DAY)
    new = folded(
        report(S.ACTIVE), report(S.ACTIVE, 180 * DAY), report(S.ACTIVE, 182 * DAY, grant=again)
    )
    assert new.state is S.ACTIVE
    assert new.reauth_by == NOW + 361 * DAY


def test_a_confirmation_with_us_counts_where_the_regime_says_so() -> None:
    quiet = [report(S.ACTIVE), report(S.ACTIVE, 90 * DAY)]
    confirmed = report(None, 91 * DAY, source=Source.GATE, partner_status=CONFIRMED)
    assert folded(*quiet, terms=WITH_US).needs is Needs.CONFIRMATION
    assert folded(*quiet, confirmed, terms=WITH_US).state is S.ACTIVE
    assert folded(*quiet, confirmed, terms=WITH_US).reauth_by == NOW + 181 * DAY
    assert folded(report(S.ACTIVE), report(S.ACTIVE, 180 * DAY), confirmed).state is S.NEEDS_REAUTH


def test_a_confirmation_with_us_is_not_what_a_bank_asks_for() -> None:
    confirmed = report(None, 2 * DAY, source=Source.GATE, partner_status=CONFIRMED)
    asked = folded(report(S.ACTIVE), report(S.NEEDS_REAUTH, DAY), confirmed, terms=WITH_US)
    assert (asked.state, asked.needs) == (S.NEEDS_REAUTH, Needs.AUTHENTICATION)
    repaired = folded(report(S.ACTIVE), report(S.NEEDS_REAUTH, DAY), report(S.ACTIVE, 2 * DAY))
    assert repaired.authenticated_at == NOW + 2 * DAY


def test_a_consent_for_one_read_needs_no_new_authentication() -> None:
    once = folded(report(S.ACTIVE), report(S.ACTIVE, 200 * DAY), recurring=False)
    assert (once.state, once.reauth_by, once.notices) == (S.ACTIVE, None, ())


def test_to_ask_the_user_again_takes_nothing_away() -> None:
    page = Action(kind=ActionKind.REDIRECT, expires_at=NOW + 2 * DAY)
    renewal = report(S.AWAITING_USER, DAY, source=Source.REPLY, instruction_id=RENEW, action=page)
    beside = (instruction(RENEW),)
    asked = folded(report(S.ACTIVE), renewal, report(S.ACTIVE, DAY + HOUR), beside=beside)
    assert (asked.state, asked.is_renewing, asked.action) == (S.ACTIVE, True, page)
    again = report(S.ACTIVE, DAY + 2 * HOUR, grant=Grant(authenticated_at=NOW + DAY + HOUR))
    done = folded(report(S.ACTIVE), renewal, again, beside=beside)
    assert (done.is_renewing, done.action) == (False, None)
    refused = report(None, DAY, source=Source.REPLY, instruction_id=RENEW, reason="no")
    said = folded(report(S.ACTIVE), refused, beside=beside)
    assert (said.state, said.declined, said.is_frozen) == (S.ACTIVE, "no", False)


def test_what_the_user_brought_back_authenticates_by_the_banks_reply() -> None:
    reply = report(S.ACTIVE, HOUR, source=Source.REPLY, instruction_id=ANSWER)
    consent = folded(report(S.AWAITING_USER), reply, beside=(instruction(ANSWER),))
    assert (consent.state, consent.authenticated_at) == (S.ACTIVE, NOW + HOUR)


def test_a_refusal_to_end_it_leaves_it_as_it_was() -> None:
    beside = (instruction(REVOKE, book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED)),)
    refused = report(None, DAY, source=Source.REPLY, instruction_id=REVOKE)
    consent = folded(report(S.ACTIVE), refused, beside=beside)
    assert (consent.state, consent.findings) == (S.ACTIVE, ())


def test_a_good_word_after_an_end_is_a_contradiction_until_the_end_is_said_again() -> None:
    lagging = (report(S.REVOKED_BY_USER), report(S.ACTIVE, SECOND))
    consent = folded(*lagging)
    assert (consent.state, consent.certainty) == (S.REVOKED_BY_USER, Certainty.UNKNOWN)
    assert not folded(*lagging, report(S.REVOKED_BY_USER, 2 * SECOND)).is_frozen


def test_a_newer_consent_explains_why_the_bank_ended_this_one() -> None:
    replaced = report(S.SUPERSEDED, DAY, source=Source.GATE, partner_status=REPLACED)
    for words in (
        (replaced,),
        (report(S.EXPIRED, HOUR), replaced),
        (replaced, report(S.EXPIRED, 2 * DAY)),
    ):
        consent = folded(report(S.ACTIVE), *words)
        assert (consent.state, consent.findings) == (S.SUPERSEDED, ())


def test_an_unknown_word_keeps_the_state_and_stops_reading_until_it_is_understood() -> None:
    odd = folded(report(S.ACTIVE), report(None, DAY, partner_status="ODD"))
    assert (odd.state, odd.certainty) == (S.ACTIVE, Certainty.UNKNOWN)
    assert odd.not_readable(NOW + DAY)
    assert {found.kind for found in odd.findings} == {FindingKind.UNMAPPED}
    later = folded(
        report(S.ACTIVE), report(None, DAY, partner_status="ODD"), report(S.ACTIVE, 2 * DAY)
    )
    assert not later.findings
    assert later.closed_findings


@pytest.mark.parametrize(
    ("closed", "state"),
    [
        (Closed.EXPIRED, S.EXPIRED),
        (Closed.CANCELLED, S.REVOKED_BY_US),
        (Closed.REFUSED, S.REJECTED),
        (Closed.NOT_EXECUTED, S.REJECTED),
    ],
)
def test_a_request_that_was_closed_before_an_answer_has_ended(
    closed: Closed, state: ConsentState
) -> None:
    consent = folded(of=book(attempt(), closed=closed))
    assert (consent.state, consent.certainty) == (state, Certainty.NOT_SENT)


def test_one_attempt_refused_says_nothing_of_the_others() -> None:
    refused = report(S.REJECTED, source=Source.REPLY, partner_reference=None, attempt=2)
    taken = book(attempt(answer=Answer.ACCEPTED), attempt(2, answer=Answer.REFUSED))
    consent = folded(refused, report(S.AWAITING_USER, SECOND), of=taken)
    assert consent.state is S.AWAITING_USER
    assert {found.kind for found in consent.findings} == {FindingKind.REPEAT_REFUSED}


def test_a_user_who_comes_back_with_an_error_may_still_confirm() -> None:
    no = report(None, HOUR, source=Source.GATE, partner_status=DECLINED, reason="access_denied")
    assert folded(report(S.AWAITING_USER), no).declined == "access_denied"
    assert folded(report(S.AWAITING_USER), no, report(S.ACTIVE, 2 * HOUR)).declined is None


def test_no_more_reads_a_day_than_law_bank_and_app_allow() -> None:
    generous = report(S.ACTIVE, grant=Grant(per_day=9))
    assert folded(generous).per_day == 4
    assert folded(report(S.ACTIVE, grant=Grant(per_day=2))).per_day == 2
    assert folded(generous, per_day=1).per_day == 1


def test_people_are_asked_in_time() -> None:
    consent = folded(report(S.ACTIVE, grant=grant("a", valid_until=NOW + 100 * DAY)))
    assert consent.usable_until == NOW + 100 * DAY
    assert [at - NOW for at in consent.notices] == [86 * DAY, 97 * DAY]
    assert STATES[consent.state].was_granted


def test_two_consents_at_the_partner_are_a_question_to_people() -> None:
    consent = folded(report(S.AWAITING_USER), report(S.ACTIVE, DAY, partner_reference="c-2"))
    assert consent.is_frozen
    assert consent.not_readable(NOW + DAY)


def test_the_granted_time_counts_from_the_first_word_even_if_it_repeats() -> None:
    consent = folded(report(S.ACTIVE), *(report(S.ACTIVE, timedelta(days=n)) for n in range(1, 9)))
    assert consent.authenticated_at == NOW
