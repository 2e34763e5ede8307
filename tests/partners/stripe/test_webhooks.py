"""Stripe's events: signed with which secret, how old, of which account, about which payment."""

from __future__ import annotations

import hmac
import json
import logging
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from domain.lifecycle.answers import Webhook, WebhookRefused
from partners.stripe.account import StripeAccount, WebhookSigning
from partners.stripe.profile import API_VERSION
from partners.stripe.webhooks import REFERENCE, StripeWebhooks
from tests.conftest import ROOT
from tests.partners.stripe.scripted import ACCOUNT, KEY, NOW, SECONDS, SECRET

OTHER = "whsec_" + "7" * 32


def reader(*secrets: str, account: StripeAccount = ACCOUNT) -> StripeWebhooks:
    signing = WebhookSigning(secrets=tuple(map(SecretStr, secrets or (SECRET,))))
    return StripeWebhooks(account, signing)


def signature(body: bytes, *secrets: str, at: int = SECONDS) -> str:
    signed = str(at).encode() + b"." + body
    claims = [hmac.new(each.encode(), signed, "sha256").hexdigest() for each in secrets]
    return ",".join([f"t={at}", *(f"v1={claim}" for claim in claims), "v0=aa"])


def event(kind: str = "payment_intent.succeeded", **changes: Any) -> dict[str, Any]:
    about = {"id": "pi_1", "object": "payment_intent", "metadata": {"finality_key": KEY}}
    return {
        "id": "evt_1",
        "object": "event",
        "api_version": API_VERSION,
        "created": SECONDS,
        "data": {"object": about},
        "livemode": False,
        "type": kind,
        **changes,
    }


def about(kind: str, **fields: Any) -> dict[str, Any]:
    return event(kind, data={"object": fields})


def was_read(content: dict[str, Any], **more: Any) -> Webhook:
    body = json.dumps(content).encode()
    headers = {"Stripe-Signature": signature(body, SECRET)}
    return reader(**more).read_webhook(headers, body, NOW)


def test_each_event_that_the_operations_page_asks_for_is_theirs_and_of_use(specs: Path) -> None:
    enums = json.loads((specs / "stripe" / "enums.2026-07.json").read_text())["enums"]
    page = (ROOT / "docs" / "operations.md").read_text()
    table = page.partition("**Stripe's endpoint.**")[2].partition("**Stripe's API version**")[0]
    asked = [
        each for each in re.findall(r"`([a-z_.]+)`", table) if each.startswith(tuple(REFERENCE))
    ]
    assert len(asked) > 20
    assert set(asked) <= set(enums["_event"]["Event.type"])
    marked = {"metadata": {"finality_key": KEY}}
    for kind in asked:
        read = was_read(about(kind, id="pi_1", payment_intent="pi_1", **marked))
        assert read.is_for_us, kind
    assert f"api_version={API_VERSION} " in page, (
        "the page names the version that calls are made as"
    )
    assert f"`{API_VERSION}`" in page


def test_their_own_examples_verify_and_are_of_no_use(specs: Path) -> None:
    whole = json.loads((specs / "stripe" / "webhook-signature.json").read_text())
    for each in whole["valid_ignoring_time"]:
        then = datetime.fromtimestamp(each["timestamp"], UTC)
        headers, body = {"stripe-signature": each["header"]}, each["payload"].encode()
        # It is signed, but has no type; an event of today has one.
        with pytest.raises(WebhookRefused, match="it is signed, but"):
            reader(each["secret"]).read_webhook(headers, body, then)
        with pytest.raises(WebhookRefused, match="none of our secrets"):
            reader(each["secret"]).read_webhook(headers, body + b" ", then)
        with pytest.raises(WebhookRefused, match="none of our secrets"):
            reader().read_webhook(headers, body, then)
        with pytest.raises(WebhookRefused, match="stale"):
            reader(each["secret"]).read_webhook(headers, body, then + timedelta(seconds=301))


def test_an_event_says_which_payment_to_read() -> None:
    assert was_read(event()) == Webhook("evt_1", "pi_1", "payment_intent.succeeded")


@pytest.mark.parametrize("signed_with", [(SECRET,), (OTHER,), (OTHER, SECRET), ("x" * 20, OTHER)])
def test_while_a_secret_is_rolled_both_are_good(signed_with: tuple[str, ...]) -> None:
    body = json.dumps(event()).encode()
    headers = {"STRIPE-SIGNATURE": signature(body, *signed_with)}
    assert reader(SECRET, OTHER).read_webhook(headers, body, NOW).is_for_us


@pytest.mark.parametrize("seconds", [-301, 301, 10**9])
def test_a_moment_too_far_away_is_refused_on_both_sides(seconds: int) -> None:
    body = json.dumps(event()).encode()
    headers = {"stripe-signature": signature(body, SECRET, at=SECONDS + seconds)}
    with pytest.raises(WebhookRefused, match="stale"):
        reader().read_webhook(headers, body, NOW)


@pytest.mark.parametrize(
    "header",
    [
        "", "t=1", "v1=aa", "t=1,v1=", "nonsense", "t=1,t=2,v1=aa", "t=x,v1=aa",
        f"t={SECONDS},v0=aa",
    ],
)  # fmt: skip
def test_a_header_of_another_form_is_refused(header: str) -> None:
    body = json.dumps(event()).encode()
    with pytest.raises(WebhookRefused):
        reader().read_webhook({"stripe-signature": header}, body, NOW)
    with pytest.raises(WebhookRefused):
        reader().read_webhook({}, body, NOW)


@pytest.mark.parametrize(
    ("content", "reference"),
    [
        (about("charge.succeeded", id="ch_1", payment_intent="pi_1"), "pi_1"),
        (about("charge.dispute.created", id="du_1", payment_intent="pi_1"), "pi_1"),
        (about("charge.refund.updated", id="re_1", payment_intent="pi_1"), "pi_1"),
        (about("refund.failed", id="re_1", payment_intent="pi_1"), "pi_1"),
        (about("radar.early_fraud_warning.created", id="i", payment_intent="pi_1"), "pi_1"),
        (about("review.opened", id="prv_1", payment_intent="pi_1"), "pi_1"),
        (about("payout.failed", id="po_1", metadata={"finality_key": KEY}), "po_1"),
    ],
)
def test_an_event_about_what_hangs_on_a_payment_names_the_payment(
    content: dict[str, Any], reference: str
) -> None:
    webhook = was_read(content)
    assert (webhook.partner_reference, webhook.is_for_us) == (reference, True)


@pytest.mark.parametrize(
    "content",
    [
        about("customer.created", id="cus_1"),
        about("payment_intent.created", id="pi_1", metadata={"finality_key": KEY}),
        about("payment_intent.succeeded", id="pi_1", metadata={}),
        about("payment_intent.succeeded", id="pi_1"),
        about("payout.paid", id="po_1", automatic=True, metadata={}),
        about("charge.succeeded", id="ch_1", payment_intent=None),
        about("radar.early_fraud_warning.created", id="issfr_1", charge="ch_1"),
        {"id": "evt_2", "object": "v2.core.event", "type": "v2.core.account.updated"},
    ],
)
def test_an_event_that_cannot_be_about_ours_is_of_no_use(content: dict[str, Any]) -> None:
    assert not was_read(content).is_for_us


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (event(account="acct_2"), "another account"),
        (event(livemode=True), "live objects, and our key is for test"),
        (event(id=7), "outside the known contract"),
        (event(data={}), "outside the known contract"),
        (about("payment_intent.succeeded", id=7), "names no payment"),
        (about("payment_intent.succeeded", id=""), "names no payment"),
        (about("payment_intent.succeeded", id="pi_1\n"), "names no payment"),
        (about("payment_intent.succeeded", id="p" * 256), "names no payment"),
        ({"object": "v2.core.event", "type": "v2.core.account.updated"}, "has no id"),
    ],
)
def test_what_is_signed_and_cannot_be_ours_is_refused(content: dict[str, Any], why: str) -> None:
    with pytest.raises(WebhookRefused, match=why):
        was_read(content)


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"{", b'{"id":1,"id":2}', b"[" * 999])
def test_a_body_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(WebhookRefused, match="it is signed, but"):
        reader().read_webhook({"stripe-signature": signature(body, SECRET)}, body, NOW)


def test_our_own_account_may_be_named_and_a_live_key_takes_live_events() -> None:
    assert was_read(event(account="acct_1")).is_for_us
    live = ACCOUNT.model_copy(update={"api_key": SecretStr("sk_live_1")})
    assert was_read(event(livemode=True), account=live).is_for_us
    with pytest.raises(WebhookRefused, match="test objects, and our key is for live"):
        was_read(event(), account=live)


def test_another_version_is_said_once_and_the_event_still_counts(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    hears = reader()
    for version in ("2020-08-27", "2020-08-27", API_VERSION, None):
        body = json.dumps(event(api_version=version)).encode()
        headers = {"stripe-signature": signature(body, SECRET)}
        assert hears.read_webhook(headers, body, NOW).is_for_us
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "2020-08-27" in caplog.text
