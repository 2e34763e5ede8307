"""Where the Temporal servers come from: a setting, PATH, the cache, or fetched into the cache.

`python -m local.servers` gets both and prints where they are.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib.metadata import version
from pathlib import Path

from domain.explained import Explained
from local import sources
from local.cache import cache_folder, new_entry, only_one
from local.commands import CommandFailed, run
from local.progress import Progress, StderrProgress


class ServerUnavailable(Explained):
    """No server was found or fetched; the text names each way tried, its failure, and a remedy."""


@dataclass(frozen=True)
class Way:
    """One way to fetch a server: `get` puts the server's executable into the given folder."""

    name: str
    #: The cache folder that it fills. Its name has the version, so that a new pin is fetched anew.
    entry: str
    get: Callable[[Path, Progress], None]


@dataclass(frozen=True)
class Server:
    """One of the two servers, and the ways to get it in order of preference."""

    name: str
    executable: str
    setting: str
    #: Arguments with which the executable prints its name and ends; None if it has no such option.
    proof: tuple[str, ...] | None
    ways: tuple[Way, ...]
    remedy: str


DEV_SERVER = Server(
    name="Temporal dev server",
    executable="temporal",
    setting="FINALITY_TEMPORAL_BINARY",
    proof=("--version",),
    ways=(
        Way(
            "the SDK's download",
            f"temporal-cli-sdk-{version('temporalio')}",
            sources.dev_server_by_sdk,
        ),
        Way("go install", f"temporal-cli-{sources.CLI_VERSION}", sources.dev_server_by_go),
    ),
    remedy="install Go 1.24 or later, or the Temporal CLI",
)

TEST_SERVER = Server(
    name="Temporal time-skipping test server",
    executable="temporal-test-server",
    setting="FINALITY_TEST_SERVER_BINARY",
    proof=None,
    ways=(
        Way(
            "the SDK's download",
            f"temporal-test-server-sdk-{version('temporalio')}",
            sources.test_server_by_sdk,
        ),
        Way(
            "Maven",
            f"temporal-test-server-{sources.TEST_SERVER_VERSION}",
            sources.test_server_by_maven,
        ),
    ),
    remedy="install a Java runtime (11 or later) and Maven",
)


def dev_server_binary(progress: Progress | None = None) -> Path:
    """The `temporal` executable, which contains the real server and its UI.

    The first call on a machine may build it, which takes minutes.

    Args:
        progress: is told what is being done; by default it prints lines on stderr.

    Raises:
        ServerUnavailable: every way to get one failed.
    """
    return binary(DEV_SERVER, progress)


def time_skipping_server_binary(progress: Progress | None = None) -> Path:
    """The executable of the in-memory server that skips time.

    Args, Raises: as `dev_server_binary`.
    """
    return binary(TEST_SERVER, progress)


def binary(server: Server, progress: Progress | None = None) -> Path:
    """The server's executable; its first call on a machine may build it.

    Args, Raises: as `dev_server_binary`.
    """
    if chosen := os.environ.get(server.setting):
        return _as_chosen(server, Path(chosen))
    tried: list[str] = []
    if on_path := shutil.which(server.executable):
        try:
            return _proven(server, Path(on_path))
        except CommandFailed as failure:
            tried.append(f"PATH: {on_path}: {failure}")
    else:
        tried.append(f"PATH: no {server.executable} on it")
    cache = cache_folder()
    if cached := _cached(server, cache):
        return cached
    tried.append(f"cache: none in {cache}")
    if progress is not None:
        return _fetch(server, cache, progress, tried)
    on_stderr = StderrProgress()
    try:
        return _fetch(server, cache, on_stderr, tried)
    finally:
        on_stderr.done()


def _as_chosen(server: Server, chosen: Path) -> Path:
    """The executable that the setting names. If it is wrong, no other one replaces it.

    Raises:
        ServerUnavailable: it is no executable file.
    """
    if not os.access(chosen, os.X_OK) or not chosen.is_file():
        raise ServerUnavailable(
            f"{server.setting} is {chosen}, which is not an executable file; correct or unset it"
        )
    return chosen.absolute()


def _cached(server: Server, cache: Path) -> Path | None:
    for way in server.ways:
        executable = cache / way.entry / server.executable
        if os.access(executable, os.X_OK):
            return executable
    return None


def _fetch(server: Server, cache: Path, progress: Progress, tried: list[str]) -> Path:
    try:
        with only_one(cache, server.executable, progress):
            if cached := _cached(server, cache):  # fetched by the process that held the lock
                return cached
            for way in server.ways:
                try:
                    with new_entry(cache, way.entry) as folder:
                        way.get(folder, progress)
                        _proven(server, folder / server.executable)
                except CommandFailed as failure:
                    tried.append(f"{way.name}: {failure}")
                else:
                    return cache / way.entry / server.executable
    except OSError as error:
        tried.append(f"cache: {error}")
    ways = "\n".join(f"  - {line}" for line in tried)
    raise ServerUnavailable(
        f"no {server.name} could be found or made. Tried:\n"
        f"  - {server.setting}: not set\n{ways}\n"
        f"Remedy: {server.remedy}; or set {server.setting} to an executable."
    )


def _proven(server: Server, executable: Path) -> Path:
    """The executable, after a trial start.

    Raises:
        CommandFailed: it is missing, does not start or is another program.
    """
    if not os.access(executable, os.X_OK):
        raise CommandFailed(f"it left no executable {server.executable}")
    if server.proof is not None:
        answer = run(
            [executable, *server.proof],
            what=f"asking {executable.name} for its version",
            progress=_silently,
            limit=timedelta(seconds=30),
        )
        if not answer.startswith("temporal version"):
            raise CommandFailed(f"it is not the Temporal CLI: it says {answer[:60].strip()!r}")
    return executable


def _silently(what: str, elapsed: timedelta) -> None:
    """A progress that shows nothing."""


def main() -> None:
    """Get both servers, as `make` does before tests and demo."""
    try:
        print(dev_server_binary())
        print(time_skipping_server_binary())
    except ServerUnavailable as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
