"""Each kind of task has its remedies, a look before decisions."""

from __future__ import annotations

from dataclasses import replace

import pytest

from starter.remedies import Remedy, RemedyKind, remedies
from store.feeds import EVENTS_MISSED
from store.tasks import Task
from store.unmatched import UNMATCHED, Reference
from store.wrong_clocks import CLOCK
from tests.clock import START
from tests.store.books import PAYMENT

K = RemedyKind


def task(kind: str, payment_id: str | None = PAYMENT, unmatched: Reference | None = None) -> Task:
    return Task("t1", payment_id, "shop", "key", kind, "?", "operations", START, START,
                unmatched=unmatched)  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "kinds"),
    [
        ("in_doubt", [K.LOOK, K.EXECUTED, K.NOT_EXECUTED]),
        ("contradiction", [K.LOOK, K.EXECUTED, K.NOT_EXECUTED]),
        ("not_ready", [K.LOOK, K.RETRY_LOGINS]),
        ("silent_partner", [K.LOOK, K.EXAMINE]),
        ("overdue", [K.LOOK, K.CANCEL]),
    ],
)
def test_a_payment_is_looked_at_before_anything_is_done(kind: str, kinds: list[RemedyKind]) -> None:
    found = remedies(task(kind), not_executed_is_offered=True)
    assert found == [Remedy(each, PAYMENT) for each in kinds]


def test_not_executed_is_offered_only_where_there_are_enough_operators() -> None:
    found = remedies(task("in_doubt"), not_executed_is_offered=False)
    assert [one.kind for one in found] == [K.LOOK, K.EXECUTED]


def test_a_task_about_no_payment_may_be_dismissed() -> None:
    about = Reference("bank", "main", "ref-1")
    found = remedies(task(UNMATCHED, None, about), not_executed_is_offered=True)
    assert found == [Remedy(K.EXECUTED, reference="ref-1"), Remedy(K.DISMISS, task_id="t1")]
    found = remedies(task(CLOCK, None), not_executed_is_offered=True)
    assert found == [Remedy(K.EXAMINE), Remedy(K.DISMISS, task_id="t1")]
    found = remedies(task(EVENTS_MISSED, None), not_executed_is_offered=True)
    assert found == [Remedy(K.DISMISS, task_id="t1")]


def test_a_question_about_a_consent_begins_with_a_look_at_it() -> None:
    asked = replace(task("renewal_1", "con_1"), resource_kind="consent")
    (found,) = remedies(asked, not_executed_is_offered=True)
    assert found == Remedy(K.LOOK_AT_CONSENT, "con_1")
