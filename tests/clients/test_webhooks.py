"""The client verifies deliveries by Standard Webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from finality_client import WebhookInvalid, verify_webhook

NEW, OLD = b"n" * 32, b"o" * 24
NOW = datetime(2026, 11, 30, 8, tzinfo=UTC)
BODY = json.dumps(
    {
        "id": "evt_1", "type": "payment.state_changed", "created_at": "2026-11-30T08:00:00Z",
        "sequence": 3, "position": 9, "related": {"type": "payment", "id": "pay_1"},
        "change": {"state": "settled"}, "of_tomorrow": True,
    }
).encode()  # fmt: skip


def secret(key: bytes) -> str:
    return f"whsec_{base64.b64encode(key).decode()}"


def signed(
    key: bytes = NEW, *, at: datetime = NOW, body: bytes = BODY, id: str = "msg_1"
) -> dict[str, str]:
    """The headers, as the standard says it; nothing of the client is used."""
    moment = str(int(at.timestamp()))
    digest = hmac.new(key, f"{id}.{moment}.".encode() + body, hashlib.sha256).digest()
    return {
        "Webhook-Id": id,
        "Webhook-Timestamp": moment,
        "Webhook-Signature": f"v1,{base64.b64encode(digest).decode()}",
    }


def verified(headers: dict[str, str], secrets: Any = None, body: bytes = BODY, **more: Any) -> Any:
    more = {"now": NOW, **more}
    return verify_webhook(body, headers, secrets or [secret(NEW), secret(OLD)], **more)


@pytest.mark.parametrize("key", [NEW, OLD])
def test_while_a_secret_is_rotated_both_are_accepted(key: bytes) -> None:
    found = verified(signed(key))
    assert (found.id, found.sent_at, found.event.sequence) == ("msg_1", NOW, 3)
    with pytest.raises(WebhookInvalid, match="no signature"):
        verified(signed(OLD), secret(NEW))


def test_one_good_signature_among_others_is_enough() -> None:
    headers = signed()
    headers["Webhook-Signature"] = (
        f"v1a,xx v1,!! v1,{base64.b64encode(b'0' * 32).decode()} {headers['Webhook-Signature']}"
    )
    assert verified(headers).id == "msg_1"


@pytest.mark.parametrize("away", [timedelta(minutes=-5), timedelta(0), timedelta(minutes=5)])
def test_within_the_tolerance_it_is_fresh_in_any_time_zone(away: timedelta) -> None:
    here = (NOW + away).astimezone(timezone(timedelta(hours=9)))
    assert verified(signed(), now=here).id == "msg_1"


@pytest.mark.parametrize("seconds", [-301, 301, 10**6])
def test_a_replayed_delivery_is_stale(seconds: int) -> None:
    with pytest.raises(WebhookInvalid, match="replayed"):
        verified(signed(), now=NOW + timedelta(seconds=seconds))
    assert verified(signed(), now=NOW + timedelta(seconds=seconds), tolerance=timedelta(days=30)).id


@pytest.mark.parametrize(
    "changed",
    [
        {"Webhook-Id": "msg_2"},
        {"Webhook-Id": ""},
        {"Webhook-Timestamp": "x"},
        {"Webhook-Timestamp": "-1"},
        {"Webhook-Timestamp": "1e9"},
        {"Webhook-Timestamp": "9" * 30},
        {"Webhook-Timestamp": "٣"},
        {"Webhook-Signature": ""},
        {"Webhook-Signature": "v1"},
        {"Webhook-Signature": "v1,"},
        {"Webhook-Signature": "v2,AAAA"},
    ],
)
def test_a_header_that_was_changed_or_is_malformed_is_refused(changed: dict[str, str]) -> None:
    with pytest.raises(WebhookInvalid):
        verified(signed() | changed)
    (name,) = changed
    with pytest.raises(WebhookInvalid, match="missing"):
        verified({key: value for key, value in signed().items() if key != name})


def test_a_changed_body_is_refused_and_a_signed_one_has_to_be_an_event() -> None:
    with pytest.raises(WebhookInvalid, match="no signature"):
        verified(signed(), body=BODY + b" ")
    for body in (b"{}", b"[]", b"\xff", b"x"):
        with pytest.raises(WebhookInvalid, match="no event"):
            verified(signed(body=body), body=body)


def test_mistakes_of_the_program_itself_are_no_bad_deliveries() -> None:
    for secrets in (["whsec_"], ["whsec_!"], [secret(b"short")]):
        with pytest.raises(ValueError, match="secrets"):
            verified(signed(), secrets)
    with pytest.raises(ValueError, match="at least one"):
        verify_webhook(BODY, signed(), [], now=NOW)
    with pytest.raises(ValueError, match="aware"):
        verified(signed(), now=NOW.replace(tzinfo=None))
    with pytest.raises(TypeError, match="raw bytes"):
        verified(signed(), body=BODY.decode())  # type: ignore[arg-type]


def test_the_published_example_of_the_standard_is_accepted() -> None:
    # From the reference libraries of Standard Webhooks; its body is no event of ours.
    headers = {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }
    with pytest.raises(WebhookInvalid, match="no event"):
        verify_webhook(
            b'{"test": 2432232314}', headers, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            now=datetime.fromtimestamp(1614265330, UTC),
        )  # fmt: skip
