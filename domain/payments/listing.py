"""A partner's list of payments, which is compared with our database."""

from __future__ import annotations

from dataclasses import dataclass

from domain.lifecycle.places import is_same_place
from domain.lifecycle.profile import Idempotency, InstructionKind, Profile


@dataclass(frozen=True)
class Listing:
    """The list of one of our accounts, at the place that the settings name today.

    Another place under the same account name is another bank. Its list must not move this place's
    mark, which says how far the list was compared.
    """

    partner: str
    account: str
    idempotency: Idempotency
    place: str = ""
    formerly: tuple[str, ...] = ()

    @classmethod
    def of(cls, partner: str, account: str, profile: Profile) -> Listing:
        """The list of an account, with today's profile."""
        idempotency = profile.operation(InstructionKind.PAY).idempotency
        return cls(partner, account, idempotency, profile.environment, profile.formerly)

    def is_at(self, known: str) -> bool:
        """Whether a row belongs to this place. Rows of earlier releases name no place and do."""
        return is_same_place(known, self.place, self.formerly)
