"""The idempotency keys of requests about webhooks, and what each key stands for."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from store.locks import hold
from store.tables.webhooks import WebhookRequestRow


class WebhookKeyReused(ValueError):
    """The idempotency key stands for another request. Nothing was done."""

    def __init__(self, key: str, result: str) -> None:
        super().__init__(f"key {key!r} was used for another request about webhooks; use a new key")
        self.result = result


def take_key(session: Session, tenant: str, key: str, fingerprint: str) -> WebhookRequestRow | None:
    """The request that an idempotency key stands for; None if the key is free. Locks the key.

    Raises:
        WebhookKeyReused: the key stands for another request.
    """
    hold(session, f"webhook-request/{tenant}/{key}")
    row = session.get(WebhookRequestRow, (tenant, key))
    if row is not None and row.fingerprint != fingerprint:
        raise WebhookKeyReused(key, row.result)
    return row


def note_key(
    session: Session, tenant: str, key: str, fingerprint: str, result: str, now: datetime
) -> None:
    """Record what a key stands for, in the transaction that does it."""
    session.add(
        WebhookRequestRow(
            tenant=tenant, key=key, fingerprint=fingerprint, result=result, asked_at=now
        )
    )
