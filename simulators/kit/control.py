"""The control endpoint, which no real partner has: clock, faults, book, interventions."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from simulators.kit.clock import moment, stamp
from simulators.kit.partner import Partner
from simulators.kit.timers import NotPossible

Handler = Callable[[Any], Any]


class Control:
    """What can be asked of every simulator. A partner's own requests are in `more`."""

    def __init__(self, partner: Partner) -> None:
        self._partner = partner

    def more(self) -> Sequence[tuple[str, str, Handler]]:
        """The requests that only this partner has: method, path below `/_control`, handler."""
        return ()

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
        self._partner.progress(clock.now())
        return self.read_clock(asked)

    def read_clock(self, _: Any) -> Any:
        return {"now": stamp(self._partner.clock.now()), "frozen": self._partner.clock.frozen}

    def delays(self, asked: Any) -> Any:
        """Set any of the delays, in seconds, for objects that reach that stage from now on."""
        self._partner.delays.change(asked)
        return self.read_delays(asked)

    def read_delays(self, _: Any) -> Any:
        return self._partner.delays.shown()

    def add_faults(self, asked: Any) -> Any:
        rules = asked if isinstance(asked, list) else [asked]
        return {"ids": self._partner.faults.add(rules)}

    def faults(self, _: Any) -> Any:
        return {"rules": self._partner.faults.shown()}

    def clear_faults(self, _: Any) -> Any:
        self._partner.faults.clear()
        return {"rules": []}

    def apply(self, asked: Any) -> Any:
        """Apply an intervention to an object now: `fault`, and its `param`."""
        partner, fault, object_id = self._partner, asked.get("fault"), str(asked["id"])
        if fault not in partner.interventions:
            there = ", ".join(partner.interventions)
            raise ValueError(f"not an intervention: {fault}; there are {there}")
        partner.apply(object_id, fault, asked.get("param", {}), None, partner.clock.now())
        return {"id": object_id, "status": partner.notices.about(object_id)["status"]}

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

    def book(self, _: Any) -> Any:
        return self._partner.book.contents()

    def routes(self, changed: Callable[[], None]) -> list[Route]:
        """The routes of the control endpoint.

        Args:
            changed: called after each request, since it may have changed something.
        """
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "health", self.health),
            ("GET", "clock", self.read_clock),
            ("POST", "clock", self.clock),
            ("GET", "delays", self.read_delays),
            ("POST", "delays", self.delays),
            ("GET", "faults", self.faults),
            ("POST", "faults", self.add_faults),
            ("DELETE", "faults", self.clear_faults),
            ("POST", "payments/{id}", self.apply),
            ("GET", "quotas", self.quotas),
            ("POST", "quotas", self.set_quotas),
            ("DELETE", "quotas", self.clear_quotas),
            ("GET", "webhooks", self.webhooks),
            ("POST", "webhooks", self.add_webhooks),
            ("DELETE", "webhooks", self.remove_webhooks),
            ("POST", "webhooks/send", self.notify),
            ("GET", "book", self.book),
        )
        return [
            Route(f"/_control/{path}", self._endpoint(handler, changed), methods=[method])
            for method, path, handler in (*self.more(), *table)
        ]

    def _endpoint(
        self, handler: Handler, changed: Callable[[], None]
    ) -> Callable[[Request], Awaitable[Response]]:
        partner = self._partner

        async def endpoint(request: Request) -> Response:
            text = await request.body()
            try:
                asked = json.loads(text) if text else {}
                if isinstance(asked, dict):
                    asked |= request.path_params
                with partner.book.transaction():
                    partner.progress(partner.clock.now())
                    return JSONResponse(handler(asked))
            except (KeyError, TypeError, ValueError) as error:
                return JSONResponse({"error": str(error)}, 400)
            except NotPossible as error:
                return JSONResponse({"error": f"not possible now: {error}"}, 409)
            finally:
                changed()

        return endpoint
