"""A report about a payment, and the states that it can name."""

from __future__ import annotations

from enum import StrEnum

from domain.lifecycle import report as lifecycle
from domain.lifecycle.report import Action as Action
from domain.lifecycle.report import ActionKind as ActionKind
from domain.lifecycle.report import Movement as Movement
from domain.lifecycle.report import MovementKind as MovementKind
from domain.lifecycle.report import Observed as Observed
from domain.lifecycle.report import Source as Source


class PaymentState(StrEnum):
    """The product's states; docs/states.md says what each means for the money."""

    CREATED = "created"
    SUBMITTING = "submitting"
    AWAITING_US = "awaiting_us"
    AWAITING_USER = "awaiting_user"
    AWAITING_PARTNER = "awaiting_partner"
    ACCEPTED = "accepted"
    AUTHORISED = "authorised"
    PARTLY_CAPTURED = "partly_captured"
    PROCESSING = "processing"
    CAPTURED = "captured"
    SETTLED = "settled"
    UNCONFIRMED = "unconfirmed"
    FINAL = "final"
    RETURNED = "returned"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Report(lifecycle.Report):
    """A report whose states are those of payments."""

    state: PaymentState | None
    decided_on: PaymentState | None = None
