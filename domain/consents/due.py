"""What is due for a consent now: a pure table, which the store reads after every step."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Final

from domain.consents.instructions import ConsentInstruction
from domain.consents.report import ConsentState
from domain.consents.view import ConsentView
from domain.lifecycle.due import for_people, read, step_of
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.next_step import Due, Owed

#: While a user is at the bank's page, the pause between two reads grows only to that of this read.
_READS_WHILE_ASKED: Final = 4
#: Instructions that ask the user. None of them is sent once the consent is to end.
_ASKING_THE_USER: Final = (ConsentInstruction.RENEW, ConsentInstruction.ANSWER)


def due(view: ConsentView, now: datetime) -> Due:
    """The one thing that is due now. A wait ends at `until` or when news comes."""
    consent = view.consent
    if view.opening is None:
        return for_people(view, now)
    can_read = consent.partner_reference is not None
    if consent.is_over:
        if view.has_news and can_read:
            return read(view, now)
        return Due(Owed.OVER, f"{consent.state}")
    if late := _was_abandoned(view, now):
        return Due(Owed.GIVE_UP, late)
    waits = []
    for instruction in view.instructions:
        if view.cancel_asked and instruction.kind in _ASKING_THE_USER:
            continue
        step = step_of(view, instruction, now)
        if step and step.owed is not Owed.WAIT:
            return step
        if step and kind_of(instruction.kind).opens:
            return step  # Before the partner has it, nothing else is due.
        waits += [step] if step else []
    if can_read:
        waits.append(read(_impatient(view, now), now, moments=_moments(view)))
    if not waits:
        waits.append(for_people(view, now))
    return _before_deadline(view, min(waits, key=lambda each: each.until or now))


def deadline_of(view: ConsentView) -> datetime | None:
    """The deadline of whatever the consent waits for; None if nothing limits it."""
    consent, opening = view.consent, view.opening
    if consent.is_over or opening is None:
        return None
    if not opening.book.answered:
        return view.submit_before
    return _asked_until(view) or consent.usable_until


def _asked_until(view: ConsentView) -> datetime | None:
    """Until when the user can authorise it; None if nobody waits for the user alone.

    Other signatories may take days, and the bank alone knows how many.
    """
    consent = view.consent
    if consent.state is not ConsentState.AWAITING_USER or consent.granted_at is not None:
        return None
    limits = (consent.action_until, view.execute_by)
    return min((at for at in limits if at is not None), default=None)


def _was_abandoned(view: ConsentView, now: datetime) -> str:
    """Why a request is given up, if no end was asked for yet; empty if it is not.

    The clock does not end it. It makes the end at the partner due, after the partner was asked once
    more and still waits for the user.
    """
    until, asked_at = _asked_until(view), view.last_asked_at
    if view.cancel_asked or until is None or asked_at is None:
        return ""
    return "the user did not authorise it in time" if until <= asked_at <= now else ""


def _before_deadline(view: ConsentView, step: Due) -> Due:
    """The wait, or the shorter one until the user's time is over."""
    until = _asked_until(view)
    asked_at = view.last_asked_at
    if step.owed is not Owed.WAIT or step.until is None or until is None or view.cancel_asked:
        return step
    if asked_at is not None and asked_at >= until:
        return step
    return step if step.until <= until else replace(step, until=until)


def _moments(view: ConsentView) -> Iterator[tuple[datetime, str]]:
    """When the partner is asked, whatever the pause between two reads."""
    consent = view.consent
    if not view.cancel_asked and (until := _asked_until(view)) is not None:
        yield until, "the user's deadline"
    if consent.reauth_by is not None:
        yield consent.reauth_by, "the user has to confirm it again"
    if consent.valid_until is not None:
        yield consent.valid_until, "the end of what was granted"
    for notice in consent.notices:
        yield notice, "it is time to ask the user to renew it"


def _impatient(view: ConsentView, now: datetime) -> ConsentView:
    """The view as if few reads had been made, while a user may be at the bank's page."""
    until = view.consent.action_until if view.consent.is_renewing else _asked_until(view)
    if until is None or now >= until:
        return view
    return view.model_copy(update={"reads": min(view.reads, _READS_WHILE_ASKED)})
