"""Logging in to the simulated Currencycloud, and being thrown out."""

from __future__ import annotations

import re

from simulators.currencycloud.partner import DEFAULT_LOGIN, SIMULATOR_API_KEY
from tests.simulators.conftest import Client

WRONG_KEY = "0" * 64
FAILED = {
    "error_code": "auth_failed",
    "error_messages": {
        "username": [
            {
                "code": "invalid_supplied_credentials",
                "message": "Authentication failed with the supplied credentials",
                "params": {},
            }
        ]
    },
}


def test_a_login_gives_a_token_of_32_hex_digits(client: Client) -> None:
    token = client.log_in().json()["auth_token"]
    assert re.fullmatch("[0-9a-f]{32}", token)


def test_a_wrong_key_and_an_unknown_login_get_the_same_answer(client: Client) -> None:
    wrong = client.log_in(WRONG_KEY)
    form = {"login_id": "nobody", "api_key": SIMULATOR_API_KEY}
    unknown = client.http.post("/v2/authenticate/api", data=form)
    assert (wrong.status_code, wrong.json()) == (401, FAILED)
    assert (unknown.status_code, unknown.json()) == (401, FAILED)


def test_a_key_of_another_length_is_refused_as_recorded_and_counts_for_nothing(
    client: Client,
) -> None:
    for _ in range(5):
        answer = client.log_in("deadbeef" * 4)
        assert answer.status_code == 400
        assert answer.json()["error_code"] == "auth_invalid_user_login_details"
        [reason] = answer.json()["error_messages"]["api_key"]
        assert (reason["code"], reason["params"]) == ("api_key_length_is_invalid", {"length": 64})
    assert client.log_in().status_code == 200


def test_four_failures_lock_the_login_until_somebody_unlocks_it(client: Client) -> None:
    for _ in range(4):
        assert client.log_in(WRONG_KEY).status_code == 401
    assert (client.log_in().status_code, client.log_in().json()) == (401, FAILED)
    client.control("clock", {"advance_seconds": 86_400})
    assert client.log_in().status_code == 401
    assert client.control("unlock", {"login_id": DEFAULT_LOGIN}) == {"unlocked": True}
    assert client.log_in().status_code == 200


def test_a_success_forgets_the_failures_before_it(client: Client) -> None:
    for _ in range(3):
        for _ in range(3):
            client.log_in(WRONG_KEY)
        assert client.log_in().status_code == 200


def test_a_token_dies_after_half_an_hour_of_silence_and_each_use_begins_it_anew(
    client: Client,
) -> None:
    for _ in range(3):
        client.control("clock", {"advance_seconds": 29 * 60})
        assert client.balance() == "10000000.00"
    client.control("clock", {"advance_seconds": 30 * 60})
    answer = client.http.get("/v2/balances/EUR")
    assert (answer.status_code, answer.json()) == (401, FAILED)


def test_a_closed_session_and_no_session_open_nothing(client: Client) -> None:
    closed = client.post("authenticate/close_session")
    assert (closed.status_code, closed.json()) == (200, {})
    assert client.http.get("/v2/balances/EUR").status_code == 401
    client.http.headers.pop("X-Auth-Token")
    assert client.http.get("/v2/payments/find").json() == FAILED
