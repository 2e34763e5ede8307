"""What goes wrong with notifications of the simulated Currencycloud, as a receiver sees it."""

from __future__ import annotations

from simulators.kit.targets import STRANGERS_SECRET
from tests.simulators.conftest import SECRET, Client, Receiver
from tests.simulators.hearing import DIGEST, READY, RELEASED, signature, states, until_states


def fired(client: Client) -> list[tuple[str, str]]:
    return [(each["fault"], each["request"]) for each in client.fired()]


def test_a_message_is_dropped(notified: Client, receiver: Receiver) -> None:
    notified.fault("webhook_dropped", f"NOTIFY {RELEASED}", match={"reference": "LOST*"})
    notified.pay(reference="LOST 1")
    notified.pay()
    notified.advance(3600)
    receiver.await_messages(3)
    assert receiver.kinds() == [READY, READY, RELEASED]
    assert fired(notified) == [("webhook_dropped", f"NOTIFY {RELEASED}")]
    until_states(notified, "delivered", "delivered", "dropped", "delivered")


def test_a_message_comes_twice_at_once_and_later(notified: Client, receiver: Receiver) -> None:
    notified.fault("webhook_doubled", f"NOTIFY {READY}")
    notified.fault("webhook_doubled", f"NOTIFY {RELEASED}", param={"after_seconds": 90})
    notified.pay()
    receiver.await_messages(2)
    notified.advance(35)
    receiver.await_messages(3)
    notified.advance(90)
    receiver.await_messages(4)
    assert receiver.kinds() == [READY, READY, RELEASED, RELEASED]
    assert len({body for _, body in receiver.came}) == 2


def test_a_message_comes_late(notified: Client, receiver: Receiver) -> None:
    notified.fault("webhook_delayed", f"NOTIFY {READY}", param={"seconds": 100})
    notified.pay()
    notified.advance(99)
    receiver.await_messages(1)
    notified.advance(1)
    receiver.await_messages(2)
    assert receiver.kinds() == [RELEASED, READY]


def test_a_message_is_overtaken_by_the_next_one_of_its_payment(
    notified: Client, receiver: Receiver
) -> None:
    notified.fault("webhook_reordered", "NOTIFY *", param={"seconds": 86_400})
    overtaken = notified.pay()
    notified.pay()
    receiver.await_messages(1)
    assert fired(notified) == []
    notified.advance(3600)
    receiver.await_messages(4)
    mine = [each for each in receiver.messages() if each["body"]["id"] == overtaken]
    assert [each["body"]["status"] for each in mine] == ["completed", "ready_to_send"]
    assert fired(notified) == [("webhook_reordered", f"NOTIFY {READY}")]


def test_a_message_that_nothing_overtakes_comes_at_last_and_is_no_fault(
    notified: Client, receiver: Receiver
) -> None:
    notified.fault("webhook_reordered", "NOTIFY *", param={"seconds": 60})
    payment_id = notified.pay()
    notified.apply(payment_id, "suspend")
    notified.advance(60)
    receiver.await_messages(1)
    assert fired(notified)[1:] == []


def test_a_forgery_comes_before_the_genuine_message_and_is_tried_once(
    notified: Client, receiver: Receiver
) -> None:
    receiver.answers = [401]
    notified.fault("webhook_forged", "NOTIFY *", param={"body": {"status": "completed"}})
    notified.pay()
    forged, genuine = receiver.await_messages(2)
    statuses = forged["body"]["status"], genuine["body"]["status"]
    assert statuses == ("completed", "ready_to_send")
    (stranger, false), (theirs, true) = receiver.came
    assert stranger[DIGEST] == signature(false, STRANGERS_SECRET)
    assert theirs[DIGEST] == signature(true)
    until_states(notified, "failed", "delivered")


def test_only_the_forgery_comes(notified: Client, receiver: Receiver) -> None:
    notified.fault("webhook_forged", "NOTIFY *", param={"instead": True})
    notified.pay()
    receiver.await_messages(1)
    until_states(notified, "delivered", "dropped")
    assert receiver.came[0][0][DIGEST] != signature(receiver.came[0][1])


def test_an_old_message_is_rightly_signed_and_dated_as_of_then(
    client: Client, receiver: Receiver
) -> None:
    told = {"url": receiver.url, "secret": SECRET, "timestamp_header": "x-at"}
    client.control("webhooks", told)
    client.fault("webhook_stale", "NOTIFY *", param={"seconds": 600})
    client.pay()
    receiver.await_messages(2)
    (old, body), (fresh, _) = receiver.came
    assert int(fresh["x-at"]) - int(old["x-at"]) == 600
    assert old[DIGEST] == signature(old["x-at"].encode() + b"." + body)


def test_where_nothing_is_dated_nothing_can_be_stale(notified: Client, receiver: Receiver) -> None:
    notified.fault("webhook_stale", "NOTIFY *")
    notified.pay()
    receiver.await_messages(1)
    assert fired(notified) == []


def test_a_message_comes_before_the_reply_it_belongs_to(
    notified: Client, receiver: Receiver
) -> None:
    notified.fault("webhook_early", f"NOTIFY {READY}")
    came_before: list[bool] = []
    answered: list[str] = []
    receiver.before_answering = lambda: came_before.append(not answered)
    answered.append(notified.pay())
    assert came_before == [True]
    assert receiver.messages()[0]["body"]["id"] == answered[0]
    assert states(notified) == ["delivered"]
    assert fired(notified) == [("webhook_early", f"NOTIFY {READY}")]


def test_a_message_about_nobodys_payment_comes_besides(
    notified: Client, receiver: Receiver
) -> None:
    notified.fault("webhook_unknown_payment", "NOTIFY *")
    payment_id = notified.pay()
    unknown, genuine = receiver.await_messages(2)
    assert genuine["body"]["id"] == payment_id
    missing = notified.http.get(f"/v2/payments/{unknown['body']['id']}")
    assert missing.status_code == 404
    assert receiver.came[0][0][DIGEST] == signature(receiver.came[0][1])


def test_a_fault_hits_every_target_and_is_logged_once(client: Client, receiver: Receiver) -> None:
    client.control("webhooks", [{"url": receiver.url}, {"url": f"{receiver.url}/2"}])
    client.fault("webhook_doubled", "NOTIFY *")
    client.pay()
    receiver.await_messages(4)
    assert len(client.fired()) == 1
    assert client.fired()[0]["payment_status"] == "ready_to_send"
