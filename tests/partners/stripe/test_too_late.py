"""What comes too late, twice or too large: payers, captures and refunds in whole lives.

Something has happened at Stripe that we have not read yet, so our store admits what Stripe refuses.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from assembly import MachineClock
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty, FindingKind
from domain.lifecycle.reversals import ReversalKind, ReversalState
from domain.lifecycle.sending import AttemptResult
from domain.payments.due import due
from domain.payments.payment import Payment
from domain.payments.report import PaymentState
from store.claims import CannotClaim, OverBound
from store.tasks import Tasks
from tests.partners.conformance.bench import Bank
from tests.partners.stripe.conftest import Ordered, serving
from tests.partners.stripe.payers import card
from tests.partners.stripe.test_lives import PAYMENT, Life
from tests.store.books import Store

S, R = PaymentState, ReversalState
CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND
BACK = "https://acme.test/back"
WEEK = 8 * 86_400
#: The request may be lost on its way, and the reply on its way back.
Wait = Callable[[Life], Awaitable[Payment]]
LOST = pytest.mark.parametrize("fault", [None, "reply_lost_before", "reply_lost_after"])


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Bank]:
    """One for each test: payments of another database would halt everything."""
    with serving(tmp_path / "book.db") as bank:
        yield bank


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path / "finality.db", MachineClock())  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
async def life(store: Store, ordered: Ordered) -> AsyncIterator[Life]:
    made = Life(store, ordered)
    yield made
    await made.adapter.close()


async def paid(life: Life, token: str = "pm_card_visa", **more: Any) -> Payment:
    """A collection whose money is booked, as we have read it."""
    await life.pay(card(token, **more))
    life.later()
    return await life.looks_again()


def happens(bank: Bank, payment: Payment, what: str, **param: Any) -> str:
    """Something happens at Stripe, and no webhook comes. Returns the newest dispute's id."""
    bank.control(f"payments/{payment.partner_reference}", {"fault": what, "param": param})
    disputes: list[dict[str, str]] = bank.control("book").get("disputes", [])
    return disputes[-1]["id"] if disputes else ""


def shown(bank: Bank, kind: str, payment: Payment) -> list[dict[str, Any]]:
    """Stripe's own objects of this kind that belong to the payment."""
    of_it = payment.partner_reference
    return [one for one in bank.control("book").get(kind, []) if one["payment_intent"] == of_it]


@pytest.fixture
def wait(monkeypatch: pytest.MonkeyPatch) -> Wait:
    """Passes the time that look-ups wait for; Stripe's own clock stands still."""
    ahead = timedelta()
    monkeypatch.setattr(MachineClock, "now", lambda clock: datetime.now(UTC) + ahead)

    async def until_known(life: Life) -> Payment:
        nonlocal ahead
        for _ in range(10):
            payment = await life.looks_again()
            view = await life.store.payments.view(PAYMENT)
            if not any(each.book.in_doubt for each in view.instructions):
                return payment
            step = due(view, life.store.clock.now())
            assert step.until is not None, step
            ahead += max(step.until - life.store.clock.now(), timedelta()) + timedelta(seconds=1)
        return payment

    return until_known


# Payers


async def test_a_payer_who_returns_after_the_deadline_pays_nothing(
    store: Store, ordered: Ordered, bank: Bank
) -> None:
    made = datetime.fromisoformat(bank.control("clock")["now"])
    until = timedelta(seconds=1.5) - (made - datetime.now(UTC))
    life = Life(store, ordered, payer_acts_within=until)
    over = await life.pay(card("pm_card_threeDSecure2Required", return_url=BACK))
    assert (over.state, over.action) == (S.CANCELLED, None)
    url = bank.control("book")["payment_intents"][-1].get("next_action")
    assert url is None, "the page is closed"
    with pytest.raises(httpx.HTTPStatusError):
        happens(bank, over, "payer_completes")
    later = await life.looks_again()
    assert (later.state, later.amounts.captured.minor, later.findings) == (S.CANCELLED, 0, ())
    assert not any(each["paid"] for each in shown(bank, "charges", over))
    await life.adapter.close()


async def test_a_payer_who_confirms_just_before_the_cancel_has_paid(life: Life, bank: Bank) -> None:
    waiting = await life.pay(card("pm_card_threeDSecure2Required", return_url=BACK))
    assert waiting.state is S.AWAITING_USER
    happens(bank, waiting, "payer_completes")
    await life.cancel()
    life.later()
    taken = await life.looks_again()
    assert (taken.state, taken.certainty, taken.findings) == (S.CAPTURED, Certainty.SENT, ())
    assert taken.amounts.captured.minor == 10_00
    assert [each["paid"] for each in shown(bank, "charges", taken)] == [True]


# Captures


@LOST
async def test_a_capture_after_the_hold_has_ended_takes_nothing(
    life: Life, bank: Bank, wait: Wait, fault: str | None
) -> None:
    held = await life.pay(card("pm_card_visa", later=True))
    life.later(WEEK)
    if fault is not None:
        bank.fault(fault, on="POST /v1/payment_intents/*/capture")
    await life.claim(CAPTURE, 4_00, "late")
    over = await wait(life)
    assert (over.state, over.certainty, over.is_over) == (S.EXPIRED, Certainty.SENT, True)
    assert not [one for one in over.findings if one.freezes]
    assert (over.amounts.captured.minor, over.amounts.authorised.minor) == (0, 0)
    assert [one["amount_received"] for one in bank.control("book")["payment_intents"]
            if one["id"] == held.partner_reference] == [0]  # fmt: skip
    [episode] = await life.claims.episodes(PAYMENT)
    assert (episode.state, episode.in_doubt) == ("failed", False)
    with pytest.raises(CannotClaim, match="while an amount is reserved"):
        await life.claim(CAPTURE, 4_00, "later")


async def test_over_the_hold_nothing_is_sent_and_of_two_at_once_one_is_taken(
    life: Life, bank: Bank
) -> None:
    held = await life.pay(card("pm_card_visa", later=True))
    with pytest.raises(OverBound, match=r"amount: a capture of 10\.01 EUR"):
        await life.claim(CAPTURE, 10_01, "all and more")
    assert await life.attempts(CAPTURE) == []
    both = await asyncio.gather(
        *(life.claim(CAPTURE, 6_00, key) for key in ("one", "two")), return_exceptions=True
    )
    refused = [each for each in both if isinstance(each, BaseException)]
    assert [isinstance(each, CannotClaim) for each in refused] == [True]
    life.later()
    taken = await life.looks_again()
    assert (taken.amounts.captured.minor, taken.findings) == (6_00, ())
    assert taken.partner_reference == held.partner_reference
    assert await life.attempts(CAPTURE) == [AttemptResult.ANSWERED]


# Refunds


@LOST
@pytest.mark.parametrize("end", ["open", "lost"])
async def test_a_refund_of_what_was_disputed_meanwhile_gives_nothing_back(
    life: Life, bank: Bank, wait: Wait, end: str, fault: str | None
) -> None:
    whole = await paid(life)
    dispute = happens(bank, whole, "dispute")
    if end == "lost":
        bank.control(f"payments/{dispute}", {"fault": "decide_dispute", "param": {"outcome": end}})
    if fault is not None:
        bank.fault(fault, on="POST /v1/refunds")
    await life.claim(REFUND, 3_00, "r1")
    life.later()
    after = await wait(life)
    assert (after.state, after.certainty) == (S.CAPTURED, Certainty.SENT)
    assert not [one for one in after.findings if one.freezes]
    states = {one.kind: one.state for one in after.reversals}
    expected = R.LOST if end == "lost" else R.NEEDS_EVIDENCE
    assert states == {ReversalKind.REFUND: R.FAILED, ReversalKind.DISPUTE: expected}
    assert (after.amounts.refunded.minor, after.amounts.disputed.minor) == (0, 10_00)
    assert shown(bank, "refunds", after) == []
    with pytest.raises(OverBound):
        await life.claim(REFUND, 1_00, "r2")


@LOST
async def test_a_refund_over_what_others_have_left_gives_nothing_back(
    life: Life, bank: Bank, wait: Wait, fault: str | None
) -> None:
    whole = await paid(life)
    happens(bank, whole, "refund_by_hand", amount=8_00)
    if fault is not None:
        bank.fault(fault, on="POST /v1/refunds")
    await life.claim(REFUND, 3_00, "r1")
    life.later()
    after = await wait(life)
    assert (after.state, after.certainty) == (S.CAPTURED, Certainty.SENT)
    assert not [one for one in after.findings if one.freezes]
    assert sorted(one.state for one in after.reversals) == sorted([R.DONE, R.FAILED])
    assert after.amounts.refunded.minor == 8_00
    assert [one["amount"] for one in shown(bank, "refunds", after)] == [8_00]
    with pytest.raises(OverBound):
        await life.claim(REFUND, 3_00, "r2")
    await life.claim(REFUND, 2_00, "r3")
    life.later()
    assert (await life.looks_again()).amounts.refunded.minor == 10_00


# Words


async def test_a_status_that_nobody_knows_parks_the_payment_and_asks(
    life: Life, bank: Bank, store: Store
) -> None:
    whole = await paid(life)
    bank.fault("unknown_status", on="GET /v1/payment_intents/*", status="parked_elsewhere")
    parked = await life.looks_again()
    assert (parked.state, parked.certainty) == (whole.state, Certainty.UNKNOWN)
    assert parked.is_frozen
    assert FindingKind.UNMAPPED in {one.kind for one in parked.findings}
    [task] = await Tasks(store.database).open(limit=5)
    assert (task.payment_id, "parked_elsewhere" in task.question) == (PAYMENT, True)
    with pytest.raises(CannotClaim, match="a question about the payment is open"):
        await life.claim(REFUND, 1_00, "r1")
    assert shown(bank, "refunds", whole) == []
