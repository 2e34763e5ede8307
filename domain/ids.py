"""Every identifier that other systems see, built in one place."""

from __future__ import annotations

import hashlib
from typing import Final, NewType

PaymentId = NewType("PaymentId", str)
InstructionId = NewType("InstructionId", str)
Tenant = NewType("Tenant", str)

#: The workflow's task queue, and the prefix of the partners' own.
TASK_QUEUE: Final = "finality"
#: The schedule whose rounds start, tell and find; one for all workers of a namespace.
UPKEEP: Final = "finality-upkeep"
#: Digits and letters that nobody confuses on the telephone.
_ID_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
#: 100 bits: two keys of the same id would take 2^50 tries, and the second would only be refused.
_ID_LENGTH: Final = 20


def payment_id_of(tenant: str, key: str) -> PaymentId:
    """The id of the payment that a caller's key stands for.

    The same order under the same key has the same id, and so the same key at the partner, also
    after our database was lost or restored from a backup. A random id would make a second payment
    of it. The hash is plain: a key is a reference and no secret, and a keyed hash would change
    with the keyring (decision 0017).
    """
    return PaymentId("pay_" + hashed(tenant, key, length=_ID_LENGTH, alphabet=_ID_ALPHABET))


def workflow_id(tenant: str, payment_id: str) -> str:
    """The one workflow id of a payment; a second start with it meets the first."""
    return f"payment/{tenant}/{payment_id}"


def partner_queue(partner: str) -> str:
    """The task queue of calls to one partner, so that a slow one stops no other."""
    return f"{TASK_QUEUE}.{partner}"


def instruction_id(payment_id: str, kind: str, number: int = 1) -> InstructionId:
    """Instructions are counted per payment and kind: `pay_…/pay/1`."""
    return InstructionId(f"{payment_id}/{kind}/{number}")


def payment_of(instruction: str) -> str:
    """The payment an instruction belongs to."""
    return instruction.rsplit("/", 2)[0]


def hashed(*parts: str, length: int, alphabet: str) -> str:
    """A hash of the parts in the given alphabet and length.

    Every part goes with its length, so ("ab", "c") and ("a", "bc") differ, whatever is in them.
    """
    joined = "".join(f"{len(part)}:{part}" for part in parts)
    number = int.from_bytes(hashlib.sha512(joined.encode()).digest())
    characters = []
    for _ in range(length):
        number, index = divmod(number, len(alphabet))
        characters.append(alphabet[index])
    return "".join(characters)


def end_to_end_hash(tenant: str, end_to_end_id: str) -> str:
    """What the Temporal UI may search by: the bank's reference itself can hold a name."""
    return hashed(tenant, end_to_end_id, length=16, alphabet="0123456789abcdef")
