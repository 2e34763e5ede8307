"""Runs the Temporal dev server as a tuned child process that ends with this process."""

from __future__ import annotations

import asyncio
import random
import socket
import subprocess
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import ConnectConfig, RPCError, ServiceClient

from domain.explained import Explained
from local.child import start_child
from local.servers import dev_server_binary

IP = "127.0.0.1"

#: By default each hand-over of a task waits about 50 ms for a rate limit: queues are read 20 times
#: a second per shard, and the dev server has one shard.
DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=1000",
    "history.timerProcessorMaxPollRPS=1000",
    "history.visibilityProcessorMaxPollRPS=1000",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
    # The SDK sets these for the servers that it starts.
    "frontend.enableServerVersionCheck=false",
    "frontend.enableUpdateWorkflowExecution=true",
    "frontend.enableUpdateWorkflowExecutionAsyncAccepted=true",
    # We do not use its HTTP API, which cannot be switched off and takes calls from any web page.
    # No request has this host, so all are refused, except those for Nexus endpoints, which are not
    # checked for their host. The UI talks gRPC.
    'frontend.httpAllowedHosts=["off.invalid"]',
)

#: `full` syncs each commit, so that what the server has acknowledged survives a power cut.
SQLITE_PRAGMAS = ("journal_mode=wal", "synchronous=full")

#: Linux gives ports from 32768 to outgoing connections, macOS and Windows from 49152.
_LISTENING_PORTS = range(20_000, 32_000)
#: Not `random` itself: under a test that seeds it, all processes would try the same ports in order.
_CHANCE = random.SystemRandom()
#: Each mark costs a file descriptor. A port that was given out 200 ports ago is in use by now and
#: needs no mark any more.
_MARKS_AT_MOST = 200
_marks: deque[socket.socket] = deque()

START_LIMIT = timedelta(seconds=60)
STOP_LIMIT = timedelta(seconds=10)
LOG_TAIL_BYTES = 2000


class ServerDied(Explained):
    """The dev server ended, or did not answer in time; the text has the end of its log."""


@dataclass(frozen=True)
class DevServer:
    """A running dev server.

    Attributes:
        address: host and port of its gRPC service.
        ui_url: its web pages, or None if it has none.
    """

    address: str
    ui_url: str | None
    namespace: str
    log_file: Path
    process: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self.process.poll() is None

    async def stop(self) -> None:
        """Stop it, by force if it has not ended after ten seconds."""
        self.process.terminate()
        deadline = time.monotonic() + STOP_LIMIT.total_seconds()
        while self.running and time.monotonic() < deadline:
            await asyncio.sleep(0.02)
        self.kill()

    def kill(self) -> None:
        """Kill it with SIGKILL, as a crash would, and return when it has ended."""
        self.process.kill()
        self.process.wait()


async def start_dev_server(
    *,
    db_filename: Path | None,
    port: int,
    ui_port: int | None,
    log_file: Path,
    namespace: str = "default",
    search_attributes: Mapping[str, str] | None = None,
    codec_endpoint: str | None = None,
    binary: Path | None = None,
    dynamic_config: Sequence[str] = (),
    http_port: int | None = None,
) -> DevServer:
    """Start a dev server and return once its namespace answers.

    It ends with this process, even if this process is killed (on Linux).

    Args:
        db_filename: its SQLite file, made if absent; None keeps everything in memory.
        ui_port: None means no web pages.
        log_file: its output is appended here.
        search_attributes: name to type: Keyword, Text, Int, Double, Bool, Datetime, KeywordList.
        codec_endpoint: where its web pages have payloads decoded.
        binary: by default `dev_server_binary()`, which may take minutes the first time.
        dynamic_config: further settings of the server as `key=value`, added to `DYNAMIC_CONFIG`.
        http_port: of its HTTP API, which still takes calls of Nexus endpoints; None: a free one.

    Raises:
        ServerDied: a port was taken, or it ended or did not answer within a minute.
        ServerUnavailable: no binary was found or fetched.
    """
    executable = binary or await asyncio.to_thread(dev_server_binary)
    for wanted in (port, ui_port, http_port):
        # Checked first, because an answer from another server there would pass for ours.
        if wanted is not None and is_taken(wanted):
            raise ServerDied(f"port {wanted} on {IP} is taken by another program")
    command = [str(executable), "server", "start-dev", "--ip", IP, "--port", str(port)]
    command += ["--namespace", namespace, "--log-level", "warn"]
    if http_port is not None:
        command += ["--http-port", str(http_port)]
    command += ["--headless"] if ui_port is None else ["--ui-port", str(ui_port)]
    if codec_endpoint is not None and ui_port is not None:
        command += ["--ui-codec-endpoint", codec_endpoint]
    for value in (*DYNAMIC_CONFIG, *dynamic_config):
        command += ["--dynamic-config-value", value]
    for name, kind in (search_attributes or {}).items():
        command += ["--search-attribute", f"{name}={kind}"]
    if db_filename is not None:
        db_filename.parent.mkdir(parents=True, exist_ok=True)
        command += ["--db-filename", str(db_filename)]
        for pragma in SQLITE_PRAGMAS:
            command += ["--sqlite-pragma", pragma]
    log_file.parent.mkdir(parents=True, exist_ok=True)
    log_start = log_file.stat().st_size if log_file.exists() else 0
    server = DevServer(
        address=f"{IP}:{port}",
        ui_url=None if ui_port is None else f"http://{IP}:{ui_port}",
        namespace=namespace,
        log_file=log_file,
        process=start_child(command, log_file=log_file),
    )
    try:
        await _until_it_answers(server, log_start)
    except BaseException:
        server.kill()
        raise
    return server


def free_port() -> int:
    """A TCP port that was free on the loopback address a moment ago.

    It lies below the ports that systems give to outgoing connections, so no other process's
    connection takes it before the caller listens. While it is marked, no other call of this
    function, in any process of this machine, returns the same port.
    """
    while not _mark(port := _CHANCE.choice(_LISTENING_PORTS)) or is_taken(port):
        continue
    return port


def _mark(port: int) -> bool:
    """Mark a port as given out. False: another caller has marked it.

    The mark is a UDP socket on the same number. Only one process can bind it, and the system
    removes it when that process ends. None of our programs uses UDP.
    """
    mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        mark.bind((IP, port))
    except OSError:
        mark.close()
        return False
    if len(_marks) == _MARKS_AT_MOST:
        _marks.popleft().close()
    _marks.append(mark)
    return True


def is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # A port whose last connections are still in TIME_WAIT counts as free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((IP, port))
        except OSError:
            return True
    return False


async def _until_it_answers(server: DevServer, log_start: int) -> None:
    deadline = time.monotonic() + START_LIMIT.total_seconds()
    while not await _answers(server):
        if not server.running:
            how = f"ended with exit code {server.process.returncode}"
        elif time.monotonic() > deadline:
            how = f"did not answer within {START_LIMIT.total_seconds():.0f} s"
        else:
            await asyncio.sleep(0.1)
            continue
        tail = server.log_file.read_bytes()[log_start:][-LOG_TAIL_BYTES:]
        raise ServerDied(
            f"the Temporal dev server {how}; the end of {server.log_file}:\n"
            + tail.decode(errors="replace").strip()
        )


async def _answers(server: DevServer) -> bool:
    try:
        service = await ServiceClient.connect(ConnectConfig(target_host=server.address))
        await service.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=server.namespace), timeout=timedelta(seconds=5)
        )
    except (RPCError, RuntimeError):  # the SDK raises RuntimeError if it cannot connect
        return False
    return True
