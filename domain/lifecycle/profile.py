"""How a partner behaves, as data. Nothing else justifies a resend."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, ConfigDict, Field

#: If a partner does not say how long it remembers a key, we assume a day: the shortest documented
#: window of the large providers.
UNKNOWN_WINDOW: Final = timedelta(hours=24)

LETTERS_AND_DIGITS: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"


class InstructionKind(StrEnum):
    """What can be asked of a partner."""

    PAY = "pay"
    CANCEL = "cancel"
    """Take back what PAY asked, while the partner still can."""
    CONFIRM = "confirm"
    """Try again a PAY that was declined because the payer was not there, with the payer there."""
    INCREMENT = "increment"
    """Hold more of the payer's money for an authorised PAY, before any of it is captured."""
    CAPTURE = "capture"
    """Take some of the money that an authorised PAY holds."""
    REFUND = "refund"
    """Give back some of the money that was captured."""


class IdempotencyKind(StrEnum):
    """What a partner does when it sees a key a second time."""

    REPLAY_RESPONSE = "replay_response"
    """Repeats the first answer byte for byte, even if it was an error."""
    REPLAY_STATE = "replay_state"
    """Answers with the object as it now is."""
    REJECT_DUPLICATE = "reject_duplicate"
    """Refuses, and does not say what became of the first request."""
    NATURAL_KEY = "natural_key"
    """The parent object is the key, because it can be used only once."""
    NONE = "none"
    """Executes again."""


class DuplicateMeans(StrEnum):
    """What the partner's word "duplicate" is about."""

    KEY = "key"
    CONTENT = "content"


class LookupKind(StrEnum):
    """What a lookup by our own reference proves."""

    STRONG = "strong"
    """A write is visible to the next lookup."""
    EVENTUAL = "eventual"
    """A write is visible after a while; an empty answer alone proves nothing."""
    PARENT = "parent"
    """The parent object shows whether it was used."""
    STATEMENT_ONLY = "statement_only"
    """Only the account's bookings show it."""
    NONE = "none"


class Idempotency(BaseModel):
    """One operation's behaviour under a repeated key."""

    model_config = ConfigDict(frozen=True)

    kind: IdempotencyKind
    key_length: int = 32
    key_alphabet: str = LETTERS_AND_DIGITS
    window: timedelta | None = None
    caches_errors: bool = False
    duplicate_means: DuplicateMeans = DuplicateMeans.KEY

    @property
    def honoured_for(self) -> timedelta:
        """How long after its first send we rely on a key: half of the partner's window."""
        return (self.window or UNKNOWN_WINDOW) / 2


class Lookup(BaseModel):
    """One operation's lookup by our own reference, with all that makes its answer complete."""

    model_config = ConfigDict(frozen=True)

    kind: LookupKind
    settle_delay: timedelta = timedelta(seconds=5)
    """How long after an attempt's end an empty answer starts to count."""
    pause: timedelta = timedelta(seconds=2)
    """The pause between two lookups, doubled each time up to `pause_max`."""
    pause_max: timedelta = timedelta(minutes=15)

    @property
    def is_complete(self) -> bool:
        """Whether an empty answer can ever prove absence."""
        return self.kind in (LookupKind.STRONG, LookupKind.EVENTUAL, LookupKind.PARENT)

    @property
    def lags(self) -> bool:
        """Whether an empty answer counts only if it shows something younger than our send."""
        return self.kind is LookupKind.EVENTUAL


class Operation(BaseModel):
    """Everything that `next_move` needs to know about one operation of a partner."""

    model_config = ConfigDict(frozen=True)

    idempotency: Idempotency
    lookup: Lookup
    write_within: timedelta = timedelta(seconds=10)
    """An attempt's bytes leave within this time after it was opened, or never."""
    answer_within: timedelta = timedelta(seconds=30)
    """How long after `write_within` we wait for an answer. Then the attempt has ended."""
    pause: timedelta = timedelta(seconds=1)
    """The pause before a resend, doubled each time up to `pause_max`."""
    pause_max: timedelta = timedelta(minutes=5)
    resends_max: int = 3
    """The number of resends in doubt. After that a lookup follows, if there is a complete one."""
    refusals_without_effect: frozenset[int] = frozenset()
    """HTTP statuses that, by the partner's documentation, mean that the request was not executed
    and may be sent again (401, 429). If the status is not in this set, the send is in doubt. If
    there is a complete lookup, it confirms the partner's word before anything is closed."""


class Quota(BaseModel):
    """How many requests one login may make in a window, counting all processes."""

    model_config = ConfigDict(frozen=True)

    requests: int
    window: timedelta
    reads: int
    """The part of `requests` that reads may use, so that they never starve instructions."""


class PayerFirst(BaseModel):
    """The payer approves at their bank before a payment is sent, and comes back with a code."""

    model_config = ConfigDict(frozen=True)

    issuer: str | None = None
    """The bank's `iss` in callbacks (RFC 9207); None if it sends none."""


class Profile(BaseModel):
    """A partner's behaviour. A resource keeps the profile that it was accepted with."""

    model_config = ConfigDict(frozen=True)

    partner: str
    spec_version: str
    """Of the partner's specification that this profile was written from."""
    environment: str = ""
    """The place of the account at the partner (`domain.lifecycle.places`). A lookup at another
    place proves nothing. Empty if it does not matter."""
    formerly: tuple[str, ...] = ()
    """Other names of that place, with earlier logins of the same customer."""
    operations: Mapping[str, Operation]
    watch: Mapping[str, timedelta]
    """By rail, the time after SETTLED in which unasked returns are normal."""
    read_pause: timedelta = timedelta(seconds=1)
    """The pause before the first read of a state, doubled each time up to `read_pause_max`."""
    read_pause_max: timedelta = timedelta(minutes=15)
    parked_pause: timedelta = timedelta(hours=24)
    """How long a parked or frozen payment waits before we look at it again."""
    holds_future_dates: bool = False
    collects: bool = False
    """Whether it takes collections: orders that pull money from the payer."""
    shows_bookings: bool = True
    """Whether reads show the bookings. If so, a payment is final only once its booked debit equals
    the order; otherwise the partner's word alone makes it final."""
    status_for: timedelta | None = None
    """How long after settlement a payment can be read; None: for ever."""
    quota: Quota | None = None
    # Left out if empty, as in profiles of earlier releases.
    payer_first: PayerFirst | None = Field(default=None, exclude_if=lambda value: value is None)
    """Set if a payment is sent only after its payer has approved it at the bank."""

    def operation(self, kind: str) -> Operation:
        """The behaviour of one operation.

        Raises:
            KeyError: the partner does not have it.
        """
        return self.operations[kind]
