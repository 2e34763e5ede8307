"""Stripe's own client drives the simulator, unchanged, over HTTPS with an authority of our own."""

from __future__ import annotations

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe

from simulators.stripe.partner import SIMULATOR_API_KEY
from tests.conftest import ROOT
from tests.polling import until
from tests.simulators.conftest import Receiver
from tests.simulators.stripe.conftest import BACK, SECRET
from tests.transport.test_tls import certificate

__all__ = ["certificate"]


@pytest.fixture
def control(certificate: Path, tmp_path: Path) -> Iterator[httpx.Client]:
    """The control endpoint of a simulator that speaks HTTPS."""
    command = [sys.executable, "-m", "simulators.stripe", "serve"]
    command += ["--db", str(tmp_path / "book.sqlite"), "--certificate", str(certificate)]
    trusting = ssl.create_default_context(cafile=certificate)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        with httpx.Client(base_url=address, verify=trusting) as client:
            yield client
        process.terminate()


@pytest.fixture
def sdk(
    control: httpx.Client, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[stripe.StripeClient]:
    # A proxy of the environment is not meant for this machine.
    for name in (
        "http_proxy",
        "HTTP_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(stripe, "ca_bundle_path", str(certificate))
    with client_of(control) as client:
        yield client


@contextmanager
def client_of(control: httpx.Client, key: str = SIMULATOR_API_KEY) -> Iterator[stripe.StripeClient]:
    addresses: Any = {"api": str(control.base_url).rstrip("/")}
    http: Any = stripe.RequestsClient()
    yield stripe.StripeClient(
        key, base_addresses=addresses, max_network_retries=2, http_client=http
    )
    http.close()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retries are quick: the pauses of the client are cut to nothing."""
    monkeypatch.setattr(stripe.HTTPClient, "INITIAL_DELAY", 0.01)
    monkeypatch.setattr(stripe.HTTPClient, "MAX_DELAY", 0.01)


def order(**changed: Any) -> Any:
    return {
        "amount": 2000,
        "currency": "eur",
        "payment_method": "pm_card_visa",
        "payment_method_types": ["card"],
        "metadata": {"order": "7"},
        **changed,
    }


def fault(control: httpx.Client, name: str, times: int = 1, **param: Any) -> None:
    rule = {"fault": name, "on": "POST /v1/payment_intents", "times": times, "param": param}
    assert control.post("/_control/faults", json=rule).status_code == 200


def test_the_official_client_pays_reads_captures_and_refunds(
    sdk: stripe.StripeClient, control: httpx.Client
) -> None:
    intents = sdk.v1.payment_intents
    made = intents.create(order(capture_method="manual"))
    assert (made.status, made.metadata["order"]) == ("requires_confirmation", "7")
    held = intents.confirm(made.id)
    assert held.status == "requires_capture"
    taken = intents.capture(made.id, {"amount_to_capture": 1500, "metadata": {"part": "1"}})
    assert (taken.status, taken.amount_received) == ("succeeded", 1500)
    refund = sdk.v1.refunds.create({"payment_intent": made.id, "amount": 400})
    assert (refund.status, refund.charge) == ("succeeded", taken.latest_charge)
    read = intents.retrieve(made.id, {"expand": ["latest_charge.balance_transaction"]})
    charge = read.latest_charge
    assert isinstance(charge, stripe.Charge)
    assert isinstance(charge.balance_transaction, stripe.BalanceTransaction)
    assert (charge.amount_refunded, charge.balance_transaction.net) == (400, 1500 - 74)
    since = {"created": {"gte": made.created - 60}, "limit": 1}
    for _ in range(2):
        intents.create(order())
    found = [each.id for each in intents.list(since).auto_paging_iter()]  # type: ignore[arg-type]
    assert (len(found), found[-1]) == (3, made.id)
    cancelled = intents.cancel(found[0], {"cancellation_reason": "duplicate"})
    assert cancelled.status == "canceled"
    assert sdk.v1.balance.retrieve().available
    payout = sdk.v1.payouts.create({"amount": 1000, "currency": "eur"})
    assert payout.status == "pending"
    control.post("/_control/clock", json={"advance_seconds": 60})
    assert intents.search({"query": "metadata['order']:'7'"}).data
    assert sdk.v1.payouts.retrieve(payout.id).status == "paid"


def test_the_official_client_raises_a_hold_and_knows_its_decline(
    sdk: stripe.StripeClient, control: httpx.Client
) -> None:
    intents = sdk.v1.payment_intents
    options = {"card": {"request_incremental_authorization": "if_available"}}
    held = intents.create(
        order(capture_method="manual", confirm=True, payment_method_options=options)
    )
    raised = intents.increment_authorization(held.id, {"amount": 2600, "metadata": {"why": "bar"}})
    assert (raised.amount, raised.amount_capturable) == (2600, 2600)
    rule = {"fault": "decline_increments", "param": {"decline_code": "insufficient_funds"}}
    control.post(f"/_control/payments/{held.id}", json=rule)
    with pytest.raises(stripe.CardError) as declined:
        intents.increment_authorization(held.id, {"amount": 3000})
    assert declined.value.code == "card_declined"
    assert intents.capture(held.id, {"amount_to_capture": 2600}).status == "succeeded"


def test_the_official_client_saves_a_card_and_a_payer_authenticates(
    sdk: stripe.StripeClient, control: httpx.Client
) -> None:
    customer = sdk.v1.customers.create({"email": "erika@example.com"})
    waiting = sdk.v1.setup_intents.create(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequiredOnSetup",
            "confirm": True,
            "return_url": BACK,
        }
    )
    assert waiting.next_action is not None
    assert waiting.next_action.redirect_to_url is not None
    url = waiting.next_action.redirect_to_url.url
    assert url is not None
    assert url.startswith("https://")
    assert control.post(url, data={"outcome": "complete"}).status_code == 303
    setup = sdk.v1.setup_intents.retrieve(waiting.id)
    assert setup.status == "succeeded"
    away = order(payment_method=setup.payment_method, customer=customer.id, confirm=True)
    paid = sdk.v1.payment_intents.create(away | {"off_session": True})
    assert paid.status == "succeeded"
    methods = sdk.v1.payment_methods.list({"customer": customer.id})
    assert [each.id for each in methods.data] == [setup.payment_method]


def test_the_official_client_answers_a_dispute(sdk: stripe.StripeClient) -> None:
    form = order(payment_method="pm_card_createDispute", confirm=True)
    paid = sdk.v1.payment_intents.create(form)
    [dispute] = sdk.v1.disputes.list({"payment_intent": paid.id}).data
    evidence: Any = {"evidence": {"uncategorized_text": "winning_evidence"}}
    assert sdk.v1.disputes.update(dispute.id, evidence).status == "under_review"
    other = sdk.v1.payment_intents.create(form)
    [dispute] = sdk.v1.disputes.list({"payment_intent": other.id}).data
    assert sdk.v1.disputes.close(dispute.id).status == "lost"
    assert len(dispute.balance_transactions) == 1


def test_the_official_client_verifies_our_webhooks(
    sdk: stripe.StripeClient, control: httpx.Client, receiver: Receiver
) -> None:
    control.post("/_control/webhooks", json={"url": receiver.url, "secret": SECRET})
    paid = sdk.v1.payment_intents.create(order(confirm=True))
    until(lambda: len(receiver.came) >= 3, "deliveries")
    events = []
    for headers, body in receiver.came[:3]:
        signature = headers["stripe-signature"]
        events.append(sdk.construct_event(body, signature, SECRET))
        with pytest.raises(stripe.SignatureVerificationError):
            sdk.construct_event(body, signature, "whsec_other")
    assert events[-1].type == "payment_intent.succeeded"
    assert events[-1].data.object["id"] == paid.id
    listed = sdk.v1.events.list({"type": "payment_intent.succeeded"}).data
    assert [each.id for each in listed] == [events[-1].id]


def test_the_official_client_knows_the_refusals_by_their_classes(
    sdk: stripe.StripeClient, control: httpx.Client
) -> None:
    intents = sdk.v1.payment_intents
    with pytest.raises(stripe.CardError) as declined:
        intents.create(order(payment_method="pm_card_chargeDeclined", confirm=True))
    assert declined.value.code == "card_declined"
    assert declined.value.error is not None
    assert declined.value.error.decline_code == "generic_decline"
    assert declined.value.error.payment_intent is not None
    assert declined.value.error.payment_intent.status == "requires_payment_method"
    assert (declined.value.request_id or "").startswith("req_")
    with pytest.raises(stripe.InvalidRequestError) as missing:
        intents.retrieve("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")
    with client_of(control, "sk_test_other") as other, pytest.raises(stripe.AuthenticationError):
        other.v1.balance.retrieve()
    with pytest.raises(stripe.PermissionError):
        sdk.v1.balance.retrieve(options={"stripe_account": "acct_other"})
    paid = intents.create(order(confirm=True), {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        intents.create(order(confirm=True, amount=9999), {"idempotency_key": "k"})
    replayed = intents.create(order(confirm=True), {"idempotency_key": "k"})
    assert replayed.id == paid.id
    assert replayed.last_response is not None
    assert replayed.last_response.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize("name", ["reply_lost_after", "error_500_after", "key_in_use"])
def test_the_official_client_sends_again_under_its_key_and_pays_once(
    sdk: stripe.StripeClient, control: httpx.Client, name: str
) -> None:
    fault(control, name, times=2)
    paid = sdk.v1.payment_intents.create(order(confirm=True))
    assert paid.status == "succeeded"
    book = control.get("/_control/book").json()
    assert [each["fault"] for each in book["faults_fired"]] == [name, name]
    assert [each["id"] for each in book["payments"]] == [paid.id]


@pytest.mark.parametrize(
    ("name", "times", "error", "tries"),
    [
        ("key_in_use", 9, stripe.APIError, 3),
        ("service_unavailable", 9, stripe.APIError, 3),
        ("reply_lost_before", 9, stripe.APIConnectionError, 3),
        ("rate_limited", 9, stripe.RateLimitError, 1),
        ("lock_timeout", 9, stripe.RateLimitError, 1),
        ("html_200", 9, stripe.APIError, 1),
    ],
)
def test_the_official_client_gives_up(
    sdk: stripe.StripeClient, control: httpx.Client, name: str, times: int,
    error: type[stripe.StripeError], tries: int,
) -> None:  # fmt: skip
    fault(control, name, times=times)
    with pytest.raises(error):
        sdk.v1.payment_intents.create(order(confirm=True))
    fired = control.get("/_control/book").json()["faults_fired"]
    assert len(fired) == tries


def test_the_official_client_replays_a_500_until_it_gives_up(
    sdk: stripe.StripeClient, control: httpx.Client
) -> None:
    """Only reading the object shows that it was paid."""
    fault(control, "error_500_cached")
    with pytest.raises(stripe.APIError):
        sdk.v1.payment_intents.create(order(confirm=True))
    [paid] = sdk.v1.payment_intents.list({"created": {"gte": 1}}).data
    assert paid.status == "succeeded"
    fault(control, "error_500_cached", should_retry=False)
    with pytest.raises(stripe.APIError):
        sdk.v1.payment_intents.create(order(confirm=True))
    assert len(sdk.v1.payment_intents.list().data) == 2


def test_without_our_authority_no_byte_is_sent(
    sdk: stripe.StripeClient, control: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert sdk.v1.balance.retrieve().object == "balance"
    monkeypatch.setattr(stripe, "ca_bundle_path", None)
    with client_of(control) as other, pytest.raises(stripe.APIConnectionError):
        other.v1.balance.retrieve()
