"""What the Temporal UI shows of a run: its details in words, and the search attributes."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from temporalio import workflow
from temporalio.common import SearchAttributeUpdate

from domain.lifecycle.next_step import Labels, NextStep, Owed
from workflows.attributes import (
    CERTAINTY,
    DEADLINE,
    END_TO_END_HASH,
    KIND,
    NO_DEADLINE,
    PARTNER,
    RAIL,
    REQUIRES,
    STATE,
    TENANT,
)

#: How old the search attributes may be at most while the run waits.
_BRIEF: Final = timedelta(seconds=5)


class TemporalUi:
    """What one run shows, and what it has shown so far."""

    def __init__(self) -> None:
        self._attributes: tuple[object, ...] = ()
        self._stale_since: datetime | None = None

    def show(self, known: NextStep, labels: Labels | None, *, edition: int) -> None:
        """Set what the Temporal UI shows. All search attributes change together, and seldom.

        Args:
            labels: what never changes; shown once.
            edition: of the run. The first edition showed every change at once.
        """
        notes = "".join(f"\n- {note}" for note in known.notes)
        workflow.set_current_details(
            f"**{known.headline}** ({known.state}, {known.certainty})\n\n"
            f"Waits: {known.due.in_words}.\n{notes}"
            if known.due.owed is Owed.WAIT
            else f"**{known.headline}** ({known.state})\n{notes}"
        )
        shown = (known.state, known.certainty, known.requires, known.deadline)
        if shown == self._attributes or (edition > 1 and self._is_brief(known)):
            return
        changes: list[SearchAttributeUpdate[Any]] = [
            STATE.value_set(known.state),
            CERTAINTY.value_set(known.certainty),
            REQUIRES.value_set(known.requires),
            DEADLINE.value_set(known.deadline or NO_DEADLINE),
        ]
        if not self._attributes:
            assert labels is not None
            changes += [
                KIND.value_set(labels.kind),
                TENANT.value_set(labels.tenant),
                PARTNER.value_set(labels.partner),
                RAIL.value_set(labels.rail),
                END_TO_END_HASH.value_set(labels.end_to_end_hash),
            ]
        workflow.upsert_search_attributes(changes)
        self._attributes = shown
        self._stale_since = None

    def _is_brief(self, known: NextStep) -> bool:
        """Whether the search attributes may stay as they are: they will soon change again.

        Each change is an event, and a list of workflows is a few seconds old in any case.
        """
        until = known.due.until
        if known.due.owed is not Owed.WAIT or until is None:
            return False
        self._stale_since = self._stale_since or workflow.now()
        return until - self._stale_since < _BRIEF
