"""What a day of a file that is judged as of another day means in ours."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from domain.payments.order import Rail
from starter.files.days import Timelines

AS_OF = date(2026, 3, 17)


@pytest.mark.parametrize(
    "now",
    [
        datetime(2026, 11, 23, 12, tzinfo=UTC),
        datetime(2026, 11, 23, 23, 12, tzinfo=UTC),  # Tomorrow already, where the euro settles.
        datetime(2026, 11, 23, 2, tzinfo=UTC),  # Still yesterday, where the dollar does.
    ],
    ids=str,
)
@pytest.mark.parametrize(
    ("rail", "currency"), [(Rail.SEPA_CREDIT_TRANSFER, "EUR"), (Rail.DOMESTIC, "USD")]
)
def test_the_files_own_day_is_today_by_utc_at_any_hour(
    now: datetime, rail: Rail, currency: str
) -> None:
    times = Timelines(now, AS_OF).of(rail, currency).times(AS_OF)
    assert times.requested_execution_date == now.date()
    assert times.submit_before is not None
    assert times.submit_before > now, "judged in the morning of the file's day"


def test_a_file_of_today_keeps_its_days() -> None:
    now = datetime(2026, 11, 23, 23, 12, tzinfo=UTC)
    timeline = Timelines(now, None).of(Rail.SEPA_CREDIT_TRANSFER, "EUR")
    assert timeline.today == date(2026, 11, 24)
    assert timeline.times(timeline.today).requested_execution_date == date(2026, 11, 24)
