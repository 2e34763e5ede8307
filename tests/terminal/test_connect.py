"""`finality connect`: a bank redirects, a browser clicks, and the consent is active."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from local.temporal_server import free_port, start_dev_server
from store.keyring import Keyring
from tests.conftest import ROOT
from tests.terminal.homes import home
from workflows.attributes import SEARCH_ATTRIBUTES

_SECONDS: Final = 120
#: Its check digits are wrong.
WRONG: Final = "DE89370400440532013001"


def _environment(path: Path) -> dict[str, str]:
    return {**os.environ, "FINALITY_HOME": str(path)}


def _child(*arguments: str, at: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *arguments],
        cwd=ROOT, env=_environment(at), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


async def test_a_browser_clicks_at_the_bank_and_the_command_ends(tmp_path: Path) -> None:
    Keyring.make(tmp_path / "keyring")
    temporal = await start_dev_server(
        db_filename=tmp_path / "temporal.db", port=free_port(), ui_port=None,
        log_file=tmp_path / "temporal.log", search_attributes=SEARCH_ATTRIBUTES,
    )  # fmt: skip
    db = str(tmp_path / "bank.db")
    bank = _child("simulators.berlin_group", "serve", "--db", db, at=tmp_path)
    children = [bank]
    try:
        assert bank.stdout is not None
        address = bank.stdout.readline().split()[-1]
        account = {
            "base_url": address, "simulated": True, "aspsp": "Test Bank", "our_ip_address":
            "192.0.2.1", "tpp_id": "PSDDE-BAFIN-000000", "redirect_uri": "https://app.test/back",
        }  # fmt: skip
        written = {
            "temporal_address": temporal.address,
            "partners": {"berlin_group": {"main": account}},
        }
        (tmp_path / "up.json").write_text(json.dumps(written))
        children.append(_child("cli", "worker", at=tmp_path))
        command = _child("cli", "connect", "main", "--no-browser", "--port", "0", at=tmp_path)
        children.append(command)
        assert command.stdout is not None
        lines = iter(command.stdout.readline, "")
        found = next(found for line in lines if (found := re.search(r"http://127\S+", line)))
        async with httpx.AsyncClient(timeout=_SECONDS) as browser:
            at_bank = await browser.get(found[0])
            assert at_bank.status_code == 303
            assert "HttpOnly" in at_bank.headers["set-cookie"]
            page = at_bank.headers["location"]
            assert "Let your accounts be read?" in (await browser.get(page)).text
            led = (await browser.post(f"{page}?choice=approve")).headers["location"]
            assert urlsplit(led).path == "/back"
            async with httpx.AsyncClient(timeout=_SECONDS) as stranger:
                other = await stranger.get(led)
            assert (other.status_code, "another browser" in other.text) == (403, True)
            back = await browser.get(led)
            assert (back.status_code, "You can close this page" in back.text) == (200, True)
            assert "<script" not in back.text
        out, err = command.communicate(timeout=_SECONDS)
        assert command.returncode == 0, out + err
        assert "is active" in out
    finally:
        for child in children:
            child.kill()
            child.communicate()
        temporal.kill()


@pytest.mark.parametrize(
    ("bank", "words"),
    [("nobody", "gives no access to accounts here"), ("berlin_group", "several accounts")],
)
def test_a_bank_has_to_be_named(tmp_path: Path, bank: str, words: str) -> None:
    account = {
        "base_url": "http://127.0.0.1:9", "simulated": True, "aspsp": "Test Bank",
        "our_ip_address": "192.0.2.1", "tpp_id": "PSDDE-BAFIN-000000",
        "redirect_uri": "https://app.test/back",
    }  # fmt: skip
    with home(tmp_path) as made:
        written = {"partners": {"berlin_group": {"main": account, "other": account}}}
        (tmp_path / "up.json").write_text(json.dumps(written))
        ran = made.run("connect", bank, "--no-browser", "--port", "0")
    assert (ran.code, words in ran.err) == (2, True)


def test_a_wrong_request_names_its_field(tmp_path: Path) -> None:
    account = {
        "base_url": "http://127.0.0.1:9", "simulated": True, "aspsp": "Test Bank",
        "our_ip_address": "192.0.2.1", "tpp_id": "PSDDE-BAFIN-000000",
        "redirect_uri": "https://app.test/back",
    }  # fmt: skip
    with home(tmp_path) as made:
        written = {"partners": {"berlin_group": {"main": account}}}
        (tmp_path / "up.json").write_text(json.dumps(written))
        ran = made.run("connect", "main", "--no-browser", "--port", "0", "--regime", "moon")
        bad = made.run("connect", "main", "--no-browser", "--port", "0", "--account", WRONG)
    assert (ran.code, "regime: 'moon' is not known" in ran.err) == (2, True)
    assert (bad.code, "account: IBAN ending '3001'" in bad.err) == (2, True)
    assert WRONG not in bad.err
