"""Builds what a call to a partner needs from rows: the subject, its keys and the request bytes."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlmodel import Session

from domain.lifecycle.answers import WireRequest
from domain.lifecycle.keys import partner_key
from domain.lifecycle.kinds import kind_of
from domain.lifecycle.profile import Operation
from domain.lifecycle.sending import Closed
from store.books import claimed_by, opening_row, profile_of
from store.folding import Folding
from store.keyring import Keyring
from store.kind import OfItsKind
from store.references import object_of
from store.tables.lifecycles import InstructionRow, LifecycleRow


def operation_of(resource: LifecycleRow, row: InstructionRow) -> Operation:
    """The partner's behaviour for this instruction, by the profile that the resource keeps."""
    return profile_of(resource).operation(row.kind)


def subject_of(
    session: Session,
    folding: Folding,
    resource: LifecycleRow,
    row: InstructionRow,
    generation: int,
) -> OfItsKind:
    """Everything that the partner's adapter may know about an instruction, as its kind makes it.

    Raises:
        KeyringError: the request or its bytes cannot be opened.
    """
    wire = open_request(folding.keyring, row) if row.request_sealed else None
    shared: dict[str, Any] = {
        "instruction_id": row.instruction_id,
        "keys": tuple(key_of(resource, row, number) for number in range(1, generation + 1)),
        "prepared": dict(wire.prepared) if wire else {},
        "partner_reference": object_of(
            session, row if kind_of(row.kind).opens else opening_row(session, resource.resource_id)
        ),
        "kind": row.kind,
        "environment": profile_of(resource).environment,
    }
    if kind_of(row.kind).claims:
        shared["amount"] = claimed_by(session, row)
    kind = folding.kind(resource)
    shared |= kind.beside(session, folding.keyring, row)
    return kind.subject(folding.request(resource), shared)


def open_request(keyring: Keyring, row: InstructionRow) -> WireRequest:
    """The stored request with its exact bytes.

    Raises:
        KeyringError: it cannot be opened.
    """
    assert row.request_sealed is not None
    context = _request_context(row.instruction_id, row.request_generation)
    fields = json.loads(keyring.open(row.request_sealed, context))
    return WireRequest(**{**fields, "body": fields["body"].encode("latin-1")})


def key_of(resource: LifecycleRow, row: InstructionRow, generation: int) -> str:
    """The idempotency key that the request of this generation carries."""
    return partner_key(
        operation_of(resource, row).idempotency,
        tenant=resource.tenant,
        payment_id=resource.resource_id,
        instruction_id=row.instruction_id,
        generation=generation,
    )


def _generation_of(resource: LifecycleRow, row: InstructionRow, key: str) -> int:
    """The generation of the instruction's key that a request carries.

    Raises:
        ValueError: it is neither the current key nor the next one.
    """
    for generation in (row.generation, row.generation + 1):
        if key_of(resource, row, generation) == key:
            return generation
    raise ValueError("the request carries a key that is not this instruction's")


def keep_request(
    keyring: Keyring, resource: LifecycleRow, row: InstructionRow, request: WireRequest
) -> None:
    """Store the request, sealed. The first request of a generation stays.

    Raises:
        ValueError: it is under a key of another instruction.
    """
    generation = _generation_of(resource, row, request.key)
    if generation > row.request_generation:
        fields = {**asdict(request), "body": request.body.decode("latin-1")}
        context = _request_context(row.instruction_id, generation)
        row.request_sealed = keyring.seal(json.dumps(fields).encode(), context)
        row.request_generation = row.generation = generation


def close(session: Session, row: InstructionRow, why: Closed, now: datetime) -> None:
    """Close the instruction: it is never sent, or never sent again."""
    row.closed, row.closed_at = why, now
    session.add(row)


def _request_context(instruction_id: str, generation: int) -> str:
    """The context that a sealed request is bound to."""
    return f"instructions.request/{instruction_id}/{generation}"
