"""What each part of a client has: the way to make a call."""

from __future__ import annotations

from typing import Protocol, TypeVar

from finality_client.calls import Call

T = TypeVar("T")


class Do(Protocol):
    """Makes a call, and waits for its answer."""

    def __call__(self, call: Call[T], /) -> T: ...


class AsyncDo(Protocol):
    """Makes a call, to be awaited."""

    async def __call__(self, call: Call[T], /) -> T: ...


class Part:
    """Of `Client`."""

    def __init__(self, do: Do) -> None:
        self._do = do


class AsyncPart:
    """Of `AsyncClient`."""

    def __init__(self, do: AsyncDo) -> None:
        self._do = do
