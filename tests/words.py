"""What a fake partner says of payments, and what befalls those who ask it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from domain.money import Money
from domain.payments.report import PaymentState


class OnSend(StrEnum):
    """What befalls one send."""

    NOTHING = auto()
    LOST_BEFORE = auto()
    LOST_AFTER = auto()
    FAILS_BEFORE = auto()
    FAILS_AFTER = auto()
    NOTHING_LEFT = auto()
    TURNED_AWAY = auto()
    TURNED_AWAY_AFTER = auto()
    """A gateway in front of it answers 429, and it has executed."""
    REFUSED = auto()
    DUPLICATE = auto()
    BUG_AFTER = auto()
    """Our own adapter breaks off after the effect."""


class OnFind(StrEnum):
    """What befalls one question by our own reference."""

    NOTHING = auto()
    EMPTY = auto()
    ANOTHERS = auto()
    CANNOT_TELL = auto()


class OnCancel(StrEnum):
    """What befalls one request to take a payment back."""

    NOTHING = auto()
    LOST_BEFORE = auto()
    LOST_AFTER = auto()
    TOO_LATE = auto()


@dataclass(frozen=True)
class Word:
    """One thing this partner says of a payment; `returned_minor` with its fee on a return."""

    text: str
    state: PaymentState | None
    returned_minor: int = 0
    fee_minor: int = 0
    amount: Money | None = None
    reason: str | None = None


READY: Final = Word("ready_to_send", PaymentState.ACCEPTED)
REVIEW: Final = Word("in_review", PaymentState.AWAITING_PARTNER)
RELEASED: Final = Word("released", PaymentState.PROCESSING)
COMPLETED: Final = Word("completed", PaymentState.SETTLED)
SURPRISE: Final = Word("gone_fishing", None)
DELETED: Final = Word("deleted", PaymentState.CANCELLED)
REJECTED: Final = Word("rejected", PaymentState.REJECTED, reason="account closed")


@dataclass
class Effect:
    """One transfer the partner executed."""

    reference: str
    amount: Money
    creditor: str
    words: deque[Word]
