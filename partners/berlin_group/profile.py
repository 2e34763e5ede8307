"""How a NextGenPSD2 bank behaves, as data; every value with its source.

"IG" is the XS2A Framework, Implementation Guidelines, version 1.3.x.
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
    Profile,
)
from domain.payments.order import Rail
from partners.berlin_group.account import BerlinGroupAccount

PARTNER: Final = "berlin_group"
#: Of the OpenAPI file that this was written from.
SPEC_VERSION: Final = "1.3.11"

#: IG, "HTTP Response Codes": 401, the TPP or the PSU is not authorised to perform the request; 429,
#: the TPP has exceeded the number of requests. Neither is executed.
_WITHOUT_EFFECT: Final = frozenset({401, 429})

_PAY: Final = Operation(
    # IG, `X-Request-ID`: "ID of the request, unique to the call, as determined by the initiating
    # party". Nothing is promised for a repeated one. It is a UUID: 32 hexadecimal digits.
    idempotency=Idempotency(
        kind=IdempotencyKind.NONE, key_length=32, key_alphabet="0123456789abcdef"
    ),
    # There is no request that finds a payment by anything of ours.
    lookup=Lookup(kind=LookupKind.NONE),
    refusals_without_effect=_WITHOUT_EFFECT,
)
_CANCEL: Final = Operation(
    # A payment is cancelled once: its own state is the key.
    idempotency=Idempotency(
        kind=IdempotencyKind.NATURAL_KEY, key_length=32, key_alphabet="0123456789abcdef"
    ),
    lookup=Lookup(kind=LookupKind.PARENT, settle_delay=timedelta(seconds=15)),
    refusals_without_effect=_WITHOUT_EFFECT,
)


def profile_of(account: BerlinGroupAccount) -> Profile:
    """The profile of this access: its bank's dialect is in it, so it travels with each payment."""
    operations: dict[str, Operation] = {InstructionKind.PAY: _PAY}
    if account.dialect.cancels:
        operations[InstructionKind.CANCEL] = _CANCEL
    return account.overriding(
        Profile(
            partner=PARTNER,
            spec_version=SPEC_VERSION,
            operations=operations,
            # Our own choice; each payment gets that of its rail (`regimes.watches`).
            watch={Rail.SEPA_CREDIT_TRANSFER: timedelta(days=13)},
            # N26 asks TPPs to poll at most once a second.
            read_pause=timedelta(seconds=2),
            # IG, "Payment status": not for financial information. A return shows on the debtor's
            # account only, which payment initiation does not read.
            shows_bookings=False,
        ),
        account.tpp_id,
    )


#: As `_PAY`. A consent asked for twice hurts nobody: nobody sees the first one, and it ends.
_ASK: Final = _PAY
#: A consent is ended once: its own status is the key.
_REVOKE: Final = _CANCEL


def consent_profile_of(account: BerlinGroupAccount) -> Profile:
    """The profile of this access for consents. One is renewed by a new one: it never changes."""
    return account.overriding(
        Profile(
            partner=PARTNER,
            spec_version=SPEC_VERSION,
            operations={ConsentInstruction.ASK: _ASK, ConsentInstruction.REVOKE: _REVOKE},
            watch={},
            read_pause=timedelta(seconds=2),
            # Our own choice: a consent that its user revokes at the bank is found within this time,
            # or by the first read of data that fails. To read a consent is no access to an account.
            read_pause_max=timedelta(hours=6),
        ),
        account.tpp_id,
    )
