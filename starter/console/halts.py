"""The halts in force."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response
from starlette.routing import Route

from starter.console.desk import Desk, Visit

PATH: Final = "/halts"


def halts(desk: Desk) -> list[Route]:
    """The route of halts."""

    async def listed(visit: Visit) -> Response:
        found = await desk.parts.operations.halts()
        return visit.page("halts.html", at=PATH, title="Halts", halts=found)

    return [Route(PATH, desk.behind_sign_in(listed))]
