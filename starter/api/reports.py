"""`/v1/reports`: totals of the tenant's payments by day and account, fees, and what is open."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from starter.api.callers import Reads
from starter.api.parts import Parts
from starter.api.problems import Problem
from starter.reporting import FeesRow, Report, TotalsRow, UnresolvedRow, rows_of, text_of
from store.reports import Period, PeriodRefused


class Format(StrEnum):
    """How a report is written."""

    JSON = "json"
    CSV = "csv"


class PeriodQuery(BaseModel):
    """Which payments a report is about: those that were recorded on these days, in UTC."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    first: Annotated[date, Field(alias="from", description="the first day, such as 2026-11-01")]
    last: Annotated[date, Field(alias="to", description="the last day, which is included")]
    partner: str | None = None
    format: Format = Format.JSON


class ReportAnswer(BaseModel):
    """A report. Its rows depend on which one it is."""

    data: list[TotalsRow] | list[FeesRow] | list[UnresolvedRow]


def reports(parts: Parts) -> APIRouter:
    """The routes of reports."""
    router = APIRouter(prefix="/v1/reports", tags=["reports"])

    @router.get(
        "/{report}",
        operation_id="get_report",
        response_model=ReportAnswer,
        responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
    )
    async def get(report: Report, caller: Reads, query: Annotated[PeriodQuery, Query()]) -> Any:
        """One report. `unresolved` ends after its oldest 10,000 payments."""
        try:
            period = Period(query.first, query.last, caller.tenant, query.partner)
        except PeriodRefused as refused:
            raise Problem(400, "malformed", "Malformed parameters", f"{refused}.") from None
        rows = await rows_of(parts.reports, report, period)
        if query.format is Format.CSV:
            return Response(text_of(report, rows), media_type="text/csv")
        return ReportAnswer.model_validate({"data": rows})

    return router
