"""What a workflow is told of a payment: what is due now, and when its wait ends."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given

from domain.lifecycle.kind import next_step
from domain.lifecycle.next_step import Labels, NextStep, Owed
from domain.payments.due import deadline_of, due
from domain.payments.kind import PaymentKind
from domain.payments.report import PaymentState
from domain.payments.view import KIND, PaymentView
from tests.domain.arbitrary import moments, views
from tests.domain.samples import HOUR, NOW, report, view

S = PaymentState
PAYMENTS = PaymentKind()
#: A step's result is kept in the history, so a few lines have to do.
CHARACTERS_MAX = 1_000
LABELS = Labels(
    kind=KIND, tenant="shop", partner="bank", rail="sepa_instant", end_to_end_hash="0" * 16
)


@given(views, moments)
def test_it_is_what_is_due_now_and_what_would_be_due_when_the_wait_ends(
    seen: PaymentView, now: datetime
) -> None:
    known = next_step(PAYMENTS, seen, now, leaves_after=None)
    assert known.due == due(seen, now)
    if known.due.owed is Owed.WAIT:
        assert known.due.until is not None
        after = due(seen, known.due.until)
        assert known.then == (None if after.owed in (Owed.WAIT, Owed.OVER) else after)
    else:
        assert known.then is None
    assert known.deadline == deadline_of(seen)
    assert NextStep.model_validate_json(known.model_dump_json()) == known


@given(views, moments)
def test_it_names_each_instruction_with_its_attempts(seen: PaymentView, now: datetime) -> None:
    known = next_step(PAYMENTS, seen, now, leaves_after=None)
    assert known.attempts == {
        each.instruction_id: len(each.book.attempts) for each in seen.instructions
    }
    for step in (known.due, known.then):
        if step is not None and step.owed in (Owed.INSTRUCT, Owed.READ):
            assert step.instruction_id in known.attempts


def test_it_is_small() -> None:
    seen = view(report(S.PROCESSING), last_asked_at=NOW)
    told = next_step(PAYMENTS, seen, NOW, leaves_after=None).model_copy(update={"labels": LABELS})
    assert len(told.model_dump_json()) < CHARACTERS_MAX
    assert (told.labels and told.labels.kind) == KIND


@pytest.mark.parametrize(
    ("leaves_after", "may_leave"),
    [(None, False), (timedelta(milliseconds=1), True), (HOUR, False)],
)
def test_a_run_may_leave_if_its_wait_is_as_long_as_the_setting(
    leaves_after: timedelta | None, may_leave: bool
) -> None:
    seen = view(report(S.PROCESSING), last_asked_at=NOW)
    assert next_step(PAYMENTS, seen, NOW, leaves_after=leaves_after).may_leave is may_leave
    over = view(report(S.REJECTED), last_asked_at=NOW)
    assert not next_step(PAYMENTS, over, NOW, leaves_after=leaves_after).may_leave
