"""The only request that the partner makes itself: a POST of a notification, and its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit


async def post(
    url: str, content: bytes, headers: Mapping[str, str], timeout_seconds: float
) -> int | str:
    """The status of the answer, or why there is none. Redirections are not followed."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _post(url, content, headers)
    except (OSError, ValueError, IndexError) as error:
        # A timeout is an OSError; the other two mean that the answer was not HTTP.
        return type(error).__name__


async def _post(url: str, content: bytes, headers: Mapping[str, str]) -> int:
    parts = urlsplit(url)
    is_tls = parts.scheme == "https"
    reader, writer = await asyncio.open_connection(
        parts.hostname, parts.port or (443 if is_tls else 80), ssl=is_tls or None
    )
    try:
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        fields = {
            "host": parts.netloc,
            "accept": "*/*",
            **headers,
            "content-length": str(len(content)),
            "connection": "close",
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + content)
        await writer.drain()
        status = int((await reader.readline()).split()[1])
        # Read to the end, or the other side would see a broken connection.
        await reader.read()
        return status
    finally:
        writer.close()
