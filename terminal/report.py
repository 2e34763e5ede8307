"""Prints a report as a table, as CSV, or as one JSON object a row."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.money import Money
from domain.plain_text import plain
from settings import Settings
from starter.reporting import ROWS, UNRESOLVED_MAX, Report, Row, rows_of, text_of
from store.reports import Period
from terminal.screen import Screen

_MINOR = "_minor"


async def print_report(
    settings: Settings, report: Report, period: Period, *, as_csv: bool, as_json: bool
) -> int:
    """Print one report. Returns the exit code."""
    async with assembled(settings) as assembly:
        rows = await rows_of(assembly.reports, report, period)
    if as_csv:
        sys.stdout.write(text_of(report, rows))
    elif as_json:
        for row in rows:
            print(row.model_dump_json())
    elif rows:
        Screen().print(_table(report, rows))
    else:
        Screen().print(f"Nothing from {period.first} to {period.last}.")
    if report is Report.UNRESOLVED and len(rows) == UNRESOLVED_MAX:
        sys.stderr.write(
            f"finality: these are the oldest {UNRESOLVED_MAX:,}; ask for fewer days to see others\n"
        )
    return 0


def _table(report: Report, rows: Sequence[Row]) -> Table:
    """The rows with amounts in the currency's own unit, each in the cell of its number."""
    names = [name for name in ROWS[report].model_fields if not _has_number(report, name)]
    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in names:
        table.add_column(
            name.removesuffix(_MINOR).replace("_", " "),
            justify="right" if ROWS[report].model_fields[name].annotation is int else "left",
        )
    for row in rows:
        table.add_row(*(Text(_cell(row, name)) for name in names))
    return table


def _has_number(report: Report, name: str) -> bool:
    """Whether an amount stands beside the number of payments that it is the sum of."""
    return name.endswith(_MINOR) and name.removesuffix(_MINOR) in ROWS[report].model_fields


def _cell(row: Row, name: str) -> str:
    value = getattr(row, name)
    if name.endswith(_MINOR):
        return str(Money(minor=value, currency=row.currency))
    minor = getattr(row, name + _MINOR, None)
    if minor is None:
        return plain(str(value))
    return f"{value} · {Money(minor=minor, currency=row.currency)}" if value else "-"
