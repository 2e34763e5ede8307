"""How Currencycloud behaves, as data; every value with its source."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from domain.order import Rail
from domain.profile import (
    DuplicateMeans,
    Idempotency,
    IdempotencyKind,
    InstructionKind,
    Lookup,
    LookupKind,
    Operation,
    Profile,
)
from partners.currencycloud.account import Account

PARTNER: Final = "currencycloud"

#: What makes payments/find complete: it defaults to scope=own and with_deleted=false
#: (API reference 2.43.0, GET /payments/find). `on_behalf_of` goes with them as it was sent.
COMPLETE: Final = MappingProxyType({"scope": "all", "with_deleted": "true"})

PROFILE: Final = Profile(
    partner=PARTNER,
    # `info.version` of the published API reference.
    spec_version="2.43.0",
    operations={
        InstructionKind.PAY: Operation(
            idempotency=Idempotency(
                # Reference, errors of POST /payments/create: `duplicate_request`. The error body
                # has no room for the first payment.
                kind=IdempotencyKind.REJECT_DUPLICATE,
                # Reference, POST /payments/create: required, 1 to 255 characters.
                key_field="unique_request_id",
                key_length=32,
                # Nowhere documented: the domain then relies on it for half a day.
                window=None,
                # Not documented either. A stored error would come back as a duplicate, which is
                # looked up: nothing rests on this value.
                caches_errors=False,
                duplicate_means=DuplicateMeans.KEY,
            ),
            # Reference, GET /payments/find: exact filter by `unique_request_id`. A find by key
            # shows only that key, so nothing younger can vouch for it: hence the settle delay
            # and the two empty answers the domain asks for.
            lookup=Lookup(
                kind=LookupKind.STRONG,
                parameters={**COMPLETE, "on_behalf_of": "as sent"},
                settle_delay=timedelta(seconds=5),
            ),
        )
    },
    watch={
        # A setting of ours, nowhere promised. Behind it: a regular payment takes up to 5 working
        # days, a SEPA credit transfer may come back within 3 banking days of settlement (both
        # from secondary sources); two weekends make that 12 days, holidays 14.
        Rail.SEPA_CREDIT_TRANSFER: timedelta(days=14),
    },
    # They allow 500 calls a minute, 150 on the demo system (secondary source; the reference only
    # has the limit on logins).
    read_pause=timedelta(seconds=1),
    read_pause_max=timedelta(minutes=15),
    # Reference, POST /payments/create, `payment_date`: debited and submitted on that date.
    holds_future_dates=True,
    quirks=(
        "an expired token and wrong credentials get the same 401; four failed logins lock",
        "`completed` may become `failed` later, and `failed` alone does not say what moved",
        "released payments may be called back (payment_unrelease)",
        "a deleted payment reads as 404; only a find with with_deleted shows it",
        "a person can change a payment's amount, date and beneficiary until it is released",
    ),
)


def profile_of(account: Account) -> Profile:
    """The profile with the times this account overrides, for simulators and tests."""
    operation = PROFILE.operation(InstructionKind.PAY)
    times = {"write_within": account.write_within, "answer_within": account.answer_within}
    overridden = operation.model_copy(
        update={name: value for name, value in times.items() if value is not None}
    )
    watch = PROFILE.watch if account.watch is None else dict.fromkeys(PROFILE.watch, account.watch)
    return PROFILE.model_copy(
        update={
            "environment": urlsplit(account.base_url).hostname or "",
            "operations": {InstructionKind.PAY: overridden},
            "watch": watch,
        }
    )
