"""What the product regularly asks of a database, and the index that has to answer it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from domain.payments.intent import Intent
from store.finding import Wanted, matching
from store.halts import Halts
from store.intents import Compared, hashes_of
from store.notifications import Notifications
from store.tasks import Tasks
from store.unmatched import Reference
from tests.fakes import ACCOUNT, BANK, order
from tests.store.books import Store


@dataclass(frozen=True)
class Query:
    """One question. `by` is the index by which the database has to answer it."""

    ask: Callable[[Store], Awaitable[Any]]
    by: str
    each_round: bool = True
    """Whether every round of upkeep asks it, or people and steps do."""


def _rows(**wanted: Any) -> Callable[[Store], Awaitable[Any]]:
    """The first page of a list."""

    async def asked(store: Store) -> Any:
        return await store.database.read(
            lambda session: next(matching(session, Wanted(**wanted), page=100), None)
        )

    return asked


async def _held_back(store: Store) -> Any:
    halts = Halts(store.database)
    number = await halts.halt(by="alice", why="", now=store.clock.now())
    await halts.held_back(number)
    await halts.lift(number, by="alice", now=store.clock.now())
    await Notifications(store.database).notify_held_back(number, store.clock.now(), None)


async def _repeated(store: Store) -> Any:
    intent = Intent.of(order(store.clock.now()))
    hashes = hashes_of(intent, store.keyring)
    await store.database.read(lambda s: Compared(s, [(intent, hashes)], store.clock.now()))


QUERIES: dict[str, Query] = {
    "runs that are late": Query(
        lambda s: Notifications(s.database).overdue(s.clock.now(), limit=200),
        "ix_lifecycles_tell_at"),
    "commands not told of": Query(
        lambda s: Notifications(s.database).commands(asked_through=s.clock.now(), limit=200),
        "ix_commands_untold"),
    "news not told of": Query(
        lambda s: s.inbox.unnotified(s.clock.now(), limit=200), "ix_inbox_tell_at"),
    "deliveries that match no payment": Query(
        lambda s: s.inbox.unmatched(s.clock.now(), limit=50), "ix_inbox_unmatched"),
    "the deliveries of one reference": Query(
        lambda s: s.inbox.ask_whose(Reference(BANK, ACCOUNT, "at like~7"), s.clock.now()),
        "ix_inbox_partner_reference", False),
    "payments not started": Query(
        lambda s: s.payments.unstarted(created_before=s.clock.now(), limit=200),
        "ix_lifecycles_unstarted"),
    "questions by time": Query(
        lambda s: s.payments.escalate(s.clock.now() - timedelta(days=999), limit=50),
        "ix_lifecycles_escalates_at"),
    "questions overdue": Query(
        lambda s: Tasks(s.database).overdue(s.clock.now(), limit=200), "ix_tasks_open"),
    "questions": Query(lambda s: Tasks(s.database).open(limit=50), "ix_tasks_open", False),
    "what a halt held back": Query(_held_back, "ix_lifecycles_state", False),
    "the same payment": Query(_repeated, "ix_payments_intent_hash", False),
    "the newest payments": Query(_rows(), "ix_lifecycles_created_at", False),
    "the newest of a tenant": Query(_rows(tenant="tenant 7"), "ix_lifecycles_tenant", False),
    "the newest in a state": Query(_rows(state="submitting"), "ix_lifecycles_state", False),
    "by end-to-end id": Query(
        _rows(tenant="tenant 7", end_to_end_id="e"), "ix_partner_references_end_to_end", False),
}  # fmt: skip
