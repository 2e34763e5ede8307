"""The fault menu of the simulated Currencycloud: each can be ordered, fires, and is in the log."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from simulators.currencycloud.menu import MENU
from simulators.kit.clock import moment
from simulators.kit.menu import NOTICE_FAULTS
from tests.simulators.conftest import Client, Receiver

FIND = "GET /v2/payments/find"
#: What it takes to have some of them: where they are ordered, and with what.
ON = {"hidden_from_find": FIND, "finds_another": FIND}
PARAM: dict[str, dict[str, Any]] = {
    "delay": {"seconds": 0.01},
    "drip": {"seconds": 0, "bytes": 100},
    "revive": {"after_seconds": 60},
    "resume": {"after_seconds": 15},
}
#: These follow on something else that befalls the payment first.
FIRST = {"revive": "fail_before_release", "resume": "suspend"}


@pytest.mark.parametrize("fault", MENU)
def test_every_fault_of_the_menu_fires_and_is_logged_with_its_moment(
    client: Client, receiver: Receiver, fault: str
) -> None:
    told = {"url": receiver.url, "timestamp_header": "x-at", "retry_seconds": []}
    client.control("webhooks", told)
    if fault == "authorise_by_hand":
        client.control("authorisation", {"steps": 1})
    client.pay(unique_request_id="another")
    if fault in FIRST:
        client.fault(FIRST[fault])
    on = "NOTIFY *" if fault in NOTICE_FAULTS else ON.get(fault, "POST /v2/payments/create")
    client.fault(fault, on, param=PARAM.get(fault, {}))
    began = client.control("clock")["now"]
    form = client.order(unique_request_id="k")
    try:
        client.post("payments/create", **form)
        client.http.get("/v2/payments/find", params={"unique_request_id": "k"})
    except (httpx.TransportError, ValueError):
        assert fault.startswith(("reply_lost", "cut"))
    client.control("clock", {"advance_seconds": 3600})
    fired = [each for each in client.fired() if each["fault"] == fault]
    assert len(fired) == 1
    assert moment(began) <= moment(fired[0]["at"]) <= moment(client.control("clock")["now"])
    assert fired[0]["unique_request_id"] == "k"
    [*_, rule] = client.control("faults")["rules"]
    assert (rule["fault"], rule["picked"], rule["fired"]) == (fault, 1, 1)
