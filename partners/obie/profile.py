"""How a bank of UK Open Banking behaves, as data; every value with its source.

"Profile" is the Read/Write Data API Profile, "PISP" the Payment Initiation API Profile.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from domain.consents.instructions import ConsentInstruction
from domain.lifecycle.profile import (
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    Lookup,
    LookupKind,
    Operation,
    PayerFirst,
    Profile,
)
from domain.payments.order import Rail
from partners.obie.account import ObieAccount

PARTNER: Final = "obie"

#: Profile, "HTTP Status Codes": 401, the token is not accepted; 429, too many requests. Neither is
#: executed.
_WITHOUT_EFFECT: Final = frozenset({401, 429})

_PAY: Final = Operation(
    idempotency=Idempotency(
        # Profile, "Idempotency": the bank creates no second resource under a key that it had in the
        # preceding 24 hours, and answers 201 with the resource as it now stands. 40 characters at
        # most; ours leave room for the consent's own key.
        kind=IdempotencyKind.REPLAY_STATE,
        key_length=32,
        window=timedelta(hours=24),
    ),
    # PISP: a consent is Consumed (COND) once a payment was submitted with it, and is good for one.
    lookup=Lookup(kind=LookupKind.PARENT, settle_delay=timedelta(seconds=15)),
    # Profile, "Idempotency": at least a second before the same key comes again.
    pause=timedelta(seconds=2),
    refusals_without_effect=_WITHOUT_EFFECT,
)

_ASK: Final = Operation(
    # Profile, `x-idempotency-key`: "do not use" for account access consents. A second one hurts
    # nobody: no user ever sees the first.
    idempotency=Idempotency(kind=IdempotencyKind.NONE),
    lookup=Lookup(kind=LookupKind.NONE),
    refusals_without_effect=_WITHOUT_EFFECT,
)
_ANSWER: Final = Operation(
    # RFC 6749, 4.1.2: a code counts once. If its exchange is repeated after a lost reply, it is
    # refused at worst, and what the first exchange gave is revoked, which nobody has. Codes live
    # ten minutes at most.
    idempotency=Idempotency(kind=IdempotencyKind.NATURAL_KEY, window=timedelta(minutes=10)),
    # Our own book has the token, or not.
    lookup=Lookup(kind=LookupKind.PARENT, settle_delay=timedelta(seconds=1)),
    refusals_without_effect=_WITHOUT_EFFECT,
)
_REVOKE: Final = Operation(
    # A consent is deleted once: its own status is the key.
    idempotency=Idempotency(kind=IdempotencyKind.NATURAL_KEY),
    lookup=Lookup(kind=LookupKind.PARENT, settle_delay=timedelta(seconds=15)),
    refusals_without_effect=_WITHOUT_EFFECT,
)


def consent_profile_of(account: ObieAccount) -> Profile:
    """The profile of this access for consents to read accounts."""
    return account.overriding(
        Profile(
            partner=PARTNER,
            spec_version=account.version,
            operations={
                ConsentInstruction.ASK: _ASK,
                ConsentInstruction.RENEW: _ASK,
                ConsentInstruction.ANSWER: _ANSWER,
                ConsentInstruction.REVOKE: _REVOKE,
            },
            watch={},
            read_pause=timedelta(seconds=2),
            # Our own choice: a consent that its user revokes at the bank is found within this time,
            # or by the first read of data that fails.
            read_pause_max=timedelta(hours=6),
        ),
        account.client_id,
    )


def profile_of(account: ObieAccount) -> Profile:
    """The profile of this access. A payment cannot be cancelled: the API has no request for it."""
    return account.overriding(
        Profile(
            partner=PARTNER,
            spec_version=account.version,
            operations={InstructionKind.PAY: _PAY},
            # Our own choice; each payment gets that of its rail (`regimes.watches`).
            watch={Rail.DOMESTIC: timedelta(days=3)},
            # Profile, "429": banks limit polling by fair usage, and name no number.
            read_pause=timedelta(seconds=2),
            # A payment's status is all that is shown; a return is a credit of its own.
            shows_bookings=False,
            payer_first=PayerFirst(issuer=account.issuer_in_callbacks),
        ),
        account.client_id,
    )
