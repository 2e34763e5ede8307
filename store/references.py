"""References: the ids by which a partner, or somebody else, names an instruction.

Webhooks, lists, lookups and searches find their instruction here. The first object that a partner
named for an instruction is the one it is asked about.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import bindparam, insert, select
from sqlmodel import Session, col

from domain.lifecycle.heard import Heard
from domain.lifecycle.kinds import kind_of
from store.books import opening_row
from store.inbox import match_reference
from store.page import plain_rows
from store.tables.lifecycles import InstructionRow
from store.tables.partners import IS_END_TO_END, IS_OBJECT, ReferenceRow


class ReferenceKind(StrEnum):
    """What a reference is."""

    OBJECT = "object"
    """The partner's own id of an object. It belongs to one instruction."""
    END_TO_END = "end_to_end"
    """A hash of the end-to-end id, which people and statements use. It may be used again."""


#: Built once: each step runs them, and to build one costs more than to run it.
_OBJECT: Final = (
    select(col(ReferenceRow.reference))
    .where(col(ReferenceRow.instruction_id) == bindparam("instruction_id"), IS_OBJECT)
    .order_by(col(ReferenceRow.number))
    .limit(1)
)
_END_TO_END: Final = (
    select(col(ReferenceRow.reference))
    .where(col(ReferenceRow.instruction_id) == bindparam("instruction_id"), IS_END_TO_END)
    .limit(1)
)
_OWNER: Final = select(col(ReferenceRow.resource_id), col(ReferenceRow.instruction_id)).where(
    col(ReferenceRow.partner) == bindparam("partner"),
    col(ReferenceRow.partner_account) == bindparam("account"),
    col(ReferenceRow.reference) == bindparam("reference"),
    IS_OBJECT,
)
_NEW: Final = insert(ReferenceRow)


def object_of(session: Session, instruction: InstructionRow) -> str | None:
    """The partner's id of what the instruction made; None if it is not known."""
    of = {"instruction_id": instruction.instruction_id}
    return next((reference for (reference,) in plain_rows(session, _OBJECT, of)), None)


def end_to_end_of(session: Session, instruction_id: str) -> str:
    """The hash of the instruction's end-to-end id; empty if it has none."""
    of = {"instruction_id": instruction_id}
    return next((digest for (digest,) in plain_rows(session, _END_TO_END, of)), "")


def owner_of(
    session: Session, partner: str, account: str, reference: str
) -> tuple[str, str] | None:
    """The ids of the resource and of its instruction to which an object at the partner belongs.

    None: it is not known to belong to any.
    """
    of = {"partner": partner, "account": account, "reference": reference}
    found = plain_rows(session, _OWNER, of)
    return (found[0][0], found[0][1]) if found else None


def keep_object(
    session: Session, instruction: InstructionRow, reference: str, now: datetime
) -> bool:
    """Store that this object is the instruction's. False if it belongs to another instruction.

    Deliveries that came before we knew the reference are matched with the instruction's resource.
    """
    owner = owner_of(session, instruction.partner, instruction.partner_account, reference)
    if owner is not None:
        return owner[1] == instruction.instruction_id
    refer(session, ReferenceKind.OBJECT, [(instruction, reference)])
    instruction.held = True
    session.add(instruction)
    match_reference(session, instruction, reference, now)
    return True


def keep_own_object(session: Session, instruction: InstructionRow, heard: Heard) -> bool:
    """Store the object that a reply or a read shows. False if it is another instruction's."""
    reference = heard.report.partner_reference if heard.report else None
    kind = kind_of(instruction.kind)
    if reference is None or not (kind.opens or kind.claims):
        return True  # It names the object that the opening instruction holds.
    if kind.claims:
        parent = opening_row(session, instruction.resource_id)
        if object_of(session, parent) == reference:
            return True  # A capture may have no object of its own, and show the payment's.
    return keep_object(session, instruction, reference, heard.heard_at)


def refer(
    session: Session, kind: ReferenceKind, references: Iterable[tuple[InstructionRow, str]]
) -> None:
    """Store new references of instructions, which are stored already."""
    rows = [
        {
            "partner": instruction.partner,
            "partner_account": instruction.partner_account,
            "kind": kind,
            "reference": reference,
            "resource_id": instruction.resource_id,
            "instruction_id": instruction.instruction_id,
        }
        for instruction, reference in references
    ]
    if rows:
        session.connection().execute(_NEW, rows)
