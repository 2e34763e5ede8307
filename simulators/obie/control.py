"""What can be asked of this simulator alone: clients, issuers, funds, entries, and page sizes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from simulators.kit import control as kit
from simulators.kit.clock import moment, stamp
from simulators.kit.control import Handler
from simulators.obie.accounts import PAGE_SIZE
from simulators.obie.book import OPENING
from simulators.obie.partner import Partner
from simulators.obie.tokens import ISSUERS


class Control(kit.Control):
    _partner: Partner

    def more(self) -> Sequence[tuple[str, str, Handler]]:
        return (
            ("POST", "clients", self.register),
            ("POST", "issuers", self.trust),
            ("POST", "tokens/revoke", self.revoke_tokens),
            ("GET", "accounts", self.accounts),
            ("POST", "funds", self.fund),
            ("POST", "entries", self.enter),
            ("POST", "page_size", self.page),
        )

    def register(self, asked: Any) -> Any:
        """Register a TPP: see `Clients.register`."""
        client = self._partner.clients.register(asked)
        return {name: client[name] for name in ("client_id", "auth_method", "signature_issuer")}

    def trust(self, asked: Any) -> Any:
        """Accept access tokens of `issuer`, checked by `jwks`, beside the bank's own."""
        book = self._partner.book
        trusted = json.loads(book.setting(ISSUERS) or "{}")
        trusted[str(asked["issuer"])] = {"keys": list(asked["jwks"]["keys"])}
        book.keep_setting(ISSUERS, json.dumps(trusted))
        return {"issuers": sorted(trusted)}

    def revoke_tokens(self, asked: Any) -> Any:
        """End all tokens of the consent `id`. The consent itself stays as it is."""
        consent = self._partner.book.consent(asked["id"])
        if consent is None:
            raise ValueError(f"no such consent: {asked['id']}")
        self._partner.tokens.revoke_of_consent(consent["id"])
        return {"id": consent["id"], "status": consent["status"]}

    def accounts(self, _: Any) -> Any:
        book, at = self._partner.book, stamp(self._partner.clock.now())
        return {"accounts": [
            {**row, "amount_minor": book.balance(row["id"], row["currency"], at)["amount_minor"]}
            for row in book.accounts()
        ]}  # fmt: skip

    def fund(self, asked: Any) -> Any:
        """Change the balance of the account `account` by `amount` pence."""
        account, amount = self._account(asked), int(asked["amount"])
        book, at = self._partner.book, stamp(self._partner.clock.now())
        book.post(at, "by hand", "GBP", [(OPENING, -amount), (account, amount)])
        return {"amount_minor": book.balance(account, "GBP", at)["amount_minor"]}

    def enter(self, asked: Any) -> Any:
        """Add an entry: `account`, `amount` in pence, `what`, `pending`; or book a pending `id`."""
        partner = self._partner
        at = moment(asked["at"]) if "at" in asked else partner.clock.now()
        if "id" in asked:
            partner.accounts.book_pending(str(asked["id"]), at)
            return {"id": asked["id"]}
        account, minor = self._account(asked), int(asked["amount"])
        what, booked = str(asked.get("what", "Entry")), not asked.get("pending", False)
        return {"id": partner.accounts.enter(account, minor, what, at, booked=booked)}

    def page(self, asked: Any) -> Any:
        """Entries of a page from now on, `size`."""
        size = int(asked.get("size", PAGE_SIZE))
        if size < 1:
            raise ValueError("size is at least 1")
        self._partner.book.keep_setting("page_size", str(size))
        return {"size": size}

    def _account(self, asked: Any) -> str:
        account = str(asked["account"])
        if self._partner.book.account(account) is None:
            raise ValueError(f"no such account: {account}; GET /_control/accounts shows them")
        return account
