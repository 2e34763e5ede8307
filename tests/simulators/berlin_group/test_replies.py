"""What the Berlin Group published about replies, and what the simulator answers."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from simulators.berlin_group.dialects import DIALECTS
from simulators.berlin_group.lifecycle import CANCELLABLE
from simulators.berlin_group.partner import Partner
from tests.simulators.berlin_group.conftest import ORDER, PAYMENTS, Tpp
from tests.simulators.berlin_group.openapi import OpenApi
from tests.simulators.berlin_group.test_payments import (
    test_a_decoupled_payment_waits_for_the_app,
    test_a_payment_is_approved_on_the_page_and_settles,
    test_a_payment_that_nobody_authorised_is_cancelled_at_once,
    test_an_embedded_payment_takes_password_method_and_code,
    test_an_exempted_payment_goes_on_at_once,
    test_the_payer_confirms_the_cancellation_of_an_authorised_payment,
    test_two_authorisers_have_to_approve,
    test_without_funds_the_bank_rejects_and_says_so,
)

LIVES = (
    test_a_decoupled_payment_waits_for_the_app,
    test_a_payment_is_approved_on_the_page_and_settles,
    test_a_payment_that_nobody_authorised_is_cancelled_at_once,
    test_an_embedded_payment_takes_password_method_and_code,
    test_an_exempted_payment_goes_on_at_once,
    test_two_authorisers_have_to_approve,
    test_without_funds_the_bank_rejects_and_says_so,
)


def _wrong(tpp: Tpp, openapi: OpenApi) -> list[str]:
    assert tpp.seen
    return [
        f"{method} {path} {status}: {wrong}"
        for method, path, status, body in tpp.seen
        for wrong in openapi.errors(method, path.removeprefix(tpp.address), status, body)
    ]


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_reply_of_a_life_is_as_published(
    tpp: Tpp, openapi: OpenApi, life: Callable[[Tpp], None]
) -> None:
    life(tpp)
    tpp.get(f"{PAYMENTS}/{tpp.control('book')['payments'][0]['id']}")
    assert _wrong(tpp, openapi) == []


def test_the_replies_of_a_cancellation_are_as_published(tpp: Tpp, openapi: OpenApi) -> None:
    test_the_payer_confirms_the_cancellation_of_an_authorised_payment(tpp, "approve", "CANC")
    assert _wrong(tpp, openapi) == []


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != "numbers"])
def test_a_dialect_keeps_to_what_the_schemas_permit(
    bank: Callable[[str], Tpp], openapi: OpenApi, dialect: str
) -> None:
    tpp = bank(dialect)
    order = {**ORDER, "creditorAddress": {"country": "FR"}}
    for _ in range(2):  # The first may only register the certificate.
        tpp.ask("POST", PAYMENTS, order, Date="Mon, 30 Nov 2026 10:00:00 GMT")
    made = tpp.seen[-1][3]
    headers = {"Date": "Mon, 30 Nov 2026 10:00:00 GMT"}
    for path in ("", "/status", "/authorisations"):
        tpp.ask("GET", f"{PAYMENTS}/{made['paymentId']}{path}", **headers)
    assert _wrong(tpp, openapi) == []


def test_the_dialect_of_numbers_really_breaks_the_schema(
    bank: Callable[[str], Tpp], openapi: OpenApi
) -> None:
    tpp = bank("numbers")
    tpp.get(f"{PAYMENTS}/{tpp.initiate()['paymentId']}")
    assert any("instructedAmount/amount" in wrong for wrong in _wrong(tpp, openapi))


def test_every_endpoint_is_documented(openapi: OpenApi) -> None:
    for method, path, name in Partner.endpoints:
        if not name.startswith("psu_"):
            ids = dict.fromkeys(re.findall(r"{(\w+)}", path), "1")
            filled = path.format_map({**ids, "product": "sepa-credit-transfers"})
            assert openapi.operation(method, filled), f"{method} {path}"


def test_the_header_that_is_required_is_required(openapi: OpenApi) -> None:
    required = {name for name, needed in openapi.headers("POST", PAYMENTS).items() if needed}
    assert required == {"x-request-id", "psu-ip-address"}


def test_every_status_is_of_the_published_list(openapi: OpenApi) -> None:
    assert set(CANCELLABLE) <= set(openapi.enum("transactionStatus"))
