"""Notifications of the simulated Currencycloud, as a receiver on a real socket sees them."""

from __future__ import annotations

import base64
import hmac
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT
from tests.polling import until
from tests.simulators.conftest import SECRET, Client, Receiver
from tests.simulators.hearing import (
    COMPLIANCE,
    DIGEST,
    FAILED,
    FUNDING,
    READY,
    RELEASED,
    deliveries,
    signature,
    states,
    until_attempted,
    until_states,
)

# What they say, and when


def test_a_payments_life_is_told_when_ready_and_when_completed(
    notified: Client, receiver: Receiver
) -> None:
    payment_id = notified.pay()
    [ready] = receiver.await_messages(1)
    notified.advance(25)
    assert notified.status(payment_id) == "submitted"
    notified.advance(10)
    [_, released] = receiver.await_messages(2)
    assert ready["header"] == {"message_type": "payment", "notification_type": READY}
    # So it is called, and so it is in their guide: released is told when completed.
    assert released["header"]["notification_type"] == RELEASED
    assert released["body"]["status"] == "completed"
    payment = notified.get(f"payments/{payment_id}")
    same = ("id", "amount", "currency", "reference", "unique_request_id", "short_reference")
    assert {name: released["body"][name] for name in same} == {name: payment[name] for name in same}


def test_a_message_has_the_fields_and_formats_of_their_guide(
    notified: Client, receiver: Receiver
) -> None:
    notified.clock(now="2027-03-01T12:00:00+00:00")
    notified.pay(payment_date="2027-03-01")
    notified.advance(3600)
    _, message = receiver.await_messages(2)
    assert set(message) == {"header", "body"}
    assert sorted(message["body"]) == [
        "amount", "authorisation_steps_required", "beneficiary_id", "conversion_id",
        "creator_contact_id", "currency", "failure_reason", "failure_returned_amount",
        "fee_amount", "fee_currency", "id", "last_updater_contact_id", "payment_date",
        "payment_group_id", "payment_type", "reason", "reference", "short_reference", "status",
        "transferred_at", "unique_request_id",
    ]  # fmt: skip
    body = message["body"]
    assert body["payment_date"] == "2027-03-01 00:00:00 +0000"
    assert body["transferred_at"] == "2027-03-01 12:00:20 +0000"
    assert body["authorisation_steps_required"] == "0"


def test_a_failure_is_told_as_one_of_compliance_or_as_a_return(
    notified: Client, receiver: Receiver
) -> None:
    refused, returned = notified.pay(), notified.pay()
    notified.apply(refused, "fail_before_release")
    notified.advance(3600)
    notified.apply(returned, "fail_after_completed", fee="2.00")
    messages = receiver.await_messages(5)
    failed = [each for each in messages if each["body"]["status"] == "failed"]
    assert [each["header"]["notification_type"] for each in failed] == [COMPLIANCE, FAILED]
    # Their guide has other formats in this one: an ISO time and a real number.
    assert failed[0]["body"]["authorisation_steps_required"] == 0
    assert failed[0]["body"]["payment_date"].endswith("T00:00:00+00:00")
    assert failed[0]["body"]["transferred_at"] is None
    assert failed[1]["body"]["failure_returned_amount"] == "10.50"


def test_nothing_is_told_of_what_people_do_by_hand(notified: Client, receiver: Receiver) -> None:
    changed, deleted = notified.pay(), notified.pay()
    receiver.await_messages(2)
    notified.apply(changed, "change_amount_by_hand", amount="13.00")
    notified.apply(deleted, "delete_by_hand")
    notified.apply(changed, "suspend")
    notified.advance(3600)
    assert len(deliveries(notified)) == 2


def test_a_payment_that_is_resumed_is_told_again_in_the_same_words(
    notified: Client, receiver: Receiver
) -> None:
    payment_id = notified.pay()
    notified.apply(payment_id, "suspend")
    notified.apply(payment_id, "resume")
    receiver.await_messages(2)
    assert receiver.came[0][1] == receiver.came[1][1]


def test_funds_that_arrive_are_told_as_a_transaction(notified: Client, receiver: Receiver) -> None:
    notified.control("funds", {"currency": "EUR", "amount": "5.00"})
    [message] = receiver.await_messages(1)
    assert message["header"]["message_type"] == "cash_manager_transaction"
    assert message["header"]["notification_type"] == FUNDING
    booked = notified.get("transactions/find", action="funding", order_asc_desc="desc")
    assert message["body"] == booked["transactions"][0]


# Signatures


def test_a_message_is_signed_over_its_raw_bytes(notified: Client, receiver: Receiver) -> None:
    notified.pay()
    receiver.await_messages(1)
    headers, body = receiver.came[0]
    assert headers[DIGEST] == signature(body)
    assert headers["content-type"] == "application/json"


def test_header_encoding_digest_version_and_timestamp_are_as_told(
    client: Client, receiver: Receiver
) -> None:
    told = {"header": "X-Sig", "encoding": "base64", "digest": "sha256"}
    old = {"version": "2021-01-01", "timestamp_header": "X-At"}
    client.control("webhooks", {"url": receiver.url, "secret": SECRET, **told, **old})
    client.clock(now="2027-03-01T12:00:00+00:00")
    client.pay()
    receiver.await_messages(1)
    headers, body = receiver.came[0]
    assert (headers["x-at"], headers["content-type"]) == ("1803902400", "text/plain")
    expected = hmac.digest(SECRET.encode(), b"1803902400." + body, "sha256")
    assert base64.b64decode(headers["x-sig"]) == expected


def test_without_a_secret_the_generated_key_signs(client: Client, receiver: Receiver) -> None:
    key = client.post("contacts/generate_hmac_key").json()["hmac_key"]
    assert len(key) == 48
    client.control("webhooks", {"url": receiver.url})
    client.pay()
    receiver.await_messages(1)
    headers, body = receiver.came[0]
    assert headers[DIGEST] == signature(body, key)


def test_every_target_gets_every_message_signed_for_it(client: Client, receiver: Receiver) -> None:
    other = f"{receiver.url}/other"
    client.control(
        "webhooks", [{"url": receiver.url, "secret": SECRET}, {"url": other, "secret": "b" * 32}]
    )
    client.pay()
    receiver.await_messages(2)
    signatures = {headers[DIGEST] for headers, _ in receiver.came}
    body = receiver.came[0][1]
    assert signatures == {signature(body), signature(body, "b" * 32)}
    shown = client.control("webhooks")["targets"]
    assert [target["url"] for target in shown] == [receiver.url, other]
    assert SECRET not in json.dumps(shown)


def test_a_target_that_was_removed_hears_no_more(notified: Client, receiver: Receiver) -> None:
    receiver.answers = [500]
    notified.pay()
    receiver.await_messages(1)
    until_attempted(notified, 1)
    assert notified.forget("webhooks")["targets"] == []
    notified.pay()
    notified.advance(3600)
    assert states(notified) == ["dropped"]
    assert len(receiver.came) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "ftp://here"},
        {"url": "http://here", "encoding": "rot13"},
        {"url": "http://here", "digest": "md5"},
        {"url": "http://here", "version": "1999"},
        {"url": "http://here", "colour": "red"},
        {"url": "http://here", "retry_seconds": [-1]},
    ],
)
def test_a_target_that_cannot_be_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    good = {"url": "http://127.0.0.1:9/"}
    assert client.http.post("/_control/webhooks", json=[good, wrong]).status_code == 400
    assert client.control("webhooks")["targets"] == []


# Tried again


def test_a_refused_delivery_is_tried_again_after_1_2_4_8_and_16_seconds(
    notified: Client, receiver: Receiver
) -> None:
    receiver.answers = [500, 404, 302, 503, 500, 500]
    # Nothing more is to be told of it.
    notified.apply(notified.pay(), "suspend")
    for attempt, wait in enumerate((1, 2, 4, 8, 16), start=1):
        receiver.await_messages(attempt)
        until_attempted(notified, attempt)
        notified.advance(wait - 0.1)
        assert len(receiver.came) == attempt
        notified.control("clock", {"advance_seconds": 0.1})
    receiver.await_messages(6)
    until_states(notified, "failed")
    assert deliveries(notified)[0]["answers"] == [500, 404, 302, 503, 500, 500]
    assert len({body for _, body in receiver.came}) == 1


def test_a_delivery_that_is_taken_at_last_is_done(notified: Client, receiver: Receiver) -> None:
    receiver.answers = [503]
    notified.pay()
    receiver.await_messages(1)
    until_attempted(notified, 1)
    notified.advance(1)
    receiver.await_messages(2)
    until_states(notified, "delivered")


def test_nobody_there_is_tried_again_quickly_where_told_so(start: Callable[..., Client]) -> None:
    client = start(frozen=False)
    told = {"url": "http://127.0.0.1:9/", "retry_seconds": [0.01, 0.01]}
    client.control("webhooks", told)
    client.pay()
    until(lambda: states(client)[:1] == ["failed"], "the failed delivery")
    assert deliveries(client)[0]["answers"] == ["ConnectionRefusedError"] * 3


def test_a_target_that_does_not_answer_is_given_up_and_holds_up_no_other(
    client: Client, receiver: Receiver
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        silent = f"http://127.0.0.1:{deaf.getsockname()[1]}/"
        told = {"url": silent, "timeout_seconds": 1, "retry_seconds": []}
        client.control("webhooks", [told, {"url": receiver.url}])
        client.pay()
        until_states(client, "waiting", "delivered")
        until_states(client, "failed", "delivered")
    assert deliveries(client)[0]["answers"] == ["TimeoutError"]


def test_time_that_runs_brings_messages_without_being_asked(
    start: Callable[..., Client], receiver: Receiver
) -> None:
    stages = ("review_after", "release_after", "submit_after", "complete_after")
    client = start(frozen=False, delays=dict.fromkeys(stages, 0.02))
    client.control("webhooks", {"url": receiver.url})
    client.pay()
    until(lambda: receiver.kinds() == [READY, RELEASED], "both, in their order")


@contextmanager
def process(book: Path, end: signal.Signals) -> Iterator[Client]:
    """A simulator of its own, ended like that."""
    command = [sys.executable, "-m", "simulators.currencycloud", "serve", "--db", str(book)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as running:
        try:
            assert running.stdout is not None
            client = Client(running.stdout.readline().split()[-1])
            yield client
            client.http.close()
        finally:
            running.send_signal(end)


def test_the_outbox_outlives_its_process(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [503]
    with process(tmp_path / "book", signal.SIGKILL) as client:
        client.control("clock", {"frozen": True})
        client.control("webhooks", {"url": receiver.url, "secret": SECRET})
        client.apply(client.pay(), "suspend")
        until_attempted(client, 1)
    with process(tmp_path / "book", signal.SIGTERM) as client:
        client.advance(1)
        receiver.await_messages(2)
        until_states(client, "delivered")
    assert receiver.came[0] == receiver.came[1]


# By hand


def test_any_message_can_be_sent_by_hand(notified: Client, receiver: Receiver) -> None:
    payment_id = notified.pay()
    notified.advance(3600)
    receiver.await_messages(2)
    told: list[dict[str, Any]] = [
        {"payment_id": payment_id},
        {"payment_id": payment_id, "notification_type": FAILED, "body": {"status": "failed"}},
        {"payment_id": payment_id, "notification_type": FUNDING},
        {"notice": 1},
        {"content": {"header": {}, "body": {}}},
    ]
    for count, order in enumerate(told, start=3):
        assert len(notified.control("webhooks/send", order)["deliveries"]) == 1
        receiver.await_messages(count)
    again, failed, booking, old, mine = receiver.messages()[2:]
    assert again["header"]["notification_type"] == RELEASED
    assert failed["body"]["status"] == "failed"
    assert booking["body"]["related_entity_id"] == payment_id
    assert old == receiver.messages()[0]
    assert mine == {"header": {}, "body": {}}


@pytest.mark.parametrize(
    "wrong", [{}, {"notice": 99}, {"payment_id": "nobody"}, {"payment_id": "", "fault": "gravity"}]
)
def test_a_message_about_nothing_is_refused(notified: Client, wrong: dict[str, Any]) -> None:
    assert notified.http.post("/_control/webhooks/send", json=wrong).status_code == 400


def test_their_endpoint_sends_the_last_message_of_a_type_again(
    notified: Client, receiver: Receiver
) -> None:
    payment_id = notified.pay()
    receiver.await_messages(1)
    answer = notified.post(f"payments/{payment_id}/notifications/retry", notification_type=READY)
    assert (answer.status_code, answer.json()) == (200, {})
    receiver.await_messages(2)
    assert receiver.came[0][1] == receiver.came[1][1]
