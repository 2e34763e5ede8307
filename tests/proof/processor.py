"""The simulated card processor as its own people, payers and banks see it."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import Any, Final

from local.simulator import Simulator
from partners.stripe.registration import API_KEY

_SECONDS: Final = 10
_NEW_PAGE: Final = 303


class Processor:
    """Its process. What happens here, happens without us."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator
        self._saved: dict[str, dict[str, str]] = {}

    async def book(self) -> dict[str, Any]:
        """Everything, with what is due by now in it."""
        found: dict[str, Any] = await self._simulator.control("GET", "book")
        return found

    async def loses_a_reply(self, route: str, match: Mapping[str, str]) -> None:
        """The next request of that kind is executed, and its reply never comes."""
        rule = {"fault": "reply_lost_after", "on": route, "times": 1, "match": dict(match)}
        await self._simulator.control("POST", "faults", [rule])

    async def happens(self, object_id: str, what: str, **param: Any) -> None:
        """Somebody does something to an object there, now."""
        body = {"fault": what, "param": param}
        await self._simulator.control("POST", f"payments/{object_id}", body)

    async def saved_debit(self, token: str) -> dict[str, str]:
        """A payer whose bank account is saved with a mandate: customer, payment method, mandate."""
        if token not in self._saved:
            customer = (await self._post("customers", {"name": "Paula Payer"}))["id"]
            form = {
                "confirm": "true",
                "customer": customer,
                "mandate_data[customer_acceptance][type]": "offline",
                "payment_method": token,
                "payment_method_types[]": "sepa_debit",
            }
            made = await self._post("setup_intents", form)
            names = ("customer", "payment_method", "mandate")
            self._saved[token] = {name: str(made[name]) for name in names}
        return self._saved[token]

    async def payer_confirms(self, page: str) -> bool:
        """The payer opens the page and presses Complete; False: the page was used up."""
        return await asyncio.to_thread(_press, page)

    async def event(self, kind: str, payment_intent: str) -> bytes | None:
        """The newest event of that type about a payment, as it would be delivered."""
        query = urllib.parse.urlencode({"type": kind, "limit": "100"})
        for event in (await self._ask(f"events?{query}", None))["data"]:
            if event["data"]["object"].get("payment_intent") == payment_intent:
                return json.dumps(event).encode()
        return None

    async def _post(self, path: str, form: Mapping[str, str]) -> dict[str, Any]:
        return await self._ask(path, urllib.parse.urlencode(form).encode())

    async def _ask(self, path: str, body: bytes | None) -> dict[str, Any]:
        request = urllib.request.Request(
            f"{self._simulator.base_url}/v1/{path}",
            data=body,
            headers={"authorization": f"Bearer {API_KEY}"},
        )
        return await asyncio.to_thread(_answer, request)


def signed(body: bytes, secret: str) -> dict[str, str]:
    """The headers of a delivery."""
    moment = int(time.time())
    mac = hmac.new(secret.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return {"stripe-signature": f"t={moment},v1={mac}"}


def _answer(request: urllib.request.Request) -> dict[str, Any]:
    with urllib.request.urlopen(request, timeout=_SECONDS) as response:
        found: dict[str, Any] = json.loads(response.read())
        return found


def _press(page: str) -> bool:
    pressed = urllib.parse.urlencode({"outcome": "complete"}).encode()
    try:
        with _STAYING.open(urllib.request.Request(page, data=pressed), timeout=_SECONDS) as back:
            return bool(back.status == _NEW_PAGE)
    except urllib.error.HTTPError as refused:
        refused.close()
        return False


class _Stay(urllib.request.HTTPRedirectHandler):
    """The way back to the shop leads to a name that does not exist."""

    def http_error_303(self, req: Any, fp: Any, code: Any, msg: Any, headers: Any) -> Any:
        return fp


_STAYING: Final = urllib.request.build_opener(_Stay())
