"""The base of errors that a person can correct. A command prints their text, and no stack trace."""

from __future__ import annotations


class Explained(Exception):
    """The text says what happened and what to do; it holds no secret and no account number."""
