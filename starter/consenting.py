"""Checks a request for a consent before anything is recorded, and fixes its times and terms."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from domain.accounts import AccountError
from domain.card_numbers import fields_with, has_card_number, shows_card_number
from domain.consents.instructions import ConsentInstruction
from domain.consents.request import ConsentRequest
from domain.lifecycle.profile import Profile
from regimes.accounts import check_account
from regimes.consents import Regime, terms_on
from starter.acceptance import KEY_LENGTH_MAX

#: Our own choice: a user who was sent to a bank is there within minutes.
SUBMIT_WITHIN: Final = timedelta(minutes=15)
AUTHORISE_WITHIN: Final = timedelta(hours=1)
_USER_ID_LENGTH_MAX: Final = 255
#: A session value that somebody could guess would bind a callback to nobody.
SESSION_LENGTH_MIN: Final = 16


class Problem(NamedTuple):
    """One reason why a request cannot be made: the field, what is wrong, and what to do."""

    field: str
    text: str


class InvalidConsent(ValueError):
    """The request cannot be made. Nothing was recorded. `problems` names every wrong field."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__("; ".join(f"{each.field}: {each.text}" for each in problems))
        self.problems = tuple(problems)


class AdmittedConsent(NamedTuple):
    """What a consent is made from, and keeps unchanged for its whole life."""

    request: ConsentRequest
    profile: Profile


def admit_consent(
    request: ConsentRequest,
    key: str,
    browser_session: str,
    profiles: Mapping[tuple[str, str], Profile],
    now: datetime,
) -> AdmittedConsent:
    """The request and profile that the consent will keep.

    Raises:
        InvalidConsent: it cannot be asked for. It has every problem found, not only the first.
    """
    problems = [*_problems(request, key, browser_session, now)]
    profile = profiles.get((request.partner, request.partner_account))
    if profile is None:
        known = ", ".join(sorted("/".join(name) for name in profiles)) or "none"
        text = (
            f"{request.partner}/{request.partner_account} gives no access to accounts in the "
            f"settings (there: {known}); add the account"
        )
        problems.append(Problem("partner_account", text))
    elif ConsentInstruction.ASK not in profile.operations:
        text = f"{request.partner} takes no consents; name another bank"
        problems.append(Problem("partner", text))
    if profile is None or problems:
        raise InvalidConsent(problems)
    terms = terms_on(Regime(request.regime), now.date())
    submit_before = request.submit_before or now + SUBMIT_WITHIN
    authorise_by = request.authorise_by or max(submit_before, now + AUTHORISE_WITHIN)
    times = {"submit_before": submit_before, "authorise_by": authorise_by, "terms": terms}
    return AdmittedConsent(request.model_copy(update=times), profile)


def check_session(browser_session: str) -> Iterator[Problem]:
    """What is wrong with the value to which the app binds a callback."""
    if len(browser_session) < SESSION_LENGTH_MIN:
        text = (
            f"is shorter than {SESSION_LENGTH_MIN} characters; give a random value that is stored "
            "in the user's browser session"
        )
        yield Problem("browser_session", text)


def _problems(
    request: ConsentRequest, key: str, browser_session: str, now: datetime
) -> Iterator[Problem]:
    if not (0 < len(key) <= KEY_LENGTH_MAX and key.isprintable()):
        text = f"is not 1 to {KEY_LENGTH_MAX} printable characters; use a number of your own"
        yield Problem("key", text)
    elif has_card_number(key):
        yield Problem("key", "may be a card number; use a number of your own")
    yield from check_session(browser_session)
    for field in fields_with(request, shows_card_number, leave_out={"accounts"}):
        yield Problem(field, "shows a card number; leave it out, or give an id of your own")
    yield from _terms(request)
    user_id = request.user.user_id
    if not (0 < len(user_id) <= _USER_ID_LENGTH_MAX and user_id.isprintable()):
        text = f"is not 1 to {_USER_ID_LENGTH_MAX} printable characters; give your own id"
        yield Problem("user.user_id", text)
    if not request.permissions:
        yield Problem("permissions", "is empty; name what is to be read")
    for number, account in enumerate(request.accounts):
        if account.iban is None:
            continue
        try:
            check_account(account.iban)
        except AccountError as error:
            yield Problem(f"accounts[{number}]", f"{error}; give the IBAN as the user knows it")
    url = urlsplit(request.return_url)
    is_local = url.hostname in ("localhost", "127.0.0.1")
    if not url.hostname or (url.scheme != "https" and not (url.scheme == "http" and is_local)):
        text = "is no https address; give the one that is registered with the bank"
        yield Problem("return_url", text)
    yield from _times(request, now)


def _terms(request: ConsentRequest) -> Iterator[Problem]:
    if request.terms is not None:
        yield Problem("terms", "are given; leave them out, since the regime sets them")
    if request.regime not in set(Regime):
        known = ", ".join(Regime)
        yield Problem("regime", f"{request.regime[:20]!r} is not known; give one of {known}")
        return
    if request.per_day is not None and request.per_day < 1:
        yield Problem("per_day", "is below 1; give at least 1, or leave it out")
    if not request.recurring and request.per_day not in (None, 1):
        yield Problem("per_day", "is more than 1, but only one read is asked for; leave it out")


def _times(request: ConsentRequest, now: datetime) -> Iterator[Problem]:
    for name in ("submit_before", "authorise_by", "valid_until"):
        at = getattr(request, name)
        if at is not None and at <= now:
            yield Problem(name, "has passed; give a later moment, or leave it out")
    until, by = request.valid_until, request.authorise_by
    if until is not None and by is not None and until <= by:
        text = "lies before authorise_by, so there would be nothing to read; give a later moment"
        yield Problem("valid_until", text)
