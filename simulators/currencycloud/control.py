"""The control endpoint, which no real partner has: clock, faults, book, manual interventions."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.currencycloud.book import new_id
from simulators.currencycloud.clock import moment, stamp
from simulators.currencycloud.entries import NotPossible
from simulators.currencycloud.menu import INTERVENTIONS
from simulators.currencycloud.partner import Partner

Handler = Callable[[Any], Any]


class Control:
    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def health(self, _: Any) -> Any:
        return {"status": "ok", "now": stamp(self._partner.clock.now())}

    def clock(self, asked: Any) -> Any:
        """`advance_seconds`, `now` (with offset) and `frozen` (true, false), in that order."""
        clock = self._partner.clock
        if "advance_seconds" in asked:
            clock.advance(timedelta(seconds=float(asked["advance_seconds"])))
        if "now" in asked:
            clock.set(moment(asked["now"]))
        if asked.get("frozen") is True:
            clock.freeze()
        if asked.get("frozen") is False and clock.frozen:
            clock.thaw()
        self._partner.lifecycle.progress(clock.now())
        return self.read_clock(asked)

    def read_clock(self, _: Any) -> Any:
        return {"now": stamp(self._partner.clock.now()), "frozen": self._partner.clock.frozen}

    def delays(self, asked: Any) -> Any:
        """Set any of the delays, in seconds, for payments that reach that stage from now on."""
        seconds = {name: float(value) for name, value in asked.items()}
        self._partner.lifecycle.change_delays(seconds)
        return self.read_delays(asked)

    def read_delays(self, _: Any) -> Any:
        return asdict(self._partner.lifecycle.delays)

    def add_faults(self, asked: Any) -> Any:
        rules = asked if isinstance(asked, list) else [asked]
        return {"ids": self._partner.faults.add(rules)}

    def faults(self, _: Any) -> Any:
        return {"rules": self._partner.faults.shown()}

    def clear_faults(self, _: Any) -> Any:
        self._partner.faults.clear()
        return {"rules": []}

    def apply(self, asked: Any) -> Any:
        """Apply an intervention to a payment now: `fault`, and its `param`."""
        if asked.get("fault") not in INTERVENTIONS:
            raise ValueError(
                f"not an intervention: {asked.get('fault')}; there are {', '.join(INTERVENTIONS)}"
            )
        now = self._partner.clock.now()
        lifecycle, payment_id = self._partner.lifecycle, str(asked["id"])
        lifecycle.apply(payment_id, asked["fault"], asked.get("param", {}), None, now)
        return {"id": payment_id, "status": self._partner.payments.by_id(payment_id)["status"]}

    def funds(self, asked: Any) -> Any:
        """Fund the main account or `account_id`: `amount`, `currency`."""
        accounts, now = self._partner.accounts, self._partner.clock.now()
        account_id, currency = asked.get("account_id", accounts.main()["id"]), asked["currency"]
        transaction = accounts.fund(account_id, str(asked["amount"]), currency, now)
        self._partner.notices.announce_funding(transaction, now)
        self._partner.lifecycle.progress(now)
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

    def quotas(self, _: Any) -> Any:
        return {"quotas": self._partner.quotas.shown()}

    def set_quotas(self, asked: Any) -> Any:
        """Replace all quotas: each has `on`, `limit`, `seconds`."""
        self._partner.quotas.set(asked if isinstance(asked, list) else [asked])
        return self.quotas(asked)

    def clear_quotas(self, asked: Any) -> Any:
        return self.set_quotas([])

    def webhooks(self, _: Any) -> Any:
        targets, book = self._partner.targets, self._partner.book
        return {"targets": targets.shown(), "deliveries": book.deliveries()}

    def add_webhooks(self, asked: Any) -> Any:
        """Add targets: each has `url`, and the fields of `Target` that differ from the default."""
        self._partner.targets.put(asked if isinstance(asked, list) else [asked])
        return self.webhooks(asked)

    def remove_webhooks(self, asked: Any) -> Any:
        """Remove the target `url`, or all."""
        self._partner.targets.remove(asked.get("url"))
        return self.webhooks(asked)

    def notify(self, asked: Any) -> Any:
        """Send one notification by hand, now: see `Notices.order`."""
        return {"deliveries": self._partner.notices.order(asked, self._partner.clock.now())}

    def unlock(self, asked: Any) -> Any:
        return {"unlocked": self._partner.sessions.unlock(str(asked["login_id"]))}

    def book(self, _: Any) -> Any:
        return self._partner.book.contents()


def control_routes(partner: Partner, changed: Callable[[], None]) -> list[Route]:
    """The routes of the control endpoint.

    Args:
        changed: called after each request, since it may have changed something.
    """
    control = Control(partner)

    def serve(handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            text = await request.body()
            try:
                asked = json.loads(text) if text else {}
                if isinstance(asked, dict):
                    asked |= request.path_params
                with partner.book.transaction():
                    partner.lifecycle.progress(partner.clock.now())
                    return JSONResponse(handler(asked))
            except (KeyError, TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
            except NotPossible as error:
                return JSONResponse({"error": f"not possible now: {error}"}, 409)
            finally:
                changed()

        return endpoint

    table: tuple[tuple[str, str, Handler], ...] = (
        ("GET", "health", control.health),
        ("GET", "clock", control.read_clock),
        ("POST", "clock", control.clock),
        ("GET", "delays", control.read_delays),
        ("POST", "delays", control.delays),
        ("GET", "faults", control.faults),
        ("POST", "faults", control.add_faults),
        ("DELETE", "faults", control.clear_faults),
        ("POST", "payments/{id}", control.apply),
        ("POST", "funds", control.funds),
        ("POST", "accounts", control.open_account),
        ("POST", "unlock", control.unlock),
        ("POST", "authorisation", control.require_authorisation),
        ("POST", "logins", control.open_login),
        ("GET", "quotas", control.quotas),
        ("POST", "quotas", control.set_quotas),
        ("DELETE", "quotas", control.clear_quotas),
        ("GET", "webhooks", control.webhooks),
        ("POST", "webhooks", control.add_webhooks),
        ("DELETE", "webhooks", control.remove_webhooks),
        ("POST", "webhooks/send", control.notify),
        ("GET", "book", control.book),
    )
    return [
        Route(f"/_control/{path}", serve(handler), methods=[method])
        for method, path, handler in table
    ]
