"""The day on which an order is executed, and the moments between which it may be sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Final, NamedTuple

from domain.payments.order import Rail, Times
from regimes import sepa
from regimes.calendars import TARGET, Calendar, CutOff, is_business_day, next_business_day
from regimes.currency_days import home_of
from regimes.dated import Dated
from regimes.refusal import Refusal


class OnClosedDay(StrEnum):
    """What happens to an order if the rail is closed on its day, or past the cut-off."""

    NEXT_DAY = "next_day"
    """Execute it on the next business day, which is shown to the payer."""
    REFUSE = "refuse"


@dataclass(frozen=True)
class ExecutionRules:
    """When a rail takes payments."""

    calendar: Calendar
    cut_offs: Dated[CutOff]
    """The cut-off by the day of execution."""
    opens: time
    """When the rail opens, on the cut-off's wall clock. No order that we hold is sent before."""
    release: time
    """Likewise, but our own choice, so that people are there when we send."""
    ahead_max: timedelta
    """A date further ahead is treated as a typing mistake."""
    send_within: timedelta
    """How long an order without a date may wait to be sent, if it does not say."""
    on_closed_day: OnClosedDay

    def cut_off(self, day: date) -> CutOff:
        """The cut-off of a day."""
        return self.cut_offs.on(day)

    def day_of(self, moment: datetime) -> date:
        """Which day it is on the rail."""
        return self.cut_off(moment.date()).day_of(moment)


RULES: Final[Mapping[Rail, ExecutionRules]] = {
    Rail.SEPA_CREDIT_TRANSFER: ExecutionRules(
        calendar=TARGET,
        cut_offs=sepa.CUT_OFFS,
        opens=sepa.OPENS,
        release=sepa.RELEASE,
        ahead_max=sepa.EXECUTION_AHEAD_MAX,
        # Our own choice: a payer who waits for the answer prefers "expired" to a late payment.
        send_within=timedelta(minutes=15),
        # Directive (EU) 2015/2366, Article 78: what is received after the cut-off, or is agreed
        # for a day that is no business day, counts as received on the next business day.
        on_closed_day=OnClosedDay.NEXT_DAY,
    ),
}


@lru_cache(maxsize=512)
def rules_of(rail: Rail, currency: str) -> ExecutionRules:
    """When a rail takes payments in a currency: SEPA's rules, else the currency's own days."""
    if (rules := RULES.get(rail)) is not None:
        return rules
    home = home_of(currency)
    return replace(
        RULES[Rail.SEPA_CREDIT_TRANSFER],
        calendar=home.calendar,
        cut_offs=Dated({date.min: home.cut_off}),
        opens=home.opens,
        release=home.opens,
    )


class Settled(NamedTuple):
    """An order's times with nothing left open or, if there are refusals, unchanged."""

    times: Times
    refusals: tuple[Refusal, ...] = ()
    moved: str = ""
    """Why the day of execution is not the requested day, in words for the payer."""


def settle(times: Times, rules: ExecutionRules, now: datetime, *, partner_holds: bool) -> Settled:
    """Fill in the times that the payer left open, by the rules of the order's rail.

    An order with a day is sent at once if the partner holds future dates, otherwise on the morning
    of that day; never after the day's cut-off. An order without a day is sent at once, within
    `send_within`.

    Args:
        times: the order's times as the payer gave them.
        rules: the rules of the order's rail.
        now: the moment of acceptance, aware.
        partner_holds: whether the partner accepts an order before its day, and holds it.
    """
    if over := _over(times, now):
        return Settled(times, over)
    if times.requested_execution_date is None:
        return _at_once(times, rules, now)
    return _on_its_day(times, times.requested_execution_date, rules, now, partner_holds)


def settle_judged(
    times: Times, rules: ExecutionRules, now: datetime, *, partner_holds: bool
) -> Settled:
    """The same for times that were judged before, perhaps as of another day than today.

    Their day is not changed, whatever day it is now. If we hold the order until that day, the
    moment from which it is sent is set. Deadlines that have passed are refused here too.
    """
    day = times.requested_execution_date
    if times.submit_before is None:
        return settle(times, rules, now, partner_holds=partner_holds)
    over = _over(times, now)
    if over or day is None or day <= rules.day_of(now) or partner_holds:
        return Settled(times, over)
    held = hold_from(day, times.submit_before, rules)
    return Settled(times.model_copy(update={"submit_from": held}))


def hold_from(day: date, submit_before: datetime, rules: ExecutionRules) -> datetime:
    """From when we send an order that we hold for a day: the rail is open, and people are there.

    An order that has to be sent before that is sent from the beginning of its day.
    """
    cut_off = rules.cut_off(day)
    morning = cut_off.moment(day, max(rules.opens, rules.release))
    return morning if morning < submit_before else cut_off.moment(day, time(0))


def execution_day(wished: date, rules: ExecutionRules, now: datetime) -> tuple[date, str]:
    """The first day from `wished` on that the rail still executes, and why it moved (else "")."""
    if not is_business_day(wished, rules.calendar):
        return next_business_day(
            wished, rules.calendar
        ), f"is not a business day of {rules.calendar.code}"
    cut_off = rules.cut_off(wished)
    if now >= cut_off.on(wished):
        return next_business_day(wished, rules.calendar), (
            f"was over at the cut-off, {cut_off.at:%H:%M} in {cut_off.zone.key}"
        )
    return wished, ""


def _at_once(times: Times, rules: ExecutionRules, now: datetime) -> Settled:
    begin = max(now, times.submit_from or now)
    if begin - now > rules.ahead_max:
        return Settled(times, (_too_far("times.submit_from", begin.date(), rules),))
    before = times.submit_before or begin + rules.send_within
    if times.execute_by is not None:
        before = min(before, times.execute_by)
    if begin >= before:
        return Settled(times, (_no_time_left("times.execute_by", "submit_from"),))
    return Settled(times.model_copy(update={"submit_before": before}))


def _on_its_day(
    times: Times, wished: date, rules: ExecutionRules, now: datetime, partner_holds: bool
) -> Settled:
    field = "times.requested_execution_date"
    today = rules.day_of(now)
    if wished < today:
        return Settled(times, (Refusal("DT01", field, f"{wished} has passed; give a later day"),))
    if wished - today > rules.ahead_max:
        return Settled(times, (_too_far(field, wished, rules),))
    day, moved = execution_day(wished, rules, now)
    if moved and rules.on_closed_day is OnClosedDay.REFUSE:
        text = f"{wished} {moved}; give {day} or a later business day"
        return Settled(times, (Refusal("DT01", field, text),))
    cut_off = rules.cut_off(day).on(day)
    if times.execute_by is not None and times.execute_by < cut_off:
        text = (
            f"lies before the cut-off of the day of execution, {cut_off:%Y-%m-%d %H:%M} UTC; give "
            "that moment or a later one, or an earlier day"
        )
        return Settled(times, (Refusal("TM01", "times.execute_by", text),))
    before = min(times.submit_before or cut_off, cut_off)
    begin = times.submit_from
    if day > today and not partner_holds:
        held = hold_from(day, before, rules)
        if held >= before:
            text = (
                f"lies before {day} begins, and the partner takes no order before its day; give a "
                "moment of that day, or leave it out"
            )
            return Settled(times, (Refusal("TM01", "times.submit_before", text),))
        begin = max(held, begin or held)
    if begin is not None and begin >= before:
        return Settled(times, (_no_time_left("times.submit_from", "the cut-off of its day"),))
    settled = {
        "submit_before": before,
        "submit_from": begin,
        "requested_execution_date": day,
        "wished_execution_date": wished if moved else None,
    }
    words = f"{wished} {moved}; executed on {day} instead" if moved else ""
    return Settled(times.model_copy(update=settled), moved=words)


def _over(times: Times, now: datetime) -> tuple[Refusal, ...]:
    text = "has passed; give a later time, since a late order is not paid"
    deadlines = {"submit_before": times.submit_before, "execute_by": times.execute_by}
    return tuple(
        Refusal("TM01", f"times.{field}", text)
        for field, moment in deadlines.items()
        if moment is not None and moment <= now
    )


def _too_far(field: str, day: date, rules: ExecutionRules) -> Refusal:
    text = f"{day} is more than {rules.ahead_max.days} days ahead; check the year"
    return Refusal("CH03", field, text)


def _no_time_left(field: str, other: str) -> Refusal:
    text = f"leaves no time between it and {other} to send the order; move one of them"
    return Refusal("TM01", field, text)
