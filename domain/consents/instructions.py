"""The kinds of instruction of a consent, one row each."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from domain.lifecycle.kinds import Kind, learn

#: What rows and the search attribute `Kind` call a consent.
KIND: Final = "consent"


class ConsentInstruction(StrEnum):
    """What can be asked of a partner about a consent."""

    ASK = "ask"
    """Make the consent at the partner. Nobody has authorised it yet."""
    RENEW = "renew"
    """Have the user authenticate again, for the same consent."""
    ANSWER = "answer"
    """Hand over what the user brought back: a code to exchange, or one that the bank sent them."""
    REVOKE = "revoke"
    """End the consent at the partner."""


learn(
    # A second request makes a second consent that no user ever sees: the link to it is lost with
    # the reply. It ends by itself at the bank.
    Kind(ConsentInstruction.ASK, opens=True, is_harmless=True, lifecycle=KIND),
    Kind(ConsentInstruction.RENEW, is_harmless=True, lifecycle=KIND),
    # A code counts once. A second exchange may end what the first one brought (RFC 6749, 4.1.2).
    Kind(ConsentInstruction.ANSWER, lifecycle=KIND),
    Kind(ConsentInstruction.REVOKE, takes_back=True, is_harmless=True, lifecycle=KIND),
)
