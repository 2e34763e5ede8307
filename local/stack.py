"""Everything on one machine: Temporal with UI, codec endpoint, simulator, worker."""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import uvicorn

from local.child import start_child
from local.simulator import API_KEY, LOGIN_ID, Simulator, start_simulator
from local.temporal_server import DevServer, free_port, is_taken, start_dev_server
from starter.codec_endpoint import codec_endpoint
from store.keyring import Keyring
from workflows.attributes import SEARCH_ATTRIBUTES

#: The name of our account with the simulator, in settings and orders.
SIMULATOR: Final = "simulator"
#: What `up` tells other commands of this home: where its parts listen.
UP_FILE: Final = "up.json"


class AlreadyUp(Exception):
    """Another stack runs in this home, or a port is taken; the text names the remedy."""


Tell = Callable[[str], None]


class _Served(uvicorn.Server):
    """Leaves signals to us: uvicorn would raise them again when it ends, as if sent twice."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@dataclass(frozen=True)
class Ports:
    """Where the parts listen; 0 takes any free port."""

    temporal: int = 7233
    ui: int = 8233
    codec: int = 8234
    simulator: int = 8235

    def settled(self) -> Ports:
        """The same with every 0 made a port that is free now."""
        return Ports(*(port or free_port() for port in vars(self).values()))


@dataclass
class Stack:
    """Runs as a context; everything it started ends with it, or with this process."""

    home: Path
    ports: Ports
    debtors: Mapping[str, Mapping[str, str]]
    simulator_options: Sequence[str] = ()
    tell: Tell = print
    temporal: DevServer = field(init=False)
    simulator: Simulator = field(init=False)
    worker: subprocess.Popen[bytes] = field(init=False)
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
        for part, port in vars(ports).items():
            if is_taken(port):
                raise AlreadyUp(
                    f"port {port} is taken by another program; give another with "
                    f"--{part}-port, where 0 takes a free one"
                )
        keyring_file = self.home / "keyring"
        if Keyring.make(keyring_file):
            self.tell(
                f"made a development key in {keyring_file}: it encrypts this machine's payloads "
                "and columns. Set FINALITY_KEYRING_FILE for anything real."
            )
        await self._serve_codec(Keyring.read(keyring_file))
        self.tell("starting Temporal (the first time it may have to be built: some minutes)")
        self.temporal = await start_dev_server(
            db_filename=self.home / "temporal.db",
            port=ports.temporal,
            ui_port=ports.ui,
            search_attributes=SEARCH_ATTRIBUTES,
            codec_endpoint=f"http://127.0.0.1:{ports.codec}",
            log_file=self.log("temporal"),
        )
        self._parts.push_async_callback(self.temporal.stop)
        self.tell("starting the Currencycloud simulator")
        self.simulator = await start_simulator(
            "currencycloud",
            port=ports.simulator,
            db_file=self.home / "currencycloud-simulator.db",
            log_file=self.log("simulator"),
            options=self.simulator_options,
        )
        self._parts.push_async_callback(self.simulator.stop)
        self._write_up_file()
        self.start_worker()
        self._parts.push_async_callback(self.stop_worker)

    def _lock_home(self) -> None:
        """Two stacks in one home would share databases and overwrite each other's addresses."""
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
        """Start a worker process; after `kill_worker` this is the next one."""
        self.worker = start_child(
            [sys.executable, "-m", "cli", "worker"],
            log_file=self.log("worker"),
            env={"FINALITY_HOME": str(self.home.resolve())},
        )

    def kill_worker(self) -> None:
        """End it at once with SIGKILL, as a crash would."""
        self.worker.kill()
        self.worker.wait()

    async def stop_worker(self) -> None:
        """Let it finish the steps in hand."""
        self.worker.terminate()
        try:
            await asyncio.to_thread(self.worker.wait, 60)
        except subprocess.TimeoutExpired:
            self.kill_worker()

    async def _serve_codec(self, keyring: Keyring) -> None:
        ui = self.ports.ui
        application = codec_endpoint(
            keyring, ui_origins=[f"http://127.0.0.1:{ui}", f"http://localhost:{ui}"]
        )
        server = _Served(
            uvicorn.Config(
                application, host="127.0.0.1", port=self.ports.codec, log_level="warning"
            )
        )
        serving = asyncio.create_task(server.serve())

        async def stop() -> None:
            server.should_exit = True
            await serving

        self._parts.push_async_callback(stop)

    def _write_up_file(self) -> None:
        found: dict[str, Any] = {
            "temporal_address": self.temporal.address,
            "currencycloud": {
                SIMULATOR: {
                    "base_url": self.simulator.base_url,
                    "login_id": LOGIN_ID,
                    "api_key": API_KEY,
                    "simulated": True,
                    "write_within": 5,
                    "answer_within": 5,
                }
            },
            "debtors": {
                iban: {"partner_account": SIMULATOR, **debtor}
                for iban, debtor in self.debtors.items()
            },
            "ui_url": self.temporal.ui_url,
        }
        path = self.home / UP_FILE
        draft = path.with_suffix(".new")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(found, file, indent=2)
        draft.replace(path)
        self._parts.callback(path.unlink, missing_ok=True)
