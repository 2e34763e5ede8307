"""What can be due for a resource of any kind: a step by a book, a read, or a wait."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from domain.clock import is_after
from domain.lifecycle.future import has_future
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.next_step import Due, Owed
from domain.lifecycle.resource import Folded, Instruction
from domain.lifecycle.sending import Move, next_move
from domain.lifecycle.turns import FIRST_READS, Line
from domain.lifecycle.view import View

#: Why a step is due although its book would wait: the wait would last as long as a clock was ahead.
_AHEAD: Final = "one of its recorded times lies in the future, and is corrected"

#: The longest pause before news is read: short, but no busy loop while the partner is down.
NEWS_PAUSE_MAX: Final = timedelta(minutes=1)


def step_of(view: View, instruction: Instruction, now: datetime) -> Due | None:
    """What is due by the instruction's own book. None: it is closed, answered or frozen.

    A freeze or a halt does not stop a cancel, because taking something back moves no money out.
    """
    can_be_stopped = kind_of(instruction.kind).moves_money_out
    if view.folded.is_frozen and can_be_stopped:
        return None
    operation = view.profile.operation(instruction.kind)
    halted = view.halted and can_be_stopped
    step = next_move(operation, instruction.book, now, halted=halted)
    ours = Due(Owed.INSTRUCT, step.because, instruction_id=instruction.instruction_id)
    match step.move:
        case Move.EXPIRE | Move.CANCEL | Move.CLOSE:  # These need no partner.
            return ours
        case Move.SEND | Move.LOOK_UP | Move.CHECK:
            return blocked(view, now) or ours
        case Move.WAIT if has_future(instruction.book, now):
            # The wait would last as long as a clock was ahead, so a step corrects the book first.
            return blocked(view, now) or replace(ours, because=_AHEAD)
        case Move.WAIT:
            return wait(view, now, step.because, step.until)
        case Move.PARK:
            return wait(view, now, f"parked: {step.because}")
        case Move.STORED | Move.NOTHING:
            return None


def read(
    view: View,
    now: datetime,
    watched_until: datetime | None = None,
    moments: Iterable[tuple[datetime, str]] = (),
) -> Due:
    """The read that is due, or the wait for it.

    Args:
        watched_until: the next read is of use only from then on.
        moments: at each of these the partner is read too, for the reason beside it.
    """
    if (kept := blocked(view, now)) is not None:
        return kept
    folded, asked_at = view.folded, view.last_asked_at
    if is_after(asked_at, now):
        # A fast clock dated it. To wait for that moment would hide all news until then.
        asked_at = None
    if asked_at is None:
        return _read_now(view, "the partner has not been asked yet")
    pause = _pause(view)
    at, why = asked_at + pause, f"the partner's next status{_after(folded)}"
    if view.has_news:
        # News that came after the last request is read at once. To avoid a loop, a read that
        # brought nothing waits, and so does a read for news that a fast clock dated in our future.
        is_newer = view.news_at is not None and asked_at < view.news_at <= now
        at = now if is_newer else asked_at + min(pause, NEWS_PAUSE_MAX)
        why = "the partner has news"
    elif folded.is_decided:
        at, why = asked_at + min(pause, NEWS_PAUSE_MAX), "the partner's own confirmation"
    elif watched_until is not None:
        # The read that ends the watch has to be sent after it, or it proves nothing.
        at, why = max(watched_until, at), "the watch for returns"
    until = folded.action_until
    mine = ((until, "the user's deadline"),) if until is not None else ()
    for moment, because in (*mine, *moments):
        if asked_at < moment <= at:
            at, why = moment, because
    turn = turn_at(view)
    if turn is not None and at < turn:
        at, why = turn, f"{why}; its turn in the partner's quota"
    if now >= at:
        return _read_now(view, why)
    finding = _frozen(view)
    return wait(view, now, f"{why} ({finding})" if finding else why, at)


def _after(folded: Folded) -> str:
    return f", after {folded.partner_status!r}" if folded.partner_status else ""


def turn_at(view: View) -> datetime | None:
    """When the read turn comes; None if it has none.

    If the next read belongs in the soon line, such as after news, a turn of the late line is
    dropped.
    """
    turn = view.read_turn
    if turn is None or (turn.line is Line.LATE and read_line(view) is Line.SOON):
        return None
    return turn.at


def read_line(view: View) -> Line:
    """The line in which the next read waits, if a quota makes it wait."""
    is_waited_for = view.has_news or view.folded.is_decided or view.last_asked_at is None
    return Line.SOON if is_waited_for or view.reads < FIRST_READS else Line.LATE


def blocked(view: View, now: datetime) -> Due | None:
    """A wait until we can call the partner again. It also ends when an unsent request expires."""
    if view.not_before is None or now >= view.not_before:
        return None
    until = view.not_before
    if now < view.submit_before:
        until = min(until, view.submit_before)
    return wait(view, now, view.waiting_for or "our login with the partner", until)


def wait(view: View, now: datetime, why: str, until: datetime | None = None) -> Due:
    return Due(Owed.WAIT, why, until or now + view.profile.parked_pause)


def for_people(view: View, now: datetime) -> Due:
    """A wait for people, since nothing that we could send or read moves the resource on."""
    if view.opening is None:
        why = "its instruction is missing from the database"
    else:
        why = _frozen(view) or "the partner was asked, and what it answered names nothing to read"
    return replace(wait(view, now, f"a person has to look ({why})"), is_for_people=True)


def _frozen(view: View) -> str:
    """The first finding that freezes the resource; empty if there is none."""
    found = (f"{each.kind}: {each.text}" for each in view.folded.findings if each.freezes)
    return next(found, "")


def _pause(view: View) -> timedelta:
    """The pause between two reads: longer each time. Read turns may make it longer still."""
    profile = view.profile
    return min(profile.read_pause * (1 << min(view.reads, 20)), profile.read_pause_max)


def _read_now(view: View, why: str) -> Due:
    opening = view.opening
    return Due(Owed.READ, why, instruction_id=opening.instruction_id if opening else None)
