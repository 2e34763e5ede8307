"""Our accounts with the partners of an arena: names, settings, and times that suit a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from assembly import Assembly
from domain.lifecycle.profile import IdempotencyKind, LookupKind
from domain.payments.order import Rail
from partners.currencycloud.registration import API_KEY
from partners.stripe.registration import STRIPE
from tests.proof.bank_partner import BANK

#: Our account with the simulator, and the one whose payments nobody reads unasked.
READ, TOLD = "read", "told"
#: Our account with a simulator of its own: where tokens die, they die for all its payments.
FORGETFUL: Final = "forgetful"
#: Our account with the card processor, and what it is called in settings.
SHOP: Final = "shop"
PROCESSOR: Final = "stripe"
LOGINS: Final = {"simulator": "proof@finality.test", "forgetful": "forgetful@finality.test"}
#: Signs what partners deliver to us.
SECRET: Final = "c0ffee" * 8
_TIMES: Final = {"watch": 1.0, "write_within": 3.0, "answer_within": 1.0}
_WATCH: Final = timedelta(seconds=_TIMES["watch"])
_NEVER: Final = timedelta(minutes=10)


def bank_account(idempotency: IdempotencyKind, lookup: LookupKind) -> str:
    """Our name for the account with a bank of that behaviour."""
    return f"{idempotency}-{lookup}"


def write_settings(
    home: Path,
    addresses: Mapping[str, str],
    more_banks: Mapping[str, Any],
    database_url: str | None,
    *,
    quick: bool,
) -> None:
    """Write what every process of the arena reads.

    Args:
        addresses: of the servers: temporal, bank, processor, and each simulator of `LOGINS`.
        more_banks: further accounts with the test bank, by name.
        quick: with times of a test; else with the product's own.
    """
    times = _TIMES if quick else {}
    account, forgetful = (
        {
            "base_url": addresses[name],
            "login_id": login_id,
            "api_key": API_KEY,
            "simulated": True,
            "webhooks": {"secrets": [SECRET]},
            **times,
        }
        for name, login_id in LOGINS.items()
    )
    banks = {
        bank_account(idempotency, lookup): {
            "base_url": addresses["bank"],
            "idempotency": idempotency,
            "lookup": lookup,
            **_TIMES,
        }
        for idempotency in IdempotencyKind
        for lookup in LookupKind
    }
    shop = {
        "base_url": addresses["processor"],
        "simulated": True,
        **STRIPE.simulated(SECRET),
        **times,
    }
    settings = {
        "temporal_address": addresses["temporal"],
        "database_url": database_url,
        "partners": {
            "currencycloud": {READ: account, TOLD: account, FORGETFUL: forgetful},
            BANK: {**banks, **{name: {**_TIMES, **more} for name, more in more_banks.items()}},
            PROCESSOR: {SHOP: shop},
        },
        "upkeep_every": 2,
    }
    (home / "up.json").write_text(json.dumps(settings))


def hurry(assembly: Assembly) -> None:
    """Shorten pauses and watches of the simulators' accounts; a payment keeps them for its life."""
    for (partner, account), adapter in assembly.partners.items():
        if partner == BANK:
            continue
        profile = adapter.profile
        operations = {}
        for kind, operation in profile.operations.items():
            lookup = operation.lookup.model_copy(
                update={
                    "settle_delay": timedelta(milliseconds=500),
                    "pause": timedelta(milliseconds=150),
                }
            )
            changes = {"lookup": lookup, "pause": timedelta(milliseconds=150)}
            operations[kind] = operation.model_copy(update=changes)
        pause = timedelta(milliseconds=200) if account != TOLD else _NEVER
        quick = profile.model_copy(
            update={
                "operations": operations,
                "read_pause": pause,
                "read_pause_max": max(pause, timedelta(seconds=1)),
                "watch": dict.fromkeys(Rail, _WATCH),
            }
        )
        # Some adapters compute it when they are made, others hold it behind a property.
        setattr(adapter, "profile" if "profile" in vars(adapter) else "_profile", quick)
