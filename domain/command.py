"""Commands: what people and apps may ask of a payment, and what can come of it."""

from __future__ import annotations

from enum import StrEnum


class CommandKind(StrEnum):
    """What is asked."""

    CANCEL = "cancel"
    """Do not pay it; take it back where that is still possible."""
    EXECUTED = "executed"
    """An operator found that the partner executed it."""
    ABANDON = "abandon"
    """An operator wants nothing more of it: as cancel; what is settled is asked about no more."""
    NOT_EXECUTED = "not_executed"
    """Two operators found, with evidence, that the partner did not execute it."""


class Outcome(StrEnum):
    """What came of it so far."""

    ASKED = "asked"
    """Recorded; the payment's next steps bring the answer."""
    PROPOSED = "proposed"
    """One operator signed; another has to."""
    DONE = "done"
    TOO_LATE = "too_late"
    """The payment had moved on."""
    REFUSED = "refused"
    """The partner did not take it back."""
    IMPOSSIBLE = "impossible"
    """The partner offers no way to take anything back."""


#: Commands that take a payment back.
TAKING_BACK = frozenset({CommandKind.CANCEL, CommandKind.ABANDON})
