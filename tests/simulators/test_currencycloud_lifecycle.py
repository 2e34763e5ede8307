"""The life of a payment at the simulated Currencycloud, by its clock."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.simulators.conftest import SUB_CONTACT, Client

RELEASED = ("payment", "debit", "12.50", "pending")
DEBITED = ("payment", "debit", "12.50", "completed")


def test_a_payment_goes_from_ready_to_completed_and_is_debited_at_release(client: Client) -> None:
    payment_id = client.pay()
    seen = []
    for _ in range(4):
        payment = client.get(f"payments/{payment_id}")
        seen.append((payment["status"], payment["review_status"], client.balance()))
        client.advance(10)
    assert seen == [
        ("ready_to_send", "in_review", "10000000.00"),
        ("released", "passed", "9999987.50"),
        ("submitted", "passed", "9999987.50"),
        ("completed", "passed", "9999987.50"),
    ]


def test_the_debit_is_pending_at_release_and_completed_at_submission(client: Client) -> None:
    payment_id = client.pay()
    assert client.transactions(payment_id) == []
    client.advance(10)
    assert client.transactions(payment_id) == [RELEASED]
    client.advance(10)
    assert client.transactions(payment_id) == [DEBITED]


def test_one_leap_of_the_clock_does_all_steps_each_at_its_time(client: Client) -> None:
    payment_id = client.pay()
    client.advance(3600)
    assert client.status(payment_id) == "completed"
    [payment] = client.control("book")["payments"]
    assert [step["status"] for step in payment["history"]] == [
        "ready_to_send",
        "released",
        "submitted",
        "completed",
    ]
    times = [step["at"] for step in payment["history"]]
    assert times == sorted(times)
    assert len(set(times)) == 4


def test_a_payment_is_not_released_before_its_date(client: Client) -> None:
    client.clock(now="2027-03-01T12:00:00+00:00")
    payment_id = client.pay(payment_date="2027-03-03")
    client.advance(35 * 3600)
    assert client.status(payment_id) == "ready_to_send"
    client.advance(2 * 3600)
    assert client.status(payment_id) == "completed"


def test_a_payment_date_in_the_past_is_refused(client: Client) -> None:
    client.clock(now="2027-03-01T12:00:00+00:00")
    answer = client.create(payment_date="2027-02-28")
    assert answer.status_code == 400
    assert answer.json()["error_messages"]["payment_date"][0]["code"] == "invalid_payment_date"


def test_a_payment_without_funds_waits_until_they_arrive(client: Client) -> None:
    payment_id = client.pay(amount="10000000.01")
    small_one = client.pay()
    client.advance(3600)
    assert client.status(payment_id) == "ready_to_send"
    assert client.status(small_one) == "completed"
    client.control("funds", {"currency": "EUR", "amount": "12.51"})
    client.advance(3600)
    assert client.status(payment_id) == "completed"
    assert client.balance() == "0.00"


def test_an_amount_is_exact_in_the_currencys_own_unit(start: Callable[..., Client]) -> None:
    client = start(balances=["JPY=1000.00", "BHD=1.005"])
    yen, dinar = (
        client.create(currency="JPY", amount="999"),
        client.create(currency="BHD", amount="1.005"),
    )
    assert (yen.json()["amount"], dinar.json()["amount"]) == ("999.00", "1.005")
    client.advance(10)
    assert (client.balance("JPY"), client.balance("BHD")) == ("1.00", "0.000")
    stored = [payment["amount_minor"] for payment in client.control("book")["payments"]]
    assert stored == [999, 1005]


@pytest.mark.parametrize(
    ("currency", "amount"),
    [
        ("JPY", "0.5"),
        ("EUR", "0.001"),
        ("EUR", "0"),
        ("EUR", "-1"),
        ("EUR", "1,00"),
        ("EUR", "1e3"),
        ("EUR", "١"),
        ("EUR", "9999999999999999"),
    ],
)
def test_an_amount_that_is_none_is_refused(client: Client, currency: str, amount: str) -> None:
    answer = client.create(currency=currency, amount=amount)
    assert answer.status_code == 400
    assert answer.json()["error_messages"]["amount"][0]["code"] == "amount_type_is_wrong"


def test_a_deleted_payment_answers_as_recorded_and_is_then_hard_to_find(client: Client) -> None:
    payment_id = client.pay()
    deleted = client.post(f"payments/{payment_id}/delete")
    assert (deleted.status_code, deleted.json()["status"]) == (200, "ready_to_send")
    gone = client.http.get(f"/v2/payments/{payment_id}")
    assert (gone.status_code, gone.json()["error_code"]) == (404, "payment_not_found")
    assert client.get(f"payments/{payment_id}", with_deleted="true")["status"] == "deleted"
    assert client.found(unique_request_id="key-1") == []
    [found] = client.found(unique_request_id="key-1", with_deleted="true")
    assert found["status"] == "deleted"
    again = client.post(f"payments/{payment_id}/delete")
    assert (again.status_code, again.json()["error_code"]) == (404, "payment_not_found")
    client.advance(3600)
    assert client.balance() == "10000000.00"


def test_a_released_payment_is_neither_deleted_nor_changed(client: Client) -> None:
    payment_id = client.pay()
    client.advance(10)
    assert client.post(f"payments/{payment_id}/delete").status_code == 400
    changed = client.post(f"payments/{payment_id}", amount="1.00")
    assert changed.status_code == 400
    [reason] = changed.json()["error_messages"]["can_not_be_edited"]
    assert reason["code"] == "payment_can_not_be_edited"
    assert client.status(payment_id) == "released"


def test_an_amount_is_changed_in_place_before_release(client: Client) -> None:
    payment_id = client.pay()
    assert client.post(f"payments/{payment_id}", amount="1200").json()["amount"] == "1200.00"
    assert client.get(f"payments/{payment_id}")["amount"] == "1200.00"
    client.advance(3600)
    assert client.transactions(payment_id) == [("payment", "debit", "1200.00", "completed")]


def test_a_completed_payment_fails_and_comes_back_less_a_fee(client: Client) -> None:
    payment_id = client.pay()
    client.advance(3600)
    intervention = {"fault": "fail_after_completed", "param": {"fee": "2.00", "reason": "closed"}}
    assert client.control(f"payments/{payment_id}", intervention)["status"] == "failed"
    payment = client.get(f"payments/{payment_id}")
    assert (payment["failure_reason"], payment["failure_returned_amount"]) == ("closed", "10.50")
    returned = ("payment_failure", "credit", "10.50", "completed")
    assert client.transactions(payment_id) == [DEBITED, returned]
    assert client.balance() == "9999998.00"


def test_a_payment_that_fails_before_release_never_touched_the_balance(client: Client) -> None:
    payment_id = client.pay()
    client.control(f"payments/{payment_id}", {"fault": "fail_before_release"})
    client.advance(3600)
    payment = client.get(f"payments/{payment_id}")
    assert (payment["status"], payment["review_status"]) == ("failed", "rejected")
    assert payment["failure_returned_amount"] == "0.00"
    assert client.transactions(payment_id) == []
    assert client.balance() == "10000000.00"


def test_a_suspended_payment_stands_still_until_it_is_resumed(client: Client) -> None:
    payment_id = client.pay()
    client.control(f"payments/{payment_id}", {"fault": "suspend"})
    client.advance(3600)
    assert client.status(payment_id) == "suspended"
    client.control(f"payments/{payment_id}", {"fault": "resume"})
    assert client.status(payment_id) == "ready_to_send"
    client.advance(3600)
    assert client.status(payment_id) == "completed"


def test_an_unreleased_payment_is_credited_back_and_may_go_again(client: Client) -> None:
    payment_id = client.pay()
    client.advance(10)
    client.control(f"payments/{payment_id}", {"fault": "unrelease"})
    unreleased = ("payment_unrelease", "credit", "12.50", "completed")
    assert client.status(payment_id) == "suspended"
    assert client.balance() == "10000000.00"
    client.control(f"payments/{payment_id}", {"fault": "resume"})
    client.advance(3600)
    assert client.status(payment_id) == "completed"
    assert client.transactions(payment_id) == [DEBITED, unreleased, DEBITED]
    assert client.balance() == "9999987.50"


def test_what_is_impossible_now_is_refused_by_the_control_endpoint(client: Client) -> None:
    payment_id = client.pay()
    client.advance(3600)
    answer = client.http.post(f"/_control/payments/{payment_id}", json={"fault": "suspend"})
    assert answer.status_code == 409
    answer = client.http.post(f"/_control/payments/{payment_id}", json={"fault": "levitate"})
    assert answer.status_code == 400


def test_the_clock_moves_stands_still_and_runs_again(start: Callable[..., Client]) -> None:
    client = start()
    before = client.control("clock")["now"]
    assert client.control("clock")["now"] == before
    client.advance(60)
    assert client.control("clock")["now"][:16] > before[:16]
    assert client.control("clock", {"frozen": False})["frozen"] is False
    first = client.control("clock")["now"]
    assert client.control("clock")["now"] > first
    assert client.http.post("/_control/clock", json={"now": "2027-01-01"}).status_code == 400


def test_short_references_look_as_recorded_and_are_unique(client: Client) -> None:
    references = [client.create().json()["short_reference"] for _ in range(30)]
    assert len(set(references)) == 30
    assert all(len(one) == len("170515-GCFDDF001") for one in references)


def test_a_sub_accounts_payment_is_only_seen_in_its_name(start: Callable[..., Client]) -> None:
    client = start(contacts=[SUB_CONTACT])
    own, theirs = client.pay(), client.pay(on_behalf_of=SUB_CONTACT)

    def ids(**params: str) -> list[Any]:
        return [payment["id"] for payment in client.found(**params)]

    assert client.http.get(f"/v2/payments/{theirs}").status_code == 404
    assert client.get(f"payments/{theirs}", on_behalf_of=SUB_CONTACT)["id"] == theirs
    assert ids() == [own]
    assert ids(scope="own") == [own]
    assert ids(scope="clients") == [theirs]
    assert ids(scope="all") == [own, theirs]
    assert ids(scope="all", on_behalf_of=SUB_CONTACT) == [theirs]
    # Its account is empty: what it sends waits, though the house has money.
    client.advance(3600)
    assert client.status(own) == "completed"
    sub = client.get(f"payments/{theirs}", on_behalf_of=SUB_CONTACT)
    assert sub["status"] == "ready_to_send"


@pytest.mark.parametrize(
    ("contact", "code"),
    [
        ("not-a-uuid", "on_behalf_of_is_not_valid_uuid"),
        ("00000000-0000-4000-8000-000000000000", "contact_not_found"),
    ],
)
def test_acting_for_nobody_is_refused(client: Client, contact: str, code: str) -> None:
    error = client.get("balances/EUR", on_behalf_of=contact)
    assert error["error_messages"]["on_behalf_of"][0]["code"] == code


def test_a_regular_payment_may_take_longer_than_a_priority_one(client: Client) -> None:
    client.control("delays", {"regular_after": 86_400})
    regular, priority = client.pay(), client.pay(payment_type="priority")
    client.advance(3600)
    shown = [client.get(f"payments/{each}")["status"] for each in (regular, priority)]
    assert shown == ["submitted", "completed"]
    client.advance(86_400)
    assert client.get(f"payments/{regular}")["status"] == "completed"
