"""INCREMENT: more of the payer's money is held, until some of it is captured."""

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
    TurnedAway,
    Unprepared,
)
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from tests.partners.stripe.scripted import (
    DEADLINE,
    HELD,
    KEY,
    TAKEN,
    Answer,
    Scripted,
    charge,
    error,
    intent,
    of_kind,
    partner,
)

READ: Final = "GET /v1/payment_intents/pi_1"
RAISE: Final = "POST /v1/payment_intents/pi_1/increment_authorization"
SUBJECT: Final = of_kind(InstructionKind.INCREMENT, replace(TAKEN, order=HELD))
MARK: Final = {f"hold_{KEY}": "500"}


def holds(amount: int = 12_50, **changes: Any) -> dict[str, Any]:
    """An intent that holds the amount."""
    on_card = charge(amount=amount, amount_captured=0)
    given = {"status": "requires_capture", "amount": amount, "metadata": {}, **changes}
    return intent(given.pop("latest_charge", on_card), **given)


RAISED: Final = holds(17_50, metadata=MARK)


async def incremented(answer: Answer) -> Submitted:
    script = Scripted().on(READ, (200, holds())).on(RAISE, answer)
    adapter = partner(script)
    preparation = await adapter.prepare(SUBJECT)
    assert isinstance(preparation, Prepared), preparation
    asked = replace(SUBJECT, prepared=preparation.request.prepared)
    return await adapter.submit(asked, preparation.request, DEADLINE)


async def test_the_new_total_is_asked_for_with_our_mark() -> None:
    script = Scripted().on(READ, (200, holds())).on(RAISE, (200, RAISED))
    adapter = partner(script)
    preparation = await adapter.prepare(SUBJECT)
    assert isinstance(preparation, Prepared), preparation
    asked = replace(SUBJECT, prepared=preparation.request.prepared)
    done = await adapter.submit(asked, preparation.request, DEADLINE)
    assert isinstance(done, Accepted), done
    assert script.sent[-1].route == RAISE
    assert script.sent[-1].form == {"amount": "1750", f"metadata[hold_{KEY}]": "500"}
    assert script.sent[-1].headers["idempotency-key"] == KEY
    assert (done.report.state, done.report.partner_reference) == (None, "pi_1")
    assert len(f"hold_{KEY}") <= 40, "they limit the names in metadata"


async def test_it_is_built_again_as_it_was_though_the_hold_has_grown_meanwhile() -> None:
    """Another generation of the key asks for the same total, so it cannot raise the hold twice."""
    prepared = replace(SUBJECT, prepared={"held_before": "1250"})
    again = await partner(Scripted()).prepare(prepared)
    assert isinstance(again, Prepared), again
    assert b"amount=1750" in again.request.body


async def test_the_total_is_in_their_units() -> None:
    crowns = Money(minor=5, currency="ISK")
    asked = replace(SUBJECT, amount=crowns, prepared={"held_before": "1200"})
    prepared = await partner(Scripted()).prepare(asked)
    assert isinstance(prepared, Prepared), prepared
    assert b"amount=1700" in prepared.request.body


NO_OFFER: Final = {"card": {"incremental_authorization": {"status": "unavailable"}}}


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        (holds(latest_charge=charge(amount_captured=0, payment_method_details=NO_OFFER)), "card"),
        (holds(latest_charge=charge(amount_captured=0, payment_method_details=None)), "card"),
        (holds(amount_received=500), "state"),
        (intent(charge()), "state"),
        (intent(charge(), status="canceled"), "state"),
    ],
)
async def test_what_cannot_be_raised_is_refused_before_anything_is_sent(
    whole: dict[str, Any], why: str
) -> None:
    found = await partner(Scripted().on(READ, (200, whole))).prepare(SUBJECT)
    assert isinstance(found, Unprepared)
    assert found.refused is not None
    assert found.refused.state is None, "it says nothing about the payment"
    assert why in found.why


async def test_an_increment_that_the_partner_shows_is_not_asked_for_again() -> None:
    """The database was restored, and has forgotten it."""
    found = await partner(Scripted().on(READ, (200, RAISED))).prepare(SUBJECT)
    assert isinstance(found, Unprepared)
    assert found.refused is None


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ((200, RAISED), Accepted),
        ((200, holds()), InDoubt),
        ((200, holds(17_50)), InDoubt),
        ((200, holds(metadata=MARK)), InDoubt),
        ((200, {**RAISED, "id": "pi_2"}), InDoubt),
        ((200, "{}"), InDoubt),
        ((500, ""), InDoubt),
        (httpx.ReadError("broken"), InDoubt),
        (error(402, kind="card_error", code="card_declined", decline_code="lost_card"), Refused),
        (error(400, code="payment_intent_unexpected_state"), Refused),
        (error(400, code="invalid_charge_amount"), Refused),
        (error(429, code="lock_timeout"), TurnedAway),
        (error(402, kind="card_error", code="a_new_one"), InDoubt),
    ],
    ids=str,
)
async def test_each_answer_to_an_increment_proves_what_it_proves(
    answer: Any, kind: type[object]
) -> None:
    assert isinstance(await incremented(answer), kind)


async def test_a_decline_says_nothing_about_the_payment() -> None:
    done = await incremented(error(402, kind="card_error", code="card_declined"))
    assert isinstance(done, Refused)
    assert (done.report.state, done.report.partner_reference) == (None, None)


@pytest.mark.parametrize(
    ("whole", "kind"),
    [
        (holds(), Absent),
        (RAISED, Found),
        (holds(20_00, metadata=MARK), Found),
        (holds(17_50), CannotTell),
        (holds(metadata=MARK), CannotTell),
        (intent(charge(), status="canceled", metadata={}), Absent),
    ],
)
async def test_the_intent_shows_whether_its_hold_was_raised(
    whole: dict[str, Any], kind: type[object]
) -> None:
    asked = replace(SUBJECT, prepared={"held_before": "1250"})
    assert isinstance(await partner(Scripted().on(READ, (200, whole))).find(asked), kind)


@pytest.mark.parametrize(("whole", "kind"), [(RAISED, Found), (holds(17_50), Absent)])
async def test_a_database_that_has_forgotten_the_total_goes_by_the_mark(
    whole: dict[str, Any], kind: type[object]
) -> None:
    assert isinstance(await partner(Scripted().on(READ, (200, whole))).find(SUBJECT), kind)
