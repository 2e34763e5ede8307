"""What callers get: objects with the display block and masked accounts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Final, Literal

from pydantic import BaseModel

from domain.lifecycle.command import CommandKind, Outcome
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.report import ActionKind
from domain.lifecycle.resource import Certainty, FindingKind
from domain.money import Money
from domain.payments.display import Display, display
from domain.payments.episodes import Episode
from domain.payments.order import Direction, Rail
from domain.payments.payment import Amounts
from domain.payments.report import PaymentState
from starter.asking import CommandReceipt
from store.records import PaymentRecord


class ActionAnswer(BaseModel):
    """What the payer has to do. The address is given by `…/action` alone: it lets whoever has it
    act for the payer."""

    kind: ActionKind
    expires_at: datetime | None


class FindingAnswer(BaseModel):
    """Something about the payment that is in question."""

    kind: FindingKind
    text: str
    is_open: bool


class PaymentAnswer(BaseModel):
    """A credit transfer or a collection as it now stands."""

    id: str
    object: Literal["payment", "collection"]
    key: str
    created_at: datetime
    updated_at: datetime
    sequence: int
    """The number of events about it so far, the last one's sequence."""
    state: PaymentState
    certainty: Certainty
    display: Display
    instructed_amount: Money
    amounts: Amounts
    partner: str
    partner_account: str
    rail: Rail
    end_to_end_id: str
    debtor: str
    debtor_account: str
    """Masked."""
    creditor: str
    creditor_account: str
    """Masked."""
    partner_reference: str | None
    partner_status: str | None
    transaction_status: str | None
    """ISO 20022 ExternalPaymentTransactionStatus1Code."""
    status_reason: str | None
    """ISO 20022 ExternalStatusReason1Code."""
    reason: str | None
    requested_execution_date: date | None
    effective_execution_date: date | None
    settled_at: datetime | None
    action: ActionAnswer | None
    findings: list[FindingAnswer]
    waits_for: str | None
    """Why its last step had no effect, if it had none."""
    sealed: str | None
    """Why names and end-to-end id are empty, if they cannot be opened."""


class EpisodeAnswer(BaseModel):
    """A capture, an increment or a confirmation, or a refund, return or dispute."""

    id: str | None
    """Ours; null if we did not ask for it."""
    object: Literal["capture", "increment", "confirmation", "reversal"]
    kind: str
    key: str | None
    state: str
    amount: Money
    taken: Money | None
    """What a reversal has taken from us by the bookings, less what it gave back."""
    is_open: bool
    in_doubt: bool
    since: datetime | None
    deadline: datetime | None
    reason: str | None
    reference: str | None


class ClaimAnswer(BaseModel):
    """A claim that was asked for, and the collection as it now stands."""

    claim: EpisodeAnswer
    collection: PaymentAnswer


class CommandAnswer(BaseModel):
    """A command, its outcome so far, and the payment as it now stands."""

    id: str
    object: Literal["command"] = "command"
    kind: CommandKind
    outcome: Outcome
    asked_at: datetime
    payment: PaymentAnswer


class PaymentsAnswer(BaseModel):
    """A page of a list, the newest first."""

    data: list[PaymentAnswer]
    next_cursor: str | None
    """For `after`; null at the end of the list."""


class EpisodesAnswer(BaseModel):
    data: list[EpisodeAnswer]


class LinkAnswer(BaseModel):
    """Where the payer acts. Give it to the payer and nobody else."""

    kind: ActionKind
    url: str | None
    expires_at: datetime | None


def payment_answer(record: PaymentRecord) -> PaymentAnswer:
    """The object of a payment."""
    payment = record.payment
    action = payment.action
    is_collection = payment.direction is Direction.INCOMING
    return PaymentAnswer(
        id=record.payment_id,
        object="collection" if is_collection else "payment",
        key=record.key,
        created_at=record.created_at,
        updated_at=record.updated_at,
        sequence=record.sequence,
        state=payment.state,
        certainty=payment.certainty,
        display=display(payment),
        instructed_amount=payment.amounts.instructed,
        amounts=payment.amounts,
        partner=record.partner,
        partner_account=record.partner_account,
        rail=Rail(record.rail),
        end_to_end_id=record.end_to_end_id,
        debtor=record.debtor,
        debtor_account=record.debtor_account,
        creditor=record.creditor,
        creditor_account=record.creditor_account,
        partner_reference=payment.partner_reference,
        partner_status=payment.partner_status,
        transaction_status=payment.transaction_status,
        status_reason=payment.status_reason,
        reason=payment.reason,
        requested_execution_date=record.times.requested_execution_date,
        effective_execution_date=payment.effective_execution_date,
        settled_at=payment.settled_at,
        action=ActionAnswer(kind=action.kind, expires_at=action.expires_at) if action else None,
        findings=[
            FindingAnswer(kind=each.kind, text=each.text, is_open=each.freezes)
            for each in payment.findings
        ],
        waits_for=record.waiting_for,
        sealed=record.sealed,
    )


#: A confirmation asks for the whole order again, and an increment holds more. Neither takes
#: anything, so they are no captures.
_OBJECTS: Final[Mapping[str, Literal["capture", "increment", "confirmation"]]] = {
    InstructionKind.INCREMENT: "increment",
    InstructionKind.CAPTURE: "capture",
    InstructionKind.CONFIRM: "confirmation",
}


def episode_answer(episode: Episode) -> EpisodeAnswer:
    """The object of a capture, increment, confirmation or reversal."""
    return EpisodeAnswer(
        id=episode.instruction_id,
        object=_OBJECTS.get(episode.kind, "reversal"),
        kind=episode.kind,
        key=episode.claim.key if episode.claim else None,
        state=episode.state,
        amount=episode.amount,
        taken=episode.taken,
        is_open=episode.is_open,
        in_doubt=episode.in_doubt,
        since=episode.since,
        deadline=episode.deadline,
        reason=episode.reason,
        reference=episode.reference,
    )


def command_answer(receipt: CommandReceipt, record: PaymentRecord) -> CommandAnswer:
    """The object of a command."""
    command = receipt.command
    return CommandAnswer(
        id=command.command_id,
        kind=command.kind,
        outcome=command.outcome,
        asked_at=command.asked_at,
        payment=payment_answer(record),
    )
