"""A file's line as it was received, for its fingerprint."""

from __future__ import annotations

from typing import Any

from domain.party import PostalAddress
from domain.payments.order import ChargeBearer, Rail
from messages.credit_transfer import Identity, Line, UltimateDebtor


def received(line: Line) -> dict[str, Any]:
    """The fields of a line that make up its fingerprint.

    They contain no settings and no shifted dates. A field that is added here must be absent if a
    line does not have it, so that the fingerprints of older files stay the same.
    """
    block = line.payment_information
    return {
        "debtor": block.debtor_name,
        "debtor_address": _fields(block.debtor_address),
        "debtor_account": block.debtor_iban or block.debtor_other,
        "requested_execution_date": str(block.requested_execution_date),
        "amount_minor": line.amount_minor,
        "currency": line.currency,
        "creditor": line.creditor_name,
        "creditor_address": _fields(line.creditor_address),
        "creditor_account": line.creditor_iban or line.creditor_other,
        "creditor_agent": line.creditor_agent,
        "end_to_end_id": line.end_to_end_id,
        "instruction_id": line.instruction_id,
        "uetr": line.uetr,
        "remittance_information": line.remittance_information + line.remittance_cut,
        "purpose": line.purpose,
        "category_purpose": line.category_purpose,
        **_said_besides(line),
    }


def _said_besides(line: Line) -> dict[str, Any]:
    """Fields that were added after the first files. Each is present only if the line has it."""
    member = line.creditor_agent_member
    is_sepa = line.rail is Rail.SEPA_CREDIT_TRANSFER
    said = {
        "service": line.service,
        "ultimate_debtor": _owing(line.ultimate_debtor),
        "charge_bearer": "" if line.charge_bearer is ChargeBearer.SLEV else line.charge_bearer,
        "creditor_agent_member": f"{member.system} {member.number}" if member else "",
        "creditor_agent_country": "" if is_sepa else line.creditor_agent_country,
        "creditor_reference": line.creditor_reference,
        "creditor_identity": _said(line.creditor_identity),
    }
    return {name: text for name, text in said.items() if text}


def _said(identity: Identity | None) -> list[str]:
    if identity is None:
        return []
    number = identity.identification
    born = str(identity.birth_date or "")
    return [identity.kind, born, *((number.scheme, number.number) if number else ())]


def _owing(party: UltimateDebtor | None) -> dict[str, Any]:
    if party is None:
        return {}
    name, address, identity = party
    return {"name": name, "address": _fields(address), "identity": _said(identity)}


def _fields(address: PostalAddress | None) -> dict[str, Any]:
    return address.model_dump(mode="json", exclude_none=True) if address is not None else {}
