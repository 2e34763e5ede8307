"""The console in this process above a store of its own, and browsers that use its forms."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin

import httpx
import pytest
import pytest_asyncio
from lxml import html
from starlette.applications import Starlette

from assembly import Assembly
from domain.ids import instruction_id
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind
from starter.console.application import application
from starter.console.attempts import Attempts
from starter.console.desk import Desk
from starter.console.sessions import Session
from starter.signing import make_key
from store.enrolment import enrol
from store.schema import upgrade
from tests.clock import SteppedClock
from tests.fakes import order, profile
from tests.starter.api.conftest import FakeRunning
from tests.store.books import PAYMENT, Store, in_doubt, opened
from tests.world import KEYRING, world

URL: Final = "http://127.0.0.1"
PASSPHRASES: Final = {"alice": "alices passphrase", "bob": "bobs own passphrase"}
#: What an attacker would have a name, a status or a reason be.
EVIL: Final = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>{{7*7}}\u202etfel"


def words(element: Any) -> str:
    """The text of an element, as a person reads it."""
    return " ".join(element.text_content().split())


@dataclass
class Browser:
    """Keeps its cookie, reads pages, and sends the forms that are on them."""

    http: httpx.AsyncClient
    keys: Mapping[str, Path]
    page: httpx.Response = field(init=False)

    async def go(self, path: str, **headers: str) -> httpx.Response:
        """Open a page, and follow where it leads."""
        self.page = await self.http.get(path, headers=headers, follow_redirects=True)
        return self.page

    def form(self, action: str) -> dict[str, str]:
        """The fields of the form with this action on the page, as they stand."""
        [found] = self.xpath("//form[@action=$action]", action=action)
        files = set(found.xpath(".//input[@type='file']/@name"))
        return {name: value or "" for name, value in found.fields.items() if name not in files}

    async def send(
        self,
        action: str,
        *,
        files: Mapping[str, bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        **typed: str,
    ) -> httpx.Response:
        """Fill in the form of the page and send it, as a browser would."""
        fields = {**self.form(action), **typed}
        self.page = await self.http.post(
            action,
            data=fields,
            files={name: ("file", content) for name, content in (files or {}).items()} or None,
            headers={"origin": URL, **(headers or {})},
            follow_redirects=True,
        )
        return self.page

    async def sign_in(
        self, name: str, *, key_of: str | None = None, passphrase: str | None = None
    ) -> httpx.Response:
        """Sign in with somebody's key file, by default the right one."""
        await self.go("/sign-in")
        return await self.send(
            "/sign-in",
            name=name,
            passphrase=PASSPHRASES.get(name, "") if passphrase is None else passphrase,
            files={"key": self.keys[key_of or name].read_bytes()},
        )

    def xpath(self, path: str, **values: Any) -> list[Any]:
        """What the page has at this path."""
        found: Any = html.fromstring(self.page.text).xpath(path, **values)
        return list(found)

    @property
    def text(self) -> str:
        """What a person reads on the page."""
        [body] = self.xpath("//body")
        return words(body)

    def links(self) -> list[str]:
        """Where the page leads."""
        return [urljoin(str(self.page.url), each) for each in self.xpath("//a/@href")]


@dataclass
class Console:
    """The console, its store, and the processes around it."""

    assembly: Assembly
    store: Store
    app: Starlette
    desk: Desk
    keys: dict[str, Path]
    clock: SteppedClock
    opened: list[httpx.AsyncClient] = field(default_factory=list)

    def browser(self, url: str = URL) -> Browser:
        """A browser that knows nothing yet."""
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        http = httpx.AsyncClient(transport=transport, base_url=url)
        self.opened.append(http)
        return Browser(http, self.keys)

    async def signed_in(self, name: str = "alice") -> Browser:
        """A browser in which somebody has signed in, without the time that a key takes."""
        browser, now = self.browser(), self.clock.now()
        [key] = [one.key for one in await self.assembly.operators.active() if one.name == name]
        session = Session(name, key, self.keys[name].read_text(), began_at=now, seen_at=now)
        browser.http.cookies.set(
            self.desk.cookie, self.desk.sessions.begin(session), domain="127.0.0.1"
        )
        await browser.go("/")
        return browser

    async def parked(self, payment_id: str = PAYMENT, **fields: Any) -> str:
        """A payment of which only a person can tell what became. Returns the id of its task."""
        await self.store.accept(
            payment_id,
            payment_id=payment_id,
            of=order(self.clock.now(), **fields),
            as_of=profile(IdempotencyKind.NONE, LookupKind.NONE),
        )
        await self.store.begin(instruction_id(payment_id, InstructionKind.PAY))
        self.clock.step(timedelta(seconds=3))
        await self.store.sent(in_doubt(), payment_id=payment_id)
        [task] = await self.assembly.operations.tasks(resource_id=payment_id)
        return task.task_id


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with two operators, and their key files, to be copied: scrypt takes its time."""
    folder = tmp_path_factory.mktemp("console")
    database = opened(folder / "finality.db")
    upgrade(database)
    public = [
        make_key(folder / f"{name}.key", name, passphrase.encode()).public
        for name, passphrase in PASSPHRASES.items()
    ]
    database.write_now(lambda session: enrol(session, public, SteppedClock().now()))
    database.close()
    return folder


@pytest_asyncio.fixture
async def console(tmp_path: Path, prepared: Path) -> AsyncIterator[Console]:
    shutil.copy(prepared / "finality.db", tmp_path / "finality.db")
    clock = SteppedClock()
    async with world(tmp_path, "127.0.0.1:1", clock=clock) as made:
        assembly = made.assembly
        store = Store(tmp_path / "finality.db", clock, KEYRING)
        assembly._running = FakeRunning()  # type: ignore[assignment]
        parts = assembly.console_parts
        desk = Desk(
            parts, is_secure=False, sign_ins=Attempts(burst=1000), signatures=Attempts(burst=1000)
        )
        app = application(parts, hosts={"127.0.0.1"}, is_secure=False, desk=desk)
        keys = {name: prepared / f"{name}.key" for name in PASSPHRASES}
        console = Console(assembly, store, app, desk, keys, clock)
        yield console
        for http in console.opened:
            await http.aclose()
        store.close()
