"""Their notifications: whose they are is proven on the raw bytes, before anything is read."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from domain.lifecycle.answers import Webhook, WebhookRefused
from partners.currencycloud.account import WebhookSigning
from partners.currencycloud.webhooks import CurrencycloudWebhooks

SECRET = "9f86d081884c7d659a2feaa0c55ad015"
OLD_SECRET = "60303ae22b998861bce3b28f33eec1be"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
PAYMENT_ID = "5b1f7a1e-6f0e-4d52-9d0f-2f5a8c1f0f11"
HEADER = "x-hmac-digest-sha-512"
JSON = {"content-type": "application/json"}


def signing(**changes: Any) -> WebhookSigning:
    return WebhookSigning(**{"secrets": (SecretStr(SECRET),)} | changes)


def notification(
    message_type: str = "payment",
    notification_type: str = "payment_released_notification",
    **body: Any,
) -> bytes:
    content = {"id": PAYMENT_ID, "status": "completed"} | body
    header = {"message_type": message_type, "notification_type": notification_type}
    return json.dumps({"header": header, "body": content}).encode()


def signed(body: bytes, secret: str = SECRET, digest: str = "sha512") -> dict[str, str]:
    return {**JSON, HEADER: hmac.new(secret.encode(), body, digest).hexdigest()}


def read(headers: dict[str, str], body: bytes, **changes: Any) -> Webhook:
    return CurrencycloudWebhooks(signing(**changes)).read_webhook(headers, body, NOW)


def test_a_payment_notification_points_at_its_payment_and_says_no_more() -> None:
    body = notification()
    assert read(signed(body), body) == Webhook(
        event_key=hashlib.sha256(body).hexdigest(),
        partner_reference=PAYMENT_ID,
        kind="payment_released_notification",
    )


def test_a_booking_points_at_the_payment_it_belongs_to() -> None:
    body = notification(
        "cash_manager_transaction",
        "cash_manager_transaction_notification",
        id="1b5d9096-74ef-4988-9d12-62662ee0e2a8",
        related_entity_type="payment",
        related_entity_id=PAYMENT_ID,
    )
    assert read(signed(body), body).partner_reference == PAYMENT_ID


@pytest.mark.parametrize(
    "body",
    [
        notification("conversion", "trade_settled_notification"),
        notification("onboarding", "something_new"),
        notification("cash_manager_transaction", "funding", related_entity_type="inbound_funds"),
    ],
)
def test_kinds_that_nobody_waits_for_are_theirs_and_not_for_us(body: bytes) -> None:
    seen = read(signed(body), body)
    assert not seen.is_for_us
    assert seen.partner_reference is None


def test_the_same_content_is_the_same_event_and_any_other_is_another() -> None:
    one, other = notification(), notification(status="failed")
    assert read(signed(one), one).event_key == read(signed(one), one).event_key
    assert read(signed(one), one).event_key != read(signed(other), other).event_key


def test_names_of_headers_are_found_in_any_case() -> None:
    body = notification()
    headers = {name.upper(): value for name, value in signed(body).items()}
    assert read(headers, body).is_for_us


@pytest.mark.parametrize(
    "forge",
    [
        lambda body: {},
        lambda body: {HEADER: ""},
        lambda body: {HEADER: "not hexadecimal"},
        lambda body: {HEADER: "é" * 128},
        lambda body: {HEADER: signed(body)[HEADER][:-2]},
        lambda body: {HEADER: signed(body + b" ")[HEADER]},
        lambda body: signed(body, secret="another secret of the same"),
        lambda body: signed(body, secret=""),
        lambda body: signed(body, digest="sha256"),
        lambda body: {HEADER: hashlib.sha512(body).hexdigest()},
        lambda body: {"x-other": signed(body)[HEADER]},
    ],
    ids=["none", "empty", "words", "letters beyond ASCII", "cut", "of other bytes",
         "by another secret", "by no secret", "by a lesser digest", "a mere hash", "elsewhere"],
)  # fmt: skip
def test_what_is_not_signed_by_our_secret_is_refused(forge: Any) -> None:
    body = notification()
    with pytest.raises(WebhookRefused) as refused:
        read({**JSON, **forge(body)}, body)
    assert SECRET not in str(refused.value)
    assert PAYMENT_ID not in str(refused.value)


def test_changed_bytes_are_refused_even_where_they_mean_the_same() -> None:
    body = notification()
    with pytest.raises(WebhookRefused, match="signature"):
        read(signed(body), json.dumps(json.loads(body), indent=1).encode())


def test_both_secrets_prove_while_one_replaces_the_other() -> None:
    body = notification()
    both = (SecretStr(SECRET), SecretStr(OLD_SECRET))
    assert read(signed(body), body, secrets=both).is_for_us
    assert read(signed(body, OLD_SECRET), body, secrets=both).is_for_us
    with pytest.raises(WebhookRefused):
        read(signed(body, OLD_SECRET), body)


def test_header_encoding_and_digest_are_settings() -> None:
    body = notification()
    value = base64.b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    changes = {"header": "X-Signature", "encoding": "base64", "digest": "sha256"}
    assert read({**JSON, "x-signature": value}, body, **changes).is_for_us
    with pytest.raises(WebhookRefused, match="base64"):
        read({**JSON, "x-signature": "***"}, body, **changes)


def _at(moment: datetime | str, body: bytes) -> dict[str, str]:
    text = moment if isinstance(moment, str) else str(int(moment.timestamp()))
    mac = hmac.new(SECRET.encode(), text.encode() + b"." + body, "sha512").hexdigest()
    return {**JSON, HEADER: mac, "x-sent-at": text}


def test_a_timestamp_counts_within_its_tolerance_on_both_sides() -> None:
    body, named = notification(), {"timestamp_header": "X-Sent-At"}
    for seconds in (-300, 0, 300):
        assert read(_at(NOW + timedelta(seconds=seconds), body), body, **named).is_for_us
    for seconds in (-301, 301):
        with pytest.raises(WebhookRefused, match="stale"):
            read(_at(NOW + timedelta(seconds=seconds), body), body, **named)


@pytest.mark.parametrize("text", ["", "today", "1e3", "9" * 30])
def test_a_timestamp_that_is_none_is_refused(text: str) -> None:
    body = notification()
    with pytest.raises(WebhookRefused, match="Unix seconds"):
        read(_at(text, body), body, timestamp_header="x-sent-at")


def test_a_fresh_timestamp_does_not_renew_an_old_signature() -> None:
    body, named = notification(), {"timestamp_header": "x-sent-at"}
    old = _at(NOW - timedelta(days=1), body)
    with pytest.raises(WebhookRefused, match="signature"):
        read(old | {"x-sent-at": str(int(NOW.timestamp()))}, body, **named)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[]",
        b"null",
        b'{"header": {}, "body": {}}',
        b'{"header": [], "body": {}}',
        b"[" * 100_000,
        notification(id=None),
        notification(id=7),
        notification(id=""),
        notification(id="x" * 65),
        notification("cash_manager_transaction", related_entity_type="payment"),
    ],
)
def test_what_is_theirs_and_not_to_be_understood_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused, match="it is signed, but"):
        read(signed(body), body)


def test_another_version_than_the_pinned_one_counts_and_is_named_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reader, body = CurrencycloudWebhooks(signing()), notification()
    plain = signed(body) | {"content-type": "text/plain; charset=utf-8"}
    with caplog.at_level(logging.WARNING):
        assert reader.read_webhook(plain, body, NOW).is_for_us
        assert reader.read_webhook(plain, body, NOW).is_for_us
    assert [r.getMessage().count("2021-02-01") for r in caplog.records] == [1]
    caplog.clear()
    assert read(plain, body, version="2021-01-01").is_for_us
    assert not caplog.records


@pytest.mark.parametrize("wrong", [{"secrets": ()}, {"secrets": ("short",)}, {"digest": "md5"}])
def test_a_signing_that_proves_nothing_is_no_setting(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        signing(**wrong)
