"""How the bank behaves. Each value is a claim that money depends on, with its source."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from domain.lifecycle.profile import Idempotency, InstructionKind, Lookup, Operation, Profile
from domain.lifecycle.profile import IdempotencyKind as Repeats
from domain.lifecycle.profile import LookupKind as Finds
from domain.payments.order import Rail

PROFILE: Final = Profile(
    partner="harbour",
    spec_version="3.1",  # of the API description that this was written from
    operations={
        InstructionKind.PAY: Operation(
            # "Idempotency": a repeated key is answered with the order as it now stands; another
            # order under the key is refused with 409, and nothing is executed.
            idempotency=Idempotency(kind=Repeats.REPLAY_STATE),
            # "Search": reads the primary database, so it shows what was written.
            lookup=Lookup(kind=Finds.STRONG, settle_delay=timedelta(seconds=5)),
            # "Limits" and "Tokens": such a request is not executed.
            refusals_without_effect=frozenset({401, 429}),
        ),
        InstructionKind.CANCEL: Operation(
            # "Cancel": an order that is cancelled already is shown as it is.
            idempotency=Idempotency(kind=Repeats.NATURAL_KEY),
            # The order itself shows whether it is cancelled.
            lookup=Lookup(kind=Finds.PARENT, settle_delay=timedelta(seconds=5)),
            refusals_without_effect=frozenset({401, 429}),
        ),
    },
    # Our own choice: they promise nothing about returns.
    watch={Rail.SEPA_CREDIT_TRANSFER: timedelta(days=14)},
    shows_bookings=True,
)
