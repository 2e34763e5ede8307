"""What a program with a key of the HTTP API may do."""

from __future__ import annotations

from enum import StrEnum


class Scope(StrEnum):
    """One right of a key. None includes another."""

    PAY = "pay"
    """Order payments, collections and files; capture, refund and cancel them."""
    READ = "read"
    """Read payments, collections, consents, files and events."""
    CONNECT = "connect"
    """Ask for, renew and end consents; get the address at which their user acts."""
    ACCOUNTS = "accounts"
    """Read users' bank accounts, with full account numbers, and have them read anew."""
    OPERATE = "operate"
    """Read tasks and halts; manage webhook endpoints and their deliveries."""
