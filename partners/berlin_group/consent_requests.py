"""Paths, headers and body of our requests about consents, and what no bank takes."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from domain.consents.answers import ConsentSubject
from domain.consents.request import ConsentRequest
from partners.berlin_group import requests
from partners.berlin_group.account import BerlinGroupAccount
from partners.kit.content import Content, json_object

CONSENTS: Final = "/v1/consents"
#: OpenAPI file, `validUntil`: "as long as the bank allows it".
NO_END: Final = date(9999, 12, 31)
#: OAuth's word for a user who refused (RFC 6749, 4.1.2.1); the store takes it as such.
_REFUSED: Final = "access_denied"
_INSTANT: Final = timedelta(microseconds=1)


def path_of(consent_id: str, *parts: str) -> str:
    """The path of a consent, or of something below it."""
    path = requests.below(CONSENTS, consent_id)
    for part in parts:
        path = requests.below(path, part)
    return path


def headers(
    subject: ConsentSubject, account: BerlinGroupAccount, now: datetime, *, key: str | None = None
) -> Mapping[str, str]:
    """Those of a request on which the user acts, or to end a consent.

    The user's own address tells the bank that the user is there. The user comes back to the app's
    page, with the `state` by which the callback is recognised.
    """
    user = subject.request.user
    given = dict(requests.headers(account, now, key=key, for_psu=True))
    given |= {
        name: value
        for name, value in {
            "psu-ip-address": user.ip_address,
            "psu-id": user.psu_id,
            "psu-corporate-id": user.corporate_id,
        }.items()
        if value is not None
    }
    if subject.callback is not None:
        state = subject.callback.state
        url = subject.request.return_url
        given["tpp-redirect-uri"] = _with(url, state=state)
        given["tpp-nok-redirect-uri"] = _with(url, state=state, error=_REFUSED)
    return given


def body(request: ConsentRequest, now: datetime) -> Content:
    """The body of a request for a consent."""
    assert request.terms is not None, "an accepted request has its terms"
    per_day = request.per_day or request.terms.unattended_per_day
    accounts = [{"iban": each.iban} for each in request.accounts]
    fields: dict[str, Any] = {
        # Without accounts each list is empty: the user chooses at the bank.
        "access": {each.value: accounts for each in request.permissions},
        "recurringIndicator": request.recurring,
        "validUntil": last_day(request, now).isoformat(),
        # OpenAPI file: one access has the frequency 1.
        "frequencyPerDay": per_day if request.recurring else 1,
        "combinedServiceIndicator": False,
    }
    return json_object(fields)


def last_day(request: ConsentRequest, now: datetime) -> date:
    """The last day for which access is asked: the app's wish, or else all that the law allows."""
    if request.valid_until is not None:
        return (request.valid_until - _INSTANT).date()
    assert request.terms is not None, "an accepted request has its terms"
    counts_for = request.terms.reauthenticate_after
    return (now + counts_for).date() if counts_for is not None else NO_END


def unfit(subject: ConsentSubject) -> str:
    """Why no bank can take the request; empty if one can."""
    request = subject.request
    for number, account in enumerate(request.accounts):
        if account.iban is None:
            return f"accounts[{number}]: it has no IBAN; a bank here wants one"
    if subject.callback is None:
        return "callback: the user's way back is missing; ask for a new consent"
    return ""


def _with(url: str, **more: str) -> str:
    """The address with more parameters in its query."""
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), *more.items()]
    return urlunsplit(parts._replace(query=urlencode(query)))
