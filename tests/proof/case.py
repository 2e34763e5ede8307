"""One test's own payments in a shared world: orders, faults that meet only them, their books."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from typing import Any

from sqlmodel import col, select

from domain.lifecycle.resource import Certainty
from domain.payments.intent import Intent
from domain.payments.order import Order
from domain.payments.report import PaymentState
from starter.client import Receipt
from store.records import PaymentRecord
from store.tables.people import TaskRow
from store.timeline import Timelines
from terminal.table import as_object
from tests.proof.checker import Comparison, compare, report
from tests.proof.world import World, order

#: The request by which money is asked to move.
SEND = "POST /v2/payments/create"
FIND = "GET /v2/payments/find"
READ = "GET /v2/payments/*"


class Case:
    """Payments whose references begin with a word of this test alone."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.number = next(world.cases)
        self.prefix = f"{name}-{self.number}-"
        self.orders: dict[str, Order] = {}
        self.payments: dict[str, str] = {}
        """Payment id by key."""

    def order(self, **changes: Any) -> Order:
        """The next order: a creditor account, an amount and a reference of its own."""
        number = len(self.orders) + 1
        values = {"minor": self.number * 1_00_00 + number} | changes
        made = order(f"{self.prefix}{number}", self.number * 1000 + number, **values)
        self.orders[made.end_to_end_id] = made
        return made

    async def pay(
        self, given: Order | None = None, key: str | None = None, *, file: str | None = None
    ) -> Receipt:
        """Journal it, give it, journal the answer; the key is the reference unless given.

        `file` makes it a line of that file, which the others of it do not repeat.
        """
        given = given or self.order()
        key = key or given.end_to_end_id
        self.world.journal.intend(key, given)
        receipt = await self.world.assembly.orchestrator.pay(
            given, key, intent=Intent.of(given, batch=file), patience=None
        )
        self.world.journal.acknowledged(key, receipt.payment_id)
        self.payments[key] = receipt.payment_id
        return receipt

    async def fault(
        self,
        name: str,
        on: str = SEND,
        *,
        times: int | None = 1,
        reference: str = "*",
        **param: Any,
    ) -> int:
        """Have the simulator misbehave towards this test's payments; the rule's id."""
        match = {"reference": f"{self.prefix}{reference}"}
        rule = {"fault": name, "on": on, "times": times, "match": match, "param": param}
        ids: list[int] = (await self.world.simulator.control("POST", "faults", [rule]))["ids"]
        return ids[0]

    async def fired(self, rule: int) -> int:
        """How often that rule really hit a request."""
        book = await self.world.book()
        return sum(fired["rule"] == rule for fired in book["faults_fired"])

    async def until(
        self,
        payment_id: str,
        seen: Callable[[PaymentRecord], object],
        what: str,
        seconds: float = 60,
    ) -> PaymentRecord:
        """The payment as soon as it is as wanted; fails with its whole story if it never is."""
        deadline = time.monotonic() + seconds
        while not seen(
            record := await self.world.assembly.orchestrator.get(payment_id, tenant=None)
        ):
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not seen within {seconds} s: {what}\n{await self.story(payment_id)}"
                )
            await asyncio.sleep(0.05)
        return record

    async def until_state(
        self, payment_id: str, *states: PaymentState, seconds: float = 60
    ) -> PaymentRecord:
        """In one of the states, and certain of it."""

        def there(record: PaymentRecord) -> bool:
            certain = record.payment.certainty is not Certainty.UNKNOWN
            return record.payment.state in states and certain

        return await self.until(payment_id, there, " or ".join(states), seconds)

    async def all_settled(self, seconds: float = 40) -> list[PaymentRecord]:
        """Every payment of this test settled or final."""
        states = (PaymentState.SETTLED, PaymentState.FINAL)
        return [await self.until_state(one, *states, seconds=seconds)
                for one in self.payments.values()]  # fmt: skip

    async def story(self, payment_id: str) -> str:
        """The payment's timeline, for the text of a failed test."""
        assembly = self.world.assembly
        record = await assembly.orchestrator.get(payment_id, tenant=None)
        timeline = await Timelines(assembly.database, assembly.keyring).of(payment_id)
        lines = [f"{entry.at:%H:%M:%S.%f} {entry.kind} {entry.text}" for entry in timeline]
        findings = [str(finding) for finding in record.payment.findings]
        return "\n".join([json.dumps(as_object(record)), *findings, *lines])

    async def tasks(self, payment_id: str) -> list[str]:
        """The kinds of questions that are open to a person."""
        query = select(TaskRow).where(
            TaskRow.resource_id == payment_id, col(TaskRow.closed_at).is_(None)
        )
        rows = await self.world.assembly.database.read(lambda session: session.exec(query).all())
        return sorted(row.kind for row in rows)

    async def bookings(self) -> list[dict[str, Any]]:
        """This test's payments in the partner's book."""
        book = await self.world.book()
        return [p for p in book["payments"] if p["reference"].startswith(self.prefix)]

    async def compared(self) -> Comparison:
        """The checker's word on this test's orders, as far as they can be told from others'."""
        book, store = (
            await self.world.book(),
            (await self.world.assembly.orchestrator.find(limit=100_000)).records,
        )
        payments = [p for p in book["payments"] if p["reference"].startswith(self.prefix)]
        ids = {payment["id"] for payment in payments}
        ours = {
            "payments": payments,
            "beneficiaries": book["beneficiaries"],
            "postings": [p for p in book["postings"] if p["payment_id"] in ids],
        }
        text = self.world.journal_file.read_text().splitlines(keepends=True)
        mine = [line for line in text if self._is_mine(json.loads(line))]
        return compare(mine, ours, [as_object(record) for record in store])

    async def agreed(self, **counts: int) -> Comparison:
        """The books agree, with these counts; or it fails with what the checker printed."""
        comparison = await self.compared()
        assert comparison.agrees, report(comparison)
        found = {name: getattr(comparison, name) for name in counts}
        assert found == counts, report(comparison)
        return comparison

    def _is_mine(self, line: dict[str, Any]) -> bool:
        key: str = line.get("intended") or line["acknowledged"]
        return key.startswith(self.prefix)
