"""Reports: totals of payments by day and account, fees, and what is open."""

from __future__ import annotations

from datetime import date, datetime
from typing import TypeVar

import httpx

from finality_client.answers import Answer, Page
from finality_client.calls import Call, parameters, reading, segment
from finality_client.parts import AsyncPart, Part


class TotalsRow(Answer):
    """What became of the payments of one day, account, rail and currency.

    `recorded` equals `executed` + `returned` + `not_executed` + `open`. Amounts are in minor units.
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
    in_doubt_minor: int


class FeesRow(Answer):
    """What a partner has charged for the payments of one day and account."""

    day: date
    partner: str
    partner_account: str
    currency: str
    bookings: int
    fees_minor: int


class UnresolvedRow(Answer):
    """A payment that is open: not decided yet, or in doubt."""

    payment_id: str
    tenant: str = ""
    recorded_at: datetime
    partner: str
    partner_account: str
    rail: str
    state: str
    certainty: str
    amount_minor: int
    currency: str


Row = TypeVar("Row", bound=Answer)


def _rows(
    report: str, row: type[Row], first: date, last: date, partner: str | None
) -> Call[Page[Row]]:
    return Call(
        "GET",
        f"/v1/reports/{report}",
        reading(Page[row]),  # type: ignore[valid-type]
        query=parameters({"from": first, "to": last, "partner": partner}),
    )


def _csv(report: str, first: date, last: date, partner: str | None) -> Call[str]:
    query = parameters({"from": first, "to": last, "partner": partner, "format": "csv"})
    return Call("GET", f"/v1/reports/{segment(report, 'report')}", _text, query=query)


def _text(response: httpx.Response) -> str:
    return response.text


class Reports(Part):
    """About payments that were recorded from the first day to the last, which is included (UTC)."""

    def payments(self, first: date, last: date, *, partner: str | None = None) -> list[TotalsRow]:
        """What became of them, by day, account, rail and currency."""
        return self._do(_rows("payments", TotalsRow, first, last, partner)).data

    def fees(self, first: date, last: date, *, partner: str | None = None) -> list[FeesRow]:
        """What partners charged, by day and account."""
        return self._do(_rows("fees", FeesRow, first, last, partner)).data

    def unresolved(
        self, first: date, last: date, *, partner: str | None = None
    ) -> list[UnresolvedRow]:
        """Those that are open, the oldest first; at most 10,000."""
        return self._do(_rows("unresolved", UnresolvedRow, first, last, partner)).data

    def csv(self, report: str, first: date, last: date, *, partner: str | None = None) -> str:
        """A report (`payments`, `fees` or `unresolved`) as CSV with a header line."""
        return self._do(_csv(report, first, last, partner))


class AsyncReports(AsyncPart):
    """About payments that were recorded from the first day to the last, which is included (UTC)."""

    async def payments(
        self, first: date, last: date, *, partner: str | None = None
    ) -> list[TotalsRow]:
        """What became of them, by day, account, rail and currency."""
        return (await self._do(_rows("payments", TotalsRow, first, last, partner))).data

    async def fees(self, first: date, last: date, *, partner: str | None = None) -> list[FeesRow]:
        """What partners charged, by day and account."""
        return (await self._do(_rows("fees", FeesRow, first, last, partner))).data

    async def unresolved(
        self, first: date, last: date, *, partner: str | None = None
    ) -> list[UnresolvedRow]:
        """Those that are open, the oldest first; at most 10,000."""
        return (await self._do(_rows("unresolved", UnresolvedRow, first, last, partner))).data

    async def csv(self, report: str, first: date, last: date, *, partner: str | None = None) -> str:
        """A report (`payments`, `fees` or `unresolved`) as CSV with a header line."""
        return await self._do(_csv(report, first, last, partner))
