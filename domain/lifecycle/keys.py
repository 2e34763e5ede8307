"""The partner's idempotency key of an instruction."""

from __future__ import annotations

from domain.ids import hashed
from domain.lifecycle.profile import Idempotency


def partner_key(
    idempotency: Idempotency, *, tenant: str, payment_id: str, instruction_id: str, generation: int
) -> str:
    """The idempotency key of the instruction's bytes, in the partner's length and alphabet.

    It depends only on the business intent and the generation. With a run id or an attempt number
    in it, a reset or a retry would get a new key, and have a second effect.
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
    """Whether a key has the form of our keys.

    Payments from the partner's web console or other systems have keys of another form, or none.
    """
    return (
        key is not None
        and len(key) == idempotency.key_length
        and set(key) <= set(idempotency.key_alphabet)
    )
