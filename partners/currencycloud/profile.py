"""How Currencycloud behaves, as data; every value with its source."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from domain.lifecycle.places import place
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
from partners.currencycloud.account import Account
from transport.address import is_this_machine

PARTNER: Final = "currencycloud"

#: The parameters that make payments/find complete; its defaults are scope=own and
#: with_deleted=false (API reference 2.43.0, GET /payments/find). `on_behalf_of` goes with them as
#: it was sent.
COMPLETE: Final = MappingProxyType({"scope": "all", "with_deleted": "true"})

#: Calls a minute for one account, by host. The source is their page on rate limits, as quoted by
#: others; the reference only has the 60 logins a minute. A read may take a second call, for
#: bookings or the balance, so reads get less than half; instructions and lookups get the rest.
_PRODUCTION: Final = Quota(requests=500, window=timedelta(minutes=1), reads=200)
_DEMO: Final = Quota(requests=150, window=timedelta(minutes=1), reads=60)
_QUOTAS: Final = MappingProxyType({"devapi.currencycloud.com": _DEMO})

PROFILE: Final = Profile(
    partner=PARTNER,
    # `info.version` of the published API reference.
    spec_version="2.43.0",
    operations={
        InstructionKind.PAY: Operation(
            idempotency=Idempotency(
                # Reference, errors of POST /payments/create: `duplicate_request`. The error body
                # does not contain the first payment.
                kind=IdempotencyKind.REJECT_DUPLICATE,
                # Reference, POST /payments/create, `unique_request_id`: required, 1 to 255
                # characters.
                key_length=32,
                # Not documented; the domain then relies on the key for half a day.
                window=None,
                # Not documented either. A stored error would come back as a duplicate, and
                # duplicates are looked up, so nothing depends on this value.
                caches_errors=False,
                duplicate_means=DuplicateMeans.KEY,
            ),
            # Reference, GET /payments/find: exact filter by `unique_request_id`. A find by key
            # cannot show a younger payment as a watermark. So there is a settle delay, and the
            # domain asks for two empty answers.
            lookup=Lookup(
                kind=LookupKind.STRONG,
                settle_delay=timedelta(seconds=5),
            ),
            # Reference, POST /payments/create: 401 `invalid_supplied_credentials`, 429
            # `too_many_requests`, and 400 `unsupported_account` ("currently not permitted to
            # create payments"); 403 `permission_denied` is only in a recording of their client.
            # None of these states that nothing was executed, so a lookup comes before anything is
            # closed on one. 500 and 503 are documented without their effect, so they leave the
            # send in doubt.
            refusals_without_effect=frozenset({400, 401, 403, 429}),
        ),
        InstructionKind.CANCEL: Operation(
            # Recording payments/delete: a payment is deleted once and then not found any more
            # (404), so nothing can happen twice.
            idempotency=Idempotency(kind=IdempotencyKind.NATURAL_KEY),
            # Reference, GET /payments/{id}, `with_deleted`, and GET /payments/find: the payment
            # says whether it is deleted. In the recording the next read shows it.
            lookup=Lookup(
                kind=LookupKind.PARENT,
                settle_delay=timedelta(seconds=5),
            ),
            # The recorded answer to a deletion shows the payment as it was before. A lookup gets
            # the outcome; a resend would only get a 404.
            resends_max=0,
            # Reference, POST /payments/{id}/delete: 401 and 429; 403 as above.
            refusals_without_effect=frozenset({401, 403, 429}),
        ),
    },
    watch={
        # Our own choice; they promise nothing. A regular payment takes up to 5 working days, and
        # a SEPA credit transfer may come back within 3 banking days of settlement (both from
        # secondary sources). Two weekends make that 12 days, holidays 14.
        Rail.SEPA_CREDIT_TRANSFER: timedelta(days=14),
        # As for SEPA, for lack of other sources. An ACH entry may be returned as unauthorised
        # for 60 days, but that holds for a consumer's debit, not for our credit.
        Rail.DOMESTIC: timedelta(days=14),
        # Our own choice: correspondents return "weeks later" (secondary source).
        Rail.CROSS_BORDER: timedelta(days=30),
    },
    read_pause=timedelta(seconds=1),
    read_pause_max=timedelta(minutes=15),
    # Reference, POST /payments/create, `payment_date`: debited and submitted on that date.
    holds_future_dates=True,
    # Reference, GET /transactions/find with `related_entity_id`: the bookings of a payment.
    shows_bookings=True,
    # How long a payment can be read is not documented.
    status_for=None,
    quota=_PRODUCTION,
)


def profile_of(account: Account) -> Profile:
    """The profile of this account: its environment, its quota and the times that it overrides.

    An address on this machine is a simulator, which has no quota unless a test sets one.
    """
    host = urlsplit(account.base_url).hostname or ""
    formerly = (place(account.base_url, login, account.book) for login in account.former_login_ids)
    return account.overriding(PROFILE, account.login_id).model_copy(
        update={
            "formerly": tuple(formerly),
            "quota": None if is_this_machine(host) else _QUOTAS.get(host, _PRODUCTION),
        }
    )
