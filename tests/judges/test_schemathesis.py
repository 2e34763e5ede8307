"""Schemathesis reads the OpenAPI document and asks everything it allows and forbids.

It follows the links through the lives of objects. The seed is fixed and the number of examples
bounded, so that a run finds the same twice.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT
from tests.judges.environment import judged
from tests.starter.api.conftest import SHOP, Api
from tests.starter.api.test_payments import recorded

_SECONDS_MAX: Final = 1700
#: IBANs, dates and what excludes what are no JSON schema: such an order is refused with 422, which
#: this check takes for a contradiction.
_NOT_IN_SCHEMAS: Final = "positive_data_acceptance"


@pytest.mark.timeout(_SECONDS_MAX + 30)
async def test_schemathesis_finds_nothing(api: Api, address: str, tmp_path: Path) -> None:
    document = tmp_path / "openapi.json"
    document.write_bytes((await api.http.get("/openapi.json")).content)
    arguments = [
        "-m", "schemathesis.cli", "run", str(document), "--url", address,
        "--header", f"Authorization: Bearer {api.texts[SHOP]}",
        "--phases", "examples,coverage,fuzzing,stateful", "--exclude-checks", _NOT_IN_SCHEMAS,
        "--max-examples", "5", "--seed", "19", "--generation-deterministic",
        "--continue-on-failure", "--no-shrink",
        "--request-timeout", "60", "--no-color", "--report", "ndjson", "--report-ndjson-path", "/tmp/qh.ndjson",
    ]  # fmt: skip
    done = await asyncio.to_thread(
        judged, *arguments, within=_SECONDS_MAX, cwd=tmp_path,
        SCHEMATHESIS_HOOKS="schemathesis_formats", PYTHONPATH=str(ROOT / "tests" / "judges"),
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # It came beyond what is refused: orders were accepted, and their links followed.
    assert recorded(api) > 1
