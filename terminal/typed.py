"""Commands that are printed to be typed, whatever stands in the words of others."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path


def typed(words: Iterable[str], argument: str) -> str:
    """A command with one argument, which is no option even where it begins with a hyphen."""
    guard = ["--"] if argument.startswith("-") else []
    return shlex.join([*words, *guard, argument])


def typed_option(option: str, value: str) -> str:
    """An option with its value, which is no option itself even where it begins with a hyphen."""
    joined = value.startswith("-")
    return shlex.join([f"{option}={value}"] if joined else [option, value])


def typed_path(path: Path) -> str:
    """A path that no command takes for an option."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text
