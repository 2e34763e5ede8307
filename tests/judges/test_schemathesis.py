"""Schemathesis reads the OpenAPI document and asks everything it allows and forbids.

Its choices are deterministic and their number is bounded, so that a run finds the same twice.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

import pytest

from tests.conftest import ROOT
from tests.judges.environment import judged
from tests.starter.api.conftest import SHOP, Api
from tests.starter.api.test_tenants import ALL_OF, MAKERS, can_make_all

#: Each takes about a minute of a core.
_SECONDS_MAX: Final = 900
#: IBANs, dates and what excludes what are no JSON schema: such an order is refused with 422, which
#: this check takes for a contradiction.
_NOT_IN_SCHEMAS: Final = "positive_data_acceptance"


async def finds_nothing(api: Api, address: str, folder: Path, phases: str, examples: int) -> None:
    """Fails with what it found, in its words."""
    document = folder / "openapi.json"
    document.write_bytes((await api.http.get("/openapi.json")).content)
    arguments = [
        "-m", "schemathesis.cli", "run", str(document), "--url", address,
        "--header", f"Authorization: Bearer {api.texts[ALL_OF[SHOP]]}",
        "--phases", phases, "--exclude-checks", _NOT_IN_SCHEMAS,
        "--max-examples", str(examples), "--generation-deterministic",
        "--continue-on-failure", "--no-shrink", "--request-timeout", "60", "--no-color",
    ]  # fmt: skip
    done = await asyncio.to_thread(
        judged, *arguments, within=_SECONDS_MAX, cwd=folder,
        SCHEMATHESIS_HOOKS="schemathesis_formats", PYTHONPATH=str(ROOT / "tests" / "judges"),
    )  # fmt: skip
    if done.returncode:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


@pytest.mark.timeout(_SECONDS_MAX + 60)
async def test_schemathesis_finds_nothing_in_any_single_request(
    api: Api, address: str, tmp_path: Path
) -> None:
    await can_make_all(api, tmp_path)
    await finds_nothing(api, address, tmp_path, "examples,coverage,fuzzing", 5)


@pytest.mark.timeout(_SECONDS_MAX + 60)
async def test_schemathesis_finds_nothing_along_the_links(
    api: Api, address: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the links lead is tested beside the document; here what is found on the way."""
    await can_make_all(api, tmp_path)
    for make in MAKERS.values():
        await make(api)
    with caplog.at_level(logging.INFO, "finality.api"):
        await finds_nothing(api, address, tmp_path, "stateful", 40)
    told = {record.getMessage() for record in caplog.records}
    assert any("{" in line and " 200 " in line for line in told), sorted(told)
