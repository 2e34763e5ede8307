"""CONFIRM: a collection that was declined because the payer was not there is tried again."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import httpx
import pytest

from domain.lifecycle.answers import (
    Absent,
    Accepted,
    CannotTell,
    Found,
    InDoubt,
    Prepared,
    Refused,
    Submitted,
    Unprepared,
)
from domain.lifecycle.profile import InstructionKind
from domain.payments.order import Collection
from tests.partners.stripe.scripted import (
    DEADLINE,
    KEY,
    ORDER,
    TAKEN,
    Answer,
    Scripted,
    error,
    intent,
    of_kind,
    partner,
)

READ: Final = "GET /v1/payment_intents/pi_1"
CONFIRM: Final = "POST /v1/payment_intents/pi_1/confirm"
AWAY: Final = Collection(
    payment_method="pm_1", customer="cus_1", off_session=True, return_url="https://acme.test/back"
)
SUBJECT: Final = of_kind(
    InstructionKind.CONFIRM, replace(TAKEN, order=ORDER.model_copy(update={"collection": AWAY}))
)


def declined(charge: str = "ch_1", code: str = "authentication_required") -> dict[str, Any]:
    failed = {"type": "card_error", "code": code, "charge": charge, "message": "No."}
    return intent(status="requires_payment_method", last_payment_error=failed)


ASKS: Final = intent(
    status="requires_action",
    next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank.test/3ds"}},
)


async def prepared(whole: dict[str, Any]) -> Any:
    return await partner(Scripted().on(READ, (200, whole))).prepare(SUBJECT)


async def confirmed(answer: Answer) -> Submitted:
    script = Scripted().on(READ, (200, declined())).on(CONFIRM, answer)
    adapter = partner(script)
    preparation = await adapter.prepare(SUBJECT)
    assert isinstance(preparation, Prepared), preparation
    asked = replace(SUBJECT, prepared=preparation.request.prepared)
    return await adapter.submit(asked, preparation.request, DEADLINE)


async def test_the_same_intent_is_confirmed_with_the_payer_there() -> None:
    script = Scripted().on(READ, (200, declined())).on(CONFIRM, (200, ASKS))
    adapter = partner(script)
    preparation = await adapter.prepare(SUBJECT)
    assert isinstance(preparation, Prepared), preparation
    assert preparation.request.path == CONFIRM.split(" ")[1]
    asked = replace(SUBJECT, prepared=preparation.request.prepared)
    done = await adapter.submit(asked, preparation.request, DEADLINE)
    assert isinstance(done, Accepted), done
    assert script.sent[-1].form == {
        "payment_method": "pm_1", "return_url": "https://acme.test/back",
    }  # fmt: skip
    assert script.sent[-1].headers["idempotency-key"] == KEY
    assert (done.report.state, done.report.partner_reference) == (None, "pi_1")


@pytest.mark.parametrize(
    "whole",
    [declined(code="card_declined"), ASKS, intent(), intent(status="canceled")],
    ids=lambda whole: whole["status"],
)
async def test_an_intent_that_waits_for_no_payer_is_left_alone(whole: dict[str, Any]) -> None:
    found = await prepared(whole)
    assert isinstance(found, Unprepared)
    assert found.refused is not None
    assert found.refused.state is None, "it says nothing about the payment"
    assert "waits for no payer" in found.why


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((200, intent()), Accepted),
        ((200, declined()), InDoubt),
        ((200, {**ASKS, "id": "pi_2"}), InDoubt),
        ((200, "{}"), InDoubt),
        ((500, ""), InDoubt),
        (httpx.ReadError("broken"), InDoubt),
        (error(402, kind="card_error", code="card_declined",
               payment_intent=declined("ch_2", "card_declined")), Accepted),
        (error(400, code="payment_intent_unexpected_state", payment_intent=intent()), Accepted),
        (error(400, code="payment_intent_unexpected_state"), Refused),
        (error(400, code="parameter_missing"), Refused),
    ],
    ids=str,
)  # fmt: skip
async def test_each_answer_to_a_confirmation_proves_what_it_proves(
    answer: Any, kind: type[object]
) -> None:
    assert isinstance(await confirmed(answer), kind)


@pytest.mark.parametrize(
    ("whole", "kind"),
    [
        (declined(), Absent),
        (declined("ch_2"), Found),
        (declined(code="card_declined"), Found),
        (ASKS, Found),
        (intent(status="processing"), Found),
        (intent(), Found),
        (intent(status="canceled"), Found),
        (intent(status="requires_confirmation"), Absent),
        (intent(status="of a new kind"), CannotTell),
    ],
)
async def test_the_intent_shows_whether_it_was_tried_again(
    whole: dict[str, Any], kind: type[object]
) -> None:
    asked = replace(SUBJECT, prepared={"declined_before": "ch_1"})
    assert isinstance(await partner(Scripted().on(READ, (200, whole))).find(asked), kind)


async def test_a_database_that_has_forgotten_the_decline_does_not_take_it_for_a_new_one() -> None:
    found = await partner(Scripted().on(READ, (200, declined()))).find(SUBJECT)
    assert isinstance(found, Absent)
