"""Builds a resource's view from rows. The view decides what is due."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session

from domain.lifecycle.kinds import kind_of
from domain.lifecycle.next_step import Labels
from domain.lifecycle.resource import Instruction
from domain.lifecycle.turns import Line, ReadTurn
from store.books import instructions_of, profile_of
from store.halts import is_halted
from store.inbox import news_at
from store.kind import OfItsKind, StoredKind
from store.references import end_to_end_of
from store.tables.lifecycles import LifecycleRow


def view_of(
    kind: StoredKind,
    session: Session,
    found: LifecycleRow,
    instructions: tuple[Instruction, ...] | None = None,
) -> OfItsKind:
    """The view of a resource, as its kind makes it.

    Args:
        instructions: the resource's instructions, if this transaction has just read them.
    """
    return view_from(
        kind,
        found,
        instructions_of(session, found) if instructions is None else instructions,
        halted=is_halted(session, found),
        news=news_at(session, found.resource_id),
    )


def view_from(
    kind: StoredKind,
    found: LifecycleRow,
    instructions: tuple[Instruction, ...],
    *,
    halted: bool,
    news: datetime | None = None,
) -> OfItsKind:
    """The view of a resource whose instructions, halts and news the caller knows.

    Args:
        halted: whether a halt in force covers it.
        news: when the newest delivery that no read has covered yet arrived.
    """
    shared = {
        "tenant": found.tenant,
        "resource_id": found.resource_id,
        "partner": found.partner,
        "rail": found.rail,
        "submit_before": found.submit_before,
        "profile": profile_of(found),
        "instructions": instructions,
        "last_asked_at": found.last_asked_at,
        "reads": found.reads,
        "halted": halted,
        "cancel_asked": found.cancel_asked_at is not None,
        "execute_by": found.execute_by,
        "read_turn": _read_turn(found),
        "not_before": found.not_before,
        "waiting_for": found.waiting_for,
        "has_news": news is not None,
        "news_at": news,
    }
    return kind.view(kind.folded(found.folded_json), shared)


def labels_of(session: Session, found: LifecycleRow, instructions: Iterable[Instruction]) -> Labels:
    """What never changes about a resource."""
    opening = next((i.instruction_id for i in instructions if kind_of(i.kind).opens), "")
    return Labels(
        kind=found.kind,
        tenant=found.tenant,
        partner=found.partner,
        rail=found.rail,
        end_to_end_hash=end_to_end_of(session, opening),
    )


def _read_turn(found: LifecycleRow) -> ReadTurn | None:
    if found.read_turn_at is None or found.read_line is None:
        return None
    return ReadTurn(at=found.read_turn_at, line=Line(found.read_line))
