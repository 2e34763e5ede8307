"""Reports over HTTP: the caller's tenant alone, as JSON and as CSV."""

from __future__ import annotations

import csv
from io import StringIO

from tests.fakes import CREDITOR_IBAN
from tests.starter.api.conftest import OTHER, Api


async def test_the_totals_are_those_of_the_callers_tenant(api: Api) -> None:
    await api.pay("k1", minor=100)
    gone = (await api.pay("k2", minor=250)).json()["id"]
    await api.post(f"/v1/payments/{gone}/cancel", key="c")
    day = api.assembly.clock.now().date().isoformat()
    asked = f"from={day}&to={day}"
    (row,) = (await api.get(f"/v1/reports/payments?{asked}")).json()["data"]
    assert (row["recorded"], row["open"], row["not_executed"]) == (2, 1, 1)
    assert (row["recorded_minor"], row["open_minor"], row["not_executed_minor"]) == (350, 100, 250)
    text = await api.get(f"/v1/reports/payments?{asked}&format=csv")
    assert text.headers["content-type"].startswith("text/csv")
    (line,) = csv.DictReader(StringIO(text.text))
    assert line == {name: str(value) for name, value in row.items()}
    (still,) = (await api.get(f"/v1/reports/unresolved?{asked}")).json()["data"]
    assert (still["amount_minor"], still["state"]) == (100, "created")
    assert (await api.get(f"/v1/reports/fees?{asked}")).json() == {"data": []}
    assert (await api.get(f"/v1/reports/payments?{asked}", who=OTHER)).json() == {"data": []}
    assert CREDITOR_IBAN not in text.text


async def test_a_report_that_cannot_be_made_names_the_parameter(api: Api) -> None:
    for query, said in (
        ("from=2026-01-02&to=2026-01-01", "to: 2026-01-01 is before 2026-01-02"),
        ("from=2020-01-01&to=2026-01-01", "longer than 366 days"),
        ("to=2026-01-01", "from"),
        ("from=yesterday&to=2026-01-01", "from"),
        ("from=2026-01-01&to=2026-01-01&format=xml", "format"),
        ("from=2026-01-01&to=2026-01-01&tenant=other", "tenant"),
    ):
        answer = await api.get(f"/v1/reports/payments?{query}")
        assert answer.status_code == 400, query
        assert said in answer.json()["detail"]
    day = "from=2026-01-01&to=2026-01-01"
    assert (await api.get(f"/v1/reports/profits?{day}")).status_code in (400, 404)
