"""Quotes commands that are printed for a person to run, whatever text others put into them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path


def typed(words: Iterable[str], argument: str) -> str:
    """A command with one argument, which is not read as an option even if it begins with "-"."""
    guard = ["--"] if argument.startswith("-") else []
    return shlex.join([*words, *guard, argument])


def typed_option(option: str, value: str) -> str:
    """An option with a value, which is not read as an option even if it begins with "-"."""
    joined = value.startswith("-")
    return shlex.join([f"{option}={value}"] if joined else [option, value])


def typed_path(path: Path) -> str:
    """A path that is not read as an option even if it begins with "-"."""
    text = str(path)
    return f"./{text}" if text.startswith("-") else text
