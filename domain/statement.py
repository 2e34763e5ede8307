"""What an operator signs: one decision, in a text that says everything it is about.

Whoever has a signature can use it for this text and for nothing else: the tenant, the payment, the
command and what was known of the payment are in it. A signature over less could be replayed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: How old a statement may be when it is recorded; it is signed where it is decided.
SIGNED_WITHIN: Final = timedelta(minutes=15)
#: The same for changes of the operators, which two people sign one after the other.
CHANGED_WITHIN: Final = timedelta(days=7)
_FORM: Final = "finality statement 1"


class StatementKind(StrEnum):
    """What operators decide."""

    EXECUTED = "executed"
    NOT_EXECUTED = "not_executed"
    ABANDON = "abandon"
    ACKNOWLEDGE = "acknowledge"
    """That a new payment is meant besides one that is in doubt."""
    HALT = "halt"
    LIFT = "lift"
    DISMISS = "dismiss"
    """A task: that deliveries which match no payment are nobody's of ours."""
    ADD = "add"
    """Another operator."""
    REMOVE = "remove"
    """An operator."""
    CHANGE_KEY = "change_key"
    """The key of an operator."""


@dataclass(frozen=True)
class Statement:
    """One decision by one operator.

    Attributes:
        by: who decides, in small letters.
        at: when, by the clock of the machine that signs.
        subject: what it is about: a payment's id, a halt, a task's id, an operator's name.
        command_id: makes it one of several decisions about the same subject.
        content: what is decided besides the kind, whole or as a digest.
        about: a digest of what was known of the subject; a statement about less counts no more.
    """

    kind: StatementKind
    by: str
    at: datetime
    subject: str
    tenant: str = ""
    command_id: str = ""
    why: str = ""
    content: str = ""
    about: str = ""

    @property
    def text(self) -> str:
        """The canonical text: equal statements have equal texts, and no two others do."""
        fields = {**asdict(self), "kind": self.kind.value, "at": self.at.isoformat()}
        return json.dumps({"form": _FORM, **fields}, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> Statement:
        """The statement of a text that was kept."""
        fields = json.loads(text)
        del fields["form"]
        kind, at = StatementKind(fields.pop("kind")), datetime.fromisoformat(fields.pop("at"))
        return cls(kind=kind, at=at, **fields)


@dataclass(frozen=True)
class Signed:
    """A statement and the signature of its text, by the operator whom it names."""

    statement: Statement
    signature: bytes


def digest(content: bytes) -> str:
    """What a statement says of something long."""
    return hashlib.sha256(content).hexdigest()
