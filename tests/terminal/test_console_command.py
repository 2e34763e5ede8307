"""`finality console` as a process: it serves on this machine, and elsewhere only behind TLS."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from pydantic import ValidationError

from console_server import ConsoleExposed, serve_console
from serving import PortTaken
from settings import Settings
from store.keyring import Keyring

_ADDRESS = re.compile(r"the console is at (http://127\.0\.0\.1:\d+/)")
COMMAND = [sys.executable, "-m", "cli", "console"]


def test_it_serves_the_page_to_sign_in_and_ends_cleanly(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    environment = {
        **os.environ,
        "FINALITY_HOME": str(tmp_path),
        "FINALITY_CONSOLE_PORT": "0",
        "FINALITY_TEMPORAL_ADDRESS": "127.0.0.1:1",
    }
    with subprocess.Popen(COMMAND, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = ""
            while (
                found := re.search(r"the console is at (http://127\.0\.0\.1:\d+/)", said)
            ) is None:
                line = process.stderr.readline()
                assert line, said
                said += line
            with urllib.request.urlopen(found[1], timeout=60) as answer:
                assert answer.url.startswith(f"{found[1]}sign-in")
                assert "Sign in with your operator key" in answer.read().decode()
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "console.test"])
async def test_it_refuses_to_listen_beyond_this_machine_without_tls(
    tmp_path: Path, host: str
) -> None:
    with pytest.raises(ConsoleExposed, match="FINALITY_CONSOLE_URL"):
        await serve_console(Settings(home=tmp_path, console_host=host))


@pytest.mark.parametrize(("url", "is_believed"), [(None, False), ("https://console.test", True)])
async def test_it_believes_a_proxy_only_where_one_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str | None, is_believed: bool
) -> None:
    Keyring.make(tmp_path / "keyring")
    given: list[bool] = []

    def served(*_: object, behind_proxy: bool, **__: object) -> None:
        given.append(behind_proxy)
        raise PortTaken("enough is known")

    monkeypatch.setattr("console_server.served", served)
    with pytest.raises(PortTaken):
        await serve_console(Settings(home=tmp_path, console_url=url))
    assert given == [is_believed]


@pytest.mark.parametrize("url", ["http://console.test", "console.test", "https://a/b", "https://"])
def test_its_address_for_browsers_is_https_and_a_host(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValidationError, match="console_url"):
        Settings(home=tmp_path, console_url=url)
