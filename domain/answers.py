"""What a partner did, as values: the vocabulary between adapters and activities."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from domain.order import Order
from domain.profile import InstructionKind
from domain.report import Report


@dataclass(frozen=True)
class Exchange:
    """One request and its answer as kept for evidence: redacted, whole bodies, no credentials."""

    method: str
    path: str
    status: int | None
    request: str
    response: str
    sent_at: datetime


@dataclass(frozen=True)
class WireRequest:
    """The exact bytes of an instruction, without credentials; kept and sent again as they are.

    `prepared` holds what the adapter made before (a beneficiary, a quote) and must reuse.
    """

    method: str
    path: str
    body: bytes
    content_type: str
    key: str
    prepared: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Deadline:
    """When bytes may leave at the latest, and until when an answer is awaited."""

    write_before: datetime
    ends_by: datetime


@dataclass(frozen=True)
class NotReady:
    """We may not talk to the partner now: no login, a lease elsewhere, a lock. Nothing was sent."""

    why: str
    until: datetime
    needs_person: bool = False
    answered: bool | None = None
    """Whether the partner answered what it was asked; None where it was not asked."""
    is_shared: bool = False
    """Another process is asking for all of us at this moment."""


@dataclass(frozen=True)
class Accepted:
    """The partner holds the instruction under the report's reference."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Refused:
    """The partner says it did not and will not execute this request."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Duplicate:
    """The partner's word "duplicate"; the profile says what it is about."""

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

    Whether it does mean that is decided by the profile's `refusals_without_effect`, not by the
    adapter: with a status that is not declared there, the send is in doubt.
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
    """Exactly one object under our key; its report equals the order or says how it differs."""

    report: Report
    exchange: Exchange


@dataclass(frozen=True)
class Absent:
    """A complete, empty answer, asked at `asked_at`.

    `watermark`: the answer showed something younger than our send, so the list had caught up.
    """

    asked_at: datetime
    exchange: Exchange
    watermark: bool = False


@dataclass(frozen=True)
class CannotTell:
    """The lookup could not be asked or its answer is not complete."""

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
    """A read brought nothing to rely on; the state stands."""

    why: str
    exchange: Exchange | None = None
    retry_at: datetime | None = None
    drift: tuple[str, ...] = ()
    answered: bool | None = None
    """Whether the partner answered our login, where that is as far as it came."""


@dataclass(frozen=True)
class Gone:
    """The partner keeps this object no longer: it can never be asked again."""

    why: str
    asked_at: datetime
    exchange: Exchange | None = None


Read = Answered | Unanswered | Gone


@dataclass(frozen=True)
class Shown:
    """A payment in the partner's own list of our account, whoever made it."""

    partner_reference: str
    key: str | None
    created_at: datetime


@dataclass(frozen=True)
class Listed:
    """What was created under our account since some moment, the oldest first."""

    payments: tuple[Shown, ...]
    is_complete: bool
    """False where there are more, created after the last of these or with it."""


@dataclass(frozen=True)
class PreparedKey:
    """What a prepared object is: where it is kept, what it is for, and all that tells it apart."""

    place: str
    purpose: str
    identity: str = field(repr=False)
    """With names and account numbers: only a keyed hash of it is kept."""


@dataclass(frozen=True)
class PreparedObject:
    """One that was made before, under the partner's own id."""

    reference: str
    is_as_made: Callable[[str], bool]
    """Whether what the partner shows of it now is what it showed when it was made."""


@dataclass(frozen=True)
class Prepared:
    """Ready to be sent: the exact request."""

    request: WireRequest


@dataclass(frozen=True)
class Unprepared:
    """A prepared object could not be made; no money moved. `refused`: it never will."""

    why: str
    refused: Report | None = None
    retry_at: datetime | None = None
    exchange: Exchange | None = None


Preparation = Prepared | Unprepared


@dataclass(frozen=True)
class Subject:
    """What every call is about: the instruction, its order, the keys of all its generations."""

    instruction_id: str
    order: Order
    keys: tuple[str, ...]
    """One per generation, the current last."""
    prepared: Mapping[str, str] = field(default_factory=dict)
    partner_reference: str | None = None
    kind: InstructionKind = InstructionKind.PAY
    """For a CANCEL, `partner_reference` is the object of the PAY it takes back."""
    environment: str = ""
    """Where its partner was reached when the order was accepted."""


@dataclass(frozen=True)
class Webhook:
    """A delivery whose sender is proven: which event it is, and which object it points at.

    It carries no state. `is_for_us` is False for kinds of events nobody here waits for.
    """

    event_key: str
    """The partner's own id of the event; else a hash of its content."""
    partner_reference: str | None
    kind: str
    is_for_us: bool = True


class WebhookRefused(ValueError):
    """A delivery that is forged, stale or not to be understood; the text names what is wrong."""
