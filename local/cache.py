"""The cache folder for fetched and built servers, safe for several processes at once."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from local.progress import Progress

_PARTIAL = ".partial-"


def cache_folder() -> Path:
    """`FINALITY_CACHE`, else `finality` in the user's cache folder."""
    if chosen := os.environ.get("FINALITY_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finality"


@contextmanager
def only_one(cache: Path, name: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of one cache entry; a second process waits and reports that it waits.

    The kernel releases the lock when its holder dies, so a killed process blocks no other.
    """
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / f".{name}.lock").open("w") as lock:
        started = time.monotonic()
        while not _try_lock(lock.fileno()):
            elapsed = timedelta(seconds=time.monotonic() - started)
            progress(f"waiting for another process that is getting the {name}", elapsed)
            time.sleep(0.5)
        yield


def _try_lock(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextmanager
def new_entry(cache: Path, entry: str) -> Iterator[Path]:
    """A folder to fill; it becomes `cache/entry` only if the block ends without an exception.

    Call it under `only_one`. All files are synced to disk before the rename, so that even a power
    cut cannot leave a half-filled entry that looks complete.
    """
    for left_behind in cache.glob(f"{_PARTIAL}{entry}-*"):
        shutil.rmtree(left_behind, ignore_errors=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{_PARTIAL}{entry}-", dir=cache))
    try:
        partial.chmod(0o755)
        yield partial
        _sync(partial)
        shutil.rmtree(cache / entry, ignore_errors=True)
        partial.rename(cache / entry)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _sync(folder: Path) -> None:
    for path in [*folder.rglob("*"), folder]:
        file = os.open(path, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
