"""A report about a consent, and the states that it can name."""

from __future__ import annotations

from enum import StrEnum

from domain.lifecycle import report as lifecycle
from domain.lifecycle.report import Action as Action
from domain.lifecycle.report import ActionKind as ActionKind
from domain.lifecycle.report import Source as Source


class ConsentState(StrEnum):
    """The product's states; docs/consents.md says what each means."""

    DRAFT = "draft"
    AWAITING_USER = "awaiting_user"
    PARTIALLY_AUTHORISED = "partially_authorised"
    ACTIVE = "active"
    NEEDS_REAUTH = "needs_reauth"
    SUSPENDED_BY_PARTNER = "suspended_by_partner"
    REJECTED = "rejected"
    EXPIRED = "expired"
    REVOKED_BY_USER = "revoked_by_user"
    REVOKED_BY_US = "revoked_by_us"
    CONSUMED = "consumed"
    SUPERSEDED = "superseded"


class Report(lifecycle.Report):
    """A report whose states are those of consents."""

    state: ConsentState | None
    decided_on: ConsentState | None = None
