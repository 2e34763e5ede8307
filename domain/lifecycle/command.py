"""Commands: what people and apps may ask of a resource, and the possible outcomes."""

from __future__ import annotations

from enum import StrEnum


class CommandKind(StrEnum):
    """What is asked."""

    CANCEL = "cancel"
    """Do not pay it; take it back if that is still possible."""
    EXECUTED = "executed"
    """An operator found that the partner executed it."""
    ABANDON = "abandon"
    """An operator gives the payment up: as cancel, and a settled payment is read no more."""
    NOT_EXECUTED = "not_executed"
    """Two operators found, with evidence, that the partner did not execute it."""
    RENEW = "renew"
    """Have the user confirm a consent again."""


class Outcome(StrEnum):
    """The outcome of a command so far."""

    ASKED = "asked"
    """Recorded; the resource's next steps bring the answer."""
    PROPOSED = "proposed"
    """One operator signed; another one has to sign as well."""
    DONE = "done"
    TOO_LATE = "too_late"
    """The resource had already moved on."""
    REFUSED = "refused"
    """The partner did not take it back."""
    IMPOSSIBLE = "impossible"
    """The partner offers no way to take anything back."""


#: Commands that take a resource back.
TAKING_BACK = frozenset({CommandKind.CANCEL, CommandKind.ABANDON})
