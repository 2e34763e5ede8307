"""The place of an account with a partner, and whether a payment was accepted for that place.

A partner at another place has no record of the payment, which proves nothing. A lookup there could
end in a second payment. So a payment keeps its place, and waits while the settings name another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final, NamedTuple
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}


def place(base_url: str, login_id: str, book: str | None = None) -> str:
    """Scheme, host, port and login in one line.

    Args:
        base_url: the address of the partner's API.
        login_id: included as a hash, since it is often an e-mail address.
        book: identifies a simulator's book and replaces the port, which differs at each start.
    """
    url = urlsplit(base_url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    port = url.port or _PORTS.get(url.scheme, 0)
    address = f"{url.scheme}://{host}:{port}" if book is None else f"{url.scheme}://{host} {book}"
    return f"{address} login {hashlib.sha256(login_id.encode()).hexdigest()[:12]}"


def is_same_place(known: str, today: str, formerly: Collection[str] = ()) -> bool:
    """Whether a payment that was accepted for `known` may be sent and looked up at `today`.

    Args:
        known: the payment's place; empty if an earlier release accepted it.
        today: the place in the settings.
        formerly: other names of the same place, which a person put into the settings.
    """
    if known in ("", today, *formerly):
        return True
    # The first releases kept only the host.
    return "://" not in known and known == urlsplit(today.partition(" ")[0]).hostname


class AccountPlace(NamedTuple):
    """One of our accounts, at the place that the settings name today."""

    partner: str
    account: str
    place: str = ""
    formerly: tuple[str, ...] = ()

    def is_at(self, known: str) -> bool:
        """Whether a row belongs to this place."""
        return is_same_place(known, self.place, self.formerly)
