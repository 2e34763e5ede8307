"""The words of a bank of UK Open Banking, for the conformance suite: one entry for each version."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, Final

import httpx

from partners.registry import Partners
from tests.partners.conformance.words import Words
from tests.partners.obie.conftest import ORDER, VERSIONS, SigningKey, decide


@cache
def _key() -> SigningKey:
    return SigningKey.new(Path(tempfile.mkdtemp(prefix="finality-obie-")) / "signing.pem")


def _settings(version: str) -> Callable[[str], Mapping[str, Any]]:
    def settings(address: str) -> Mapping[str, Any]:
        """Ours at the bank at this address, which is told our keys."""
        with suppress(httpx.ConnectError):  # One test gives an address where nobody listens.
            registered = httpx.post(f"{address}/_control/clients", json=_key().registration)
            registered.raise_for_status()
        return _key().settings(version=version)

    return settings


def _words(version: str) -> Words:
    path = "v3.1" if version == "v3.1.11" else "v4.0"
    return Words(
        registry=Partners,
        name="obie",
        title=f"obie {version}",
        simulator="simulators.obie",
        delays={"accept_after": 1, "settle_after": 1},
        settles_after=10,
        pay=f"POST /open-banking/{path}/pisp/domestic-payments",
        read=f"GET /open-banking/{path}/pisp/domestic-payments/*",
        parent=f"GET /open-banking/{path}/pisp/domestic-payment-consents/*",
        refused={"status": 400, "code": "U002"},
        undocumented={"status": 400, "code": "U999"},
        order=lambda address: ORDER,
        settings=_settings(version),
        approve=lambda page: decide(page, "approve"),
    )


WORDS: Final = tuple(map(_words, VERSIONS))
