"""Bugs: what is remembered, and who is told."""

from __future__ import annotations

import asyncio
from typing import Any

import temporalio.activity
from sqlmodel import col, update

import store.folding
import store.inbox
import store.sending
import store.views
from activities.upkeep import Upkeep
from domain.payments.kind import PaymentKind
from domain.payments.report import PaymentState, Report, Source
from store.evidence import keep_report
from store.notifications import Notifications
from store.tables.lifecycles import LifecycleRow
from store.tables.partners import InboxRow
from tests.proof.planted.bug import everywhere, planted
from tests.store.books import PAYMENTS


@planted("an order is acknowledged before it is stored")
def acknowledged_before_stored() -> None:
    from store.payments import Payments

    accept, later = Payments.accept_many, set[Any]()

    async def accepts(self: Any, many: Any, now: Any) -> Any:
        keys = [(one.key, one.fingerprint) for one in many]
        known = await self.known_of(many[0].order.tenant, keys)
        if all(known):
            return known

        class Undone(Exception):
            pass

        write = self._database.write
        told: list[Any] = []

        async def only_try(transaction: Any) -> Any:
            def tried(session: Any) -> None:
                told.append(transaction(session))
                raise Undone

            try:
                self._database.write_now(tried)
            except Undone:
                return told[0]

        self._database.write = only_try
        try:
            acceptance = await accept(self, many, now)
        finally:
            del self._database.write

        async def store() -> None:
            await asyncio.sleep(0.02)  # By then the app has been told.
            self._database.write = write
            await accept(self, many, now)

        task = asyncio.get_running_loop().create_task(store())
        later.add(task)
        return acceptance

    Payments.accept_many = accepts  # type: ignore[method-assign]


@planted("a transaction is answered before its commit", "tests/store/test_together.py")
def answered_before_the_commit() -> None:
    from store.database import _Run

    answer = _Run._answer

    def answers_now(self: Any, connection: Any, one: Any) -> Any:
        answer(self, connection, one)()
        return lambda: None

    _Run._answer = answers_now  # type: ignore[method-assign]


@planted("rows that were read before the lock count after it", "tests/store/test_page.py")
def a_page_is_kept_over_the_lock() -> None:
    from store import payments

    def kept(_session: Any, _resource_id: str) -> None:
        return

    payments.turn_page = kept  # type: ignore[assignment, attr-defined]


@planted("the same key with another order is answered as if it were the same",
         "tests/store/test_accepting.py", "tests/starter/test_client.py")  # fmt: skip
def no_fingerprint() -> None:
    import store.accepting as accepting

    everywhere(accepting._require_same, lambda *_: None)


@planted("what a partner delivers is believed without a read", "tests/inbound/test_endpoint.py")
def a_webhook_is_believed() -> None:
    put = store.inbox.Inbox.put

    async def puts(self: Any, **given: Any) -> Any:
        arrival = await put(self, **given)
        if arrival.payment_id is not None:

            def believe(session: Any) -> None:
                report = Report(
                    instruction_id=f"{arrival.payment_id}/pay/1",
                    source=Source.READ,
                    as_of=given["now"],
                    state=PaymentState.SETTLED,
                    partner_status="completed",
                    partner_reference=given["partner_reference"],
                )
                keep_report(session, str(arrival.payment_id), report, given["now"])
                row = session.get(LifecycleRow, arrival.payment_id)
                store.folding.Folding(self._keyring, PAYMENTS).refold(session, row, given["now"])

            self._database.write_now(believe)
        return arrival

    store.inbox.Inbox.put = puts  # type: ignore[method-assign]


@planted("a read marks deliveries that came after it was asked",
         "tests/store/test_inbox.py", "tests/attacks")  # fmt: skip
def an_earlier_read_covers_later_news() -> None:
    original = store.inbox.mark_read

    def marks(session: Any, payment_id: str, through: int, now: Any) -> None:
        original(session, payment_id, 1 << 60, now)

    everywhere(original, marks)


@planted("nobody finds what was terminated")
def no_sweep() -> None:
    async def nothing(self: Any) -> int:
        return 0

    Upkeep.sweep = temporalio.activity.defn(nothing)  # type: ignore[method-assign]


@planted("a round of upkeep forgets the runs that are late with a step")
def the_overdue_are_forgotten() -> None:
    async def none_is_late(self: Any, now: Any, *, limit: int) -> list[tuple[str, str]]:
        return []

    Notifications.overdue = none_is_late  # type: ignore[method-assign]


@planted("a delivery is told once, whatever becomes of the run that was told",
         "tests/store/test_inbox.py", "tests/activities/test_upkeep.py")  # fmt: skip
def news_is_told_once() -> None:
    notified = store.inbox.Inbox.notified

    async def forgets(self: Any, payment_ids: Any, now: Any) -> None:
        await notified(self, payment_ids, now)
        rows = update(InboxRow).where(col(InboxRow.resource_id).in_(payment_ids))
        self._database.write_now(lambda session: session.exec(rows.values(notify_at=None)))

    store.inbox.Inbox.notified = forgets  # type: ignore[method-assign]


@planted("what is in doubt and cannot be asked is dropped without a question")
def nobody_is_asked() -> None:
    everywhere(store.folding._questions, lambda *_: {})

    def no_ladder(self: Any, folded: Any, rail: str) -> tuple[()]:
        return ()

    def no_questions(self: Any, folded: Any, reads: int) -> dict[str, Any]:
        return {}

    PaymentKind.ladder = no_ladder  # type: ignore[method-assign]
    PaymentKind.questions = no_questions  # type: ignore[method-assign]
