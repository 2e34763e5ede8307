"""What the rest of the product knows about a partner's folder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict

from partners.kit.account import PartnerAccount

if TYPE_CHECKING:
    from partners.interface import ConsentPartner, DataPartner, PaymentPartner, WebhookReader
    from partners.kit.workplace import Workplace

A = TypeVar("A", bound=PartnerAccount)


def not_simulated(webhook_secret: str) -> Mapping[str, Any]:
    """Of a partner without a simulator.

    Raises:
        LookupError: always.
    """
    raise LookupError("the partner has no simulator; its registration names no `simulated`")


@dataclass(frozen=True)
class Registration(Generic[A]):
    """One partner. Its functions import the adapter only when they are called: most commands need
    only the settings, and an adapter takes longer to import than they take to run.

    The partner's name is the registry's to give: it is the name of the field there.
    """

    title: str
    """the partner's own name, for people"""
    account: type[A]
    """the settings of one of our accounts there"""
    make: Callable[[A, Workplace], PaymentPartner]
    """the adapter for one of our accounts"""
    consents: Callable[[A, Workplace], ConsentPartner] | None = None
    """the adapter for consents of one of our accounts; None if the partner gives no access to
    accounts"""
    data: Callable[[A, Workplace], DataPartner] | None = None
    """the adapter that reads accounts with such a consent; None if the partner shows none"""
    webhooks: Callable[[A], WebhookReader] | None = None
    """the reader of webhooks, for an account that has secrets to verify them"""
    simulated: Callable[[str], Mapping[str, Any]] = not_simulated
    """what an account with the partner's simulator needs besides the settings of every account; the
    argument is the secret with which the simulator signs webhooks"""

    @property
    def is_simulated(self) -> bool:
        """Whether the partner has a simulator. If so, `finality up` has an account with it."""
        return self.simulated is not not_simulated


class Registry(BaseModel):
    """The partners and our accounts there: one annotated field per partner, named as the partner
    is named in settings, orders and task queues. A field that carries no `Registration` is a
    mistake in the registry."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @classmethod
    def registrations(cls) -> dict[str, Registration[Any]]:
        """Every partner, by its name."""
        return {
            name: next(each for each in field.metadata if isinstance(each, Registration))
            for name, field in cls.model_fields.items()
        }

    def accounts(self, partner: str) -> Mapping[str, PartnerAccount]:
        """Our accounts with one partner, by our names for them; none with one that is unknown."""
        return getattr(self, partner) if partner in type(self).model_fields else {}
