"""Every identifier that other systems see, built in one place."""

from __future__ import annotations

import hashlib
from typing import Final, NewType

PaymentId = NewType("PaymentId", str)
InstructionId = NewType("InstructionId", str)
Tenant = NewType("Tenant", str)

#: The workflow's task queue, and the prefix of the partners' own.
TASK_QUEUE: Final = "finality"
#: The schedule that runs upkeep; one for all workers of a namespace.
UPKEEP: Final = "finality-upkeep"
#: Digits and letters that nobody confuses on the telephone.
_ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
#: 100 bits: it takes some 2^50 tries to find two keys with one id, and the second is only refused.
_ID_LENGTH: Final = 20


def payment_id_of(tenant: str, key: str) -> PaymentId:
    """The id of the payment under a caller's key.

    An order given again under its key has the same id, and so the same key at the partner, even
    after our database was lost or restored from a backup. With a random id it would become a
    second payment. The hash is plain: the caller's key is a reference, not a secret, and a keyed
    hash would change with the keyring (decision 0017).
    """
    return PaymentId("pay_" + hashed(tenant, key, length=_ID_LENGTH, alphabet=_ID_ALPHABET))


def consent_id_of(tenant: str, key: str) -> str:
    """The id of the consent under a caller's key; made like a payment's, for the same reasons."""
    return "con_" + hashed(tenant, key, length=_ID_LENGTH, alphabet=_ID_ALPHABET)


def workflow_id(tenant: str, resource_id: str, kind: str = "payment") -> str:
    """The one workflow id of a resource; a second start with it joins the first run."""
    return f"{kind}/{tenant}/{resource_id}"


def payment_end_id(door: str, tenant: str, payment_id: str) -> str:
    """The workflow id of the run that waits for a payment's end, for callers through one door.

    The door comes first, since its name has no slash: no tenant's name makes it another door's.
    """
    return workflow_id(tenant, payment_id, f"payment-end/{door}")


def partner_queue(partner: str) -> str:
    """The task queue for calls to one partner, so that a slow partner stops no other."""
    return f"{TASK_QUEUE}.{partner}"


def nexus_queue(door: str) -> str:
    """The task queue of a door for another team; a Nexus endpoint leads there."""
    return f"{TASK_QUEUE}.nexus.{door}"


def instruction_id(payment_id: str, kind: str, number: int = 1) -> InstructionId:
    """Instructions are counted per payment and kind: `pay_…/pay/1`."""
    return InstructionId(f"{payment_id}/{kind}/{number}")


def claim_id(payment_id: str, kind: str, key: str) -> InstructionId:
    """The id of a capture or refund under the caller's key: `pay_…/refund/…`.

    The partner's key is made from it. If claims were numbered, a database that was set back could
    give a new refund the number, and so the key, of one that it has forgotten.
    """
    named = hashed(payment_id, kind, key, length=_ID_LENGTH, alphabet=_ID_ALPHABET)
    return InstructionId(f"{payment_id}/{kind}/{named}")


def resource_of(instruction: str) -> str:
    """The id of the resource that an instruction belongs to."""
    return instruction.rsplit("/", 2)[0]


def hashed(*parts: str, length: int, alphabet: str) -> str:
    """A hash of the parts in the given alphabet and length.

    Each part is hashed with its length, so ("ab", "c") and ("a", "bc") differ.
    """
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    number = int.from_bytes(hashlib.sha512(joined.encode()).digest())
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)


def end_to_end_hash(tenant: str, end_to_end_id: str) -> str:
    """The value to search by in the Temporal UI. The reference itself may contain a name."""
    return hashed(tenant, end_to_end_id, length=16, alphabet="0123456789abcdef")
