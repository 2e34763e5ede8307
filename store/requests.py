"""What a call to a partner is about, built from rows: the subject, its keys and its bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime

from sqlmodel import Session, col, select

from domain.answers import Subject, WireRequest
from domain.keys import partner_key
from domain.kinds import OPENING, kind_of
from domain.profile import InstructionKind, Operation
from domain.sending import Closed
from store.books import profile_of
from store.folding import order_of
from store.keyring import Keyring
from store.tables import InstructionRow, PaymentRow


def operation_of(payment: PaymentRow, row: InstructionRow) -> Operation:
    """The behaviour that the payment was accepted with."""
    return profile_of(payment).operation(InstructionKind(row.kind))


def subject_of(
    session: Session, keyring: Keyring, payment: PaymentRow, row: InstructionRow, generation: int
) -> Subject:
    """All that the partner's adapter may know of an instruction."""
    request = open_request(keyring, row) if row.request_sealed else None
    kind = InstructionKind(row.kind)
    return Subject(
        instruction_id=row.instruction_id,
        order=order_of(keyring, payment),
        keys=tuple(key_of(payment, row, number) for number in range(1, generation + 1)),
        prepared=dict(request.prepared) if request else {},
        partner_reference=row.partner_reference
        if kind_of(kind).opens
        else _held_reference(session, payment),
        kind=kind,
        environment=profile_of(payment).environment,
    )


def open_request(keyring: Keyring, row: InstructionRow) -> WireRequest:
    """The exact bytes, as they were kept."""
    assert row.request_sealed is not None
    context = request_context(row.instruction_id, row.request_generation)
    fields = json.loads(keyring.open(row.request_sealed, context))
    return WireRequest(**{**fields, "body": fields["body"].encode("latin-1")})


def key_of(payment: PaymentRow, row: InstructionRow, generation: int) -> str:
    """The key that its bytes of that generation carry."""
    return partner_key(
        operation_of(payment, row).idempotency,
        tenant=payment.tenant,
        payment_id=payment.payment_id,
        instruction_id=row.instruction_id,
        generation=generation,
    )


def generation_of(payment: PaymentRow, row: InstructionRow, key: str) -> int:
    """Which generation of the instruction's key a request carries."""
    for generation in (row.generation, row.generation + 1):
        if key_of(payment, row, generation) == key:
            return generation
    raise ValueError("the request carries a key that is not this instruction's")


def close(session: Session, row: InstructionRow, why: Closed, now: datetime) -> None:
    """It will never be sent, or never again."""
    row.closed, row.closed_at = why, now
    session.add(row)


def request_context(instruction_id: str, generation: int) -> str:
    """What sealed bytes are bound to."""
    return f"instructions.request/{instruction_id}/{generation}"


def request_bytes(request: WireRequest) -> bytes:
    """The request as it is sealed."""
    fields = {**asdict(request), "body": request.body.decode("latin-1")}
    return json.dumps(fields).encode()


def _held_reference(session: Session, payment: PaymentRow) -> str | None:
    """The partner's object of the payment's opening instruction."""
    return session.exec(
        select(InstructionRow.partner_reference).where(
            InstructionRow.payment_id == payment.payment_id,
            col(InstructionRow.kind).in_(OPENING),
        )
    ).one()
