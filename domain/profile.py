"""How a partner behaves, as data: the only ground on which anything is sent again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

from domain.order import Rail

#: Where a partner does not say how long it remembers a key, we rely on a day and no more:
#: the shortest documented window of the large providers.
UNKNOWN_WINDOW: Final = timedelta(hours=24)

LETTERS_AND_DIGITS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class InstructionKind(StrEnum):
    """What can be asked of a partner."""

    PAY = "pay"
    CANCEL = "cancel"
    """Take back what PAY asked, while the partner still can."""


class IdempotencyKind(StrEnum):
    """What a partner does when it sees a key a second time."""

    REPLAY_RESPONSE = "replay_response"
    """Answers as the first time, byte for byte, even with the first time's error."""
    REPLAY_STATE = "replay_state"
    """Answers with the object as it now stands."""
    REJECT_DUPLICATE = "reject_duplicate"
    """Refuses, and does not say what became of the first."""
    NATURAL_KEY = "natural_key"
    """The parent object can be used once: it is the key."""
    NONE = "none"
    """Executes again."""


class DuplicateMeans(StrEnum):
    """What the partner's word "duplicate" is about."""

    KEY = "key"
    CONTENT = "content"


class LookupKind(StrEnum):
    """What asking by our own reference proves."""

    STRONG = "strong"
    """A write is visible to the next search."""
    EVENTUAL = "eventual"
    """A write is visible after a while; an empty answer alone proves nothing."""
    PARENT = "parent"
    """The parent object shows whether it was used."""
    STATEMENT_ONLY = "statement_only"
    """Only the account's bookings tell."""
    NONE = "none"


class Idempotency(BaseModel):
    """One operation's behaviour under a repeated key."""

    model_config = ConfigDict(frozen=True)

    kind: IdempotencyKind
    key_field: str = ""
    key_length: int = 32
    key_alphabet: str = LETTERS_AND_DIGITS
    window: timedelta | None = None
    caches_errors: bool = False
    duplicate_means: DuplicateMeans = DuplicateMeans.KEY

    @property
    def honoured_for(self) -> timedelta:
        """How long after the first send we rely on the key: half of its window."""
        return (self.window or UNKNOWN_WINDOW) / 2


class Lookup(BaseModel):
    """One operation's lookup by our own reference, with everything a complete answer needs."""

    model_config = ConfigDict(frozen=True)

    kind: LookupKind
    parameters: Mapping[str, str] = Field(default_factory=dict)
    settle_delay: timedelta = timedelta(seconds=5)
    """How long after an attempt's end an empty answer starts to count."""
    pause: timedelta = timedelta(seconds=2)
    """Between two lookups, doubled each time up to `pause_max`."""
    pause_max: timedelta = timedelta(minutes=15)

    @property
    def is_complete(self) -> bool:
        """Whether an empty answer can ever prove absence."""
        return self.kind in (LookupKind.STRONG, LookupKind.EVENTUAL, LookupKind.PARENT)

    @property
    def lags(self) -> bool:
        """Whether an empty answer counts only beside something younger than our send."""
        return self.kind is LookupKind.EVENTUAL


class Operation(BaseModel):
    """Everything `next_move` must know about one operation of a partner."""

    model_config = ConfigDict(frozen=True)

    idempotency: Idempotency
    lookup: Lookup
    write_within: timedelta = timedelta(seconds=10)
    """After an attempt was opened its bytes must have left within this, or never leave."""
    answer_within: timedelta = timedelta(seconds=30)
    """After `write_within`, how long an answer is awaited: then the attempt has ended."""
    pause: timedelta = timedelta(seconds=1)
    """Before sending again, doubled each time up to `pause_max`."""
    pause_max: timedelta = timedelta(minutes=5)
    resends_max: int = 3
    """Resends in doubt before the lookup, where there is one, is asked instead."""
    refusals_without_effect: frozenset[int] = frozenset()
    """HTTP statuses by which the partner documents that it did not execute the request, so that
    the same may be sent again (401, 429). An answer with any other status leaves a write in
    doubt. Where there is a complete lookup, it confirms the word before anything is closed."""


class Quota(BaseModel):
    """How many requests one login may make in a window, all processes together."""

    model_config = ConfigDict(frozen=True)

    requests: int
    window: timedelta
    reads: int
    """Reads use no more than so many of them: they never starve instructions."""


class Profile(BaseModel):
    """A partner's behaviour. A payment keeps the values it was created with."""

    model_config = ConfigDict(frozen=True)

    partner: str
    spec_version: str
    environment: str = ""
    """Where the partner is reached: elsewhere it never heard of the payment, which proves
    nothing. Empty where it does not matter."""
    formerly: tuple[str, ...] = ()
    """Other names of that place: of logins of the same customer that are in use no more."""
    operations: Mapping[InstructionKind, Operation]
    watch: Mapping[Rail, timedelta]
    """After SETTLED, the time in which unasked returns are normal, per rail."""
    read_pause: timedelta = timedelta(seconds=1)
    """Before the first read of a state, doubled each time up to `read_pause_max`."""
    read_pause_max: timedelta = timedelta(minutes=15)
    parked_pause: timedelta = timedelta(hours=24)
    """How often a parked or frozen payment is looked at again while nobody decides."""
    holds_future_dates: bool = False
    shows_bookings: bool = True
    """Whether reads show what was booked. Then a payment is final only once its debit equals the
    order; otherwise the partner's word alone makes it final."""
    status_for: timedelta | None = None
    """How long after settlement the partner can be asked; None: for ever."""
    quota: Quota | None = None
    quirks: tuple[str, ...] = ()

    def operation(self, kind: InstructionKind) -> Operation:
        """The behaviour of one operation; KeyError where the partner lacks it."""
        return self.operations[kind]
