"""`finality codec` as a process: it opens payloads for its token, and guards itself."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from google.protobuf import json_format
from temporalio.api.common.v1 import Payloads
from temporalio.converter import WorkflowSerializationContext

from activities.messages import ResourceRef
from starter.plugin import data_converter
from store.keyring import Keyring

REF = ResourceRef(tenant="shop", resource_id="pay_1")
RUN = WorkflowSerializationContext("default", "payment/shop/pay_1")
TOKEN = "a-token-of-24-characters-or-more"
COMMAND = [sys.executable, "-m", "cli", "codec"]


def _environment(home: Path, **settings: str) -> dict[str, str]:
    Keyring.make(home / "keyring")
    ours = {f"FINALITY_CODEC_{name.upper()}": value for name, value in settings.items()}
    return {**os.environ, "FINALITY_HOME": str(home), "FINALITY_CODEC_PORT": "0", **ours}


def _body(home: Path) -> bytes:
    converter = data_converter(Keyring.read(home / "keyring")).with_context(RUN)
    sealed = asyncio.run(converter.encode([REF]))
    return json_format.MessageToJson(Payloads(payloads=sealed)).encode()


def _ask(url: str, body: bytes, **headers: str) -> tuple[int, bytes]:
    request = urllib.request.Request(f"{url}/decode", body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_it_prints_an_address_that_only_this_user_can_use(tmp_path: Path) -> None:
    environment = _environment(tmp_path)
    body = _body(tmp_path)
    with subprocess.Popen(COMMAND, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            status, shown = _ask(url, body)
            assert status == 200
            [payload] = json_format.Parse(shown, Payloads()).payloads
            assert json.loads(payload.data) == REF.model_dump()
            without_token = url.rpartition("/")[0]
            assert _ask(without_token, body)[0] == 401
            assert _ask(url, body, Origin="http://evil.example")[0] == 403
            assert _ask(url, body, Origin="http://127.0.0.1:8233")[0] == 200
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0


def test_it_does_not_listen_beyond_this_machine_without_a_token(tmp_path: Path) -> None:
    ended = subprocess.run(
        COMMAND,
        env=_environment(tmp_path, host="0.0.0.0"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "set FINALITY_CODEC_TOKEN" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_token_that_could_be_guessed_is_refused(tmp_path: Path) -> None:
    ended = subprocess.run(
        COMMAND,
        env=_environment(tmp_path, token="short"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2
    assert "FINALITY_CODEC_TOKEN" in ended.stderr
    assert "short" not in ended.stderr.replace("too_short", "")


def test_a_token_that_is_set_is_never_printed(tmp_path: Path) -> None:
    environment = _environment(tmp_path, token=TOKEN, ui_origins='["https://temporal.example"]')
    with subprocess.Popen(
        COMMAND, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        port = line.split(" for pages")[0].rpartition(":")[2]
        body = _body(tmp_path)
        by_header = _ask(f"http://127.0.0.1:{port}", body, Authorization=f"Bearer {TOKEN}")
        process.send_signal(signal.SIGTERM)
        said, logged = process.communicate(timeout=20)
    assert by_header[0] == 200
    assert TOKEN not in said + line + logged
