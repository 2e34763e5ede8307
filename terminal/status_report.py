"""A pain.002 as a file that is there whole or not at all."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Final

from messages.pain002 import FileStatus, write

USUAL_VERSION: Final = "pain.002.001.10"


class NotWritten(OSError):
    """The report could not be put there; the text says why."""


def as_xml(report: FileStatus, version: str = USUAL_VERSION) -> bytes:
    """The report's text, in UTF-8."""
    written = BytesIO()
    write(report, version, written)
    return written.getvalue()


def put(xml: bytes, out: Path) -> None:
    """Write it in place of what was there.

    Raises:
        NotWritten: the folder is missing, full, or not ours to write to.
    """
    aside = out.with_name(f".{out.name}.part")
    try:
        aside.write_bytes(xml)
        os.replace(aside, out)
    except OSError as error:
        raise NotWritten(f"{out} cannot be written: {error.strerror}") from None


def try_out(out: Path) -> None:
    """Find out before anything is done whether it can be put there; what is there stays.

    Raises:
        NotWritten: it cannot.
    """
    if out.is_dir():
        raise NotWritten(f"{out} cannot be written: it is a folder")
    aside = out.with_name(f".{out.name}.part")
    try:
        aside.write_bytes(b"")
        aside.unlink()
    except OSError as error:
        raise NotWritten(f"{out} cannot be written: {error.strerror}") from None
