"""How Stripe behaves, as data; every value with its source."""

from __future__ import annotations

from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from domain.lifecycle.profile import (
    DuplicateMeans,
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
    Quota,
)
from domain.payments.order import Rail
from partners.stripe.account import StripeAccount
from transport.address import is_this_machine

PARTNER: Final = "stripe"
#: The version that every call names, and from whose enums `words.py` was written.
API_VERSION: Final = "2026-06-24.dahlia"

#: API reference, "Idempotent requests": the status and body of the first request under a key are
#: kept and given again, "including 500 errors", once its execution has begun; with other
#: parameters the key is refused; a key may be removed after 24 hours.
_KEYS: Final = Idempotency(
    kind=IdempotencyKind.REPLAY_RESPONSE,
    window=timedelta(hours=24),
    caches_errors=True,
    duplicate_means=DuplicateMeans.KEY,
)
#: 401 and 403: API reference, "Errors": the key is not valid, or lacks the permission. 409 and 429:
#: "Idempotent requests": a conflict with a request that is under way is not kept, because nothing
#: was executed; "Rate limits": a request over the limit, or one that did not get the object's lock
#: (`lock_timeout`), is not executed.
_WITHOUT_EFFECT: Final = frozenset({401, 403, 409, 429})


def _operation(lookup: LookupKind) -> Operation:
    return Operation(
        idempotency=_KEYS,
        # Objects and lists show what was written. How soon is not documented, so the delay is our
        # own careful choice. Search is documented as late, and no evidence here.
        lookup=Lookup(kind=lookup, settle_delay=timedelta(seconds=15)),
        # Guide "Errors", "Timeouts": a request may take up to 80 seconds in their own clients.
        answer_within=timedelta(seconds=80),
        refusals_without_effect=_WITHOUT_EFFECT,
    )


PROFILE: Final = Profile(
    partner=PARTNER,
    spec_version=API_VERSION,
    operations={
        # A collection is looked up by its PaymentIntent, which was made before and shows whether it
        # was confirmed; a payout in the list since it was prepared.
        InstructionKind.PAY: _operation(LookupKind.STRONG),
        InstructionKind.CANCEL: _operation(LookupKind.PARENT),
        # The PaymentIntent shows whether it was tried again since it was declined.
        InstructionKind.CONFIRM: _operation(LookupKind.PARENT),
        # The increment leaves our key in the metadata of its PaymentIntent, and a larger amount.
        InstructionKind.INCREMENT: _operation(LookupKind.PARENT),
        # The capture leaves our key in the metadata of its PaymentIntent.
        InstructionKind.CAPTURE: _operation(LookupKind.PARENT),
        InstructionKind.REFUND: _operation(LookupKind.STRONG),
    },
    watch={
        # API reference, "The Payout object", `status`: some payouts that fail are shown as paid
        # first, within 5 business days. Two weekends and holidays make that 13 days. Collections
        # are watched as long as their rails say (`regimes.watches`).
        Rail.SEPA_CREDIT_TRANSFER: timedelta(days=13),
        Rail.DOMESTIC: timedelta(days=13),
    },
    collects=True,
    # Balance transactions, as booked on our account there.
    shows_bookings=True,
)

#: Guide "Rate limits": 100 requests a second, with test keys 25, and 25 for one endpoint. A read
#: of a collection that was captured takes five requests.
_LIVE: Final = Quota(requests=100, window=timedelta(seconds=1), reads=15)
_TEST: Final = Quota(requests=25, window=timedelta(seconds=1), reads=4)


def profile_of(account: StripeAccount) -> Profile:
    """The profile of this account: its place, its quota and the times that it overrides.

    An address on this machine is a simulator, which has no quota unless a test sets one.
    """
    host = urlsplit(account.base_url).hostname or ""
    quota = None if is_this_machine(host) else _LIVE if account.is_live else _TEST
    profile = account.overriding(PROFILE, account.own_name)
    return profile.model_copy(update={"quota": quota})
