"""Each fault of the menu, seen from the other end of a real connection."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
import pytest

from tests.simulators.conftest import Client

FIND = "GET /v2/payments/find"
READ = "GET /v2/payments/*"


def payments(client: Client) -> int:
    """How many there are, as the book has it."""
    return len(client.control("book")["payments"])


def raw(client: Client, form: dict[str, str]) -> bytes:
    """Everything the partner sends for a create until the connection ends."""
    address, body = urlsplit(client.address), urlencode(form)
    request = (
        f"POST /v2/payments/create HTTP/1.1\r\nHost: {address.netloc}\r\n"
        f"X-Auth-Token: {client.http.headers['X-Auth-Token']}\r\nConnection: close\r\n"
        f"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port), timeout=10) as connection:
        connection.sendall(f"{request}{body}".encode())
        received = b""
        while chunk := connection.recv(4096):
            received += chunk
        return received


@pytest.mark.parametrize(("fault", "made"), [("reply_lost_before", 0), ("reply_lost_after", 1)])
def test_a_lost_reply_is_a_connection_that_ends_without_a_byte(
    client: Client, fault: str, made: int
) -> None:
    form = client.order()
    client.fault(fault)
    assert raw(client, form) == b""
    assert payments(client) == made
    assert len(client.found(unique_request_id=form["unique_request_id"])) == made
    # Once was ordered: the next one goes through.
    assert raw(client, client.order()).startswith(b"HTTP/1.1 200 OK")


def test_a_lost_reply_may_also_be_a_reset_connection(client: Client) -> None:
    form = client.order()
    client.fault("reply_lost_after", param={"reset": True})
    with pytest.raises(ConnectionResetError):
        raw(client, form)
    assert payments(client) == 1


@pytest.mark.parametrize("body", ["json", "html"])
@pytest.mark.parametrize(("fault", "made"), [("error_500_before", 0), ("error_500_after", 1)])
def test_an_error_500_comes_with_or_without_the_effect(
    client: Client, fault: str, made: int, body: str
) -> None:
    client.fault(fault, param={"body": body})
    answer = client.create()
    assert answer.status_code == 500
    assert answer.text.startswith("{" if body == "json" else "<html>")
    assert payments(client) == made


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("rate_limited", 429, "too_many_requests"),
        ("unauthorised", 401, "auth_failed"),
        ("duplicate_word", 400, "duplicate_request"),
    ],
)
def test_a_refusal_without_a_cause_has_no_effect(
    client: Client, fault: str, status: int, code: str
) -> None:
    client.fault(fault)
    answer = client.create()
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert payments(client) == 0


def test_the_token_that_was_refused_is_dead(client: Client) -> None:
    client.fault("unauthorised", FIND)
    assert client.http.get("/v2/payments/find").status_code == 401
    assert client.http.get("/v2/balances/EUR").status_code == 401
    client.http.headers["X-Auth-Token"] = client.log_in().json()["auth_token"]
    assert client.found() == []


@pytest.mark.parametrize(("fault", "status", "made"), [("html_200", 200, 1), ("html_502", 502, 0)])
def test_html_instead_of_json(client: Client, fault: str, status: int, made: int) -> None:
    client.fault(fault)
    answer = client.create()
    assert (answer.status_code, answer.headers["content-type"]) == (status, "text/html")
    with pytest.raises(json.JSONDecodeError):
        answer.json()
    assert payments(client) == made


def test_a_status_from_nowhere_is_told_of_that_payment_only(client: Client) -> None:
    strange, plain = client.pay(reference="S-1"), client.pay()
    client.fault("unknown_status", READ, times=None, match={"reference": "S-*"})
    assert client.status(strange) == client.status(strange) == "parked_elsewhere"
    assert client.found(unique_request_id="key-1")[0]["status"] == "parked_elsewhere"
    assert client.status(plain) == "ready_to_send"


def test_a_field_is_missing_or_of_another_type(client: Client) -> None:
    client.fault("missing_field", param={"field": "id"})
    assert "id" not in client.create().json()
    client.fault("number_for_string")
    assert client.create().json()["amount"] == 12.5
    client.fault("missing_field", FIND)
    assert all("status" not in payment for payment in client.found())


def test_a_payment_is_hidden_from_a_search(client: Client) -> None:
    client.pay()
    client.fault("hidden_from_find", FIND)
    hidden = client.get("payments/find", unique_request_id="key-1")
    assert (hidden["payments"], hidden["pagination"]["total_entries"]) == ([], 0)
    assert len(client.found(unique_request_id="key-1")) == 1


def test_a_search_finds_another_payment(client: Client) -> None:
    wanted, other = client.pay(), client.pay()
    client.fault("finds_another", FIND)
    assert [one["id"] for one in client.found(unique_request_id="key-1")] == [other]
    assert [one["id"] for one in client.found(unique_request_id="key-1")] == [wanted]


def test_a_fault_with_nothing_to_take_hold_of_does_not_fire(client: Client) -> None:
    client.fault("hidden_from_find", FIND)
    client.fault("finds_another", FIND)
    assert client.found() == []
    [hidden, another] = client.control("faults")["rules"]
    assert (hidden["fired"], another["fired"]) == (0, 0)


@pytest.mark.parametrize(("when", "made"), [("before", 0), ("after", 1)])
def test_a_delay_keeps_the_caller_waiting_before_or_after_the_effect(
    client: Client, when: str, made: int
) -> None:
    form = client.order()
    client.fault("delay", param={"seconds": 60, "when": when})
    with pytest.raises(httpx.ReadTimeout):
        client.http.post("/v2/payments/create", data=form, timeout=0.5)
    assert payments(client) == made


def test_a_delay_and_a_lost_reply_go_together(client: Client) -> None:
    client.fault("delay", param={"seconds": 0.01})
    client.fault("reply_lost_after")
    assert raw(client, client.order()) == b""
    assert [fired["fault"] for fired in client.fired()] == ["delay", "reply_lost_after"]


@pytest.mark.parametrize(
    ("fault", "param", "statuses", "moves"),
    [
        (
            "fail_after_completed",
            {"after_seconds": 60, "fee": "1.00"},
            ["ready_to_send", "released", "submitted", "completed", "failed"],
            [
                ("payment", "debit", "12.50", "completed"),
                ("payment_failure", "credit", "11.50", "completed"),
            ],
        ),
        ("fail_before_release", {}, ["ready_to_send", "failed"], []),
        ("suspend", {}, ["ready_to_send", "suspended"], []),
        (
            "suspend",
            {"resume_after_seconds": 60},
            ["ready_to_send", "suspended", "ready_to_send", "released", "submitted", "completed"],
            [("payment", "debit", "12.50", "completed")],
        ),
        ("delete_by_hand", {"after_seconds": 5}, ["ready_to_send", "deleted"], []),
        (
            "change_amount_by_hand",
            {"amount": "13.00"},
            ["ready_to_send", "ready_to_send", "released", "submitted", "completed"],
            [("payment", "debit", "13.00", "completed")],
        ),
    ],
)
def test_a_fate_befalls_the_payment_in_its_time(
    client: Client,
    fault: str,
    param: dict[str, Any],
    statuses: list[str],
    moves: list[tuple[str, str, str, str]],
) -> None:
    client.fault(fault, param=param)
    created = client.create().json()
    spared = client.pay()
    assert (created["status"], created["amount"]) == ("ready_to_send", "12.50")
    client.advance(86_400)
    [payment, other] = client.control("book")["payments"]
    assert [step["status"] for step in payment["history"]] == statuses
    assert client.transactions(created["id"]) == moves
    assert client.status(spared) == other["status"] == "completed"
    [fired] = client.fired()
    assert (fired["fault"], fired["payment_id"]) == (fault, created["id"])


def test_a_hand_that_comes_too_late_changes_nothing_and_is_not_counted(client: Client) -> None:
    client.fault("delete_by_hand", param={"after_seconds": 15})
    payment_id = client.pay()
    client.advance(86_400)
    assert client.status(payment_id) == "completed"
    [rule] = client.control("faults")["rules"]
    assert (rule["picked"], rule["fired"]) == (1, 0)


def test_every_fault_that_fires_is_logged_with_what_it_hit(client: Client) -> None:
    client.fault("reply_lost_before", times=2)
    for _ in range(2):
        raw(client, client.order(unique_request_id="k"))
    client.fault("error_500_after", "GET /v2/payments/*")
    payment_id = client.pay(unique_request_id="k")
    client.http.get(f"/v2/payments/{payment_id}")
    first, _, last = client.fired()
    assert (first["payment_id"], first["unique_request_id"]) == (None, "k")
    assert (last["payment_id"], last["payment_status"], last["reply_status"]) == (
        payment_id,
        "ready_to_send",
        200,
    )
    assert last["request"] == f"GET /v2/payments/{payment_id}"


def test_a_rule_fires_as_often_as_ordered_and_no_more_when_cleared(client: Client) -> None:
    client.fault("rate_limited", times=2)
    assert [client.create().status_code for _ in range(3)] == [429, 429, 200]
    client.fault("rate_limited", times=None)
    assert client.create().status_code == 429
    assert client.http.delete("/_control/faults").json() == {"rules": []}
    assert client.create().status_code == 200
    assert len(client.fired()) == 3


def test_the_same_seed_hits_the_same_requests(start: Callable[..., Client]) -> None:
    def hits() -> list[int]:
        client = start()
        client.fault("rate_limited", FIND, times=None, probability=0.5, seed=7)
        return [client.http.get("/v2/payments/find").status_code for _ in range(20)]

    first = hits()
    assert set(first) == {200, 429}
    assert hits() == first


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "gravity"},
        {"fault": "delay", "on": "GET"},
        {"fault": "delay", "probability": 2},
        {"fault": "delay", "param": {"seconds": "long"}},
        {"fault": "delay", "match": {"reference": 1}},
        {"fault": "drip", "param": {"bytes": "few"}},
        {"fault": "refused", "param": {"status": "late"}},
        {"fault": "delay", "id": 7},
        {"fault": "delay", "hue": "red"},
        {"on": "GET *"},
    ],
)
def test_a_rule_that_cannot_be_is_refused(client: Client, rule: dict[str, Any]) -> None:
    good = {"fault": "delay"}
    assert client.http.post("/_control/faults", json=[good, rule]).status_code == 400
    assert client.control("faults") == {"rules": []}
