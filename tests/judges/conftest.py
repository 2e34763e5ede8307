"""The API on a real port of this machine, above a store of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest_asyncio

from serving import served
from starter.api.application import application
from starter.api.guard import Limits
from tests.starter.api.conftest import Api, api, migrated

__all__ = ["api", "migrated"]

#: A judge asks as fast as it can; that a key may be too fast is tried elsewhere.
_UNLIMITED = Limits(per_second=1e6, burst=10**6, under_way=10**6)


@pytest_asyncio.fixture
async def address(api: Api) -> AsyncIterator[str]:
    """Where the API is served."""
    app = application(api.parts, _UNLIMITED)
    async with served(app, host="127.0.0.1", port=0) as port:
        yield f"http://127.0.0.1:{port}"
