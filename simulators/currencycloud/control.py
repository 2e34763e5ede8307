"""What can be asked of this simulator alone: funds, accounts, logins, approvals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.currencycloud.partner import Partner
from simulators.kit import control as kit
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.control import Handler


class Control(kit.Control):
    _partner: Partner

    def more(self) -> Sequence[tuple[str, str, Handler]]:
        return (
            ("POST", "funds", self.funds),
            ("POST", "accounts", self.open_account),
            ("POST", "unlock", self.unlock),
            ("POST", "authorisation", self.require_authorisation),
            ("POST", "logins", self.open_login),
        )

    def funds(self, asked: Any) -> Any:
        """Fund the main account or `account_id`: `amount`, `currency`."""
        accounts, now = self._partner.accounts, self._partner.clock.now()
        account_id, currency = asked.get("account_id", accounts.main()["id"]), asked["currency"]
        transaction = accounts.fund(account_id, str(asked["amount"]), currency, now)
        self._partner.notices.announce_funding(transaction, now)
        self._partner.progress(now)
        balance = self._partner.book.balance(account_id, currency, stamp(now))
        return {"account_id": account_id, "amount_minor": balance["amount_minor"]}

    def open_account(self, asked: Any) -> Any:
        """Open a sub-account: `name`, and `contact_id` if it has to be a certain one."""
        accounts, name = self._partner.accounts, str(asked.get("name", "Client"))
        parent_id = accounts.main()["id"]
        return accounts.open(name, contact_id=asked.get("contact_id"), parent_id=parent_id)

    def require_authorisation(self, asked: Any) -> Any:
        """Require `steps` authorisations of new payments, of the main account or `account_id`."""
        account_id = asked.get("account_id", self._partner.accounts.main()["id"])
        self._partner.approvals.require(account_id, int(asked["steps"]))
        return {"account_id": account_id, "steps": int(asked["steps"])}

    def open_login(self, asked: Any) -> Any:
        """Add another person to the main account: `login_id`, `api_key`."""
        account_id, contact_id = self._partner.accounts.main()["id"], new_id()
        login_id = str(asked["login_id"])
        self._partner.sessions.open_login(login_id, str(asked["api_key"]), account_id, contact_id)
        return {"login_id": login_id, "contact_id": contact_id}

    def unlock(self, asked: Any) -> Any:
        return {"unlocked": self._partner.sessions.unlock(str(asked["login_id"]))}
