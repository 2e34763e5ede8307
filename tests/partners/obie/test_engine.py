"""A whole payment through the steps of a worker, the store and the adapter, beside the bank."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from assembly import MachineClock
from domain.lifecycle.resource import Certainty
from domain.payments.report import Action, PaymentState
from domain.payments.view import PaymentView
from partners.kit.workplace import Workplace
from partners.obie.client import ObiePartner
from store.approvals import Approvals
from store.claims import Claims
from store.folding import Folding
from store.logins import Logins
from store.prepared import PreparedObjects
from tests.activities.steps import Steps
from tests.fakes import ACCOUNT, BANK
from tests.partners.obie.conftest import ORDER, Bank, decide
from tests.store.books import PAYMENTS, Store
from transport.http import Transport

S = PaymentState
SUBMIT = "POST /open-banking/*/pisp/domestic-payments"


@dataclass
class Life:
    """One payment, and the worker and the app around it."""

    bank: Bank
    store: Store
    steps: Steps

    async def action(self) -> Action:
        claims = Claims(self.store.database, Folding(self.store.keyring, PAYMENTS))
        action = await claims.action(self.steps.request.resource_id)
        assert action is not None
        return action

    async def comes_back(self, choice: str = "approve") -> dict[str, str]:
        """The payer acts at the bank, and the app hands over what they came back with."""
        params = decide((await self.action()).url or "", choice)
        approvals = Approvals(self.store.database, self.store.keyring, PAYMENTS)
        taken = await approvals.take(
            tenant="shop", params=params, browser_session="", now=self.store.clock.now()
        )
        assert taken.is_new
        return params

    async def instructed(self) -> PaymentView:
        return await self.steps.instructed()


@pytest.fixture
async def life(bank: Bank, tmp_path: Path) -> AsyncIterator[Life]:
    clock = MachineClock()
    store = Store(tmp_path / "store.db", cast(Any, clock))
    workplace = Workplace(
        clock,
        Logins(store.database, store.keyring, clock, BANK),
        PreparedObjects(store.database, store.keyring, clock, BANK),
        partial(Transport, clock=clock),
    )
    adapter = ObiePartner(bank.account(), workplace)
    order = ORDER.model_copy(update={"tenant": "shop", "partner": BANK, "partner_account": ACCOUNT})
    # The bank remembers keys, which come from the payment's id.
    payment_id = f"pay_{uuid.uuid4().hex}"
    profile = adapter.profile.model_copy(update={"partner": BANK})
    await store.accept(payment_id=payment_id, of=order, as_of=profile)
    yield Life(bank, store, Steps(store, cast(Any, adapter), payment_id))
    await adapter.close()
    store.close()


async def test_a_payment_is_approved_and_sent_once_and_nothing_secret_is_in_the_clear(
    life: Life,
) -> None:
    view = await life.instructed()
    assert (view.payment.state, view.payment.certainty) == (S.AWAITING_USER, Certainty.NOT_SENT)
    before = len(life.bank.payments)
    params = await life.comes_back()
    view = await life.instructed()
    assert (view.payment.state, view.payment.certainty) == (S.ACCEPTED, Certainty.SENT)
    assert view.payment.findings == ()
    await life.instructed()
    assert len(life.bank.payments) == before + 1
    life.bank.advance(5)
    view = await life.steps.was_read()
    assert view.payment.state is S.SETTLED
    assert view.payment.findings == ()
    for file in life.store.where.parent.glob("store.db*"):  # type: ignore[union-attr]
        kept = file.read_bytes()
        for secret in (params["code"], params["state"], ORDER.debtor_account.number, "eyJhbGci"):
            assert secret.encode() not in kept, f"{secret[:8]}… is in {file.name}"


async def test_two_workers_at_once_exchange_the_code_once_and_send_once(life: Life) -> None:
    await life.instructed()
    await life.comes_back()
    before = len(life.bank.payments)
    beside = Steps(life.store, life.steps.partner, life.steps.request.resource_id)
    await asyncio.gather(life.steps.instruct(), beside.instruct())
    view = await life.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert len(life.bank.payments) == before + 1


async def test_a_payer_who_refuses_ends_it(life: Life) -> None:
    await life.instructed()
    await life.comes_back("reject")
    view = await life.instructed()
    assert (view.payment.state, view.payment.certainty) == (S.REJECTED, Certainty.NOT_SENT)


async def test_a_lost_reply_to_the_submission_is_mended_by_the_key(life: Life) -> None:
    await life.instructed()
    await life.comes_back()
    before = len(life.bank.payments)
    life.bank.fault("reply_lost_after", SUBMIT, reset=True)
    view = await life.instructed()
    assert view.payment.certainty is Certainty.UNKNOWN
    await asyncio.sleep(timedelta(seconds=2.5).total_seconds())
    view = await life.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert view.payment.partner_reference == life.bank.payments[-1]["id"]
    assert len(life.bank.payments) == before + 1


async def test_a_token_that_is_refused_for_a_moment_ends_the_attempt_alone(life: Life) -> None:
    """The bank gives no refresh token for a payment, so the approval's own token is kept."""
    await life.instructed()
    await life.comes_back()
    before = len(life.bank.payments)
    life.bank.fault("unauthorised", SUBMIT)
    view = await life.instructed()
    assert view.payment.certainty is Certainty.NOT_SENT
    await asyncio.sleep(timedelta(seconds=2.5).total_seconds())
    view = await life.instructed()
    assert view.payment.certainty is Certainty.SENT
    assert len(life.bank.payments) == before + 1
