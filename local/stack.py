"""All processes on one machine: Temporal with UI, codec, simulator, inbound, API, worker."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import secrets
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from domain.explained import Explained
from local.child import start_child
from local.own_keyring import own_keyring
from local.simulator import Simulator, known_as, start_simulator
from local.temporal_server import DevServer, free_port, is_taken, start_dev_server
from partners.kit.registration import Registration
from partners.registry import Partners
from process import own_module
from serving import served
from settings import Settings
from settings_sources import UP_FILE
from starter.codec_endpoint import codec_endpoint
from starter.peer import can_tell_users
from store.keyring import Keyring
from workflows.attributes import SEARCH_ATTRIBUTES

#: The name of our account with the simulator, in settings and orders.
SIMULATOR: Final = "simulator"
#: Enough for a process that serves to start on a slow machine.
_SERVING_LIMIT_SECONDS: Final = 60


class AlreadyUp(Explained):
    """Another stack runs in this home, or a port is taken; the text names the remedy."""


class InboundDied(Explained):
    """A process that serves ended or did not answer in time; the text names its log."""


Say = Callable[[str], None]


@dataclass(frozen=True)
class Ports:
    """Where the parts listen; 0 takes any free port."""

    temporal: int = 7233
    ui: int = 8233
    codec: int = 8234
    simulator: int = 8235
    inbound: int = 8236
    api: int = 8237

    @classmethod
    def free(cls) -> Ports:
        """Any free ports."""
        return cls(0, 0, 0, 0, 0, 0)

    def settled(self) -> Ports:
        """The same ports, with every 0 replaced by a port that is free now."""
        return Ports(*(port or free_port() for port in vars(self).values()))


@dataclass
class Stack:
    """A context that runs all parts; they end with the context, or with this process.

    Raises:
        AlreadyUp: another stack runs in this home, or a port is taken.
        InboundDied, ServerDied, ServerUnavailable, SimulatorDied: a part could not be started.
        KeyringError, NewerSchema, StoreAway: as `own_keyring`.
    """

    home: Path
    ports: Ports
    debtors: Mapping[str, Mapping[str, str]]
    simulator_options: Sequence[str] = ()
    say: Say = print
    partner: str = field(init=False)
    registration: Registration[Any] = field(init=False)
    temporal: DevServer = field(init=False)
    simulator: Simulator = field(init=False)
    _book: str = field(init=False)
    worker: subprocess.Popen[bytes] = field(init=False)
    inbound: subprocess.Popen[bytes] = field(init=False)
    api: subprocess.Popen[bytes] = field(init=False)
    _webhook_secret: str = field(
        init=False, repr=False, default_factory=lambda: secrets.token_hex(24)
    )
    _codec_token: str = field(
        init=False, repr=False, default_factory=lambda: secrets.token_urlsafe(24)
    )
    _parts: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.partner, self.registration = next(iter(Partners.registrations().items()))

    async def __aenter__(self) -> Self:
        try:
            await self._start()
        except BaseException:
            await self._parts.aclose()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._parts.aclose()

    async def _start(self) -> None:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock_home()
        self.ports = ports = self.ports.settled()
        for part, port in vars(ports).items():
            if is_taken(port):
                raise AlreadyUp(
                    f"port {port} is taken by another program; give another with "
                    f"--{part}-port, where 0 takes a free one"
                )
        await self._serve_codec(own_keyring(Settings(home=self.home), self.say))
        self.say("starting Temporal (the first time it may have to be built: some minutes)")
        self.temporal = await start_dev_server(
            db_filename=self.home / "temporal.db",
            port=ports.temporal,
            ui_port=ports.ui,
            search_attributes=SEARCH_ATTRIBUTES,
            codec_endpoint=self.codec_url if can_tell_users() else None,
            log_file=self.log("temporal"),
        )
        self._parts.push_async_callback(self.temporal.stop)
        self.say(f"starting the {self.registration.title} simulator")
        book_file = self.home / f"{self.partner}-simulator.db"
        self._book = known_as(book_file)
        self.simulator = await start_simulator(
            self.partner,
            port=ports.simulator,
            db_file=book_file,
            log_file=self.log("simulator"),
            options=self.simulator_options,
        )
        self._parts.push_async_callback(self.simulator.stop)
        self._write_up_file()
        self.start_inbound()
        self._parts.push_async_callback(self.stop_inbound)
        self.start_api()
        self._parts.push_async_callback(self.stop_api)
        self.start_worker()
        self._parts.push_async_callback(self.stop_worker)
        await self._until_answers(self.inbound, self.ports.inbound, "inbound")
        await self._until_answers(self.api, self.ports.api, "api")
        await self._have_notified()

    def _lock_home(self) -> None:
        """Allow one stack per home: two would share databases and overwrite `up.json`."""
        lock = self._parts.enter_context((self.home / "up.lock").open("a"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise AlreadyUp(
                f"`finality up` already runs in {self.home}; use it, or set FINALITY_HOME"
            ) from None

    def log(self, part: str) -> Path:
        """The log file of one part."""
        return self.home / "logs" / f"{part}.log"

    def start_worker(self) -> None:
        """Start a worker process: the first one, or the next after `kill_worker`."""
        self.worker = start_child(
            own_module("cli", "worker"),
            log_file=self.log("worker"),
            env={"FINALITY_HOME": str(self.home.resolve())},
        )

    def kill_worker(self) -> None:
        """Kill the worker with SIGKILL, as a crash would."""
        self.worker.kill()
        self.worker.wait()

    async def stop_worker(self) -> None:
        """Stop the worker after the steps under way, by force after 60 seconds."""
        self.worker.terminate()
        try:
            await asyncio.to_thread(self.worker.wait, 60)
        except subprocess.TimeoutExpired:
            self.kill_worker()

    def start_inbound(self) -> None:
        """Start the inbound process, which takes webhooks.

        It is not the worker, because workers are killed and restarted while a partner delivers.
        """
        self.inbound = start_child(
            own_module("cli", "inbound"),
            log_file=self.log("inbound"),
            env={"FINALITY_HOME": str(self.home.resolve())},
        )

    async def stop_inbound(self) -> None:
        """Stop the inbound process after the deliveries under way, by force after 20 seconds."""
        await _stop(self.inbound)

    def start_api(self) -> None:
        """Start the process that serves the HTTP API."""
        self.api = start_child(
            own_module("cli", "api"),
            log_file=self.log("api"),
            env={"FINALITY_HOME": str(self.home.resolve())},
        )

    async def stop_api(self) -> None:
        """Stop the API after the requests under way, by force after 20 seconds."""
        await _stop(self.api)

    async def _until_answers(self, child: subprocess.Popen[bytes], port: int, name: str) -> None:
        deadline = time.monotonic() + _SERVING_LIMIT_SECONDS
        url = f"http://127.0.0.1:{port}/health"
        while True:
            try:
                await asyncio.to_thread(urllib.request.urlopen, url, timeout=5)
            except (urllib.error.URLError, OSError):
                if child.poll() is not None or time.monotonic() > deadline:
                    raise InboundDied(
                        f"the process {name} did not start; its log is {self.log(name)}"
                    ) from None
                await asyncio.sleep(0.05)
            else:
                return

    async def _have_notified(self) -> None:
        """Have the simulator deliver its notifications to the inbound process."""
        await self.simulator.control(
            "POST",
            "webhooks",
            {
                "url": f"http://127.0.0.1:{self.ports.inbound}/webhooks/{self.partner}/{SIMULATOR}",
                "secret": self._webhook_secret,
            },
        )

    @property
    def codec_url(self) -> str:
        """The address at which the UI has payloads decoded; it contains the token.

        The UI shows its settings to every user of the machine. So the UI is given this address
        only if the endpoint can see which user asks; otherwise the user enters it by hand.
        """
        return f"http://127.0.0.1:{self.ports.codec}/{self._codec_token}"

    async def _serve_codec(self, keyring: Keyring) -> None:
        ui = self.ports.ui
        application = codec_endpoint(
            keyring,
            token=self._codec_token,
            ui_origins=[f"http://127.0.0.1:{ui}", f"http://localhost:{ui}"],
            only_user=os.getuid() if can_tell_users() else None,
        )
        await self._parts.enter_async_context(
            served(application, host="127.0.0.1", port=self.ports.codec)
        )

    def _write_up_file(self) -> None:
        account = {
            "base_url": self.simulator.base_url,
            "simulated": True,
            "book": self._book,
            "write_within": 5,
            "answer_within": 5,
            **self.registration.simulated(self._webhook_secret),
        }
        found: dict[str, Any] = {
            "temporal_address": self.temporal.address,
            "partners": {self.partner: {SIMULATOR: account}},
            "debtors": {
                iban: {"partner": self.partner, "partner_account": SIMULATOR, **debtor}
                for iban, debtor in self.debtors.items()
            },
            "inbound_port": self.ports.inbound,
            "api_port": self.ports.api,
            "ui_url": self.temporal.ui_url,
        }
        path = self.home / UP_FILE
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(found, file, indent=2)
        draft.replace(path)
        self._parts.callback(path.unlink, missing_ok=True)


async def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        await asyncio.to_thread(child.wait, 20)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
