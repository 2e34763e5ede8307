"""How a bank of UK Open Banking behaves, as data; every value with its source.

"Profile" is the Read/Write Data API Profile, "PISP" the Payment Initiation API Profile.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Final

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
    # Profile, "HTTP Status Codes": 401, the token is not accepted; 429, too many requests. Neither
    # is executed.
    refusals_without_effect=frozenset({401, 429}),
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
            payer_first=PayerFirst(issuer=account.authorisation_server),
        ),
        account.client_id,
    )
