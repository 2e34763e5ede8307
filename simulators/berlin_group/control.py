"""What can be asked of this simulator alone: approach, authorisers, funds, entries of accounts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.berlin_group.access import PAGE_SIZE
from simulators.berlin_group.authorisations import APPROACHES, CHOSEN
from simulators.berlin_group.book import OPENING
from simulators.berlin_group.lifecycle import AUTHORISERS
from simulators.berlin_group.partner import Partner
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
            ("POST", "entries", self.book_entries),
            ("POST", "page_size", self.page),
        )

    def choose(self, asked: Any) -> Any:
        """Use `approach` from now on, whatever a TPP prefers; null: as the TPP prefers."""
        chosen = asked["approach"]
        if chosen not in (None, *APPROACHES):
            raise ValueError(f"no approach: {chosen}; there are {', '.join(APPROACHES)}")
        self._partner.book.keep_setting(CHOSEN, chosen or "")
        return {"approach": chosen}

    def authorise_by(self, asked: Any) -> Any:
        """Payments and consents need so many PSUs from now on, each with an own authorisation."""
        self._partner.book.keep_setting(AUTHORISERS, str(int(asked["authorisers"])))
        return {"authorisers": self._partner.lifecycle.authorisers}

    def fund(self, asked: Any) -> Any:
        """Change the balance of the account `iban` by `amount` cents."""
        book, at = self._partner.book, stamp(self._partner.clock.now())
        iban, amount = str(asked["iban"]), int(asked["amount"])
        book.post(at, "by hand", "EUR", [(OPENING, -amount), (iban, amount)])
        return {"amount_minor": book.balance(iban, "EUR", at)["amount_minor"]}

    def book_entries(self, asked: Any) -> Any:
        """Book `count` entries (1) of `amount` cents each on the account `iban`, with a `text`."""
        iban, amount = str(asked["iban"]), int(asked["amount"])
        text, count = str(asked.get("text", "Entry")), int(asked.get("count", 1))
        for number in range(1, count + 1):
            named = text if count == 1 else f"{text} {number}"
            self._partner.accounts.post(iban, amount, named, self._partner.clock.now())
        return {"booked": count}

    def page(self, asked: Any) -> Any:
        """Lists of transactions have `page_size` entries a page from now on."""
        size = int(asked["page_size"])
        if size < 1:
            raise ValueError("page_size is below 1")
        self._partner.book.keep_setting(PAGE_SIZE, str(size))
        return {"page_size": size}
