"""What the standard's OpenAPI files say of replies, and what the simulator answers."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

import pytest

from simulators.obie.accounts import READ
from simulators.obie.consents import PERMISSIONS
from simulators.obie.dialects import ERRORS, V3, V4
from simulators.obie.partner import Partner
from tests.simulators.obie import test_accounts, test_events, test_payments, test_refusals
from tests.simulators.obie.conftest import Tpp
from tests.simulators.obie.openapi import OpenApi

LIVES = (
    test_payments.test_a_payment_is_approved_on_the_page_submitted_and_settles,
    test_payments.test_a_late_rejection_brings_the_money_back,
    test_payments.test_the_same_key_shows_the_same_payment_as_it_is_now,
    test_payments.test_a_key_is_forgotten_after_a_day_but_the_consent_is_consumed,
    test_payments.test_a_rejection_on_the_page_rejects_the_consent,
    test_accounts.test_access_is_given_and_data_read_page_by_page,
    test_accounts.test_a_payments_debit_names_whom_it_paid,
    test_accounts.test_access_is_revoked_at_the_bank,
    test_accounts.test_a_tpp_deletes_a_consent,
    test_accounts.test_a_consent_expires,
    test_accounts.test_every_kind_of_data_answers,
    test_events.test_events_wait_until_they_are_acknowledged,
    test_refusals.test_a_field_that_is_missing_or_wrong_is_named,
    test_refusals.test_a_signature_that_is_not_in_order_is_refused,
)


@pytest.mark.parametrize("life", LIVES, ids=lambda life: life.__name__)
def test_every_reply_of_a_life_is_as_published(
    either: Tpp, openapi: OpenApi, life: Callable[[Tpp], None]
) -> None:
    life(either)
    assert either.seen
    assert [
        f"{method} {urlsplit(url).path} {answer.status_code}: {wrong}"
        for method, url, answer in either.seen
        for wrong in openapi.errors(method, urlsplit(url).path, answer)
    ] == []


def test_every_endpoint_is_documented(openapi: OpenApi) -> None:
    for method, path, name in Partner.endpoints:
        for version in ("v3.1", "v4.0"):
            if not name.startswith("auth "):
                filled = path.format(version=version, id="1")
                assert openapi.operation(method, filled) or name == f"{READ}product"


def test_every_payment_status_has_a_word_of_its_version(openapi: OpenApi) -> None:
    where = ("OBWriteDomesticResponse5", "properties", "Data", "properties", "Status")
    iso = openapi.enum("v4.0", "payment-initiation", *where)
    said = set(openapi.enum("v3.1", "payment-initiation", *where))
    used = {"RCVD", "PDNG", "PATC", "ACSP", "ACSC", "ACWP", "ACCC", "BLCK", "RJCT"}
    assert used <= set(iso)
    assert {V3.word(status) for status in used} == said
    assert {V4.word(status) for status in used} == used


def test_every_consent_status_has_a_word_of_its_version(openapi: OpenApi) -> None:
    access = ("OBReadConsentResponse1", "properties", "Data", "properties", "Status")
    payment = ("OBWriteDomesticConsentResponse5", *access[1:])
    for version, said in (("v3.1", V3), ("v4.0", V4)):
        words = set(openapi.enum(version, "account-info", *access))
        assert {said.word(each) for each in ("AWAU", "AUTH", "RJCT", "CANC", "EXPD")} == words
        words = set(openapi.enum(version, "payment-initiation", *payment))
        assert {said.word(each) for each in ("AWAU", "AUTH", "RJCT", "COND")} == words


def test_every_permission_is_known(openapi: OpenApi) -> None:
    where = ("OBReadConsent1", "properties", "Data", "properties", "Permissions", "items")
    for version in ("v3.1", "v4.0"):
        assert set(openapi.enum(version, "account-info", *where)) == set(PERMISSIONS)


def test_every_error_code_is_of_the_published_list(openapi: OpenApi) -> None:
    assert set(ERRORS.items()) <= openapi.error_codes()
