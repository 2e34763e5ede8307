"""A printed command can be typed, whatever a file is called or calls itself."""

from __future__ import annotations

import shlex
from pathlib import Path

from terminal.pay_options import PayOptions
from terminal.typed import typed, typed_option, typed_path


def test_a_message_id_that_begins_with_a_hyphen_is_no_option() -> None:
    words = shlex.split(typed(["finality", "file", "show"], "-MSG 'ID'"))
    assert words == ["finality", "file", "show", "--", "-MSG 'ID'"]
    assert typed(["finality", "file", "show"], "MSG-1") == "finality file show MSG-1"


def test_a_file_that_begins_with_a_hyphen_is_no_option() -> None:
    assert typed_path(Path("-file.xml")) == "./-file.xml"
    assert shlex.split(PayOptions(file=Path("-file.xml")).command([]))[2] == "./-file.xml"


def test_an_options_value_is_taken_for_nothing_else() -> None:
    assert typed_option("--reference", "ref-1") == "--reference ref-1"
    assert shlex.split(typed_option("--reference", "it's one")) == ["--reference", "it's one"]
    assert shlex.split(typed_option("--reference", "--by me")) == ["--reference=--by me"]
