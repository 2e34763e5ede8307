"""Where an account with a partner is, and whether that is where a payment was given.

At another place the partner never heard of the payment, which proves nothing: to ask there would
end in a second payment. So a payment keeps the place, and waits where the settings name another.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from typing import Final
from urllib.parse import urlsplit

_PORTS: Final = {"https": 443, "http": 80}


def place(base_url: str, login_id: str, book: str | None = None) -> str:
    """Scheme, host, port and login in one line.

    Args:
        login_id: shown as a hash, since it is often somebody's e-mail address.
        book: what a simulator's book is known by. Its port is a free one each time it starts.
    """
    url = urlsplit(base_url)
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    port = url.port or _PORTS.get(url.scheme, 0)
    address = f"{url.scheme}://{host}:{port}" if book is None else f"{url.scheme}://{host} {book}"
    return f"{address} login {hashlib.sha256(login_id.encode()).hexdigest()[:12]}"


def is_same_place(known: str, today: str, formerly: Collection[str] = ()) -> bool:
    """Whether a payment that was given at `known` may be sent and asked about at `today`.

    Args:
        formerly: other names of the same place, which a person has put into the settings.
    """
    if known in ("", today, *formerly):
        return True
    # The first releases kept the host alone.
    return "://" not in known and known == urlsplit(today.partition(" ")[0]).hostname
