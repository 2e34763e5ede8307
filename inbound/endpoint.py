"""The HTTP endpoint for webhooks: `POST /webhooks/{partner}/{account}`."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import Final

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from domain.lifecycle.answers import WebhookRefused
from inbound.webhooks import NobodyListens, Webhooks

log = logging.getLogger("finality.inbound")

#: A webhook has a few kilobytes.
BODY_BYTES_MAX: Final = 256 * 1024
#: How long a body may take. No partner needs longer for so little.
BODY_WITHIN: Final = timedelta(seconds=10)


class _Unreceived(Exception):
    """The body did not arrive completely. `status` is the response."""

    def __init__(self, status: int) -> None:
        self.status = status


def endpoint(
    webhooks: Webhooks,
    *,
    store_away: tuple[type[Exception], ...],
    body_within: timedelta = BODY_WITHIN,
) -> Starlette:
    """An application for deliveries. It has no login: each delivery is proven by its signature.

    200: the delivery is on disk, or we do not use its kind. 401: it is not proven, or cannot be
    understood. 404: no webhooks are taken for this account. 408, 413, 400: the body was too slow,
    too long, or cut off. 503: the database is away, so the partner delivers again. `GET /health`
    answers 204 as long as the endpoint listens.

    Args:
        store_away: the exceptions that mean that the database is away.
        body_within: how long a body may take.
    """

    async def deliver(request: Request) -> Response:
        partner, account = request.path_params["partner"], request.path_params["account"]
        try:
            body = await _body(request, body_within)
            arrival = await webhooks.take(partner, account, request.headers, body)
        except _Unreceived as unreceived:
            # The connection is closed: the rest of the body must not be read as the next request.
            return Response(status_code=unreceived.status, headers={"connection": "close"})
        except NobodyListens as nobody:
            log.warning("%r", str(nobody))  # Quoted: a stranger may put anything into the path.
            return Response(status_code=404)
        except WebhookRefused:
            return Response(status_code=401)
        except store_away as away:
            log.error(
                "the database is away (%s), so a webhook is answered with 503",
                type(away).__name__,
            )
            return Response(status_code=503, headers={"retry-after": "5"})
        notify = BackgroundTask(webhooks.notify, arrival) if arrival else None
        return Response(status_code=200, background=notify)

    async def health(_: Request) -> Response:
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/webhooks/{partner}/{account}", deliver, methods=["POST"]),
            Route("/health", health, methods=["GET"]),
        ]
    )


async def _body(request: Request, within: timedelta) -> bytes:
    """The raw bytes, exactly as they were signed.

    Raises:
        _Unreceived: the body is too long, too slow, or cut off.
    """
    announced = request.headers.get("content-length", "0")
    if not announced.isdecimal() or int(announced) > BODY_BYTES_MAX:
        raise _Unreceived(413)
    received = bytearray()
    try:
        async with asyncio.timeout(within.total_seconds()):
            async for chunk in request.stream():
                received += chunk
                if len(received) > BODY_BYTES_MAX:
                    raise _Unreceived(413)
    except TimeoutError:
        raise _Unreceived(408) from None
    except ClientDisconnect:
        raise _Unreceived(400) from None
    return bytes(received)
