"""What a partner did, as values: the vocabulary between adapters and activities.

An adapter returns these, and raises only for our own bugs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from domain.lifecycle.report import Report


@dataclass(frozen=True)
class Exchange:
    """One request and its answer as stored for evidence: whole bodies, redacted, no credentials."""

    method: str
    path: str
    status: int | None
    request: str
    response: str
    sent_at: datetime


@dataclass(frozen=True)
class WireRequest:
    """The exact bytes of an instruction, without credentials; stored, and resent as they are.

    `prepared` names the objects that the adapter made before (a beneficiary, a quote) and must
    reuse.
    """

    method: str
    path: str
    body: bytes
    content_type: str
    key: str
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deadline:
    """The last moment for bytes to leave, and the end of the wait for an answer."""

    write_before: datetime
    ends_by: datetime


@dataclass(frozen=True)
class NotReady:
    """We may not call the partner now: no login, another's lease, or a lock. Nothing was sent."""

    why: str
    until: datetime
    needs_person: bool = False
    answered: bool | None = None
    """Whether the partner answered our request; None if no request was made."""
    is_shared: bool = False
    """Another process is logging in for all processes at this moment."""


@dataclass(frozen=True)
class Accepted:
    """The partner has the instruction, under the report's reference."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Refused:
    """The partner says it did not and will not execute this request."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Duplicate:
    """The partner answered "duplicate"; the profile says what that is about."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class NotSent:
    """No byte reached the partner: the name, the connection or TLS failed, or we had no login."""

    why: str
    exchange: Exchange | None = None
    retry_at: datetime | None = None


@dataclass(frozen=True)
class TurnedAway:
    """The partner answered with a status that may mean "not executed, try again" (401, 429).

    The profile's `refusals_without_effect` decides whether it means that, not the adapter. If the
    profile does not declare the status, the send is in doubt.
    """

    status: int
    why: str
    exchange: Exchange
    retry_at: datetime | None = None


@dataclass(frozen=True)
class InDoubt:
    """Bytes left and no usable answer came back: it may have been executed."""

    why: str
    server_error: bool = False
    exchange: Exchange | None = None
    drift: tuple[str, ...] = ()


Submitted = Accepted | Refused | Duplicate | NotSent | TurnedAway | InDoubt


@dataclass(frozen=True)
class Found:
    """Exactly one object exists under our key; the fold compares its report with the order."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Absent:
    """A complete, empty answer to a lookup that was sent at `asked_at`.

    `watermark`: the answer contained something younger than our send, so the list had caught up.
    """

    asked_at: datetime
    exchange: Exchange
    watermark: bool = False


@dataclass(frozen=True)
class CannotTell:
    """The lookup could not be made, or its answer is not complete."""

    asked_at: datetime
    why: str
    exchange: Exchange | None = None


LookedFor = Found | Absent | CannotTell


@dataclass(frozen=True)
class Answered:
    """A read brought a report."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Unanswered:
    """A read brought no usable answer; the state stays as it is."""

    why: str
    exchange: Exchange | None = None
    retry_at: datetime | None = None
    drift: tuple[str, ...] = ()
    answered: bool | None = None
    """Whether the partner answered our login, if the read got no further."""
    never: bool = False
    """The partner never tells this, so nothing is wrong with it."""


@dataclass(frozen=True)
class Gone:
    """The partner no longer keeps this object, so it can never be read again."""

    why: str
    asked_at: datetime
    exchange: Exchange | None = None


Read = Answered | Unanswered | Gone


@dataclass(frozen=True)
class Shown:
    """A payment in the partner's list of our account, whether or not we know it."""

    partner_reference: str
    key: str | None
    created_at: datetime


@dataclass(frozen=True)
class Listed:
    """The payments created under our account since a moment, the oldest first."""

    payments: tuple[Shown, ...]
    is_complete: bool
    """False if there are more, created after the last of these or at the same moment."""


@dataclass(frozen=True)
class PreparedKey:
    """Identifies a prepared object: where it is kept, what it is for, and its content."""

    place: str
    purpose: str
    identity: str = field(repr=False)
    """It contains names and account numbers, so only a keyed hash of it is stored."""


@dataclass(frozen=True)
class PreparedObject:
    """A prepared object that was made before, with the partner's own id."""

    reference: str
    is_as_made: Callable[[str], bool]
    """Whether the partner shows it now as it did when it was made."""


@dataclass(frozen=True)
class Prepared:
    """The instruction can be sent: the exact request."""

    request: WireRequest


@dataclass(frozen=True)
class Unprepared:
    """A prepared object could not be made; no money moved. `refused`: it never can be."""

    why: str
    refused: Report | None = None
    retry_at: datetime | None = None
    exchange: Exchange | None = None


@dataclass(frozen=True)
class NeedsUser:
    """The prepared objects wait for the user, who has to act before anything can be sent.

    Attributes:
        report: AWAITING_USER with the user's action. It is stored as one from before the send.
        retry_at: when to prepare again, unless the user comes back earlier.
    """

    report: Report
    retry_at: datetime
    exchange: Exchange | None = None


Preparation = Prepared | Unprepared | NeedsUser


@dataclass(frozen=True)
class Webhook:
    """A delivery whose sender is proven: which event it is, and which object it is about.

    It carries no state. `is_for_us` is False for kinds of events that we do not use.
    """

    event_key: str
    """The partner's own id of the event, or else a hash of its content."""
    partner_reference: str | None
    kind: str
    is_for_us: bool = True


@dataclass(frozen=True)
class Fed:
    """One entry of a partner's feed: what a webhook of the same event would have said."""

    webhook: Webhook
    body: bytes = field(repr=False)
    at: datetime
    """When it happened, by the partner's clock."""


@dataclass(frozen=True)
class FeedPage:
    """Some entries of a partner's feed, the oldest first, and where the next ones follow."""

    entries: tuple[Fed, ...]
    cursor: str | None
    """From where to go on, in the partner's words; None: by time alone."""
    is_last: bool
    """False if there are more already."""


class WebhookRefused(ValueError):
    """A delivery is forged, stale or not understood; the text says what is wrong."""


class Subject(Protocol):
    """The subject of a call: the instruction, and the keys of all its generations.

    Each kind of lifecycle adds its request.
    """

    @property
    def instruction_id(self) -> str:
        """The instruction."""

    @property
    def keys(self) -> tuple[str, ...]:
        """One per generation, the current last."""

    @property
    def kind(self) -> str:
        """The instruction's kind."""

    @property
    def environment(self) -> str:
        """The place of the partner's account when the request was accepted."""

    @property
    def account(self) -> tuple[str, str]:
        """The partner, and our account there."""
