"""The text that an operator signs: one decision, with everything it is about.

A signature is good for this decision and for nothing else, because the tenant, the payment, the
command and what was known of the payment are in the text. A signature over less could be replayed.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

#: How old a statement may be when it is recorded; it is normally signed just before.
SIGNED_WITHIN: Final = timedelta(minutes=15)
#: The same for changes to the operators, which two people sign one after the other.
CHANGED_WITHIN: Final = timedelta(days=7)
_FORM: Final = "finality statement 1"


class StatementKind(StrEnum):
    """What operators decide."""

    EXECUTED = "executed"
    NOT_EXECUTED = "not_executed"
    ABANDON = "abandon"
    ACKNOWLEDGE = "acknowledge"
    """A new payment is intended as well as an earlier one that is in doubt."""
    HALT = "halt"
    LIFT = "lift"
    DISMISS = "dismiss"
    """Close a task: its deliveries, which match no payment, are not about a payment of ours."""
    ADD = "add"
    """Add an operator."""
    REMOVE = "remove"
    """Remove an operator."""
    CHANGE_KEY = "change_key"
    """Change the key of an operator."""


@dataclass(frozen=True)
class Statement:
    """One decision by one operator.

    Attributes:
        by: the operator's name, in lower case.
        at: when it is signed, by the clock of the machine that signs.
        subject: what it is about: a payment's id, a halt, a task's id, an operator's name.
        command_id: tells it apart from other decisions about the same subject.
        content: what is decided besides the kind, whole or as a digest.
        about: a digest of what was known of the subject. When more is known, the statement no
            longer counts.
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
        """The canonical text: two statements have the same text only if they are equal."""
        fields = {**asdict(self), "kind": self.kind.value, "at": self.at.isoformat()}
        return json.dumps({"form": _FORM, **fields}, sort_keys=True)

    @classmethod
    def read(cls, text: str) -> Statement:
        """The statement with this stored text."""
        fields = json.loads(text)
        del fields["form"]
        kind, at = StatementKind(fields.pop("kind")), datetime.fromisoformat(fields.pop("at"))
        return cls(kind=kind, at=at, **fields)


@dataclass(frozen=True)
class Signed:
    """A statement, and the signature of its text by the operator named in it."""

    statement: Statement
    signature: bytes


def digest(content: bytes) -> str:
    """The digest that stands for long content in a statement."""
    return hashlib.sha256(content).hexdigest()
