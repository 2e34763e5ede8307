"""What an adapter is given to work with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from domain.clock import Clock
    from partners.interface import LoginBook, PreparedBook
    from transport.http import Transport
    from transport.identity import Identity


class MakesTransport(Protocol):
    """Makes the HTTP transport to one address."""

    def __call__(self, base_url: str, *, identity: Identity | None = None) -> Transport:
        """Args:
        identity: our client certificate there, if the partner wants one.
        """


@dataclass(frozen=True)
class Workplace:
    """Everything that an adapter gets besides its account's settings.

    An adapter opens no database, no socket and no file of its own, so that all processes share
    what it keeps, and a test can replace everything it touches.
    """

    clock: Clock
    """ours; a report's date is the moment at which its request was sent"""
    logins: LoginBook
    """tokens, kept in the store and shared by all processes"""
    prepared: PreparedBook
    """objects made at the partner before a payment, each of them once"""
    transport: MakesTransport
