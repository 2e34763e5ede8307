"""Reports over the payments of a period, on the rows of a real database."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from sqlalchemy import update
from sqlmodel import Session, col

from domain.lifecycle.report import MovementKind
from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.totals import Outcome
from store.reports import Period, PeriodRefused, Reports
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import MovementRow
from tests.clock import START
from tests.fakes import ACCOUNT, BANK, order
from tests.store.books import Store

DAY = timedelta(days=1)
FIRST, SECOND = START.date(), (START + DAY).date()


@pytest.fixture
async def reports(store: Store) -> Reports:
    """Four payments over two days; one is another tenant's, one is in doubt, one has a fee."""
    await store.accept("k1", payment_id="pay_1")
    await store.accept("k2", payment_id="pay_2", of=order(store.clock.now(), minor=500))
    store.clock.step(DAY)
    await store.accept("k3", payment_id="pay_3", of=order(store.clock.now(), tenant="other"))
    await store.accept("k4", payment_id="pay_4", of=order(store.clock.now(), minor=700))

    def stand(session: Session) -> None:
        for payment_id, state, certainty in (
            ("pay_1", PaymentState.FINAL, Certainty.SENT),
            ("pay_2", PaymentState.SUBMITTING, Certainty.UNKNOWN),
            ("pay_4", PaymentState.CANCELLED, Certainty.NOT_SENT),
        ):
            session.exec(
                update(LifecycleRow)
                .where(col(LifecycleRow.resource_id) == payment_id)
                .values(state=state.value, certainty=certainty.value)
            )
        for number, minor in enumerate((25, 5)):
            session.add(
                MovementRow(
                    payment_id="pay_1", movement_id=f"fee_{number}", kind=MovementKind.FEE.value,
                    amount_minor=minor, currency="USD", booked_at=store.clock.now(),
                )
            )  # fmt: skip
        session.add(
            MovementRow(
                payment_id="pay_1", movement_id="debit", kind=MovementKind.DEBIT.value,
                amount_minor=1250, currency="EUR", booked_at=store.clock.now(),
            )
        )  # fmt: skip

    await store.database.write(stand)
    return Reports(store.database)


async def test_totals_are_those_of_each_day_and_add_up(reports: Reports) -> None:
    lines = await reports.payments(Period(FIRST, SECOND))
    assert [(line.group.day, line.recorded.count) for line in lines] == [(FIRST, 2), (SECOND, 2)]
    assert (lines[0].group.partner, lines[0].group.partner_account) == (BANK, ACCOUNT)
    executed, is_open = (lines[0].outcomes[each] for each in (Outcome.EXECUTED, Outcome.OPEN))
    assert (executed.count, is_open.count, is_open.minor) == (1, 1, 500)
    assert (lines[0].in_doubt.count, lines[0].in_doubt.minor) == (1, 500)
    assert lines[0].recorded.minor == executed.minor + 500
    assert lines[1].outcomes[Outcome.NOT_EXECUTED].minor == 700
    for line in lines:
        assert sum(each.minor for each in line.outcomes.values()) == line.recorded.minor


async def test_a_report_has_only_the_tenant_the_partner_and_the_days_asked_for(
    reports: Reports,
) -> None:
    (other,) = await reports.payments(Period(FIRST, SECOND, tenant="other"))
    assert (other.group.day, other.recorded.count) == (SECOND, 1)
    assert await reports.payments(Period(FIRST, SECOND, partner="nobody")) == []
    assert await reports.payments(Period(FIRST - DAY, FIRST - DAY)) == []
    assert len(await reports.unresolved(Period(FIRST, FIRST), limit=9)) == 1


async def test_fees_count_on_the_day_their_payment_was_recorded_in_their_own_currency(
    reports: Reports,
) -> None:
    (fees,) = await reports.fees(Period(FIRST, SECOND))
    assert fees == (FIRST, BANK, ACCOUNT, "USD", 2, 30)
    assert await reports.fees(Period(SECOND, SECOND)) == []


async def test_unresolved_payments_are_those_that_the_totals_call_open(reports: Reports) -> None:
    period = Period(FIRST, SECOND)
    found = await reports.unresolved(period, limit=9)
    assert [each.payment_id for each in found] == ["pay_2", "pay_3"]
    assert found[0].certainty is Certainty.UNKNOWN
    lines = await reports.payments(period)
    assert sum(line.outcomes[Outcome.OPEN].count for line in lines) == len(found)
    assert [each.payment_id for each in await reports.unresolved(period, limit=1)] == ["pay_2"]


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (date(2026, 2, 2), date(2026, 2, 1), "to: 2026-02-01 is before 2026-02-02"),
        (date(2026, 1, 1), date(2027, 1, 2), "longer than 366 days"),
    ],
)
def test_a_period_that_no_report_is_made_of_is_refused(first: date, last: date, said: str) -> None:
    with pytest.raises(PeriodRefused, match=said):
        Period(first, last)
