"""Events: their signatures, their delivery, the list that fills gaps, lists and search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from simulators.stripe.notices import signature
from tests.polling import until
from tests.simulators.conftest import Receiver
from tests.simulators.stripe.conftest import SECRET, Shop, types, until_types

DAY = 86_400
#: What a paid card announces.
PAID = ("payment_intent.created", "charge.succeeded", "payment_intent.succeeded")


def signed(headers: dict[str, str]) -> tuple[int, list[str]]:
    """The time and the signatures of a delivery."""
    parts = [part.split("=", 1) for part in headers["stripe-signature"].split(",")]
    return int(parts[0][1]), [value for name, value in parts if name == "v1"]


def test_the_signature_is_theirs(specs: Path) -> None:
    vector = json.loads((specs / "stripe" / "webhook-signature.json").read_text())
    assert vector["valid_ignoring_time"]
    for each in vector["valid_ignoring_time"]:
        made = signature(each["payload"].encode(), each["secret"], each["timestamp"])
        assert each["header"] == f"t={each['timestamp']},v1={made}"


def test_a_delivery_is_an_event_signed_over_its_bytes(notified: Shop, receiver: Receiver) -> None:
    paid = notified.post("payment_intents", "k", **notified.order())
    until_types(receiver, *PAID)
    for headers, body in receiver.came:
        seconds, signatures = signed(headers)
        assert signatures == [signature(body, SECRET, seconds)]
        event = json.loads(body)
        assert (event["object"], event["api_version"]) == ("event", "2026-06-24.dahlia")
        assert event["request"] == {
            "id": paid.headers["request-id"], "idempotency_key": "k",
        }  # fmt: skip
        assert event["pending_webhooks"] == 1
        assert "account" not in event
    last = json.loads(receiver.came[-1][1])
    assert last["data"]["object"] == paid.json()
    assert last["data"]["previous_attributes"]["amount_received"] == 0
    # What happens by itself has no request.
    notified.advance(1)
    until(lambda: len(receiver.came) == 4, "the charge is booked")
    assert json.loads(receiver.came[3][1])["request"] == {"id": None, "idempotency_key": None}


def test_while_a_secret_is_replaced_both_sign(shop: Shop, receiver: Receiver) -> None:
    shop.control("webhooks", {"url": receiver.url, "secret": SECRET, "old_secret": "whsec_old"})
    shop.pay()
    until_types(receiver, *PAID)
    headers, body = receiver.came[0]
    seconds, signatures = signed(headers)
    assert signatures == [signature(body, each, seconds) for each in (SECRET, "whsec_old")]


def test_an_endpoint_receives_the_types_that_it_asked_for(shop: Shop, receiver: Receiver) -> None:
    enabled = ["payment_intent.*", "charge.dispute.created"]
    shop.control("webhooks", {"url": receiver.url, "enabled_events": enabled})
    shop.pay("pm_card_createDispute")
    until_types(
        receiver, "payment_intent.created", "payment_intent.succeeded", "charge.dispute.created"
    )
    assert "charge.succeeded" in shop.events()


def test_events_of_two_versions_are_under_way_during_an_upgrade(shop: Shop) -> None:
    shop.pay()
    shop.control("version", {"version": "2026-10-28.endive"})
    shop.pay()
    versions = [each["api_version"] for each in shop.all("events")]
    assert versions == ["2026-06-24.dahlia"] * 3 + ["2026-10-28.endive"] * 3


def test_an_event_of_another_account_names_it(notified: Shop, receiver: Receiver) -> None:
    notified.control("accounts", {"account": "acct_other"})
    notified.http.headers["stripe-account"] = "acct_other"
    notified.pay()
    until_types(receiver, *PAID)
    assert {json.loads(body)["account"] for _, body in receiver.came} == {"acct_other"}


# Faults of deliveries


def test_a_refused_delivery_is_repeated_as_the_same_event(
    notified: Shop, receiver: Receiver
) -> None:
    receiver.answers = [500, 302]
    notified.pay()
    until(lambda: len(receiver.came) == 3, "three first attempts")
    notified.advance(5)
    until(lambda: len(receiver.came) == 6, "two second attempts, and the booking")
    came = [json.loads(body)["id"] for _, body in receiver.came]
    for event in came[:2]:
        first, second = (at for at, each in enumerate(came) if each == event)
        times = [signed(receiver.came[at][0])[0] for at in (first, second)]
        assert times[1] - times[0] == 5, "each attempt is signed anew"


def test_a_lost_delivery_is_in_the_list_of_events(notified: Shop, receiver: Receiver) -> None:
    notified.fault("webhook_dropped", "NOTIFY payment_intent.succeeded")
    paid = notified.pay()
    until_types(receiver, *PAID[:2])
    [missed] = notified.all("events", type="payment_intent.succeeded")
    assert missed["data"]["object"]["id"] == paid["id"]
    several = notified.all("events", **{"types[]": ["charge.succeeded", "payment_intent.created"]})
    assert [each["type"] for each in several] == ["payment_intent.created", "charge.succeeded"]


def test_deliveries_come_twice_early_late_and_in_another_order(
    notified: Shop, receiver: Receiver
) -> None:
    notified.fault("webhook_doubled", "NOTIFY payment_intent.created")
    notified.fault("webhook_delayed", "NOTIFY charge.succeeded", param={"seconds": 30})
    notified.pay()
    until_types(receiver, PAID[0], PAID[0], PAID[2])
    notified.advance(30)
    until_types(receiver, PAID[0], PAID[0], PAID[2], "charge.updated", PAID[1])
    receiver.came.clear()
    notified.fault("webhook_reordered", "NOTIFY payment_intent.created")
    notified.pay()
    until_types(receiver, PAID[1], PAID[2], PAID[0])
    notified.fault("webhook_early", "NOTIFY payment_intent.succeeded")
    receiver.came.clear()
    notified.pay()
    assert "payment_intent.succeeded" in types(receiver), "before the reply"


def test_strangers_sign_with_another_secret_or_long_ago(notified: Shop, receiver: Receiver) -> None:
    on = "NOTIFY payment_intent.succeeded"
    forged = {"instead": True, "body": {"amount_received": 9}}
    notified.fault("webhook_forged", on, param=forged)
    notified.pay()
    until_types(receiver, *PAID)
    headers, body = receiver.came[-1]
    seconds, [made] = signed(headers)
    assert made != signature(body, SECRET, seconds)
    assert json.loads(body)["data"]["object"]["amount_received"] == 9
    notified.fault("webhook_stale", on, param={"instead": True, "seconds": 600})
    notified.fault("webhook_unknown_payment", "NOTIFY payment_intent.created")
    receiver.came.clear()
    paid = notified.pay()
    until(lambda: len(receiver.came) == 4, "the stale and the unknown one")
    by_type = [(json.loads(body), signed(headers)) for headers, body in receiver.came]
    times = {event["type"]: seconds for event, (seconds, _) in by_type}
    assert times["charge.succeeded"] - times["payment_intent.succeeded"] == 600
    created = [event for event, _ in by_type if event["type"] == "payment_intent.created"]
    assert len({event["id"] for event in created}) == 2
    unknown = {event["data"]["object"]["id"] for event in created} - {paid["id"]}
    assert all(each.startswith("pi_") for each in unknown)
    assert len(unknown) == 1


def test_an_event_is_sent_again_or_made_by_hand(notified: Shop, receiver: Receiver) -> None:
    paid = notified.pay()
    until_types(receiver, *PAID)
    notified.control("webhooks/send", {"notice": 1})
    until(lambda: len(receiver.came) == 4, "the first again")
    assert receiver.came[3][1] == receiver.came[0][1]
    asked = {"payment_id": paid["id"], "body": {"status": "parked_elsewhere"}}
    notified.control("webhooks/send", asked)
    until(lambda: len(receiver.came) == 5, "one by hand")
    event = json.loads(receiver.came[4][1])
    assert (event["type"], event["data"]["object"]["status"]) == (
        "payment_intent.succeeded", "parked_elsewhere",
    )  # fmt: skip


# Lists


def pages(shop: Shop, path: str, **params: Any) -> list[str]:
    """The ids of a whole list, read page by page from the newest on."""
    found: list[str] = []
    while True:
        after = {"starting_after": found[-1]} if found else {}
        page = shop.get(path, **params, **after)
        found += [each["id"] for each in page["data"]]
        if not page["has_more"]:
            return found


def test_a_list_is_read_in_pages_and_by_its_time(shop: Shop) -> None:
    made = []
    for _ in range(5):
        made.append(shop.pay()["id"])
        shop.advance(60)
    newest_first = made[::-1]
    assert pages(shop, "payment_intents", limit=2) == newest_first
    assert [each["id"] for each in shop.get("payment_intents")["data"]] == newest_first
    back = shop.get("payment_intents", ending_before=newest_first[3], limit=2)
    assert [each["id"] for each in back["data"]] == newest_first[1:3]
    assert back["has_more"] is True
    third = shop.get(f"payment_intents/{made[2]}")["created"]
    for bound, expected in (
        ("gte", made[2:]), ("gt", made[3:]), ("lte", made[:3]), ("lt", made[:2]),
    ):  # fmt: skip
        found = pages(shop, "payment_intents", **{f"created[{bound}]": third})
        assert found[::-1] == expected, bound
    assert pages(shop, "payment_intents", created=third) == [made[2]]
    assert len(pages(shop, "charges", payment_intent=made[0])) == 1
    for wrong in ({"limit": 0}, {"limit": 101}, {"starting_after": "pi_none"}, {"colour": "red"}):
        answer = shop.http.get("/v1/payment_intents", params=wrong)
        assert answer.status_code in (400, 404)


def test_a_payment_made_between_two_pages_is_not_seen_twice(shop: Shop) -> None:
    made = [shop.pay()["id"] for _ in range(4)]
    first = shop.get("payment_intents", limit=2)["data"]
    shop.pay()
    rest = shop.get("payment_intents", limit=10, starting_after=first[-1]["id"])["data"]
    assert [each["id"] for each in [*first, *rest]] == made[::-1]


def test_events_are_kept_for_thirty_days(shop: Shop) -> None:
    shop.pay()
    shop.advance(DAY)
    later = shop.pay()
    shop.advance(30 * DAY - 1)
    about = {each["data"]["object"]["id"] for each in shop.all("events")}
    assert later["id"] in about
    assert len([each for each in about if each.startswith("pi_")]) == 1


def test_an_event_that_is_no_longer_kept_is_no_place_to_go_on_from(shop: Shop) -> None:
    shop.pay()
    oldest = shop.all("events")[0]
    shop.advance(30 * DAY)
    shop.pay()
    assert len(shop.all("events", ending_before=oldest["id"])) == 6
    shop.advance(1)
    for path, params in (
        (f"events/{oldest['id']}", {}),
        ("events", {"ending_before": oldest["id"]}),
    ):
        answer = shop.http.get(f"/v1/{path}", params=params)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "resource_missing")


def test_events_are_listed_by_whether_every_endpoint_has_taken_them(
    notified: Shop, receiver: Receiver
) -> None:
    notified.fault("webhook_dropped", "NOTIFY payment_intent.succeeded")
    receiver.answers = [500]
    notified.pay()
    until_types(receiver, *PAID[:2])

    def listed(success: str) -> list[str]:
        return [each["type"] for each in notified.all("events", delivery_success=success)]

    until(lambda: listed("true") == ["charge.succeeded"], "one was taken")
    assert listed("false") == ["payment_intent.created", "payment_intent.succeeded"]
    notified.advance(5)
    until(lambda: listed("false") == ["payment_intent.succeeded"], "the second attempt was taken")
    assert notified.http.get("/v1/events", params={"delivery_success": "x"}).status_code == 400


def test_search_is_late_and_no_evidence(shop: Shop) -> None:
    paid = shop.pay(**{"metadata[order]": "7"})
    query = {"query": "metadata['order']:'7' AND amount>1999"}
    assert shop.get("payment_intents/search", **query)["data"] == []
    assert shop.all("payment_intents")[0]["id"] == paid["id"], "the list is not late"
    shop.advance(60)
    found = shop.get("payment_intents/search", **query)
    assert [each["id"] for each in found["data"]] == [paid["id"]]
    assert (found["object"], found["next_page"]) == ("search_result", None)
    for also in ("status:'canceled'", "-status:'succeeded'", "amount<1"):
        assert shop.get("payment_intents/search", query=also)["data"] == []
    assert shop.get("charges/search", query="currency='eur'")["data"]
    assert shop.http.get("/v1/charges/search", params={"query": "what?"}).status_code == 400


def test_objects_are_shown_in_place_of_their_ids(shop: Shop) -> None:
    paid = shop.pay(capture_method="automatic")
    path = f"payment_intents/{paid['id']}"
    shown = shop.get(path, **{"expand[]": ["latest_charge.balance_transaction", "payment_method"]})
    assert shown["latest_charge"]["balance_transaction"]["amount"] == 2000
    assert shown["payment_method"]["type"] == "card"
    listed = shop.get("payment_intents", **{"expand[]": "data.latest_charge"})["data"][0]
    assert listed["latest_charge"]["id"] == paid["latest_charge"]
    for wrong in ("colour", "currency"):
        answer = shop.http.get(f"/v1/{path}", params={"expand[]": wrong})
        assert answer.status_code == 400


@pytest.mark.parametrize(
    ("metadata", "kept"),
    [({"a": "1", "b": "2"}, {"a": "1", "b": "2"}), ({"a": ""}, {"b": "2"})],
)
def test_metadata_is_merged_and_an_empty_value_removes(
    shop: Shop, metadata: dict[str, str], kept: dict[str, str]
) -> None:
    intent = shop.done("payment_intents", amount=2000, currency="eur", **{
        "metadata[a]": "1", "metadata[b]": "2",
    })  # fmt: skip
    form = {f"metadata[{name}]": value for name, value in metadata.items()}
    assert shop.done(f"payment_intents/{intent['id']}", **form)["metadata"] == kept
    too_long: dict[str, Any] = {"metadata[a]": "x" * 501}
    assert shop.refused(f"payment_intents/{intent['id']}", **too_long)["param"] == "metadata"
