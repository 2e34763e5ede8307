"""Attacks by the folder a command is run in, and by files that others can write or read."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from local.stack import Ports, Stack
from process import keep_private, own_module
from settings import Settings
from settings_sources import SettingsRefused
from store.keyring import Keyring, KeyringError
from tests.conftest import ROOT

#: The command as it is installed, beside the Python of its environment.
FINALITY: Final = Path(sys.executable).with_name("finality")
STRANGER: Final = 65534
#: Names that a command imports: its own, of the standard library, of its libraries.
MODULES: Final = ("settings", "cli", "worker", "json", "typing", "pydantic", "sitecustomize")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder full of traps; each module that is imported leaves a mark."""
    made = tmp_path / "strangers folder"
    made.mkdir()
    mark = made / "IMPORTED"
    for name in MODULES:
        (made / f"{name}.py").write_text(
            f"open({str(mark)!r}, 'a').write({name!r})\nraise SystemExit(66)"
        )
    (made / ".env").write_text("FINALITY_HOME=/nowhere\nFINALITY_UPKEEP_EVERY=1\n")
    (made / "temporal.toml").write_text('[profile.default]\naddress = "attacker.example:7233"\n')
    return made


def _run(
    command: list[str], folder: Path, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, timeout=100,
        env={**os.environ, "COLUMNS": "300", **(environment or {})},
    )  # fmt: skip


def test_modules_and_env_files_of_a_working_folder_are_not_taken(
    folder: Path, tmp_path: Path
) -> None:
    Keyring.make(tmp_path / "home" / "keyring")
    ours = {"FINALITY_HOME": str(tmp_path / "home"), "FINALITY_TEMPORAL_ADDRESS": "127.0.0.1:1"}
    for command in (
        [str(FINALITY), "list"],
        [str(FINALITY), "doctor"],
        [str(FINALITY), "simulator", "currencycloud", "serve", "--help"],
        own_module("cli", "list"),
        own_module("simulators.currencycloud", "serve", "--help"),
    ):
        ran = _run(command, folder, ours)
        assert ran.returncode in (0, 1), ran.stderr
        assert "/nowhere" not in ran.stdout + ran.stderr
        assert "attacker" not in ran.stdout + ran.stderr
    assert not (folder / "IMPORTED").exists()


async def test_what_up_starts_imports_nothing_of_the_working_folder(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    async with Stack(tmp_path / "home", Ports.free(), {}, say=lambda _: None) as stack:
        assert stack.worker.poll() is None
    assert not (folder / "IMPORTED").exists()


Give = Callable[[Path], None]


@pytest.fixture
def give(monkeypatch: pytest.MonkeyPatch) -> Give:
    """Make a file another user's: root gives it away, anybody else looks at it as another."""

    def give_away(path: Path) -> None:
        if os.geteuid() == 0:
            os.chown(path, STRANGER, STRANGER, follow_symlinks=False)
        else:
            monkeypatch.setattr(os, "geteuid", lambda: STRANGER)

    return give_away


@pytest.mark.parametrize("how", ["file", "link"])
def test_a_settings_file_of_another_user_is_refused_unless_it_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, give: Give, how: str
) -> None:
    monkeypatch.chdir(folder)
    file = folder / "finality.toml"
    if how == "file":
        file.write_text("inbound_port = 6666\n")
    else:
        (tmp_path / "ours.toml").write_text("inbound_port = 6666\n")
        file.symlink_to(tmp_path / "ours.toml")
    give(file)
    with pytest.raises(SettingsRefused, match=f"{file} belongs to another user"):
        Settings(home=tmp_path)
    monkeypatch.setenv("FINALITY_SETTINGS_FILE", str(file))
    assert Settings(home=tmp_path).inbound_port == 6666


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link away")
def test_a_strangers_link_to_our_file_is_told_by_the_strangers_number(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    (tmp_path / "ours.toml").write_text("inbound_port = 6666\n")
    (folder / "finality.toml").symlink_to(tmp_path / "ours.toml")
    os.chown(folder / "finality.toml", STRANGER, STRANGER, follow_symlinks=False)
    with pytest.raises(SettingsRefused, match=rf"belongs to another user \(uid {STRANGER}\)"):
        Settings(home=tmp_path)


@pytest.mark.parametrize("mode", [0o664, 0o646, 0o666])
def test_a_settings_file_that_others_can_write_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    monkeypatch.chdir(folder)
    (folder / "finality.toml").write_text("inbound_port = 6666\n")
    (folder / "finality.toml").chmod(mode)
    with pytest.raises(SettingsRefused, match="chmod go-w"):
        Settings(home=folder / "home")
    (folder / "finality.toml").chmod(0o644)
    assert Settings(home=folder / "home").inbound_port == 6666


def test_what_up_wrote_is_taken_only_where_nobody_else_can_write_it(tmp_path: Path) -> None:
    told = tmp_path / "up.json"
    told.write_text(json.dumps({"temporal_address": "127.0.0.1:9", "ui_url": "http://x"}))
    told.chmod(0o600)
    assert Settings(home=tmp_path).temporal_address == "127.0.0.1:9"
    told.chmod(0o666)
    with pytest.raises(SettingsRefused, match=r"up\.json can be written by others"):
        Settings(home=tmp_path)


def test_the_home_of_another_user_is_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch, give: Give
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("FINALITY_HOME", raising=False)
    (folder / ".finality").mkdir()
    give(folder / ".finality")
    with pytest.raises(SettingsRefused, match=r"the home .* belongs to another user"):
        Settings()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_keyring_that_others_can_read_is_refused_with_the_command_to_type(
    tmp_path: Path, mode: int
) -> None:
    Keyring.make(tmp_path / "keyring")
    (tmp_path / "keyring").chmod(mode)
    with pytest.raises(KeyringError, match=f"chmod 600 {tmp_path / 'keyring'}"):
        Keyring.read(tmp_path / "keyring")
    for readable in (0o600, 0o400):
        (tmp_path / "keyring").chmod(readable)
        Keyring.read(tmp_path / "keyring")


def test_a_keyring_of_another_user_is_refused(tmp_path: Path, give: Give) -> None:
    Keyring.make(tmp_path / "keyring")
    give(tmp_path / "keyring")
    with pytest.raises(KeyringError, match="another user"):
        Keyring.read(tmp_path / "keyring")


async def test_all_that_up_keeps_is_for_this_user_alone_whatever_the_umask(tmp_path: Path) -> None:
    """Database and its log, Temporal's and the simulators' too, keys, logs, addresses."""
    before = os.umask(0)
    try:
        keep_private()
        home = tmp_path / "deep" / "home"
        async with Stack(home, Ports.free(), {}, say=lambda _: None):
            kept = {path: stat.S_IMODE(path.stat().st_mode) for path in [home, *home.rglob("*")]}
    finally:
        os.umask(before)
    names = {path.name for path in kept}
    assert {
        "finality.db",
        "temporal.db",
        "currencycloud-simulator.db",
        "stripe-simulator.db",
        "keyring",
        "up.json",
    } <= names
    assert {"finality.db-wal", "worker.log"} <= names
    assert {path: oct(mode) for path, mode in kept.items() if mode & 0o077} == {}


def test_a_command_makes_what_it_keeps_for_this_user_alone(tmp_path: Path) -> None:
    home = tmp_path / "home"
    Keyring.make(home / "keyring")
    script = f"umask 0; exec {FINALITY} list"
    ran = subprocess.run(
        ["sh", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60,
        env={**os.environ, "FINALITY_HOME": str(home)},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    loose = [path for path in home.rglob("*") if stat.S_IMODE(path.stat().st_mode) & 0o077]
    assert loose == []
