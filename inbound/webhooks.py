"""Webhooks: a delivery is verified, stored in the inbox, and then the payment's run is notified.

A delivery carries no state. It only causes a read of the payment, so a replayed delivery can at
most repeat a read that is owed anyway (docs/decisions/0006).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from domain.clock import Clock
from domain.lifecycle.answers import WebhookRefused
from domain.payments.view import KIND

if TYPE_CHECKING:
    from partners.interface import WebhookReader
    from store.inbox import Arrival, Inbox

log = logging.getLogger("finality.inbound")


class Runner(Protocol):
    """Starts payments' workflows. `starter.running.Running` implements it."""

    async def ensure_running(self, tenant: str, resource_id: str, kind: str = KIND) -> None:
        """Start the workflow of a resource of this kind, or have the running one look again."""


class NobodyListens(LookupError):
    """There is no such account, or it has no secret to verify deliveries with."""


class Webhooks:
    """Receives what partners deliver.

    Args:
        readers: by partner and our name of the account; only accounts with a secret.
        runner: returns the `Runner`. It is called late, since Temporal may be away.
        away: the exceptions that `runner` and its calls raise if the relay has to do it later.
    """

    def __init__(
        self,
        *,
        readers: Mapping[tuple[str, str], WebhookReader],
        inbox: Inbox,
        runner: Callable[[], Awaitable[Runner]],
        clock: Clock,
        away: tuple[type[Exception], ...],
    ) -> None:
        self._readers = readers
        self._inbox = inbox
        self._runner = runner
        self._clock = clock
        self._away = away
        self._refused: Counter[tuple[str, str]] = Counter()

    async def take(
        self, partner: str, account: str, headers: Mapping[str, str], body: bytes
    ) -> Arrival | None:
        """Store a delivery whose sender is proven. None if we do not use its kind.

        When this returns, the delivery is in the inbox, once, however often it is delivered.

        Raises:
            NobodyListens: no webhooks are taken for this account.
            WebhookRefused: the delivery is forged, stale, or cannot be understood. It had no
                effect.
            StoreAway: the database is away.
        """
        reader = self._readers.get((partner, account))
        if reader is None:
            raise NobodyListens(f"no webhooks are accepted for {partner:.40}/{account:.40}")
        now = self._clock.now()
        try:
            webhook = reader.read_webhook(headers, body, now)
        except WebhookRefused as refused:
            self._refused[partner, account] += 1
            log.warning(
                "%s/%s: webhook refused: %s (%d since the start)",
                partner,
                account,
                refused,
                self._refused[partner, account],
            )
            raise
        if not webhook.is_for_us or webhook.partner_reference is None:
            log.info("%s/%s: %.80r is of no use to us", partner, account, webhook.kind)
            return None
        arrival = await self._inbox.put(
            partner=partner,
            partner_account=account,
            event_key=webhook.event_key,
            partner_reference=webhook.partner_reference,
            body=body,
            now=now,
        )
        log.info(
            "%s/%s: %.80r %s %s",
            partner,
            account,
            webhook.kind,
            "for" if arrival.is_new else "again for",
            arrival.payment_id or "no payment yet",
        )
        return arrival

    async def notify(self, arrival: Arrival) -> None:
        """Have the payment's run look again. If that fails, the relay does it later."""
        if not arrival.is_new or arrival.tenant is None or arrival.payment_id is None:
            return
        try:
            runner = await self._runner()
            await runner.ensure_running(arrival.tenant, arrival.payment_id, arrival.kind)
        except self._away as away:
            log.warning("%s is notified later by the relay: %s", arrival.payment_id, away)
