"""Follows payments and commands until there is nothing more to wait for, or the time is over."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from domain.clock import Clock
from domain.lifecycle.command import Outcome
from domain.lifecycle.next_step import Owed
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.reversals import ReversalKind
from domain.payments.due import due
from domain.payments.episodes import CaptureState, Episode
from domain.payments.payment import Payment
from domain.payments.report import ActionKind
from domain.payments.states import STATES
from starter.asking import ClaimReceipt, CommandReceipt
from starter.client import Orchestrator
from store.faults import StoreAway
from store.records import PaymentRecord

#: Concurrent reads and commands; more would only queue behind the database's single writer.
AT_ONCE: Final = 8
_LOOK_EVERY_SECONDS: Final = 0.25
_PAUSE_PER_LOOK: Final = 3


@dataclass(frozen=True, repr=False)
class Following:
    """Waits in the store for what becomes of payments and commands, those of every tenant."""

    orchestrator: Orchestrator
    clock: Clock

    async def until_rest(
        self,
        payment_ids: Sequence[str],
        deadline: datetime,
        progress: Callable[[int], None],
        *,
        holds: bool = False,
    ) -> list[PaymentRecord]:
        """Wait until every payment rests, or until the deadline (our clock).

        Payments that still move are read together, and the pause grows with the time a read takes,
        so that reads of a thousand payments leave the machine to the work that they wait for.

        Args:
            progress: is told how many payments rest.
            holds: the payments are collections that hold money until we capture it.

        Raises:
            StoreAway: the database is away when the time is over.
        """
        found: dict[str, PaymentRecord] = {}
        moving = [*payment_ids]
        progress(0)
        while moving:
            began = time.monotonic()
            is_over = self.clock.now() >= deadline
            try:
                records = await self.orchestrator.get_many(moving, tenant=None)
            except StoreAway:
                if is_over:
                    raise
            else:
                found |= {record.payment_id: record for record in records}
                now = self.clock.now()
                moving = [one.payment_id for one in records
                          if not (rests(one, now) or (holds and _is_held(one)))]  # fmt: skip
                progress(len(payment_ids) - len(moving))
                if is_over:
                    break
            took = time.monotonic() - began
            await asyncio.sleep(max(_LOOK_EVERY_SECONDS, _PAUSE_PER_LOOK * took))
        return [found[payment_id] for payment_id in payment_ids]

    async def answered(self, receipt: CommandReceipt, deadline: datetime) -> CommandReceipt:
        """The receipt with the outcome as soon as there is one, or without it at the deadline.

        If no run could be notified, this does not wait.
        """
        asked = receipt.command
        if not receipt.is_notified or asked.outcome is not Outcome.ASKED:
            return receipt
        while self.clock.now() < deadline:
            try:
                later = await self.orchestrator.answer_of(
                    asked.payment_id, asked.command_id, tenant=None
                )
            except StoreAway:
                return receipt  # The command is recorded; an error would suggest that it is not.
            if later.command.outcome is not Outcome.ASKED:
                return later
            await asyncio.sleep(_LOOK_EVERY_SECONDS)
        return receipt

    async def claimed(self, receipt: ClaimReceipt, deadline: datetime) -> Followed | None:
        """What became of a claim, at the deadline at the latest (our clock).

        If no run could be notified, this does not wait. None: the database is away, so that its
        present state cannot be read. It is recorded all the same.
        """
        its = receipt.instruction.instruction_id
        while True:
            is_over = not receipt.is_notified or self.clock.now() >= deadline
            try:
                payment_id = receipt.payment_id
                episodes = await self.orchestrator.episodes(payment_id, tenant=None)
                record = await self.orchestrator.get(payment_id, tenant=None)
            except StoreAway:
                if is_over:
                    return None
            else:
                own = next(each for each in episodes if each.instruction_id == its)
                if is_over or _is_known(own, record.payment, episodes):
                    return Followed(own, record)
            await asyncio.sleep(_LOOK_EVERY_SECONDS)


class Followed(NamedTuple):
    """A claim, and its payment."""

    episode: Episode
    record: PaymentRecord


def _is_known(own: Episode, payment: Payment, episodes: Iterable[Episode]) -> bool:
    """Whether the outcome of a claim is known, and the payment shows it."""
    if payment.is_frozen or own.state is CaptureState.FAILED:
        return True
    if own.kind is InstructionKind.CONFIRM:
        # A read brings the page on which the payer confirms, or what came of it.
        is_asked = payment.action is not None and payment.action.kind is not ActionKind.CONFIRM
        return not own.is_open and (is_asked or not STATES[payment.state].confirms)
    if own.state is CaptureState.DONE and own.kind is InstructionKind.INCREMENT:
        raised = [each for each in episodes if each.kind is own.kind]
        more = sum(each.amount.minor for each in raised if each.state is CaptureState.DONE)
        is_shown = payment.amounts.authorised.minor >= payment.amounts.instructed.minor + more
        return is_shown or not STATES[payment.state].increments
    if own.state is CaptureState.DONE:
        captures = [each for each in episodes if each.kind is InstructionKind.CAPTURE]
        done = sum(each.amount.minor for each in captures if each.state is CaptureState.DONE)
        return payment.amounts.captured.minor >= done
    return not own.is_open or (own.is_shown and own.kind is ReversalKind.REFUND)


def _is_held(record: PaymentRecord) -> bool:
    """Whether a capture would be admitted now: the partner shows the hold, and books it."""
    payment = record.payment
    is_certain = payment.certainty is not Certainty.UNKNOWN
    return is_certain and STATES[payment.state].captures and payment.amounts.authorised.minor > 0


def rests(record: PaymentRecord, now: datetime) -> bool:
    """Whether more waiting is pointless.

    It is settled or has ended, or it waits for the payer or for one of our people.
    """
    if record.payment.is_frozen:
        return True
    if record.payment.certainty is Certainty.UNKNOWN:
        owed = due(record.view, now)
        return owed.owed is Owed.WAIT and owed.because.startswith("parked")
    if record.view.not_before is not None and record.view.payment.partner_reference is None:
        return False
    return STATES[record.payment.state].rests
