"""Which checks a payment passes before its first send."""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from domain.lifecycle.gate import Verdict
from domain.payments.order import Order


class CheckKind(StrEnum):
    """What is checked."""

    APPROVAL = "approval"
    """Whether the people who have to approve have approved."""
    LIMIT = "limit"
    """Whether the amount is within the payer's limit."""
    SCREENING = "screening"
    """Whether any party is on a sanctions list."""
    PAYEE = "payee"
    """Whether the name and the account of the creditor belong together."""


class Check(Protocol):
    """One check. If it fails, it raises: then nothing is sent, and the step is made again."""

    @property
    def kind(self) -> CheckKind:
        """Which of the four kinds it is."""

    async def verdict(self, payment_id: str, order: Order) -> Verdict:
        """Whether the order may be sent now."""
