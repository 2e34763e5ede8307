"""Currencycloud's error bodies: the code of a whole request, and a code for each field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transport.json_text import NotJson, UnsafeJson, parse

_TEXT_LENGTH_MAX: Final = 500
_CODE_LENGTH_MAX: Final = 100
_REASONS_MAX: Final = 50


@dataclass(frozen=True)
class Refusal:
    """An error body: the code of the whole request, and its reasons as (field, code)."""

    code: str
    reasons: tuple[tuple[str, str], ...]
    text: str

    @property
    def codes(self) -> frozenset[str]:
        """The code of the whole request and those of its reasons."""
        return frozenset({self.code, *(code for _, code in self.reasons)})


def read_refusal(body: str) -> Refusal | None:
    """The error body; None if the body is not in their format.

    Their own recordings show `error_messages` as a list of reasons per field, as one reason
    without a list, as a bare string, and reasons without a code.
    """
    try:
        whole = parse(body)
    except (NotJson, UnsafeJson):
        return None
    if not isinstance(whole, dict) or not isinstance(whole.get("error_code"), str):
        return None
    code: str = whole["error_code"][:_CODE_LENGTH_MAX]
    found: list[tuple[str, str]] = []
    texts: list[str] = []
    messages = whole.get("error_messages")
    for name, reasons in messages.items() if isinstance(messages, dict) else ():
        for reason in reasons if isinstance(reasons, list) else [reasons]:
            if not isinstance(reason, dict):
                continue
            if isinstance(reason.get("code"), str):
                found.append((name[:_CODE_LENGTH_MAX], reason["code"][:_CODE_LENGTH_MAX]))
            if text := reason.get("message") or reason.get("code"):
                texts.append(f"{name}: {text}")
    if isinstance(messages, str):
        texts.append(messages)
    if len(found) > _REASONS_MAX:
        return None  # A part of the reasons could seem to prove more than all of them do.
    return Refusal(code, tuple(found), ("; ".join(texts) or code)[:_TEXT_LENGTH_MAX])
