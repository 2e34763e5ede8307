"""What is due for a payment now: a pure table, which the store reads after every step."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from domain.clock import is_after
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.next_step import Due, Owed
from domain.lifecycle.sending import Move, next_move
from domain.lifecycle.turns import FIRST_READS, Line
from domain.payments.aftermath import evidence_wanted
from domain.payments.future import has_future
from domain.payments.payment import Instruction, Payment
from domain.payments.states import CANCELLABLE, STATES
from domain.payments.view import PaymentView

#: Why a step is due although its book would wait: the wait would last as long as a clock was ahead.
_AHEAD: Final = "one of its recorded times lies in the future, and is corrected"

#: How long news waits at most for its read: not long, but no busy loop while the partner is down.
NEWS_PAUSE_MAX: Final = timedelta(minutes=1)


def due(view: PaymentView, now: datetime) -> Due:
    """The one thing that is due now.

    A wait ends at `until` or when news comes, whichever is first. Whether anything is sent is not
    decided here: `next_move` decides it under the payment's lock, just before the send. Here its
    answer only says whether a step is due, or how long to wait.
    """
    payment = view.payment
    if _paying(view) is None:
        return _wait(view, now, "its instruction, which is missing from the database")
    can_read = payment.partner_reference is not None
    if payment.is_over:
        if view.has_news and can_read:
            return _read(view, now)
        return Due(Owed.OVER, f"{payment.state}")
    if late := _is_past_its_deadline(view, now):
        return Due(Owed.GIVE_UP, late)
    waits = []
    for instruction in view.instructions:
        step = _step(view, instruction, now)
        if step and step.owed is not Owed.WAIT:
            return step
        if step and kind_of(instruction.kind).opens:
            return _before_deadline(view, step)  # Before the payment is sent, nothing else is due.
        waits += [step] if step else []
    if can_read:
        waits.append(_read(view, now))
    if not waits:
        waits.append(_wait(view, now, f"a person has to look{_frozen(view)}"))
    return _before_deadline(view, min(waits, key=lambda wait: wait.until or now))


def _step(view: PaymentView, instruction: Instruction, now: datetime) -> Due | None:
    """What is due by the instruction's own book. None: it is closed, answered or frozen.

    A freeze or a halt does not stop a cancel, because taking a payment back moves no money out.
    """
    can_be_stopped = kind_of(instruction.kind).moves_money_out
    if view.payment.is_frozen and can_be_stopped:
        return None
    operation = view.profile.operation(instruction.kind)
    halted = view.halted and can_be_stopped
    step = next_move(operation, instruction.book, now, halted=halted)
    ours = Due(Owed.INSTRUCT, step.because, instruction_id=instruction.instruction_id)
    match step.move:
        case Move.EXPIRE | Move.CANCEL | Move.CLOSE:  # These need no partner.
            return ours
        case Move.SEND | Move.LOOK_UP | Move.CHECK:
            return _blocked(view, now) or ours
        case Move.WAIT if has_future(instruction.book, now):
            # The wait would last as long as a clock was ahead, so a step corrects the book first.
            return _blocked(view, now) or replace(ours, because=_AHEAD)
        case Move.WAIT:
            return _wait(view, now, step.because, step.until)
        case Move.PARK:
            return _wait(view, now, f"parked: {step.because}")
        case Move.STORED | Move.NOTHING:
            return None


def _is_past_its_deadline(view: PaymentView, now: datetime) -> str:
    """Why it is too late, if no cancel was asked for yet; empty if it is not too late.

    The clock does not cancel it. It makes the cancel command due, and the partner decides.
    """
    if view.cancel_asked or view.payment.state not in CANCELLABLE:
        return ""
    if view.execute_by is not None and now >= view.execute_by:
        return "its deadline for execution has passed"
    until, asked_at = _action_until(view), view.last_asked_at
    # The partner was asked after the deadline, and still waits for the payer.
    if until is not None and asked_at is not None and until <= asked_at <= now:
        return "the payer did not act in time"
    return ""


def _action_until(view: PaymentView) -> datetime | None:
    action = view.payment.action
    return action.expires_at if action is not None else None


def _before_deadline(view: PaymentView, step: Due) -> Due:
    deadline = view.execute_by
    if step.until is None or deadline is None or view.cancel_asked:
        return step
    if view.payment.state not in CANCELLABLE or step.until <= deadline:
        return step
    return replace(step, until=deadline)


def _read(view: PaymentView, now: datetime) -> Due:
    if blocked := _blocked(view, now):
        return blocked
    payment, asked_at = view.payment, view.last_asked_at
    if is_after(asked_at, now):
        # A fast clock dated it. To wait for that moment would hide all news until then.
        asked_at = None
    if asked_at is None:
        return _read_now(view, "the partner has not been asked yet")
    pause = _pause(view)
    at, why = asked_at + pause, f"the partner's next status{_after(payment)}"
    if view.has_news:
        # News that came after the last request is read at once. To avoid a loop, a read that
        # brought nothing waits, and so does a read for news that a fast clock dated in our future.
        is_newer = view.news_at is not None and asked_at < view.news_at <= now
        at = now if is_newer else asked_at + min(pause, NEWS_PAUSE_MAX)
        why = "the partner has news"
    elif payment.is_decided:
        at, why = asked_at + min(pause, NEWS_PAUSE_MAX), "the partner's own confirmation"
    elif watched_until := _watched_until(view):
        # The read that ends the watch has to be sent after it, or it proves nothing.
        at, why = max(watched_until, at), "the watch for returns"
    until = _action_until(view)
    if until is not None and asked_at < until <= at:
        at, why = until, "the payer's deadline"
    turn = turn_at(view)
    if turn is not None and at < turn:
        at, why = turn, f"{why}; its turn in the partner's quota"
    if now >= at:
        return _read_now(view, why)
    return _wait(view, now, f"{why}{_frozen(view)}", at)


def _after(payment: Payment) -> str:
    return f", after {payment.partner_status!r}" if payment.partner_status else ""


def turn_at(view: PaymentView) -> datetime | None:
    """When the payment's read turn comes; None if it has none.

    If the next read belongs in the soon line, such as after news, a turn of the late line is
    dropped.
    """
    turn = view.read_turn
    if turn is None or (turn.line is Line.LATE and read_line(view) is Line.SOON):
        return None
    return turn.at


def read_line(view: PaymentView) -> Line:
    """The line in which the payment's next read waits, if a quota makes it wait."""
    is_waited_for = view.has_news or view.payment.is_decided or view.last_asked_at is None
    return Line.SOON if is_waited_for or view.reads < FIRST_READS else Line.LATE


def deadline_of(view: PaymentView) -> datetime | None:
    """The deadline of whatever the payment waits for; None if nothing limits it.

    It changes with the state, and not with every pause between two reads.
    """
    payment = view.payment
    if payment.is_over:
        return None
    if (paying := _paying(view)) is None:
        return None
    if not paying.book.answered:
        return view.submit_before
    if view.execute_by is not None and payment.state in CANCELLABLE:
        return view.execute_by
    if (until := _action_until(view)) is not None:
        return until
    evidence = [each.deadline for each in evidence_wanted(payment) if each.deadline is not None]
    return min(evidence) if evidence else _watched_until(view)


def _watched_until(view: PaymentView) -> datetime | None:
    payment, watch = view.payment, view.profile.watch.get(view.rail)
    if not STATES[payment.state].is_watched or payment.is_frozen or payment.is_followed:
        return None
    return payment.settled_at + watch if payment.settled_at and watch is not None else None


def _blocked(view: PaymentView, now: datetime) -> Due | None:
    """A wait until we can call the partner again. It also ends when an unsent order expires."""
    if view.not_before is None or now >= view.not_before:
        return None
    until = view.not_before
    if now < view.submit_before:
        until = min(until, view.submit_before)
    return _wait(view, now, view.waiting_for or "our login with the partner", until)


def _wait(view: PaymentView, now: datetime, why: str, until: datetime | None = None) -> Due:
    return Due(Owed.WAIT, why, until or now + view.profile.parked_pause)


def _frozen(view: PaymentView) -> str:
    """Why a person has to look, for the end of a sentence. Reads go on meanwhile."""
    for finding in view.payment.findings:
        if finding.freezes:
            return f" ({finding.kind}: {finding.text})"
    return ""


def _pause(view: PaymentView) -> timedelta:
    """The pause between two reads: longer each time. Read turns may make it longer still."""
    profile = view.profile
    return min(profile.read_pause * (1 << min(view.reads, 20)), profile.read_pause_max)


def _read_now(view: PaymentView, why: str) -> Due:
    paying = _paying(view)
    return Due(Owed.READ, why, instruction_id=paying.instruction_id if paying else None)


def _paying(view: PaymentView) -> Instruction | None:
    """The instruction that opens the payment. None if somebody took it out of the database."""
    return next((each for each in view.instructions if kind_of(each.kind).opens), None)
