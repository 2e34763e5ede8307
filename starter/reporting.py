"""Reports as flat rows: the same names in a table, in CSV and in JSON, whatever door they leave by.

Amounts are integers in minor units of the currency that stands in the same row. Days and moments
are UTC.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from datetime import date, datetime
from enum import StrEnum
from io import StringIO
from typing import Any, Final, Self

from pydantic import BaseModel

from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from domain.payments.totals import Totals
from store.reports import Fees, Period, Reports, Unresolved

#: Who gets that many rows asks for a shorter period.
UNRESOLVED_MAX: Final = 10_000


class Report(StrEnum):
    """The reports that there are."""

    PAYMENTS = "payments"
    FEES = "fees"
    UNRESOLVED = "unresolved"


class TotalsRow(BaseModel):
    """What became of the payments of one day, account, rail and currency.

    `recorded` equals `executed` + `returned` + `not_executed` + `open`, in numbers and in amounts.
    """

    day: date
    partner: str
    partner_account: str
    rail: str
    currency: str
    recorded: int
    recorded_minor: int
    executed: int
    executed_minor: int
    returned: int
    returned_minor: int
    not_executed: int
    not_executed_minor: int
    open: int
    open_minor: int
    in_doubt: int
    """Of those that are open."""
    in_doubt_minor: int

    @classmethod
    def of(cls, line: Totals) -> Self:
        values: dict[str, Any] = line.group._asdict()
        amounts = {
            "recorded": line.recorded,
            **{each.value: amount for each, amount in line.outcomes.items()},
            "in_doubt": line.in_doubt,
        }
        for name, amount in amounts.items():
            values |= {name: amount.count, f"{name}_minor": amount.minor}
        return cls.model_validate(values)


class FeesRow(BaseModel):
    """What a partner has charged for the payments of one day and account."""

    day: date
    partner: str
    partner_account: str
    currency: str
    """Of the fees. It may differ from the payments'."""
    bookings: int
    fees_minor: int

    @classmethod
    def of(cls, line: Fees) -> Self:
        return cls(**line._asdict())


class UnresolvedRow(BaseModel):
    """A payment that is open: not decided yet, or in doubt."""

    payment_id: str
    tenant: str
    recorded_at: datetime
    partner: str
    partner_account: str
    rail: str
    state: PaymentState
    certainty: Certainty
    amount_minor: int
    currency: str

    @classmethod
    def of(cls, line: Unresolved) -> Self:
        return cls(**line._asdict())


Row = TotalsRow | FeesRow | UnresolvedRow
ROWS: Final[dict[Report, type[Row]]] = {
    Report.PAYMENTS: TotalsRow,
    Report.FEES: FeesRow,
    Report.UNRESOLVED: UnresolvedRow,
}


async def rows_of(reports: Reports, report: Report, period: Period) -> Sequence[Row]:
    """The rows of one report. `unresolved` has the oldest `UNRESOLVED_MAX`.

    Raises:
        StoreAway: the database does not answer.
    """
    match report:
        case Report.PAYMENTS:
            return [TotalsRow.of(line) for line in await reports.payments(period)]
        case Report.FEES:
            return [FeesRow.of(line) for line in await reports.fees(period)]
        case Report.UNRESOLVED:
            found = await reports.unresolved(period, limit=UNRESOLVED_MAX)
            return [UnresolvedRow.of(line) for line in found]


def text_of(report: Report, rows: Sequence[Row]) -> str:
    """The report as CSV with a header line (RFC 4180), even if it has no row."""
    text = StringIO(newline="")
    writer = csv.DictWriter(text, list(ROWS[report].model_fields))
    writer.writeheader()
    writer.writerows(row.model_dump(mode="json") for row in rows)
    return text.getvalue()
