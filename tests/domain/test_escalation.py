"""A ladder is in order, and what is due of it stays due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.lifecycle.escalation import DueRung, Ladder, Rung, next_at, reached
from domain.payments.escalation import nobody
from domain.payments.order import Rail
from domain.payments.report import PaymentState
from tests.domain.samples import HOUR, NOW, SECOND


def rung(hours: int) -> Rung:
    return Rung(hours * HOUR, "owner", f"question {hours}")


def due(hours: int) -> DueRung:
    at = NOW + hours * HOUR
    return DueRung(f"waits_{hours}", at, at + HOUR, "owner", f"question {hours}")


@pytest.mark.parametrize("hours", [(), (2, 1), (1, 1), (-1, 1)])
def test_rungs_follow_each_other_from_the_beginning_on(hours: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="sort them"):
        Ladder(tuple(map(rung, hours)), answer_within=HOUR)


def test_the_first_rung_may_be_the_beginning_itself() -> None:
    assert Ladder((rung(0), rung(1)), answer_within=HOUR).rungs[0].after == timedelta(0)


def test_a_rung_is_reached_at_its_moment_and_stays_so() -> None:
    rungs = (due(1), due(2))
    assert reached(rungs, NOW + HOUR - SECOND) == ()
    assert reached(rungs, NOW + HOUR) == rungs[:1]
    assert reached(rungs, NOW + 99 * HOUR) == rungs


def test_the_next_is_waited_for_until_there_is_none() -> None:
    rungs = (due(1), due(2))
    assert next_at(rungs, NOW) == NOW + HOUR
    assert next_at(rungs, NOW + HOUR) == NOW + 2 * HOUR
    assert next_at(rungs, NOW + 2 * HOUR) is None
    assert next_at((), NOW) is None


def test_where_nobody_is_asked_there_is_nothing_to_wait_for() -> None:
    assert nobody(PaymentState.AWAITING_PARTNER, Rail.SEPA_CREDIT_TRANSFER, NOW) == ()
