"""The one request the partner makes itself: a POST, and what the other end says to it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from urllib.parse import urlsplit


async def post(
    url: str, content: bytes, headers: Mapping[str, str], timeout_seconds: float
) -> int | str:
    """The status it was answered with, or why there is none. Redirections are not followed."""
    try:
        async with asyncio.timeout(timeout_seconds):
            return await _post(url, content, headers)
    except (OSError, ValueError, IndexError) as error:
        # A timeout is an OSError; the others are an answer that is not HTTP.
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
        # To its end, or the other side would find its connection broken.
        await reader.read()
        return status
    finally:
        writer.close()
