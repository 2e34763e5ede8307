"""What can be asked of this simulator alone: the approach, the authorisers, a debtor's funds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.berlin_group.book import OPENING
from simulators.berlin_group.lifecycle import AUTHORISERS
from simulators.berlin_group.partner import APPROACHES, CHOSEN, Partner
from simulators.kit import control as kit
from simulators.kit.clock import stamp
from simulators.kit.control import Handler


class Control(kit.Control):
    _partner: Partner

    def more(self) -> Sequence[tuple[str, str, Handler]]:
        return (
            ("POST", "approach", self.choose),
            ("POST", "authorisers", self.authorise_by),
            ("POST", "funds", self.fund),
        )

    def choose(self, asked: Any) -> Any:
        """Use `approach` from now on, whatever a TPP prefers; null: as the TPP prefers."""
        chosen = asked["approach"]
        if chosen not in (None, *APPROACHES):
            raise ValueError(f"no approach: {chosen}; there are {', '.join(APPROACHES)}")
        self._partner.book.keep_setting(CHOSEN, chosen or "")
        return {"approach": chosen}

    def authorise_by(self, asked: Any) -> Any:
        """Payments need so many PSUs from now on, each with an authorisation of its own."""
        self._partner.book.keep_setting(AUTHORISERS, str(int(asked["authorisers"])))
        return {"authorisers": self._partner.lifecycle.authorisers}

    def fund(self, asked: Any) -> Any:
        """Change the balance of the account `iban` by `amount` cents."""
        book, at = self._partner.book, stamp(self._partner.clock.now())
        iban, amount = str(asked["iban"]), int(asked["amount"])
        book.post(at, "by hand", "EUR", [(OPENING, -amount), (iban, amount)])
        return {"amount_minor": book.balance(iban, "EUR", at)["amount_minor"]}
