"""People at the simulated Currencycloud: who approve, delete, change, and change their minds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.simulators.conftest import Client
from tests.simulators.test_currencycloud_contract import BY_STATUS, NOBODY, SECOND_KEY

DELETABLE = {"new", "awaiting_authorisation", "authorised", "ready_to_send", "suspended"}


@pytest.fixture
def people(client: Client) -> Iterator[Callable[[str], Client]]:
    """More of them who may log in, by name."""
    known: list[Client] = []

    def person(name: str) -> Client:
        client.control("logins", {"login_id": name, "api_key": SECOND_KEY})
        known.append(Client(client.address, name, SECOND_KEY))
        return known[-1]

    yield person
    for each in known:
        each.http.close()


def approve(client: Client, *payment_ids: str) -> list[dict[str, object]]:
    answer = client.http.post("/v2/payments/authorise", data={"payment_ids[]": list(payment_ids)})
    assert answer.status_code == 200, answer.text
    authorisations: list[dict[str, object]] = answer.json()["authorisations"]
    return authorisations


# Approving


def test_a_payment_waits_until_enough_people_have_approved_it(
    client: Client, people: Callable[[str], Client]
) -> None:
    client.control("authorisation", {"steps": 2})
    created = client.create().json()
    payment_id = created["id"]
    assert created["status"] == "awaiting_authorisation"
    assert created["authorisation_steps_required"] == "2"
    client.advance(3600)
    assert client.status(payment_id) == "awaiting_authorisation"
    [first] = approve(people("Ada"), payment_id)
    assert first == {
        "payment_id": payment_id,
        "payment_status": "awaiting_authorisation",
        "updated": True,
        "error": None,
        "auth_steps_taken": 1,
        "auth_steps_required": 2,
        "short_reference": created["short_reference"],
    }
    [second] = approve(people("Grace"), payment_id)
    assert (second["payment_status"], second["auth_steps_taken"]) == ("authorised", 2)
    client.advance(3600)
    assert client.status(payment_id) == "completed"


def test_nobody_approves_their_own_payment_nor_twice_nor_what_does_not_wait(
    client: Client, people: Callable[[str], Client]
) -> None:
    plain = client.pay()
    client.control("authorisation", {"steps": 2})
    payment_id, ada = client.pay(), people("Ada")
    [own] = approve(client, payment_id)
    assert (own["updated"], own["auth_steps_taken"]) == (False, 0)
    assert own["error"] == "You cannot authorise this Payment as it was created by you."
    approve(ada, payment_id)
    [again, not_waiting] = approve(ada, payment_id, plain)
    assert (again["updated"], again["auth_steps_taken"]) == (False, 1)
    assert (not_waiting["updated"], not_waiting["payment_status"]) == (False, "ready_to_send")


def test_payments_nobody_has_are_left_out_of_the_answer(client: Client) -> None:
    assert approve(client, NOBODY) == []


def test_ids_are_taken_from_the_query_as_well(
    client: Client, people: Callable[[str], Client]
) -> None:
    client.control("authorisation", {"steps": 1})
    payment_id = client.pay()
    query = {"payment_ids[]": [payment_id]}
    answer = people("Ada").http.post("/v2/payments/authorise", params=query)
    assert answer.json()["authorisations"][0]["payment_status"] == "authorised"


def test_who_creates_by_another_login_is_another_person(
    client: Client, people: Callable[[str], Client]
) -> None:
    client.control("authorisation", {"steps": 1})
    ada = people("Ada")
    payment_id = ada.pay()
    assert approve(ada, payment_id)[0]["updated"] is False
    assert approve(client, payment_id)[0]["updated"] is True
    mine, hers = (
        client.create(unique_request_id="mine").json(),
        client.get(f"payments/{payment_id}"),
    )
    assert mine["creator_contact_id"] != hers["creator_contact_id"]


def test_a_rule_has_people_approve_in_their_own_time(client: Client) -> None:
    client.control("authorisation", {"steps": 3})
    client.fault("authorise_by_hand", param={"after_seconds": 5})
    payment_id = client.pay()
    client.advance(5)
    assert client.status(payment_id) == "ready_to_send"
    [fired] = client.fired()
    assert (fired["fault"], fired["payment_status"]) == (
        "authorise_by_hand",
        "awaiting_authorisation",
    )


# Deleting


def test_what_has_not_left_can_be_deleted_and_nothing_else(client: Client) -> None:
    for status, way in BY_STATUS.items():
        payment_id = way(client)
        answer = client.post(f"payments/{payment_id}/delete")
        if status in DELETABLE:
            assert (answer.status_code, answer.json()["status"]) == (200, status)
            assert client.http.get(f"/v2/payments/{payment_id}").status_code == 404
        elif status == "deleted":
            assert (answer.status_code, answer.json()["error_code"]) == (404, "payment_not_found")
        else:
            assert answer.status_code == 400
            assert answer.json()["error_code"] == "payment_delete_failed"
            [reason] = answer.json()["error_messages"]["can_not_be_deleted"]
            assert reason["code"] == "payment_can_not_be_deleted"
            assert client.status(payment_id) == status


def test_what_was_deleted_by_hand_looks_like_what_was_deleted_by_request(client: Client) -> None:
    by_hand, by_request = client.pay(), client.pay()
    client.apply(by_hand, "delete_by_hand")
    client.post(f"payments/{by_request}/delete")
    for payment_id in (by_hand, by_request):
        assert client.http.get(f"/v2/payments/{payment_id}").status_code == 404
        shown = client.get(f"payments/{payment_id}", with_deleted="true")
        assert shown["status"] == "deleted"
    client.advance(86_400)
    assert client.balance() == "10000000.00"


@pytest.mark.parametrize(
    ("method", "path", "code"),
    [
        ("GET", "payments/no-uuid", "invalid_id"),
        ("POST", "payments/no-uuid", "id_is_not_valid_uuid"),
        ("POST", "payments/no-uuid/delete", "invalid_id"),
        ("POST", "payments/no-uuid/notifications/retry", "id_is_not_valid_uuid"),
    ],
)
def test_an_id_that_is_none_is_refused(client: Client, method: str, path: str, code: str) -> None:
    answer = client.http.request(method, f"/v2/{path}")
    assert answer.status_code == 400
    assert [reason["code"] for reason in answer.json()["error_messages"]["id"]] == [code]


# Changing their minds


@pytest.mark.parametrize("end", ["fail_before_release", "delete_by_hand"])
def test_what_was_refused_or_deleted_goes_on_after_all(client: Client, end: str) -> None:
    payment_id = client.pay()
    client.apply(payment_id, end)
    client.apply(payment_id, "revive")
    client.advance(3600)
    payment = client.get(f"payments/{payment_id}")
    assert (payment["status"], payment["failure_reason"]) == ("completed", "")
    assert client.balance() == "9999987.50"


def test_a_rule_revives_a_payment_some_time_after_its_end(client: Client) -> None:
    client.fault("fail_before_release")
    client.fault("revive", param={"after_seconds": 100})
    payment_id = client.pay()
    client.advance(109)
    assert client.status(payment_id) == "failed"
    client.advance(1)
    assert client.status(payment_id) == "ready_to_send"
    client.advance(3600)
    assert client.status(payment_id) == "completed"
    assert [fired["fault"] for fired in client.fired()] == ["fail_before_release", "revive"]


def test_money_that_came_back_is_not_revived(client: Client) -> None:
    payment_id = client.pay()
    client.advance(3600)
    client.apply(payment_id, "fail_after_completed", fee="12.50")
    answer = client.http.post(f"/_control/payments/{payment_id}", json={"fault": "revive"})
    assert answer.status_code == 409


def test_a_rule_calls_released_money_back_and_lets_it_go_again(client: Client) -> None:
    client.fault("unrelease", param={"after_seconds": 5, "resume_after_seconds": 60})
    payment_id = client.pay()
    client.advance(14)
    assert client.status(payment_id) == "released"
    client.advance(1)
    assert (client.status(payment_id), client.balance()) == ("suspended", "10000000.00")
    client.advance(86_400)
    assert client.status(payment_id) == "completed"
    assert [action for action, *_ in client.transactions(payment_id)] == [
        "payment",
        "payment_unrelease",
        "payment",
    ]


def test_a_payment_that_waits_for_funds_can_be_suspended_and_goes_on_when_funded(
    client: Client,
) -> None:
    payment_id = client.pay(amount="10000000.01")
    client.advance(3600)
    client.apply(payment_id, "suspend")
    client.control("funds", {"currency": "EUR", "amount": "0.01"})
    client.advance(3600)
    assert client.status(payment_id) == "suspended"
    client.apply(payment_id, "resume")
    client.advance(3600)
    assert (client.status(payment_id), client.balance()) == ("completed", "0.00")
