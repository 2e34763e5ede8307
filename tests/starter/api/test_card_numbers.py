"""No card number enters over HTTP: each is refused by its field, and is in no answer and no log."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from tests.fakes import BANK
from tests.starter.api.conftest import TILL, Api
from tests.starter.api.test_files import a_file, post
from tests.starter.api.test_payments import recorded

CARD = "4242 4242 4242 4242"
#: Every field of a collection that takes a text of its own.
TEXTS = (
    "payment_method", "mandate", "customer", "return_url", "statement_descriptor", "debtor_name",
    "end_to_end_id", "remittance_information",
)  # fmt: skip


def refuses(answer: httpx.Response, field: str, log: str) -> None:
    assert answer.status_code == 422, answer.text
    named = [each["pointer"] for each in answer.json().get("errors", ())]
    # What is wrong in a file has no pointer, but the element's name in its text.
    is_named = any(pointer.endswith(field) for pointer in named) or f"{field}: shows" in answer.text
    assert is_named, answer.text
    assert "card number" in answer.text
    assert "4242" not in answer.text + log


async def collect(api: Api, key: str = "k", **fields: Any) -> httpx.Response:
    body = {
        "instructed_amount": {"minor": 1250, "currency": "EUR"},
        "payment_method": "pm_1",
        "partner": BANK,
        "partner_account": TILL,
        **fields,
    }
    return await api.post("/v1/collections", body, key=key)


@pytest.mark.parametrize("field", TEXTS)
async def test_a_collection_with_one_is_refused_by_the_field(
    api: Api, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    caplog.set_level(logging.DEBUG)
    given = f"https://shop.example/{CARD}" if field == "return_url" else CARD
    named = {"debtor_name": "debtor/name"}.get(field, field)
    refuses(await collect(api, **{field: given}), named, caplog.text)
    refuses(await collect(api, key=CARD), "key", caplog.text)
    assert recorded(api) == 0


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"remittance_information": CARD}, "remittance_information"),
        ({"end_to_end_id": CARD.replace(" ", "")}, "end_to_end_id"),
        ({"instruction_id": CARD}, "instruction_id"),
        ({"creditor": {"name": CARD}}, "creditor/name"),
        (
            {"debtor": {"name": "P", "address": {"town_name": CARD, "country": "DE"}}},
            "debtor/address/town_name",
        ),
        ({"key": CARD}, "key"),
    ],
)
async def test_so_is_a_credit_transfer(
    api: Api, caplog: pytest.LogCaptureFixture, fields: dict[str, Any], named: str
) -> None:
    caplog.set_level(logging.DEBUG)
    refuses(await api.pay(**fields), named, caplog.text)
    assert recorded(api) == 0


async def test_so_is_a_cancel_and_it_does_nothing(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    paid = (await api.pay()).json()["id"]
    path = f"/v1/payments/{paid}/cancel"
    refuses(await api.post(path, {"why": f"by {CARD}"}, key="c"), "why", caplog.text)
    refuses(await api.post(path, {}, key=CARD), "command_id", caplog.text)
    assert (await api.get(f"/v1/payments/{paid}")).json()["state"] == "created"


async def test_so_is_a_file_in_whatever_element_it_stands(
    api: Api, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    whole = a_file("F-1", 1)
    for here, element in (("I-1", "EndToEndId"), ("F-1", "MsgId"), ("Creditor Name", "Cdtr/Nm")):
        body = whole.replace(f">{here}<".encode(), f">{CARD}<".encode())
        assert body != whole
        refuses(await post(api, body), element, caplog.text)
    refuses(await post(api, whole, key=CARD), "key", caplog.text)
    assert recorded(api) == 0
