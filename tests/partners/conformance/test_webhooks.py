"""Webhooks: signed, unsigned, changed, repeated, old, and about what we never sent."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from domain.lifecycle.answers import WebhookRefused
from partners.interface import WebhookReader
from tests.partners.conformance.bench import SECRET, Bank, Instruction
from tests.polling import until
from tests.simulators.conftest import Receiver

Delivery = tuple[Mapping[str, str], bytes]


@pytest.fixture
def reader(bank: Bank, receiver: Receiver) -> WebhookReader:
    """Of an account whose partner notifies the receiver."""
    assert bank.registration.webhooks is not None
    assert bank.account.webhook_secrets, "the simulator's account has a secret"
    bank.control("webhooks", {"url": receiver.url, "secret": SECRET})
    return bank.registration.webhooks(bank.account)


async def _deliveries(pay: Instruction, receiver: Receiver, count: int = 1) -> list[Delivery]:
    """The first that come of a payment's life."""
    await pay.accepted()
    pay.bank.later()
    until(lambda: len(receiver.came) >= count, "deliveries")
    return list(receiver.came)


async def test_a_signed_delivery_says_which_payment_to_read_and_nothing_else(
    pay: Instruction, reader: WebhookReader, receiver: Receiver
) -> None:
    headers, body = (await _deliveries(pay, receiver))[0]
    webhook = reader.read_webhook(headers, body, datetime.now(UTC))
    assert webhook.is_for_us
    assert webhook.partner_reference == pay.held[0]["id"]
    assert webhook.event_key
    assert webhook.kind


async def test_a_delivery_is_the_same_event_however_often_and_under_whatever_case(
    pay: Instruction, reader: WebhookReader, receiver: Receiver
) -> None:
    headers, body = (await _deliveries(pay, receiver))[0]
    now = datetime.now(UTC)
    first = reader.read_webhook(headers, body, now)
    assert reader.read_webhook(headers, body, now + timedelta(seconds=30)) == first
    shouted = {name.upper(): value for name, value in headers.items()}
    assert reader.read_webhook(shouted, body, now) == first


async def test_a_doubled_delivery_is_one_event(
    pay: Instruction, bank: Bank, reader: WebhookReader, receiver: Receiver
) -> None:
    bank.fault("webhook_doubled", on="NOTIFY *")
    came = await _deliveries(pay, receiver, 2)
    now = datetime.now(UTC)
    events = [reader.read_webhook(headers, body, now).event_key for headers, body in came]
    assert len(set(events)) < len(events)


async def test_events_of_two_statuses_are_two(
    pay: Instruction, reader: WebhookReader, receiver: Receiver
) -> None:
    came = await _deliveries(pay, receiver, 2)
    now = datetime.now(UTC)
    events = [reader.read_webhook(headers, body, now).event_key for headers, body in came]
    assert len(set(events)) == len(events)


async def test_without_its_signature_or_with_another_body_a_delivery_is_refused(
    pay: Instruction, reader: WebhookReader, receiver: Receiver
) -> None:
    headers, body = (await _deliveries(pay, receiver))[0]
    now = datetime.now(UTC)
    with pytest.raises(WebhookRefused):
        reader.read_webhook({}, body, now)
    for changed in (body + b" ", body.replace(b'"', b"'"), b"", b"\xff"):
        with pytest.raises(WebhookRefused):
            reader.read_webhook(headers, changed, now)


async def test_a_delivery_that_somebody_else_signed_is_refused(
    pay: Instruction, bank: Bank, reader: WebhookReader, receiver: Receiver
) -> None:
    bank.fault("webhook_forged", on="NOTIFY *", instead=True)
    headers, body = (await _deliveries(pay, receiver))[0]
    with pytest.raises(WebhookRefused):
        reader.read_webhook(headers, body, datetime.now(UTC))


async def test_an_old_delivery_is_refused_if_the_partner_dates_them(
    pay: Instruction, bank: Bank, reader: WebhookReader, receiver: Receiver
) -> None:
    bank.fault("webhook_stale", on="NOTIFY *", instead=True)
    headers, body = (await _deliveries(pay, receiver))[0]
    if "webhook_stale" not in bank.fired:
        # Undated, it cannot be told from a new one: it is read, and causes no more than a read.
        later = datetime.now(UTC) + timedelta(days=30)
        first = reader.read_webhook(headers, body, datetime.now(UTC))
        assert reader.read_webhook(headers, body, later) == first
        return
    with pytest.raises(WebhookRefused, match="stale"):
        reader.read_webhook(headers, body, datetime.now(UTC))


async def test_a_delivery_about_what_we_never_sent_is_read_as_such(
    pay: Instruction, bank: Bank, reader: WebhookReader, receiver: Receiver
) -> None:
    bank.fault("webhook_unknown_payment", on="NOTIFY *", instead=True)
    headers, body = (await _deliveries(pay, receiver))[0]
    webhook = reader.read_webhook(headers, body, datetime.now(UTC))
    assert webhook.partner_reference not in (None, pay.held[0]["id"])


async def test_an_account_without_a_secret_has_nothing_to_verify_with(bank: Bank) -> None:
    without = bank.account.model_copy(
        update={name: None for name in type(bank.account).model_fields if "webhook" in name}
    )
    assert without.webhook_secrets == ()
