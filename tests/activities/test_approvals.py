"""A payment that its payer approves before it is sent: the wait, the callback, and the send."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

import pytest
from sqlmodel import SQLModel, select

from domain.lifecycle.answers import NeedsUser, Preparation
from domain.lifecycle.profile import PayerFirst
from domain.lifecycle.resource import Certainty
from domain.payments.answers import Subject
from domain.payments.report import Action, ActionKind, PaymentState, Report, Source
from store.approvals import Approvals, Approved
from store.callbacks import CallbackRefused
from store.tables.consents import AnswerRow, CallbackRow
from store.tables.lifecycles import ReportRow
from tests.activities.steps import Steps
from tests.clock import SteppedClock
from tests.fakes import FakePartner, profile
from tests.store.books import PAYMENTS, Store

S = PaymentState
T = TypeVar("T", bound=SQLModel)
PAGE = "https://bank.test/approve?id=secret-of-the-link"
ISSUER = "https://bank.test"
LOOK_AGAIN = timedelta(seconds=15)
SECOND = timedelta(seconds=1)
FIRST = profile(payer_first=PayerFirst(issuer=ISSUER))


class PayersBank(FakePartner):
    """Prepares nothing to send before the payer has brought a code."""

    states: list[str]
    codes: list[str]

    async def prepare(self, subject: Subject) -> Preparation:
        assert subject.callback is not None
        self.states = [subject.callback.state]
        if code := subject.answer.get("code"):
            self.codes = [code]
            return await super().prepare(subject)
        self.calls.append("prepare")
        now = self.clock.now()
        report = Report(
            instruction_id=subject.instruction_id,
            source=Source.READ,
            as_of=now,
            state=S.AWAITING_USER,
            partner_status="waits",
            action=Action(kind=ActionKind.REDIRECT, url=PAGE, expires_at=now + 60 * SECOND),
        )
        return NeedsUser(report, now + LOOK_AGAIN)


@pytest.fixture
async def steps(store: Store) -> Steps:
    await store.accept(as_of=FIRST)
    return Steps(store, PayersBank(FIRST, store.clock))


async def back(steps: Steps, tenant: str = "shop", **params: str) -> Approved:
    partner = steps.partner
    assert isinstance(partner, PayersBank)
    given: Mapping[str, str] = {"state": partner.states[0], "iss": ISSUER, **params}
    approvals = Approvals(steps.store.database, steps.store.keyring, PAYMENTS)
    return await approvals.take(
        tenant=tenant, params=given, browser_session="", now=steps.store.clock.now()
    )


def stored(steps: Steps, table: type[T]) -> Sequence[T]:
    return steps.store.rows(lambda session: session.exec(select(table)).all())


async def test_it_waits_for_its_payer_and_nothing_is_sent(steps: Steps) -> None:
    step = await steps.instruct()
    view = await steps.store.payments.view(steps.request.resource_id)
    assert (view.payment.state, view.payment.certainty) == (S.AWAITING_USER, Certainty.NOT_SENT)
    assert view.payment.action is not None
    assert view.payment.action.url is None, "the address is sealed, apart from what is folded"
    assert step.next is not None
    assert step.next.due.until == steps.store.clock.now() + LOOK_AGAIN
    assert steps.partner.count("submit") == 0


async def test_the_bank_is_asked_again_and_the_same_words_are_stored_once(
    steps: Steps, clock: SteppedClock
) -> None:
    await steps.instruct()
    for _ in range(3):
        clock.step(LOOK_AGAIN)
        await steps.instructed()
    assert steps.partner.count("prepare") == 4
    reports = stored(steps, ReportRow)
    assert len([each for each in reports if '"waits"' in each.report_json]) == 1


async def test_the_payer_comes_back_and_it_is_sent_once(steps: Steps) -> None:
    await steps.instruct()
    taken = await back(steps, code="c-1")
    assert taken.is_new
    view = await steps.instructed()
    assert (view.payment.state, view.payment.certainty) == (S.ACCEPTED, Certainty.SENT)
    assert view.payment.findings == ()
    assert not (await back(steps, code="c-2")).is_new, "a second tab sees how it stands"
    await steps.instructed()
    assert len(steps.partner.effects) == 1
    assert isinstance(steps.partner, PayersBank)
    assert steps.partner.codes == ["c-1"]


async def test_what_the_payer_brings_is_sealed(steps: Steps) -> None:
    await steps.instruct()
    await back(steps, code="c-1")
    (answer,) = stored(steps, AnswerRow)
    (callback,) = stored(steps, CallbackRow)
    assert isinstance(steps.partner, PayersBank)
    for clear in (b"c-1", steps.partner.states[0].encode()):
        assert clear not in answer.answer_sealed
        assert clear not in callback.secrets_sealed


async def test_an_error_is_not_kept_and_the_payer_may_go_back(steps: Steps) -> None:
    await steps.instruct()
    assert (await back(steps, error="access_denied")).is_new
    assert (await steps.instructed()).payment.state is S.AWAITING_USER
    assert (await back(steps, code="c-1")).is_new
    assert (await steps.instructed()).payment.state is S.ACCEPTED


@pytest.mark.parametrize(
    "wrong", [{"state": "forged"}, {"iss": "https://other.test"}, {"tenant": "other"}]
)
async def test_a_foreign_callback_is_refused_and_does_nothing(
    steps: Steps, wrong: dict[str, str]
) -> None:
    await steps.instruct()
    with pytest.raises(CallbackRefused):
        await back(steps, **{"code": "c-1", **wrong})
    assert (await steps.instructed()).payment.state is S.AWAITING_USER
    assert stored(steps, AnswerRow) == []


async def test_a_payer_who_never_comes_lets_it_expire(steps: Steps, clock: SteppedClock) -> None:
    await steps.instruct()
    view = await steps.store.payments.view(steps.request.resource_id)
    clock.step(view.submit_before - clock.now())
    view = await steps.instructed()
    assert (view.payment.state, view.payment.certainty) == (S.EXPIRED, Certainty.NOT_SENT)
    assert not (await back(steps, code="c-1")).is_new, "a late callback sees how it stands"
    assert steps.partner.count("submit") == 0


async def test_a_cancel_while_it_waits_ends_it_at_once(steps: Steps) -> None:
    await steps.instruct()
    now = steps.store.clock.now()
    commanded = await steps.store.commands.cancel(
        steps.request.resource_id, command_id="c", by="test", why="", now=now
    )
    assert commanded.view.payment.state in (S.AWAITING_USER, S.CANCELLED)
    view = await steps.instructed()
    assert (view.payment.state, view.payment.certainty) == (S.CANCELLED, Certainty.NOT_SENT)
    assert view.payment.findings == ()
