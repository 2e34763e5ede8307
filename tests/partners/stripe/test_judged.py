"""Every request of the adapter, before a judge that knows every parameter of the API."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import httpx
import pytest

from domain.lifecycle.answers import Prepared
from domain.lifecycle.profile import InstructionKind
from domain.payments.answers import Subject
from domain.payments.order import Captured, Collection, Order, Rail
from local.servers import ServerUnavailable
from tests.partners.stripe.judge import judging
from tests.partners.stripe.scripted import (
    DEADLINE,
    NEW,
    NEW_PAYOUT,
    NOW,
    ORDER,
    TAKEN,
    TAKEN_PAYOUT,
    Scripted,
    Sent,
    booking,
    charge,
    error,
    intent,
    of_kind,
    page,
    partner,
    payout,
    shown,
)

INTENT: Final = "/v1/payment_intents/pi_1"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    log_file = tmp_path_factory.mktemp("judge") / "log"
    try:
        with judging(log_file) as address:
            yield address
    except ServerUnavailable as unavailable:
        pytest.skip(str(unavailable))


def judged(judge: str, sent: Sent, **changes: str) -> httpx.Response:
    """The request as it was sent, with other fields where a test gives them."""
    method, path = sent.route.split(" ")
    headers = {
        name: sent.headers[name]
        for name in ("authorization", "content-type", "idempotency-key", "stripe-version")
        if name in sent.headers
    }
    fields = {**sent.form, **changes}
    return httpx.request(
        method, f"{judge}{path}", params=sent.query or None, headers=headers,
        data=fields if method == "POST" else None,
    )  # fmt: skip


async def sent_for(subject: Subject) -> list[Sent]:
    """What is sent to prepare and to submit an instruction."""
    offered = {"status": "available"}
    several = {"card": {"multicapture": offered, "incremental_authorization": offered}}
    held = charge(amount_captured=0, payment_method_details=several)
    script = Scripted().on(
        "POST /v1/payment_intents", (200, intent(status="requires_confirmation"))
    )
    failed = {"type": "card_error", "code": "authentication_required", "charge": "ch_1"}
    declined = intent(status="requires_payment_method", last_payment_error=failed)
    is_again = subject.kind is InstructionKind.CONFIRM
    waits = declined if is_again else intent(held, status="requires_capture")
    script.on(f"GET {INTENT}", (200, waits))
    adapter = partner(script)
    prepared = await adapter.prepare(subject)
    assert isinstance(prepared, Prepared), prepared
    script.on(f"POST {prepared.request.path}", (500, ""))
    await adapter.submit(subject, prepared.request, DEADLINE)
    return script.sent


def full(rail: Rail, captured: Captured = Captured.AT_ONCE) -> Order:
    """An order that says everything that can be said."""
    collection = Collection(
        payment_method="pm_1",
        customer="cus_1",
        mandate="mandate_1",
        captured=captured,
        off_session=True,
        return_url="https://acme.test/back",
        statement_descriptor="ACME SHOP",
    )
    return ORDER.model_copy(
        update={"rail": rail, "collection": collection, "remittance_information": "Invoice 7"}
    )


def saving() -> Order:
    """A card that is saved while the payer is there."""
    collection = Collection(payment_method="pm_1", customer="cus_1", saves=True)
    return ORDER.model_copy(update={"collection": collection})


@pytest.mark.parametrize(
    "subject",
    [
        NEW,
        replace(NEW, order=full(Rail.CARD, Captured.LATER)),
        replace(NEW, order=full(Rail.SEPA_DIRECT_DEBIT)),
        replace(NEW, order=full(Rail.ACH_DEBIT)),
        NEW_PAYOUT,
        replace(NEW, order=saving()),
        of_kind(InstructionKind.CONFIRM, replace(TAKEN, order=full(Rail.CARD))),
        of_kind(InstructionKind.INCREMENT),
        of_kind(InstructionKind.CAPTURE),
        of_kind(InstructionKind.REFUND),
        of_kind(InstructionKind.CANCEL),
        of_kind(InstructionKind.CANCEL, TAKEN_PAYOUT),
    ],
    ids=lambda subject: f"{subject.kind} by {subject.order.rail}",
)
async def test_every_field_of_every_instruction_is_one_of_theirs(
    judge: str, subject: Subject
) -> None:
    for sent in await sent_for(subject):
        answer = judged(judge, sent)
        assert answer.status_code == 200, (sent, answer.text)


async def test_an_instant_payout_is_one_of_theirs(judge: str) -> None:
    for sent in await sent_for(NEW_PAYOUT):
        assert judged(judge, sent, method="instant").status_code == 200
        assert judged(judge, sent, method="at once").status_code == 400


async def test_every_question_is_one_of_theirs(judge: str) -> None:
    script = shown(intent(charge()), bookings=(booking(),))
    script.on("GET /v1/payment_intents", page(intent()))
    script.on("GET /v1/payouts", page(payout()))
    script.on("GET /v1/payouts/po_1", (200, payout(status="paid")))
    script.on("GET /v1/balance", (200, {"available": []}))
    adapter = partner(script)
    await adapter.read(TAKEN)
    await adapter.read(TAKEN_PAYOUT)
    await adapter.find(TAKEN)
    await adapter.find(TAKEN_PAYOUT)
    await adapter.find(NEW)
    await adapter.find(of_kind(InstructionKind.REFUND))
    await adapter.created_since(NOW)
    await adapter.available("EUR", None)
    script.on("GET /v1/events", error(404, code="resource_missing"), page())
    await adapter.events_since(NOW, "evt_1")
    assert len({sent.route for sent in script.sent}) == 10
    for sent in script.sent:
        answer = judged(judge, sent)
        assert answer.status_code == 200, (sent, answer.text)


async def test_the_judge_refuses_a_field_that_is_not_theirs(judge: str) -> None:
    for sent in await sent_for(NEW):
        answer = judged(judge, sent, payment_methods="pm_1")
        assert answer.status_code == 400
        assert "additional properties are not allowed" in answer.text
