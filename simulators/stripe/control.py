"""What can be asked of this simulator alone: keys, accounts, versions, events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.kit import control as kit
from simulators.kit.control import Handler
from simulators.stripe.partner import ACCOUNT, Partner


class Control(kit.Control):
    _partner: Partner

    def more(self) -> Sequence[tuple[str, str, Handler]]:
        return (
            ("POST", "key", self.roll_key),
            ("POST", "accounts", self.open_account),
            ("POST", "version", self.change_version),
            ("POST", "funds", self.top_up),
        )

    def roll_key(self, asked: Any) -> Any:
        """Replace the API key by `api_key`; the old one is refused from now on."""
        self._partner.furnish(api_key=str(asked["api_key"]), balances=())
        return {"rolled": True}

    def open_account(self, asked: Any) -> Any:
        """Add the connected account `account`."""
        self._partner.open_account(str(asked["account"]))
        return {"account": str(asked["account"])}

    def change_version(self, asked: Any) -> Any:
        """Write events in `version` from now on; those of before keep theirs."""
        self._partner.notices.change_version(str(asked["version"]))
        return {"version": self._partner.notices.api_version}

    def top_up(self, asked: Any) -> Any:
        """Add `amount` in minor units of `currency` to the main account's available balance."""
        partner, currency = self._partner, str(asked["currency"]).lower()
        partner.ledger.top_up(ACCOUNT, int(asked["amount"]), currency, partner.clock.now())
        partner.progress(partner.clock.now())
        return {"available": partner.ledger.held(ACCOUNT, currency, "available")}
