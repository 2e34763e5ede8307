"""A file's days: its dates are checked in the file's time, and its orders run in ours.

Both are the same, unless a file is read as of another day, which only simulated partners allow.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from typing import Final

from domain.payments.order import Rail, Times
from regimes.execution import ExecutionRules, execution_day, rules_of

#: The local time at which a file is checked when it is read as of another day.
MORNING: Final = time(8, 0)


class Timeline:
    """A rail's time: the file's, in which dates are checked, and ours, in which the order runs."""

    def __init__(self, now: datetime, as_of: date | None, rules: ExecutionRules) -> None:
        cut_off = rules.cut_off(as_of or now.date())
        self.rules = rules
        self._judged_now = now if as_of is None else cut_off.moment(as_of, MORNING)
        self._shift = now - self._judged_now
        self.today = cut_off.day_of(self._judged_now)
        # Only simulators take a file as of another day, and their days are in UTC. In the rail's
        # own zone it would be for tomorrow, or yesterday, around midnight.
        day = cut_off.day_of(now) if as_of is None else now.astimezone(UTC).date()
        self._days = day - self.today
        #: Many lines share one day, so each day's times are kept once.
        self._times: dict[date, Times] = {}

    def execution_day(self, wished: date) -> tuple[date, str]:
        """The day, in the file's time, on which a payment is executed, and why it moved, or ""."""
        return execution_day(wished, self.rules, self._judged_now)

    def times(self, day: date) -> Times:
        """The order's times, in our time, for a day in the file's time."""
        if day not in self._times:
            cut_off = self.rules.cut_off(day)
            self._times[day] = Times(
                submit_before=cut_off.on(day) + self._shift,
                requested_execution_date=day + self._days,
                execute_by=cut_off.end_of(day) + self._shift,
            )
        return self._times[day]


class Timelines:
    """The timelines of all rails, as of one moment."""

    def __init__(self, now: datetime, as_of: date | None) -> None:
        self.as_of = as_of
        self._now = now
        self._timelines: dict[tuple[Rail, str], Timeline] = {}

    def of(self, rail: Rail, currency: str) -> Timeline:
        """The timeline of a rail in a currency."""
        if (rail, currency) not in self._timelines:
            rules = rules_of(rail, currency)
            self._timelines[rail, currency] = Timeline(self._now, self.as_of, rules)
        return self._timelines[rail, currency]
