"""What the suite has to know of a partner. Everything else is in its profile and registration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from domain.payments.order import Order
from partners.kit.registration import Registry
from tests.partners.currencycloud.scripted import ORDER


@dataclass(frozen=True)
class Words:
    """One partner's words.

    Attributes:
        name: the partner's, in the registry.
        simulator: the module that is run.
        delays: seconds of the simulator's stages: each at least one, so that a payment stands still
            until a test lets time pass.
        settles_after: enough of those seconds for a payment to be settled.
        pay, find, read, cancel: method and path of each request, as fault rules name them. Without
            a `cancel`, what was accepted cannot be taken back; without a `find`, nothing is found
            by our own keys.
        parent: the same for a look-up of the object that a payment uses up, which finds nothing by
            our own keys.
        listing: the same for the list of payments, if that is not the one of `find`.
        feed: the same for the list of events; empty if the partner has none.
        refund: the same for a refund; empty if the partner has none.
        refused: parameters of the fault `refused` for a refusal that is final.
        undocumented: the same for words that nobody documented.
        cancelled: the partner's status of a payment that was taken back.
        order: what is ordered of the simulator at an address.
        held: what the simulator's book calls what it executes.
        title: tells the entries of one partner from each other.
        settings: what an account with the simulator at an address needs besides what its
            registration says; it may register us there.
        approve: what a payer brings back from the bank's page, who approves before the send.
        token_lasts: seconds after which an unused token ends; 0 if the partner's account does not
            log in.
    """

    registry: type[Registry]
    name: str
    simulator: str
    delays: Mapping[str, float]
    settles_after: float
    pay: str
    read: str
    refused: Mapping[str, Any]
    undocumented: Mapping[str, Any]
    find: str = ""
    parent: str = ""
    cancel: str = ""
    cancelled: str = ""
    listing: str = ""
    feed: str = ""
    refund: str = ""
    order: Callable[[str], Order] = lambda address: ORDER
    held: str = "payments"
    title: str = ""
    token_lasts: float = 0
    settings: Callable[[str], Mapping[str, Any]] = lambda address: {}
    approve: Callable[[str], Mapping[str, str]] = lambda page: {}

    @property
    def lists(self) -> str:
        """The request that lists payments; empty if the partner has none."""
        return self.listing or self.find

    @property
    def notifies(self) -> bool:
        """Whether the partner sends webhooks."""
        return self.registry.registrations()[self.name].webhooks is not None
