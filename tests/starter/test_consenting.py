"""A request for a consent is checked before anything is recorded: each error names its field."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.accounts import Account
from domain.consents.request import User
from domain.lifecycle.profile import Profile
from starter.consenting import AUTHORISE_WITHIN, SUBMIT_WITHIN, InvalidConsent, admit_consent
from tests.clock import START
from tests.consents.bank import profile
from tests.consents.home import BROWSER, asked
from tests.fakes import profile as payments_profile

PROFILES: dict[tuple[str, str], Profile] = {
    ("bank", "main"): profile(),
    ("payer", "main"): payments_profile(),
}


def _admit(key: str = "k", browser: str = BROWSER, **fields: Any) -> Any:
    return admit_consent(asked(**fields), key, browser, PROFILES, START)


def test_a_good_request_gets_its_times_and_the_rules_of_its_day() -> None:
    admitted = _admit()
    assert admitted.profile.partner == "bank"
    assert admitted.request.submit_before == START + SUBMIT_WITHIN
    assert admitted.request.authorise_by == START + AUTHORISE_WITHIN
    assert admitted.request.terms.reauthenticate_after == timedelta(days=180)
    later = START + timedelta(hours=5)
    assert _admit(submit_before=later).request.authorise_by == later


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"key": ""}, "key"),
        ({"key": "4242424242424242"}, "key"),
        ({"browser": "short"}, "browser_session"),
        ({"regime": "mars"}, "regime"),
        ({"permissions": ()}, "permissions"),
        ({"user": User(user_id="")}, "user.user_id"),
        ({"user": User(user_id="4242 4242 4242 4242")}, "user.user_id"),
        ({"return_url": "https://shop.example/4242-4242-4242-4242/back"}, "return_url"),
        ({"accounts": (Account(iban="DE00370400440532013000"),)}, "accounts[0]"),
        ({"return_url": "http://shop.example/back"}, "return_url"),
        ({"return_url": "back"}, "return_url"),
        ({"per_day": 0}, "per_day"),
        ({"per_day": 2, "recurring": False}, "per_day"),
        ({"valid_until": START}, "valid_until"),
        ({"submit_before": START - timedelta(days=1)}, "submit_before"),
        (
            {
                "valid_until": START + timedelta(minutes=1),
                "authorise_by": START + timedelta(hours=1),
            },
            "valid_until",
        ),
        ({"partner_account": "other"}, "partner_account"),
        ({"partner": "payer"}, "partner"),
    ],
)
def test_a_bad_request_names_the_field_and_the_remedy(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidConsent) as invalid:
        _admit(**fields)
    (problem,) = invalid.value.problems
    assert problem.field == field
    assert len(problem.text.split()) > 4
    assert "370400440532013000" not in str(invalid.value)


def test_every_problem_is_found_at_once() -> None:
    with pytest.raises(InvalidConsent) as invalid:
        _admit(key="", regime="mars", permissions=())
    assert [each.field for each in invalid.value.problems] == ["key", "regime", "permissions"]
