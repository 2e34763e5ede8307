"""The partner's idempotency key of an instruction."""

from __future__ import annotations

from domain.ids import hashed
from domain.profile import Idempotency


def partner_key(
    idempotency: Idempotency, *, tenant: str, payment_id: str, instruction_id: str, generation: int
) -> str:
    """The key that goes with the instruction's bytes, in the partner's length and alphabet.

    Depends on the business intent and the generation only: a run id or an attempt in it would
    make a new key, and a second effect, after a reset or a retry.
    """
    return hashed(
        tenant,
        payment_id,
        instruction_id,
        str(generation),
        length=idempotency.key_length,
        alphabet=idempotency.key_alphabet,
    )


def is_ours(idempotency: Idempotency, key: str | None) -> bool:
    """Whether a key has the form of those that we make.

    Keys of people in the partner's web console and of other systems have another one, or none.
    """
    return (
        key is not None
        and len(key) == idempotency.key_length
        and set(key) <= set(idempotency.key_alphabet)
    )
