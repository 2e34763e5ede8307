"""Where the Temporal servers come from."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from local import sdk_download
from local.servers import (
    ServerUnavailable,
    dev_server_binary,
    time_skipping_server_binary,
)
from tests.local.machine import GOOD_CLI, Machine, executable
from tests.polling import until

BUILT = "temporal-cli-1.5.1/temporal"

SDK_THAT_DOWNLOADS = """
import pathlib, sys
if sys.argv[1] != "probe":
    (pathlib.Path(sys.argv[2]) / "temporal-cli-sdk-python").write_text(
        "#!/bin/sh\\necho temporal version downloaded\\n")
    (pathlib.Path(sys.argv[2]) / "temporal-cli-sdk-python").chmod(0o755)
"""


def quiet(what: str, elapsed: timedelta) -> None: ...


def says(binary: Path) -> str:
    return subprocess.check_output([binary, "--version"], text=True).strip()


def test_the_setting_comes_before_everything(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.tool("temporal", "echo temporal version on the path")
    chosen = executable(tmp_path / "mine", GOOD_CLI.format(who="mine"))
    monkeypatch.setenv("FINALITY_TEMPORAL_BINARY", str(chosen))
    assert dev_server_binary(quiet) == chosen


@pytest.mark.parametrize(
    ("setting", "find"),
    [
        ("FINALITY_TEMPORAL_BINARY", dev_server_binary),
        ("FINALITY_TEST_SERVER_BINARY", time_skipping_server_binary),
    ],
)
def test_a_wrong_setting_is_an_error_and_nothing_else_is_taken(
    machine: Machine,
    monkeypatch: pytest.MonkeyPatch,
    setting: str,
    find: Callable[[Callable[[str, timedelta], None]], Path],
) -> None:
    machine.tool("temporal", "echo temporal version on the path")
    machine.tool("temporal-test-server", "")
    monkeypatch.setenv(setting, str(machine.bin / "absent"))
    with pytest.raises(ServerUnavailable, match=f"{setting} is .*absent"):
        find(quiet)


def test_path_comes_before_the_cache(machine: Machine) -> None:
    executable(machine.cache / BUILT, GOOD_CLI.format(who="cached"))
    on_path = machine.tool("temporal", "echo temporal version on the path")
    assert dev_server_binary(quiet) == on_path


def test_another_program_called_temporal_is_passed_over(machine: Machine) -> None:
    cached = executable(machine.cache / BUILT, GOOD_CLI.format(who="cached"))
    machine.tool("temporal", "echo a game about time")
    assert dev_server_binary(quiet) == cached


def test_the_cache_comes_before_any_download_or_build(machine: Machine) -> None:
    cached = executable(machine.cache / BUILT, GOOD_CLI.format(who="cached"))
    machine.go()
    assert dev_server_binary(quiet) == cached
    assert machine.called() == []


def test_the_sdk_download_comes_before_the_build_and_is_kept(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    machine.go()
    sdk = tmp_path / "sdk.py"
    sdk.write_text(SDK_THAT_DOWNLOADS)
    monkeypatch.setattr(sdk_download, "__file__", str(sdk))
    binary = dev_server_binary(quiet)
    assert says(binary) == "temporal version downloaded"
    assert binary.is_relative_to(machine.cache)
    sdk.unlink()
    assert dev_server_binary(quiet) == binary
    assert machine.called() == []


def test_where_nothing_can_be_downloaded_go_builds_it_once(machine: Machine) -> None:
    machine.go()
    binary = dev_server_binary(quiet)
    assert binary == machine.cache / BUILT
    assert says(binary) == "temporal version built by go"
    assert dev_server_binary(quiet) == binary
    assert machine.called() == ["go"]


def test_maven_fetches_the_test_server_and_a_script_starts_it(machine: Machine) -> None:
    machine.tool("java", 'echo "java $*"')
    machine.tool(
        "mvn",
        'for a; do case "$a" in -DoutputDirectory=*) d="${a#*=}";; esac; done\n'
        'grep -q temporal-test-server pom.xml && mkdir -p "$d" &&'
        ' touch "$d/temporal-test-server-1.38.0.jar"',
    )
    binary = time_skipping_server_binary(quiet)
    assert binary == machine.cache / "temporal-test-server-1.38.0" / "temporal-test-server"
    started = subprocess.run(
        [binary, "7000", "--enable-time-skipping"],
        check=True,
        text=True,
        capture_output=True,
        env={"PATH": f"{machine.bin}:/usr/bin:/bin"},
    )
    assert "io.temporal.testserver.TestServer 7000 --enable-time-skipping" in started.stdout
    assert f"-cp {binary.parent}/lib/*" in started.stdout


def test_the_error_names_every_way_to_the_dev_server(machine: Machine) -> None:
    with pytest.raises(ServerUnavailable) as caught:
        dev_server_binary(quiet)
    text = str(caught.value)
    assert "FINALITY_TEMPORAL_BINARY: not set" in text
    assert "PATH: no temporal on it" in text
    assert f"cache: none in {machine.cache}" in text
    assert "the SDK's download: python ended with exit code 1: nowhere.invalid:" in text
    assert "go install: no go on PATH" in text
    assert "Remedy: install Go" in text


def test_the_error_names_every_way_to_the_test_server(machine: Machine) -> None:
    machine.tool("java", "")
    machine.tool("mvn", "echo BUILD FAILURE; exit 1")
    with pytest.raises(ServerUnavailable) as caught:
        time_skipping_server_binary(quiet)
    text = str(caught.value)
    assert "FINALITY_TEST_SERVER_BINARY: not set" in text
    assert "PATH: no temporal-test-server on it" in text
    assert "cache: none" in text
    assert "the SDK's download: " in text
    assert "Maven: mvn ended with exit code 1: BUILD FAILURE" in text
    assert "Remedy: install a Java" in text


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ('echo half > "$GOBIN/temporal"; echo no space left; exit 1', "no space left"),
        ("exit 0", "it left no executable temporal"),
        (
            'printf "#!/bin/sh\\nexit 9\\n" > "$GOBIN/temporal"; chmod +x "$GOBIN/temporal"',
            "temporal ended with exit code 9",
        ),
    ],
)
def test_a_build_that_went_wrong_leaves_nothing_that_could_be_used(
    machine: Machine, script: str, reason: str
) -> None:
    machine.tool("go", script)
    with pytest.raises(ServerUnavailable, match=f"go install: .*{reason}"):
        dev_server_binary(quiet)
    assert [path for path in machine.cache.rglob("*") if path.name == "temporal"] == []


def test_a_cache_that_cannot_be_written_is_named(machine: Machine) -> None:
    machine.cache.write_text("a file where the folder should be")
    with pytest.raises(ServerUnavailable, match=r"cache: .*File exists"):
        dev_server_binary(quiet)


def test_two_processes_at_once_build_once_and_the_second_says_that_it_waits(
    machine: Machine, tmp_path: Path
) -> None:
    machine.go(half_built_until_told=True)
    first = machine.ask_in_another_process(tmp_path / "first")
    until(machine.called, "the first process to build")
    second = machine.ask_in_another_process(tmp_path / "second")
    until(
        lambda: "waiting for another process" in (tmp_path / "second").read_text(),
        "the second process to wait",
    )
    machine.go_on.touch()
    answers = {first.communicate()[0], second.communicate()[0]}
    assert answers == {f"{machine.cache / BUILT}\n"}
    assert machine.called() == ["go"]


def test_a_killed_build_is_not_taken_for_a_server_and_blocks_nobody(
    machine: Machine, tmp_path: Path
) -> None:
    machine.go(half_built_until_told=True)
    killed = machine.ask_in_another_process(tmp_path / "log")
    until(lambda: list(machine.cache.glob(".partial-*/temporal")), "a half-built server")
    killed.kill()
    killed.communicate()
    machine.go()
    assert says(dev_server_binary(quiet)) == "temporal version built by go"
    machine.go_on.touch()
    assert machine.called() == ["go", "go"]
    assert list(machine.cache.glob(".partial-*")) == []
