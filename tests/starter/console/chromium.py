"""A real Chromium, driven over a pipe by the DevTools protocol: it needs no package.

Pages are read and used without running a script in them, so that it works with scripting off:
clicks and keys come in as a person's would.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome")
_OPTIONS: Final = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
    "--disable-sync", "--disable-component-update", "--no-first-run", "--disable-quic",
    "--disable-extensions", "--disable-dev-shm-usage", "--hide-scrollbars",
    "--remote-debugging-pipe",
)  # fmt: skip
_WITHIN_SECONDS: Final = 60
#: Chromium reads at descriptor 3 and writes at 4. Becomes Chromium, with the two moved there.
_PLACED: Final = """
import fcntl, os, sys
moved = [fcntl.fcntl(int(each), fcntl.F_DUPFD_CLOEXEC, 10) for each in sys.argv[1:3]]
os.dup2(moved[0], 3)
os.dup2(moved[1], 4)
os.execv(sys.argv[3], sys.argv[3:])
"""


class Failed(Exception):
    """Chromium refused a command."""


@dataclass
class Connection:
    """Commands to Chromium and its answers: JSON, each message ended by a zero byte."""

    writer: asyncio.StreamWriter
    reader: asyncio.StreamReader
    waiting: dict[int, asyncio.Future[Any]] = field(default_factory=dict)
    events: list[dict[str, Any]] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)
    number: int = 0

    async def listen(self) -> None:
        """Hand answers to those who wait, and keep events."""
        with suppress(asyncio.IncompleteReadError):
            while True:
                message = json.loads((await self.reader.readuntil(b"\x00"))[:-1])
                if (number := message.get("id")) is not None:
                    self.waiting.pop(number).set_result(message)
                else:
                    self.events.append(message)
                    self.news.set()

    async def ask(self, method: str, session: str | None = None, **parameters: Any) -> Any:
        """One command, and its result."""
        self.number += 1
        answered = self.waiting[self.number] = asyncio.get_running_loop().create_future()
        message = {"id": self.number, "method": method, "params": parameters}
        if session is not None:
            message["sessionId"] = session
        self.writer.write(json.dumps(message).encode() + b"\x00")
        message = await asyncio.wait_for(answered, _WITHIN_SECONDS)
        if "error" in message:
            raise Failed(f"{method}: {message['error']}")
        return message["result"]


@dataclass
class Tab:
    """One page in a browser context of its own."""

    connection: Connection
    session: str

    async def ask(self, method: str, **parameters: Any) -> Any:
        return await self.connection.ask(method, self.session, **parameters)

    async def go(self, url: str) -> None:
        """Open an address, and wait until it is loaded."""
        seen = self._loads()
        await self.ask("Page.navigate", url=url)
        await self._loaded(after=seen)

    async def click(self, selector: str, *, leads_on: bool = True) -> None:
        """Click in the middle of an element, and wait for the page to which that leads."""
        node = await self._node(selector)
        await self.ask("DOM.scrollIntoViewIfNeeded", nodeId=node)
        quads = (await self.ask("DOM.getContentQuads", nodeId=node))["quads"]
        x, y = (sum(quads[0][axis::2]) / 4 for axis in (0, 1))
        seen = self._loads()
        for kind in ("mousePressed", "mouseReleased"):
            await self.ask(
                "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
            )
        if leads_on:
            await self._loaded(after=seen)

    async def type(self, selector: str, text: str) -> None:
        """Type into a field."""
        await self.ask("DOM.focus", nodeId=await self._node(selector))
        await self.ask("Input.insertText", text=text)

    async def attach(self, selector: str, file: Path) -> None:
        """Choose a file."""
        node = await self._node(selector)
        await self.ask("DOM.setFileInputFiles", nodeId=node, files=[str(file)])

    async def has(self, selector: str) -> bool:
        """Whether the page has such an element."""
        return bool(await self._find(selector))

    async def html(self) -> str:
        """The page as it stands, after whatever scripts did to it."""
        root = (await self.ask("DOM.getDocument", depth=0))["root"]["nodeId"]
        return str((await self.ask("DOM.getOuterHTML", nodeId=root))["outerHTML"])

    async def address(self) -> str:
        """Where the tab is."""
        history = await self.ask("Page.getNavigationHistory")
        return str(history["entries"][history["currentIndex"]]["url"])

    async def look(
        self, width: int, *, is_dark: bool, file: Path | None = None, height: int = 900
    ) -> int:
        """Show the page that wide, light or dark, and paint it into a file.

        Returns:
            How wide its content is; more than `width` if a person would have to scroll sideways.
        """
        await self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width, height=height, deviceScaleFactor=1, mobile=width < 600,
        )  # fmt: skip
        scheme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        await self.ask("Emulation.setEmulatedMedia", features=[scheme])
        size = (await self.ask("Page.getLayoutMetrics"))["cssContentSize"]
        if file is not None:
            shot = await self.ask("Page.captureScreenshot", captureBeyondViewport=True)
            file.write_bytes(base64.b64decode(shot["data"]))
        return int(size["width"])

    def complaints(self) -> list[str]:
        """What the browser found wrong with pages, such as a breach of the content policy."""
        return [
            event["params"]["entry"]["text"]
            for event in self.connection.events
            if event["method"] == "Log.entryAdded" and event.get("sessionId") == self.session
        ]

    async def _find(self, selector: str) -> int:
        root = (await self.ask("DOM.getDocument", depth=0))["root"]["nodeId"]
        return int((await self.ask("DOM.querySelector", nodeId=root, selector=selector))["nodeId"])

    async def _node(self, selector: str) -> int:
        node = await self._find(selector)
        assert node, f"no {selector} on {await self.address()}"
        return node

    def _loads(self) -> int:
        return sum(
            event["method"] == "Page.loadEventFired" and event.get("sessionId") == self.session
            for event in self.connection.events
        )

    async def _loaded(self, *, after: int) -> None:
        async with asyncio.timeout(_WITHIN_SECONDS):
            while self._loads() <= after:
                self.connection.news.clear()
                await self.connection.news.wait()


@dataclass
class Chromium:
    """The running browser."""

    connection: Connection

    async def tab(self, *, scripting: bool = True) -> Tab:
        """A fresh tab that shares nothing with others."""
        context = (await self.connection.ask("Target.createBrowserContext"))["browserContextId"]
        made = await self.connection.ask(
            "Target.createTarget", url="about:blank", browserContextId=context
        )
        attached = await self.connection.ask(
            "Target.attachToTarget", targetId=made["targetId"], flatten=True
        )
        tab = Tab(self.connection, attached["sessionId"])
        for domain in ("Page", "DOM", "Log"):
            await tab.ask(f"{domain}.enable")
        await tab.ask("Emulation.setScriptExecutionDisabled", value=not scripting)
        return tab


def program() -> str:
    """The browser on this machine.

    Where there is none, a test that needs it is skipped with the reason; in CI it fails.
    """
    for name in _NAMES:
        if (found := shutil.which(name)) is not None:
            return found
    reason = "no Chromium here; `make test` installs it as root, or: apt-get install chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


@asynccontextmanager
async def chromium(folder: Path, options: Sequence[str] = ()) -> AsyncIterator[Chromium]:
    """A browser with a folder of its own, which ends with the context."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    environment: Mapping[str, str] = {**os.environ, "HOME": str(folder)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PLACED, str(theirs_in), str(theirs_out),
        program(), *_OPTIONS, f"--user-data-dir={folder}", *options,
        pass_fds=(theirs_in, theirs_out), env=environment,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs_in)
    os.close(theirs_out)
    connection = await _connected(ours_in, ours_out)
    listening = asyncio.create_task(connection.listen())
    try:
        yield Chromium(connection)
    finally:
        with suppress(Failed, TimeoutError):
            await connection.ask("Browser.close")
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), 20)
        if process.returncode is None:
            process.kill()
            await process.wait()
        listening.cancel()
        connection.writer.close()


async def _connected(incoming: int, outgoing: int) -> Connection:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(limit=64 * 1024 * 1024)
    await loop.connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(incoming, "rb")
    )
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(outgoing, "wb")
    )
    return Connection(asyncio.StreamWriter(transport, protocol, None, loop), reader)
