"""One world for all journeys: servers, simulators and a worker, each a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.proof.case import Case
from tests.proof.checker import report
from tests.proof.world import World, world


@pytest_asyncio.fixture(scope="package")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    """With a worker at work; at its end all books of all journeys must agree."""
    async with world(tmp_path_factory.mktemp("journeys"), stranger=True) as made:
        made.start_worker()
        yield made
        comparison = await made.compared()
        assert comparison.agrees, report(comparison)


@pytest.fixture
def case(running: World) -> Case:
    """This test's own payments."""
    return Case(running, "J")
