"""The real dev server as our child."""

from __future__ import annotations

import asyncio
import http.client
import json
import os
import random
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from temporalio.api.enums.v1 import IndexedValueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.client import Client, WorkflowExecutionStatus

from local.servers import dev_server_binary
from local.temporal_server import DevServer, ServerDied, free_port, start_dev_server
from tests.local.machine import ROOT, executable
from tests.polling import eventually, until

START_AND_WAIT_TO_BE_KILLED = """
import asyncio, pathlib, sys
from local.temporal_server import free_port, start_dev_server

async def main():
    server = await start_dev_server(
        db_filename=None, port=free_port(), ui_port=None, log_file=pathlib.Path(sys.argv[1]))
    print(server.pid, server.address, flush=True)
    sys.stdin.read()

asyncio.run(main())
"""


@pytest.fixture
def binary() -> Path:
    return dev_server_binary()


@pytest.fixture
async def server(binary: Path, tmp_path: Path) -> AsyncIterator[DevServer]:
    started = await start_dev_server(
        db_filename=None,
        port=free_port(),
        ui_port=free_port(),
        namespace="payments",
        search_attributes={"FinalityState": "Keyword", "FinalityDeadline": "Datetime"},
        codec_endpoint="http://127.0.0.1:9/codec",
        log_file=tmp_path / "logs" / "server.log",
        binary=binary,
    )
    yield started
    started.kill()


async def test_it_answers_in_its_namespace_until_it_is_stopped(server: DevServer) -> None:
    client = await Client.connect(server.address, namespace="payments")
    assert await client.service_client.check_health()
    listed = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace="payments")
    )
    kinds = listed.custom_attributes
    assert kinds["FinalityState"] == IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD
    assert kinds["FinalityDeadline"] == IndexedValueType.INDEXED_VALUE_TYPE_DATETIME

    await server.stop()
    assert not server.running
    assert server.process.returncode == 0, "it was killed instead of ending in order"
    with pytest.raises(RuntimeError, match="Connection refused"):
        await Client.connect(server.address, namespace="payments")


async def test_its_pages_know_where_payloads_are_decoded(server: DevServer) -> None:
    def read() -> bytes:
        with urllib.request.urlopen(f"{server.ui_url}/api/v1/settings") as answer:
            body: bytes = answer.read()
        return body

    settings = json.loads(await asyncio.to_thread(read))
    assert settings["Codec"]["Endpoint"] == "http://127.0.0.1:9/codec"


def _ports_of(pid: int) -> set[int]:
    """Where a process listens."""
    links = (os.readlink(file) for file in Path(f"/proc/{pid}/fd").iterdir() if file.is_symlink())
    sockets = {link[8:-1] for link in links if link.startswith("socket:[")}
    rows = [
        line.split()
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]
    ]
    listening = "0A"
    return {
        int(row[1].rpartition(":")[2], 16)
        for row in rows
        if row[3] == listening and row[9] in sockets
    }


async def _api(port: int, origin: str) -> tuple[int, dict[str, str]]:
    """What a web page gets that asks for all runs; 0 from what speaks no HTTP/1."""

    def ask() -> tuple[int, dict[str, str]]:
        url = f"http://127.0.0.1:{port}/api/v1/namespaces/default/workflows"
        request = urllib.request.Request(url, headers={"Origin": origin})
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, dict(answer.headers)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, dict(error.headers)
        except (OSError, http.client.HTTPException):
            return 0, {}

    return await asyncio.to_thread(ask)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's ports")
async def test_no_web_page_reaches_it(server: DevServer) -> None:
    """Its HTTP API is closed to all, and its pages' own API to pages of other sites."""
    assert server.ui_url is not None
    ui = int(server.ui_url.rpartition(":")[2])
    ports = _ports_of(server.pid)
    assert ui in ports

    async def pages_answer() -> bool:
        return (await _api(ui, "http://evil.example"))[0] == 200

    await eventually(pages_answer, "an answer of its pages' own API")
    answers = {port: await _api(port, "http://evil.example") for port in ports}
    assert [port for port, (status, _) in answers.items() if status == 200] == [ui]
    assert 403 in {status for status, _ in answers.values()}, "its HTTP API was not found"
    readable = {name.lower() for name in answers[ui][1]}
    assert "access-control-allow-origin" not in readable, "a page of another site may read it"


async def test_what_it_acknowledged_outlives_a_kill(binary: Path, tmp_path: Path) -> None:
    async def start() -> DevServer:
        return await start_dev_server(
            db_filename=tmp_path / "new" / "temporal.db",
            port=free_port(),
            ui_port=None,
            search_attributes={"FinalityState": "Keyword"},
            log_file=tmp_path / "server.log",
            binary=binary,
        )

    first = await start()
    client = await Client.connect(first.address)
    handle = await client.start_workflow(
        "Waits", "a payment", id="payment/1", task_queue="nobody-listens"
    )
    first.kill()
    assert first.process.returncode == -signal.SIGKILL

    second = await start()
    try:
        client = await Client.connect(second.address)
        found = await client.get_workflow_handle("payment/1").describe()
        assert found.run_id == handle.result_run_id
        assert found.status is WorkflowExecutionStatus.RUNNING
    finally:
        second.kill()


async def test_a_taken_port_is_an_error_and_not_somebody_elses_server(
    server: DevServer, binary: Path, tmp_path: Path
) -> None:
    port = int(server.address.rpartition(":")[2])
    with pytest.raises(ServerDied, match=f"port {port} on 127.0.0.1 is taken"):
        await start_dev_server(
            db_filename=None, port=port, ui_port=None, log_file=tmp_path / "log", binary=binary
        )


async def test_a_server_that_dies_tells_the_end_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("of an earlier run\n")
    broken = executable(tmp_path / "temporal", "#!/bin/sh\necho no such disk >&2\nexit 3\n")
    with pytest.raises(ServerDied, match=r"exit code 3; the end of .*log:\nno such disk"):
        await start_dev_server(
            db_filename=None, port=free_port(), ui_port=None, log_file=log, binary=broken
        )


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of its parent's end")
def test_it_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", START_AND_WAIT_TO_BE_KILLED, str(tmp_path / "log")],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid, address = parent.stdout.readline().split()
    assert _listens(address)
    parent.kill()
    parent.communicate()
    until(lambda: not _listens(address), f"the end of the server {pid}")


def _listens(address: str) -> bool:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        return probe.connect_ex((host, int(port))) == 0


PRINT_A_HUNDRED_PORTS = """
from local.temporal_server import free_port
print(*(free_port() for _ in range(100)))
"""


def test_a_port_is_given_out_once_in_all_processes() -> None:
    """Servers start seconds after their port was chosen, and many processes choose at once."""
    ours = [free_port() for _ in range(100)]
    command = (
        "from local.temporal_server import free_port; print(*(free_port() for _ in range(100)))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, check=True, timeout=60
    )
    theirs = [int(port) for port in ran.stdout.split()]
    assert len({*ours, *theirs}) == 200


def test_a_seeded_chance_does_not_choose_the_ports() -> None:
    random.seed(7)
    first = [free_port() for _ in range(3)]
    random.seed(7)
    assert [free_port() for _ in range(3)] != first
