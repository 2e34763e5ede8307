"""What a payment is made of, once its order is accepted."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import pytest

from domain.lifecycle.profile import Profile
from domain.payments.order import Collection, Direction, Order, Rail, Times
from regimes.execution import RULES, OnClosedDay
from regimes.sepa import CUT_OFF
from regimes.watches import WATCHES
from starter.acceptance import Admitted, InvalidOrder, admit
from tests.clock import START
from tests.fakes import ACCOUNT, BANK, WATCH, order, profile

#: START is a Monday, one in the afternoon in Brussels.
THURSDAY: Final = date(2026, 3, 5)


def admitted(
    given: Order, *, now: datetime = START, of: Profile | None = None, **options: Any
) -> Admitted:
    profiles = {(BANK, ACCOUNT): of or profile()}
    return admit(given, "key", profiles, now, **options)


def with_times(**times: Any) -> Order:
    return order(times=Times(**times))


def test_what_the_payer_leaves_open_is_settled() -> None:
    kept = admitted(with_times())
    assert kept.order.submit_before == START + timedelta(minutes=15)
    assert kept.moved == ""


def test_nothing_else_of_the_order_is_touched() -> None:
    given = with_times()
    kept = admitted(given).order
    assert kept.model_copy(update={"times": given.times}) == given


def test_the_profile_says_who_holds_a_day_ahead() -> None:
    given = with_times(requested_execution_date=THURSDAY)
    ours = admitted(given).order.times
    theirs = admitted(given, of=profile(holds_future_dates=True)).order.times
    assert ours.submit_from == datetime(2026, 3, 5, 7, tzinfo=UTC)
    assert theirs.submit_from is None
    assert ours.submit_before == theirs.submit_before == CUT_OFF.on(THURSDAY)


def test_a_moved_day_is_kept_beside_the_wished_one_and_said() -> None:
    kept = admitted(with_times(requested_execution_date=date(2026, 4, 3)))
    assert kept.order.times.requested_execution_date == date(2026, 4, 7)
    assert kept.order.times.wished_execution_date == date(2026, 4, 3)
    assert "executed on 2026-04-07 instead" in kept.moved


def test_other_rules_may_be_given() -> None:
    strict = replace(RULES[Rail.SEPA_CREDIT_TRANSFER], on_closed_day=OnClosedDay.REFUSE)
    with pytest.raises(InvalidOrder, match="later business day"):
        admitted(with_times(requested_execution_date=date(2026, 4, 3)), rules=strict)


@pytest.mark.parametrize(
    ("times", "field"),
    [
        ({"requested_execution_date": date(2026, 3, 1)}, "times.requested_execution_date"),
        ({"requested_execution_date": date(2027, 6, 1)}, "times.requested_execution_date"),
        ({"execute_by": START}, "times.execute_by"),
        ({"submit_before": START}, "times.submit_before"),
        (
            {
                "requested_execution_date": THURSDAY,
                "execute_by": CUT_OFF.on(THURSDAY) - timedelta(minutes=1),
            },
            "times.execute_by",
        ),
    ],
)
def test_times_that_cannot_be_met_are_refused_by_field(times: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidOrder) as error:
        admitted(with_times(**times))
    (refusal,) = error.value.refusals
    assert refusal.field == field
    assert "give" in refusal.text or "check the year" in refusal.text


def test_the_schemes_rules_are_those_of_the_day_it_is_executed_on() -> None:
    # Serbia is reached from Tuesday 5 May 2026 on; Friday 1 May becomes Monday the 4th.
    to_serbia = order(creditor_account={"iban": "RS35260005601001611379"})
    for wished, is_reached in ((date(2026, 5, 1), False), (date(2026, 5, 5), True)):
        given = to_serbia.model_copy(update={"times": Times(requested_execution_date=wished)})
        if is_reached:
            admitted(given)
        else:
            with pytest.raises(InvalidOrder, match="does not reach on 2026-05-04"):
                admitted(given)


def test_without_a_day_they_are_those_of_today_on_the_rail() -> None:
    to_serbia = order(creditor_account={"iban": "RS35260005601001611379"}, times=Times())
    admitted(to_serbia, now=datetime(2026, 5, 4, 22, tzinfo=UTC))
    with pytest.raises(InvalidOrder, match="does not reach on 2026-05-04"):
        admitted(to_serbia, now=datetime(2026, 5, 4, 21, 59, tzinfo=UTC))


def test_today_is_the_rails_and_not_the_worlds() -> None:
    # Half past midnight in Brussels is yesterday in UTC.
    now = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    with pytest.raises(InvalidOrder, match="2026-03-02 has passed"):
        admitted(with_times(requested_execution_date=date(2026, 3, 2)), now=now)


def test_who_has_judged_the_dates_before_keeps_them() -> None:
    sunday = datetime(2026, 3, 1, 12, tzinfo=UTC)
    times = Times(requested_execution_date=sunday.date(), submit_before=sunday + timedelta(hours=1))
    kept = admitted(order(times=times), now=sunday, rules_of=date(2025, 11, 3))
    assert kept.order.times == times


def test_a_file_for_a_day_ahead_is_held_by_whom_the_profile_says() -> None:
    times = Times(requested_execution_date=THURSDAY, submit_before=CUT_OFF.on(THURSDAY))
    ours = admitted(order(times=times), rules_of=THURSDAY).order.times
    theirs = admitted(
        order(times=times), rules_of=THURSDAY, of=profile(holds_future_dates=True)
    ).order.times
    assert ours.submit_from == datetime(2026, 3, 5, 7, tzinfo=UTC)
    assert theirs == times


def test_the_partners_own_watch_stands_and_a_missing_one_is_the_rails() -> None:
    rail = Rail.SEPA_CREDIT_TRANSFER
    assert admitted(order()).profile.watch == {rail: WATCH}
    filled = admitted(order(), of=profile(watch={})).profile
    assert filled.watch == {rail: WATCHES[rail, Direction.OUTGOING].at_most}
    assert filled.model_copy(update={"watch": {}}) == profile(watch={})


def test_an_order_that_was_settled_is_admitted_as_it_is() -> None:
    for times in ({}, {"requested_execution_date": THURSDAY}):
        once = admitted(with_times(**times)).order
        assert admitted(once).order == once


def collection(rail: Rail) -> Order:
    return order(
        rail=rail, direction=Direction.INCOMING, collection=Collection(payment_method="pm_1")
    )


@pytest.mark.parametrize("rail", [Rail.CARD, Rail.SEPA_DIRECT_DEBIT])
def test_a_collection_is_watched_as_long_as_its_rail_says(rail: Rail) -> None:
    kept = admitted(collection(rail), of=profile(collects=True))
    assert kept.profile.watch[rail] == WATCHES[rail, Direction.INCOMING].at_most


def test_a_collection_takes_no_rail_of_credit_transfers() -> None:
    with pytest.raises(InvalidOrder, match="collections go by card, sepa_direct_debit, ach_debit"):
        admitted(collection(Rail.DOMESTIC), of=profile(collects=True))


def test_the_key_of_a_collection_is_no_card_number() -> None:
    profiles = {(BANK, ACCOUNT): profile(collects=True)}
    with pytest.raises(InvalidOrder) as refused:
        admit(collection(Rail.CARD), "4242424242424242", profiles, START)
    assert [each.field for each in refused.value.refusals] == ["key"]
    assert "4242" not in str(refused.value)
