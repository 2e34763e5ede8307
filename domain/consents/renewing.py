"""How a consent is renewed: with us, at the bank for the same consent, or by a new one."""

from __future__ import annotations

from enum import StrEnum

from domain.consents.consent import Consent, Needs
from domain.consents.instructions import ConsentInstruction
from domain.consents.terms import Renewal
from domain.lifecycle.profile import Profile


class Route(StrEnum):
    """The way to renew a consent."""

    CONFIRM = "confirm"
    SAME = "same"
    NEW = "new"


def route_of(consent: Consent, profile: Profile) -> Route:
    """The way that this consent is renewed now.

    A confirmation with us does not satisfy a bank that wants its user to log in again. Then, and
    where the regime says so, the bank is asked: about the same consent if it offers that.
    """
    if consent.renewal is Renewal.AT_TPP and consent.needs is not Needs.AUTHENTICATION:
        return Route.CONFIRM
    offers_same = ConsentInstruction.RENEW in profile.operations
    return Route.SAME if consent.renewal is not Renewal.NEW_CONSENT and offers_same else Route.NEW
