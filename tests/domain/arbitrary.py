"""Arbitrary reports, books and views: everything the pure core may ever be asked about."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import strategies as st

from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.lifecycle.sending import Answer, AttemptResult, Book, Closed, LookedUp, LookupResult
from domain.lifecycle.turns import Line, ReadTurn
from domain.payments.report import Movement, MovementKind, Observed, PaymentState, Report, Source
from tests.domain.samples import (
    ACCEPTED_BOOK,
    CANCEL,
    CANCEL_BARE,
    CANCEL_TOLD,
    HOUR,
    INSTRUCTION,
    NOW,
    SECOND,
    attempt,
    book,
    decision,
    euro,
    gate,
    operation,
    view,
)

DAY = timedelta(days=1)

movements = st.builds(
    Movement,
    movement_id=st.sampled_from(["m1", "m2", "m3"]),
    kind=st.sampled_from([MovementKind.DEBIT, MovementKind.FEE, MovementKind.RETURN]),
    amount=st.sampled_from([euro(10_000), euro(9_800), euro(200), euro(0)]),
)
observations = st.builds(
    Observed,
    amount=st.sampled_from([None, None, euro(10_000), euro(1)]),
    creditor_account_ends=st.sampled_from([None, None, "3000", "0001", ""]),
    beneficiary_is_ours=st.sampled_from([None, None, True, False]),
    requested_execution_date=st.sampled_from([None, None, date(2026, 3, 3), date(2026, 3, 2)]),
)
days = st.integers(0, 20).map(lambda number: number * DAY)
partner_words = st.builds(
    Report,
    instruction_id=st.sampled_from([INSTRUCTION, INSTRUCTION, CANCEL, "pay_1/pay/9"]),
    source=st.sampled_from([Source.REPLY, Source.READ, Source.STATEMENT]),
    as_of=days.map(lambda after: NOW + after),
    try_number=st.integers(1, 2),
    attempt=st.sampled_from([None, 1, 2]),
    state=st.one_of(st.none(), st.sampled_from(PaymentState)),
    partner_status=st.sampled_from(["one", "two"]),
    status_reason=st.sampled_from([None, "AC04"]),
    partner_reference=st.sampled_from([None, "ref-1", "ref-1", "ref-2"]),
    observed=observations,
    movements=st.lists(movements, max_size=2).map(tuple),
    lists_all_movements=st.booleans(),
    drift=st.sampled_from([(), ("new field",)]),
)
#: What the checks say, as `gate.Examined` words it.
gate_words = st.builds(
    gate,
    st.sampled_from([PaymentState.CREATED, PaymentState.AWAITING_US, PaymentState.REJECTED]),
    days,
    reason=st.sampled_from(["limit: too much", "approval: nobody yet"]),
)
#: Texts of findings that the words above can lead to, and one that nothing leads to.
SETTLED_TEXTS = (
    "the partner's word 'one'",
    "another beneficiary than the one we named",
    "2 objects at the partner",
    "'one' (settled) after rejected",
    "'two' (accepted) after cancelled",
    "a debit is booked after rejected",
    "a return is booked after cancelled",
    "rejected, but 100.00 EUR were debited and 0.00 EUR returned",
    "nobody ever found that",
)
#: Also of kinds that no command records today, such as a state nobody would decide.
decisions = st.builds(
    decision,
    st.one_of(st.none(), st.sampled_from(PaymentState)),
    days,
    settles=st.lists(st.sampled_from(SETTLED_TEXTS), max_size=4, unique=True).map(tuple),
    partner_reference=st.sampled_from([None, None, "ref-1", "ref-2"]),
    decided_on=st.one_of(st.none(), st.none(), st.sampled_from(PaymentState)),
)
reports = st.one_of(partner_words, partner_words, partner_words, gate_words, decisions)

books = st.sampled_from(
    [
        book(),
        ACCEPTED_BOOK,
        book(attempt()),
        book(attempt(), held=True),
        book(attempt(), attempt(2, answer=Answer.REFUSED)),
        book(attempt(1, AttemptResult.NOT_SENT)),
        book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED),
        book(closed=Closed.REFUSED),
        book(attempt(), closed=Closed.EXPIRED),
        book(closed=Closed.CANCELLED),
        book(attempt(), closed=Closed.NOT_EXECUTED),
    ]
)
#: The book of an instruction that takes the payment back; None where nobody asked for one.
cancel_books = st.sampled_from(
    [
        None,
        None,
        book(),
        ACCEPTED_BOOK,
        book(attempt()),
        book(attempt(answer=Answer.REFUSED), closed=Closed.REFUSED),
        book(attempt(), closed=Closed.MOOT),
    ]
)
operations = st.builds(
    operation,
    idempotency=st.sampled_from(IdempotencyKind),
    lookup=st.sampled_from(LookupKind),
    caches_errors=st.booleans(),
    window=st.sampled_from([None, HOUR]),
)
moments = st.one_of(
    st.integers(-90, 90).map(lambda n: NOW + n * SECOND),
    st.integers(-400, 400).map(lambda n: NOW + n * HOUR),
)
attempts = st.builds(
    attempt,
    result=st.sampled_from([r for r in AttemptResult if r is not AttemptResult.ANSWERED]),
    answer=st.sampled_from([None, None, None, *Answer]),
    opened_at=moments,
    server_error=st.booleans(),
    generation=st.integers(1, 2),
    not_before=st.one_of(st.none(), moments),
)
#: Two empty answers long after everything are what proof looks like, and are rare by chance.
lookups = st.one_of(
    st.builds(LookedUp, asked_at=moments, result=st.sampled_from(LookupResult)),
    st.builds(
        LookedUp,
        asked_at=st.integers(400, 410).map(lambda n: NOW + n * HOUR),
        result=st.just(LookupResult.ABSENT),
    ),
)
#: Any history at all, those included that no run of ours could write.
histories = st.builds(
    lambda tried, looked, rest: Book(
        attempts=tuple(a.model_copy(update={"number": n}) for n, a in enumerate(tried, start=1)),
        lookups=tuple(looked),
        **rest,
    ),
    st.lists(attempts, max_size=4),
    st.lists(lookups, max_size=4),
    st.fixed_dictionaries(
        {
            "submit_before": st.one_of(moments, st.just(NOW + 500 * HOUR)),
            "submit_from": st.one_of(st.none(), st.none(), moments),
            "closed": st.sampled_from([*[None] * 12, *Closed]),
            "reopened": st.sampled_from([*[None] * 12, *Closed]),
            "held": st.sampled_from([*[False] * 12, True]),
            "cancel_asked": st.booleans(),
            "is_gated": st.booleans(),
            "gate_passed_at": st.one_of(st.none(), moments),
        }
    ),
)
any_books = st.one_of(books, histories)
CANCEL_OPERATIONS = st.sampled_from([CANCEL_TOLD, CANCEL_BARE])
views = st.builds(
    lambda told, of, pay, cancel, take_back, rest: view(
        *told, of=of, pay=pay, cancel=cancel, take_back=take_back, **rest
    ),
    st.lists(reports, max_size=4),
    any_books,
    operations,
    st.one_of(cancel_books, histories),
    CANCEL_OPERATIONS,
    st.fixed_dictionaries(
        {
            "last_asked_at": st.one_of(st.none(), moments),
            "reads": st.one_of(st.integers(0, 12), st.integers(0, 10_000)),
            "halted": st.booleans(),
            "cancel_asked": st.booleans(),
            "execute_by": st.one_of(st.none(), moments),
            "not_before": st.one_of(st.none(), st.none(), moments),
            "has_news": st.booleans(),
            "news_at": st.one_of(st.none(), moments),
            "read_turn": st.one_of(
                st.none(), st.builds(ReadTurn, at=moments, line=st.sampled_from(Line))
            ),
        }
    ),
)
