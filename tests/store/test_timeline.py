"""The timeline: in whose words each thing is, and equal polls as one line."""

from __future__ import annotations

from datetime import datetime, timedelta

from domain.lifecycle.answers import Answered
from domain.lifecycle.gate import Examined, OnHold, Passed
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.payments.gate import CheckKind
from domain.payments.report import PaymentState, Source
from store.timeline import Entry, EntryKind, Timelines
from tests import operators
from tests.clock import SteppedClock
from tests.fakes import profile
from tests.store.books import (
    INSTRUCTION,
    PAYMENT,
    Store,
    accepted,
    exchange,
    in_doubt,
    report,
)
from tests.store.test_intents import give

SECOND = timedelta(seconds=1)
OPERATORS = ("alice", "bob")


async def _entries(store: Store, payment_id: str = PAYMENT) -> list[Entry]:
    return await Timelines(store.database, store.keyring).of(payment_id)


async def _texts(store: Store, kind: EntryKind, payment_id: str = PAYMENT) -> list[str]:
    return [entry.text for entry in await _entries(store, payment_id) if entry.kind is kind]


async def _poll(store: Store, state: PaymentState, times: int = 1) -> None:
    for _ in range(times):
        now = store.clock.step(SECOND)
        await store.read(Answered(report(now, state, source=Source.READ), exchange(now)))


async def test_equal_polls_in_a_row_are_one_line_with_their_number(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now()))
    first = clock.now() + SECOND
    await _poll(store, PaymentState.PROCESSING, 5)
    await _poll(store, PaymentState.SETTLED, 2)
    reads = [e for e in await _entries(store) if e.text.startswith("read:")]
    assert [(entry.times, entry.at, entry.last_at) for entry in reads] == [
        (5, first, first + 4 * SECOND),
        (2, first + 5 * SECOND, first + 6 * SECOND),
    ]
    times = {e.at: e.times for e in await _entries(store) if e.kind is EntryKind.EXCHANGE}
    assert sum(times.values()) == 8, "every poll has its exchange, and so has the send"


async def test_what_a_poll_brought_anew_stands_where_it_happened(store: Store) -> None:
    """Answers that change to and fro are not equal polls in a row."""
    await store.accept()
    await store.begin()
    await store.sent(accepted(store.clock.now()))
    for _ in range(2):
        await _poll(store, PaymentState.AWAITING_PARTNER)
        await _poll(store, PaymentState.ACCEPTED)
    reads = [e for e in await _entries(store) if e.text.startswith("read:")]
    assert [entry.times for entry in reads] == [1, 1, 1, 1]


async def test_our_own_checks_are_not_worded_as_the_partners(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    later = clock.now() + timedelta(hours=1)
    held = Examined(
        clock.now(),
        [
            (CheckKind.APPROVAL, OnHold("the second approval is missing", later)),
            (CheckKind.LIMIT, Passed("within the limit")),
        ],
    )
    await store.book.hold(INSTRUCTION, held)
    clock.step(SECOND)
    await store.begin()
    assert await _texts(store, EntryKind.REPORT) == []
    first, *_, last = await _texts(store, EntryKind.CHECK)
    assert first == "held by our checks: approval: the second approval is missing"
    assert last.startswith("checks passed: approval: none configured")


async def test_commands_say_who_asked_why_and_what_came_of_it(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(cancels=True))
    await store.begin()
    await store.sent(accepted(clock.now()))
    clock.step(SECOND)
    await store.commands.cancel(
        PAYMENT, command_id="c1", by="shop", why="ordered twice", now=clock.now()
    )
    assert await _texts(store, EntryKind.COMMAND) == ["cancel c1, asked by shop: ordered twice"]
    cancel = f"{PAYMENT}/cancel/1"
    await store.begin(cancel)
    assert "cancel: attempt 1 opened: bytes may leave" in await _texts(store, EntryKind.ATTEMPT)
    await _poll(store, PaymentState.PROCESSING)
    assert (await _texts(store, EntryKind.COMMAND))[-1] == "cancel c1: too late"
    closed = "cancel: closed (moot): it is never sent again"
    assert closed in await _texts(store, EntryKind.ATTEMPT)


async def _sign(store: Store, by: str, command_id: str) -> None:
    await operators.not_executed(store.commands,
        PAYMENT, command_id=command_id, by=by, why="asked by telephone", evidence=b"canary letter",
        now=store.clock.step(SECOND),
    )  # fmt: skip


async def test_decisions_are_shown_as_our_own_with_both_names_and_never_the_evidence(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept(as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await store.begin()
    clock.step(3 * SECOND)
    await store.sent(in_doubt())
    await _sign(store, "alice", "n1")
    signed = "not-executed n1, signed by alice, with evidence: asked by telephone"
    open_ = "not-executed n1: another operator has to sign too"
    assert await _texts(store, EntryKind.COMMAND) == [signed, open_]
    await _sign(store, "bob", "n2")
    assert await _texts(store, EntryKind.DECISION) == [
        "found not executed, says alice and bob (rejected): asked by telephone"
    ]
    done = [text for text in await _texts(store, EntryKind.COMMAND) if text.endswith(": done")]
    assert done == ["not-executed n1: done", "not-executed n2: done"]
    assert await _texts(store, EntryKind.REPORT) == []
    assert not any("canary" in entry.text for entry in await _entries(store))


async def test_a_signature_about_less_than_is_known_is_shown_as_void(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    await store.begin()
    await store.sent(accepted(clock.now()))
    await _poll(store, PaymentState.REJECTED)
    await _poll(store, PaymentState.SETTLED)
    await _sign(store, "alice", "n1")
    now = clock.step(SECOND)
    strange = report(now, None, source=Source.READ)
    await store.read(Answered(strange, exchange(now)))
    assert "not-executed n1: void: more is known since" in await _texts(store, EntryKind.COMMAND)


async def test_who_said_that_it_repeats_nothing_is_shown(store: Store) -> None:
    await give(store, 1)
    await give(store, 2, said=(PAYMENT,), operator="alice")
    assert await _texts(store, EntryKind.DECISION, "pay_2") == [
        f"not a repeat of {PAYMENT}, says alice"
    ]


async def test_an_unknown_payment_has_no_timeline(store: Store) -> None:
    assert await _entries(store, "pay_unknown") == []


async def test_an_attempt_whose_process_was_lost_shows_when_it_ended(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    turn = await store.begin()
    assert turn.deadline is not None
    lost = "attempt 1: ended without a result"

    async def ends() -> list[datetime]:
        entries = await Timelines(store.database, store.keyring).of(PAYMENT)
        return [entry.at for entry in entries if entry.text.startswith(lost)]

    assert await ends() == [], "it is under way"
    clock.step(timedelta(minutes=1))
    await store.begin()
    assert await ends() == [turn.deadline.ends_by]
