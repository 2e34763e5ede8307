"""Consents: users' permission to read their accounts at banks."""

from collections.abc import Mapping
from datetime import datetime
from typing import Required, TypedDict

import httpx
from pydantic import Field

from finality_client.answers import Action, Answer, Finding, Link, Page, Payment
from finality_client.calls import Call, ask, check_wait, get, post, reading, segment
from finality_client.orders import AccountFields
from finality_client.parts import AsyncPart, Part


class UserFields(TypedDict, total=False):
    """The user, as you and the bank know them."""

    user_id: Required[str]
    psu_id: str
    corporate_id: str
    ip_address: str


class ConsentOrder(TypedDict, total=False):
    """What to ask the user for; docs/consents.md has every field."""

    partner: Required[str]
    partner_account: Required[str]
    user: Required[UserFields]
    permissions: Required[list[str]]
    accounts: list[AccountFields]
    recurring: bool
    per_day: int
    valid_until: datetime | str
    return_url: Required[str]
    regime: Required[str]
    browser_session: Required[str]


class ConsentDisplay(Answer):
    """Texts and rights for the user."""

    headline: str
    detail: str = ""
    final: bool = False
    may_read: bool = False
    may_renew: bool = False
    may_revoke: bool = False
    next_action: str | None = None
    renew_by: datetime | None = None


class GrantedAccount(Answer):
    """One account that the grant covers."""

    reference: str
    ends: str = ""
    currency: str | None = None


class Grant(Answer):
    """What the bank shows as granted; a field is None if it has not said."""

    permissions: list[str] | None = None
    accounts: list[GrantedAccount] | None = None
    valid_until: datetime | None = None
    per_day: int | None = None
    authenticated_at: datetime | None = None


class GrantChange(Answer):
    """How the grant changed, by the bank's word of that moment."""

    at: datetime
    text: str = ""


class Consent(Answer):
    """A consent as it now stands."""

    id: str
    key: str
    created_at: datetime
    state: str
    certainty: str
    display: ConsentDisplay
    partner: str
    partner_account: str
    user_id: str
    regime: str
    permissions: list[str] = Field(default_factory=list)
    """What was asked for."""
    granted: Grant
    per_day: int | None = None
    authenticated_at: datetime | None = None
    needs: str | None = None
    is_renewing: bool = False
    declined: str | None = None
    renews: str | None = None
    """The consent that this one supersedes."""
    reason: str | None = None
    partner_status: str | None = None
    action: Action | None = None
    changes: list[GrantChange] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)


class ConsentCommand(Answer):
    """The command to end a consent, its outcome so far, and the consent as it now stands."""

    id: str
    kind: str
    outcome: str
    asked_at: datetime
    consent: Consent


def _create(order: ConsentOrder, key: str | None) -> Call[Consent]:
    return post("/v1/consents", Consent, order, key)


def _get(id: str, wait: int) -> Call[Consent]:
    check_wait(wait)
    return get(f"/v1/consents/{segment(id)}", Consent, waits=wait, wait=wait or None)


def _find(user_id: str | None, renew_before: datetime | None, limit: int) -> Call[Page[Consent]]:
    return get(
        "/v1/consents", Page[Consent], user_id=user_id, renew_before=renew_before, limit=limit
    )


def _action(id: str) -> Call[Link]:
    return get(f"/v1/consents/{segment(id)}/action", Link)


def _renew(id: str, browser_session: str, key: str | None) -> Call[Consent]:
    body = {"browser_session": browser_session}
    return post(f"/v1/consents/{segment(id)}/renew", Consent, body, key)


def _revoke(id: str, why: str, key: str | None) -> Call[ConsentCommand]:
    body = {"why": why} if why else {}
    return post(f"/v1/consents/{segment(id)}/revoke", ConsentCommand, body, key)


def _came_back(params: Mapping[str, str], browser_session: str) -> Call[Consent | Payment]:
    body = {"params": dict(params), "browser_session": browser_session}
    return ask("POST", "/v1/callbacks", _consent_or_payment, body)


def _consent_or_payment(response: httpx.Response) -> Consent | Payment:
    """By its `object`; a text that is no JSON object is read as a consent, and refused as one."""
    try:
        found = response.json()
    except ValueError:
        found = None
    is_consent = not isinstance(found, dict) or found.get("object") == "consent"
    return reading(Consent)(response) if is_consent else reading(Payment)(response)


class Consents(Part):
    """Consents of users."""

    def create(self, order: ConsentOrder, *, key: str | None = None) -> Consent:
        """Ask once under the key. `action` has the bank's page as soon as there is one."""
        return self._do(_create(order, key))

    def get(self, id: str, *, wait: int = 0) -> Consent:
        """One, as it now stands; with `wait` seconds, as soon as its state or certainty changes."""
        return self._do(_get(id, wait))

    def find(
        self,
        *,
        user_id: str | None = None,
        renew_before: datetime | None = None,
        limit: int = 20,
    ) -> list[Consent]:
        """The newest; with `renew_before` those to be renewed by then, the soonest first."""
        return self._do(_find(user_id, renew_before, limit)).data

    def action(self, id: str) -> Link:
        """Where the user goes on. Give it to the user and nobody else.

        Raises:
            NotFound: the user has nothing to do, or there is no such consent.
        """
        return self._do(_action(id))

    def renew(self, id: str, browser_session: str, *, key: str | None = None) -> Consent:
        """Have the user confirm it again. Where a new consent supersedes it, it is the new one."""
        return self._do(_renew(id, browser_session, key))

    def revoke(self, id: str, *, why: str = "", key: str | None = None) -> ConsentCommand:
        """End it, at the bank too. Nothing is read from now on."""
        return self._do(_revoke(id, why, key))

    def came_back(self, params: Mapping[str, str], browser_session: str) -> Consent | Payment:
        """Hand over how a user came back to your page: every parameter of the address.

        Returns:
            The consent, or the payment that the user approved. A repeat sees how it stands.
        """
        return self._do(_came_back(params, browser_session))


class AsyncConsents(AsyncPart):
    """Consents of users."""

    async def create(self, order: ConsentOrder, *, key: str | None = None) -> Consent:
        """Ask once under the key. `action` has the bank's page as soon as there is one."""
        return await self._do(_create(order, key))

    async def get(self, id: str, *, wait: int = 0) -> Consent:
        """One, as it now stands; with `wait` seconds, as soon as its state or certainty changes."""
        return await self._do(_get(id, wait))

    async def find(
        self,
        *,
        user_id: str | None = None,
        renew_before: datetime | None = None,
        limit: int = 20,
    ) -> list[Consent]:
        """The newest; with `renew_before` those to be renewed by then, the soonest first."""
        return (await self._do(_find(user_id, renew_before, limit))).data

    async def action(self, id: str) -> Link:
        """Where the user goes on. Give it to the user and nobody else.

        Raises:
            NotFound: the user has nothing to do, or there is no such consent.
        """
        return await self._do(_action(id))

    async def renew(self, id: str, browser_session: str, *, key: str | None = None) -> Consent:
        """Have the user confirm it again. Where a new consent supersedes it, it is the new one."""
        return await self._do(_renew(id, browser_session, key))

    async def revoke(self, id: str, *, why: str = "", key: str | None = None) -> ConsentCommand:
        """End it, at the bank too. Nothing is read from now on."""
        return await self._do(_revoke(id, why, key))

    async def came_back(self, params: Mapping[str, str], browser_session: str) -> Consent | Payment:
        """Hand over how a user came back to your page: every parameter of the address.

        Returns:
            The consent, or the payment that the user approved. A repeat sees how it stands.
        """
        return await self._do(_came_back(params, browser_session))
