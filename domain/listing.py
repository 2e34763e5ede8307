"""A partner's list of payments, as it is compared with what we know."""

from __future__ import annotations

from dataclasses import dataclass

from domain.places import is_same_place
from domain.profile import Idempotency, InstructionKind, Profile


@dataclass(frozen=True)
class Listing:
    """The list of one of our accounts, at the place where the settings have it today.

    Another place under the same name is another bank: what it shows must not move the mark up to
    which the list of this one was compared.
    """

    partner: str
    account: str
    idempotency: Idempotency
    place: str = ""
    formerly: tuple[str, ...] = ()

    @classmethod
    def of(cls, partner: str, account: str, profile: Profile) -> Listing:
        """The list of an account that behaves like this today."""
        idempotency = profile.operation(InstructionKind.PAY).idempotency
        return cls(partner, account, idempotency, profile.environment, profile.formerly)

    def is_at(self, known: str) -> bool:
        """Whether a row was written of this place. Earlier releases wrote none."""
        return is_same_place(known, self.place, self.formerly)
