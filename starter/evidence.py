"""What an operator attaches to show that a payment was not executed."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

from domain.card_numbers import shows_card_number
from starter.asking import InvalidCommand

#: Enough for a scanned letter. Evidence is stored sealed, with its command.
EVIDENCE_BYTES_MAX: Final = 5 * 1024 * 1024


def check_evidence(evidence: bytes) -> None:
    """Require evidence that can be stored.

    Raises:
        InvalidCommand: it is empty, or longer than `EVIDENCE_BYTES_MAX`, or a text that shows a
            card number. What an image shows cannot be checked.
    """
    if not evidence.strip():
        raise InvalidCommand("evidence: is empty; attach what shows that nothing was executed")
    if len(evidence) > EVIDENCE_BYTES_MAX:
        raise InvalidCommand(
            f"evidence: is longer than {EVIDENCE_BYTES_MAX // 1024**2} MiB; attach the part that "
            "shows it"
        )
    with suppress(UnicodeDecodeError):
        if shows_card_number(evidence.decode()):
            raise InvalidCommand(
                "evidence: shows a card number, which is stored nowhere; cover all but its last "
                "four digits"
            )
