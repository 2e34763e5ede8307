"""Both teams at work, once for all tests of a file."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from store.keyring import new_line
from tests.starter.nexus.shop import Shop, shop_in


@pytest.fixture(scope="module")
async def shop(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Shop]:
    keyring = new_line("key") + new_line("older")
    async with shop_in(tmp_path_factory.mktemp("nexus"), keyring) as made:
        yield made
