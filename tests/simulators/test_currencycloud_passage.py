"""Replies of the simulated Currencycloud that go wrong on their way, or lead elsewhere."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.simulators.conftest import Client, Receiver

CREATE = "/v2/payments/create"


def test_a_reply_is_cut_in_its_middle(client: Client) -> None:
    form, parts = client.order(), list[bytes]()
    client.fault("cut_mid_body", param={"bytes": 20})
    with client.http.stream("POST", CREATE, data=form) as answer:
        with pytest.raises(httpx.RemoteProtocolError):
            parts.extend(answer.iter_raw())
        assert (answer.status_code, int(answer.headers["content-length"]) > 20) == (200, True)
    assert len(b"".join(parts)) == 20
    assert len(client.found(unique_request_id=form["unique_request_id"])) == 1


def test_without_a_number_a_reply_is_cut_at_half(client: Client) -> None:
    client.fault("cut_mid_body")
    with pytest.raises(httpx.RemoteProtocolError):
        client.create()
    [fired] = client.fired()
    assert (fired["fault"], fired["reply_status"]) == ("cut_mid_body", 200)


def test_a_reply_may_be_reset_in_its_middle(client: Client) -> None:
    client.fault("cut_mid_body", param={"reset": True})
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.create()


def test_a_reply_drips_and_is_whole_in_the_end(client: Client) -> None:
    client.beneficiary()
    client.fault("drip", param={"seconds": 0.01, "bytes": 50})
    began = time.monotonic()
    answer = client.create()
    pieces = -(-len(answer.content) // 50)
    assert answer.json()["status"] == "ready_to_send"
    assert time.monotonic() - began >= 0.01 * pieces > 0.1


def test_a_drip_is_never_silent_for_long_and_yet_takes_its_time(client: Client) -> None:
    form = client.order()
    client.fault("drip", param={"seconds": 0.1})
    began = time.monotonic()
    with client.http.stream("POST", CREATE, data=form, timeout=2) as answer:
        parts = answer.iter_raw()
        # Where the machine stands still, a few bytes may come together.
        assert all(len(next(parts)) < 5 for _ in range(30))
    assert time.monotonic() - began > 2, "longer than any silence that the client allows"
    assert len(client.found(unique_request_id=form["unique_request_id"])) == 1


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(("fault", "made"), [("redirect_before", 0), ("redirect_after", 1)])
def test_a_redirection_leads_to_another_host(
    client: Client, receiver: Receiver, fault: str, made: int, status: int
) -> None:
    client.fault(fault, param={"status": status, "location": receiver.url})
    answer = client.create()
    assert (answer.status_code, answer.headers["location"]) == (status, receiver.url)
    assert len(client.control("book")["payments"]) == made
    assert receiver.came == []


def test_the_right_body_comes_with_the_wrong_content_type(client: Client) -> None:
    client.fault("wrong_content_type", param={"content_type": "text/html"})
    answer = client.create()
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html")
    assert answer.json()["status"] == "ready_to_send"


@pytest.mark.parametrize(
    ("fault", "status", "made"), [("html_502_after", 502, 1), ("service_unavailable", 503, 0)]
)
def test_a_server_error_comes_with_or_without_the_effect(
    client: Client, fault: str, status: int, made: int
) -> None:
    client.fault(fault)
    assert client.create().status_code == status
    assert len(client.control("book")["payments"]) == made


# Quotas


def test_a_quota_is_counted_by_window_and_refused_as_recorded(client: Client) -> None:
    client.clock(now="2027-03-01T12:00:30+00:00")
    client.control("quotas", [{"on": "GET /v2/balances/*", "limit": 2}])
    statuses = [client.http.get("/v2/balances/EUR").status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    assert client.found() == []
    client.advance(29)
    assert client.http.get("/v2/balances/EUR").json()["error_code"] == "too_many_requests"
    client.advance(1)
    assert client.http.get("/v2/balances/EUR").status_code == 200
    assert [fired["fault"] for fired in client.fired()] == ["quota", "quota"]


def test_a_create_above_its_quota_has_no_effect(client: Client) -> None:
    form = client.order()
    client.control("quotas", [{"on": f"POST {CREATE}", "limit": 0, "seconds": 1}])
    assert client.post("payments/create", **form).status_code == 429
    assert client.control("book")["payments"] == []
    assert client.forget("quotas") == {"quotas": []}
    assert client.post("payments/create", **form).status_code == 200


@pytest.mark.parametrize("wrong", [{"on": "x", "limit": 1}, {"on": "* *", "limit": -1}, {}])
def test_a_quota_that_cannot_be_is_refused(client: Client, wrong: dict[str, object]) -> None:
    assert client.http.post("/_control/quotas", json=[wrong]).status_code == 400
