"""`/health`, `/ready` and `/version`, for whoever runs the process. They need no key."""

from __future__ import annotations

from fastapi import APIRouter, Response
from pydantic import BaseModel

from starter.api.guard import VERSION
from starter.api.parts import Parts
from starter.api.problems import away
from store.faults import StoreAway


class VersionAnswer(BaseModel):
    """Which program answers."""

    release: str
    api: str


def health(parts: Parts) -> APIRouter:
    """The routes about the process."""
    router = APIRouter(tags=["process"])

    @router.get("/health", status_code=204, operation_id="health")
    async def is_alive() -> Response:
        """204 as long as the process answers."""
        return Response(status_code=204)

    @router.get("/ready", status_code=204, operation_id="ready")
    async def is_ready() -> Response:
        """204 if orders can be recorded. While Temporal is away the relay starts them later."""
        try:
            await parts.ready()
        except StoreAway:
            raise away("The database is away.") from None
        return Response(status_code=204)

    @router.get("/version", operation_id="version")
    async def version() -> VersionAnswer:
        """The release, and the version of the API."""
        return VersionAnswer(release=parts.release, api=VERSION)

    return router
