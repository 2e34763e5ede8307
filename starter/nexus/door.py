"""A door: where the workflows of another team come in, and what they may do."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from store.keyring import Keyring, KeyringError


@dataclass(frozen=True, repr=False)
class Door:
    """What one other team may do. Who has a key of the keyring and reaches the door, may do it.

    Attributes:
        name: the door's, in the settings.
        tenant: whose payments it orders and sees.
        accounts: partner accounts it may use besides those of the tenant's debtors.
        keyring: what both teams seal with.
    """

    name: str
    tenant: str
    accounts: frozenset[tuple[str, str]]
    keyring: Keyring

    @property
    def by(self) -> str:
        """Who asks, for timelines."""
        return f"nexus/{self.name}"


def door(
    name: str, tenant: str, accounts: Collection[str], keyring_file: Path, own: Keyring
) -> Door:
    """The door that the settings describe.

    Args:
        accounts: each as PARTNER/ACCOUNT.
        own: our own keyring, which no other team may have.

    Raises:
        KeyringError: the door has no keyring, or one with a key of ours.
    """
    where = f"nexus.{name}.keyring_file"
    if not keyring_file.is_file():
        raise KeyringError(
            f"{where}: there is no file {keyring_file}; write a line of `finality new-key` there, "
            "and give the same line to the other team"
        )
    keyring = Keyring.read(keyring_file)
    if (shared := keyring.shared_with(own)) is not None:
        raise KeyringError(
            f"{where}: the key {shared!r} is in our own keyring, too, which opens every "
            "payment; make another one with `finality new-key`"
        )
    named = (account.partition("/") for account in accounts)
    return Door(name, tenant, frozenset((one, other) for one, _, other in named), keyring)


def apart(doors: Iterable[Door]) -> list[Door]:
    """The doors, if no key is in the keyrings of two.

    A seal does not name its door. With a shared key, what one team sealed would count at the other
    one's door, too: an order would be paid twice, the second time for another tenant.

    Raises:
        KeyringError: two doors share a key.
    """
    made = list(doors)
    for one, other in combinations(made, 2):
        if (shared := other.keyring.shared_with(one.keyring)) is not None:
            raise KeyringError(
                f"nexus.{other.name}.keyring_file: the key {shared!r} is in the keyring of "
                f"nexus.{one.name}, too; make another one for each door with `finality new-key`"
            )
    return made
