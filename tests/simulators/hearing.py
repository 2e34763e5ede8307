"""What a receiver of notifications knows and looks at."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from tests.polling import until
from tests.simulators.conftest import SECRET, Client

DIGEST = "x-hmac-digest-sha-512"
READY = "payment_ready_to_send_notification"
RELEASED = "payment_released_notification"
FAILED = "payment_failed_notification"
COMPLIANCE = "payment_compliance_failed_notification"
FUNDING = "cash_manager_transaction_notification"


def signature(body: bytes, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), body, hashlib.sha512).hexdigest()


def deliveries(client: Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.control("webhooks")["deliveries"]
    return found


def states(client: Client) -> list[str]:
    return [delivery["state"] for delivery in deliveries(client)]


def until_states(client: Client, *expected: str) -> None:
    until(lambda: states(client) == list(expected), f"deliveries {expected}")


def until_attempted(client: Client, attempts: int) -> None:
    """So many attempts at its only delivery are over."""
    until(
        lambda: [each["attempts"] for each in deliveries(client)] == [attempts],
        f"{attempts} attempts at the delivery",
    )
