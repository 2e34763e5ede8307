"""A printed command can be typed, whatever a file is called or calls itself."""

from __future__ import annotations

import shlex
from pathlib import Path

from terminal.typed import typed, typed_path
from terminal.wishes import Wishes


def test_a_message_id_that_begins_with_a_hyphen_is_no_option() -> None:
    words = shlex.split(typed(["finality", "file", "show"], "-MSG 'ID'"))
    assert words == ["finality", "file", "show", "--", "-MSG 'ID'"]
    assert typed(["finality", "file", "show"], "MSG-1") == "finality file show MSG-1"


def test_a_file_that_begins_with_a_hyphen_is_no_option() -> None:
    assert typed_path(Path("-file.xml")) == "./-file.xml"
    assert shlex.split(Wishes(file=Path("-file.xml")).command([]))[2] == "./-file.xml"
