"""Writes a pain.002 to a file: complete or not at all."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Final

from messages.pain002 import FileStatus, write

USUAL_VERSION: Final = "pain.002.001.10"


class NotWritten(OSError):
    """The report could not be written; the text says why."""


def as_xml(report: FileStatus, version: str = USUAL_VERSION) -> bytes:
    """The report as XML in UTF-8."""
    written = BytesIO()
    write(report, version, written)
    return written.getvalue()


def put(xml: bytes, out: Path) -> None:
    """Write the report, replacing an existing file.

    Raises:
        NotWritten: the folder is missing or not writable, or the disk is full.
    """
    aside = out.with_name(f".{out.name}.part")
    try:
        aside.write_bytes(xml)
        os.replace(aside, out)
    except OSError as error:
        raise NotWritten(f"{out} cannot be written: {error.strerror}") from None


def try_out(out: Path) -> None:
    """Check before anything is paid that `out` can be written; an existing file stays as it is.

    Raises:
        NotWritten: it cannot be written.
    """
    if out.is_dir():
        raise NotWritten(f"{out} cannot be written: it is a folder")
    aside = out.with_name(f".{out.name}.part")
    try:
        aside.write_bytes(b"")
        aside.unlink()
    except OSError as error:
        raise NotWritten(f"{out} cannot be written: {error.strerror}") from None
