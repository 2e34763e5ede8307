"""All processes on one machine: Temporal with UI, codec, simulators, inbound, API, worker."""

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
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from domain.explained import Explained
from local.child import start_child
from local.own_keyring import own_keyring
from local.simulated_partner import SIMULATOR, SimulatedPartner, run_simulator
from local.temporal_server import DevServer, free_port, is_taken, start_dev_server
from partners.registry import Partners
from process import own_module
from serving import served
from settings import Settings
from settings_sources import UP_FILE
from starter.codec_endpoint import codec_endpoint
from starter.peer import can_tell_users
from store.keyring import Keyring
from workflows.attributes import SEARCH_ATTRIBUTES

#: Enough for a process that serves to start on a slow machine.
_SERVING_LIMIT_SECONDS: Final = 60
_PORT_MAX: Final = 65535


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
    simulator: int = 8240
    """the first simulator's; the others take the ports that follow"""
    inbound: int = 8236
    api: int = 8237

    @classmethod
    def free(cls) -> Ports:
        """Any free ports."""
        return cls(0, 0, 0, 0, 0, 0)

    def settled(self) -> Ports:
        """The same ports, with every 0 replaced by a port that is free now.

        The simulators' stays: `of_simulators` looks for as many as there are.
        """
        named = {part: port or free_port() for part, port in vars(self).items()}
        return replace(self, **{**named, "simulator": self.simulator})

    def of_simulators(self, count: int) -> list[int]:
        """A port for each simulator.

        Raises:
            AlreadyUp: there are not as many ports after the given one.
        """
        if not self.simulator:
            return [free_port() for _ in range(count)]
        if self.simulator + count - 1 > _PORT_MAX:
            raise AlreadyUp(
                f"--simulator-port: {count} simulators take the ports from {self.simulator} on, "
                f"and the last port is {_PORT_MAX}; give a smaller one, or 0 for free ones"
            )
        return [self.simulator + number for number in range(count)]


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
    """of every simulator"""
    say: Say = print
    temporal: DevServer = field(init=False)
    partners: dict[str, SimulatedPartner] = field(init=False, default_factory=dict)
    """by name; the first one pays the files of `debtors`"""
    worker: subprocess.Popen[bytes] = field(init=False)
    inbound: subprocess.Popen[bytes] = field(init=False)
    api: subprocess.Popen[bytes] = field(init=False)
    _codec_token: str = field(
        init=False, repr=False, default_factory=lambda: secrets.token_urlsafe(24)
    )
    _parts: AsyncExitStack = field(init=False, default_factory=AsyncExitStack)

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
        having = {
            name: registration
            for name, registration in Partners.registrations().items()
            if registration.is_simulated
        }
        of_simulators = ports.of_simulators(len(having))
        self._require_free(of_simulators)
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
        for (name, registration), port in zip(having.items(), of_simulators, strict=True):
            self.say(f"starting the {registration.title} simulator")
            self.partners[name] = partner = await run_simulator(
                name,
                registration,
                port=port,
                db_file=self.home / f"{name}-simulator.db",
                log_file=self.log(f"{name}-simulator"),
                options=self.simulator_options,
            )
            self._parts.push_async_callback(partner.simulator.stop)
        self._write_up_file()
        self.start_inbound()
        self._parts.push_async_callback(self.stop_inbound)
        self.start_api()
        self._parts.push_async_callback(self.stop_api)
        self.start_worker()
        self._parts.push_async_callback(self.stop_worker)
        await self._until_answers(self.inbound, self.ports.inbound, "inbound")
        await self._until_answers(self.api, self.ports.api, "api")
        for partner in self.partners.values():
            await partner.notify_at(self.ports.inbound)

    def _require_free(self, of_simulators: Sequence[int]) -> None:
        named = {part: port for part, port in vars(self.ports).items() if part != "simulator"}
        wanted: dict[int, str] = {}
        for part, port in (*named.items(), *(("simulator", port) for port in of_simulators)):
            option = f"--{part}-port"
            if port in wanted:
                raise AlreadyUp(
                    f"port {port} is for {wanted[port]} and for {option}: change one of them. Each "
                    f"simulator has a port; here they are {', '.join(map(str, of_simulators))}"
                )
            if is_taken(port):
                raise AlreadyUp(
                    f"port {port} is taken by another program; give another with {option}, "
                    "where 0 takes a free one"
                )
            wanted[port] = option

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
        payer = next(iter(self.partners))
        found: dict[str, Any] = {
            "temporal_address": self.temporal.address,
            "partners": {
                name: {SIMULATOR: partner.account} for name, partner in self.partners.items()
            },
            "debtors": {
                iban: {"partner": payer, "partner_account": SIMULATOR, **debtor}
                for iban, debtor in self.debtors.items()
            },
            "inbound_port": self.ports.inbound,
            "api_port": self.ports.api,
            # What is tried out on this machine listens on this machine.
            "webhook_networks": ["127.0.0.0/8", "::1/128"],
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
