"""Currencycloud's own client drives the simulator, unchanged."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import currencycloud  # type: ignore[import-untyped]  # it ships no types
import pytest
from currencycloud.config import Config  # type: ignore[import-untyped]
from currencycloud.errors import (  # type: ignore[import-untyped]
    AuthenticationError,
    BadRequestError,
    InternalApplicationError,
    NotFoundError,
    TooManyRequestsError,
)
from requests.exceptions import ConnectionError, JSONDecodeError

from simulators.currencycloud.partner import DEFAULT_LOGIN, SIMULATOR_API_KEY
from tests.polling import until
from tests.simulators.conftest import IBAN, SUB_CONTACT, Client, Receiver


@pytest.fixture
def sdk(client: Client, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    # A trust store or proxy of the environment is not meant for this machine.
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(Config.ENVIRONMENT_URLS, "simulator", client.address)
    sdk = currencycloud.Client(DEFAULT_LOGIN, SIMULATOR_API_KEY, "simulator")
    yield sdk
    sdk.config.session.close()


def order(sdk: Any, **changed: str) -> dict[str, str]:
    beneficiary = sdk.beneficiaries.create(
        name="Erika",
        bank_account_holder_name="Erika Mustermann",
        bank_country="DE",
        currency="EUR",
        iban=IBAN,
        payment_types=["regular"],
        beneficiary_external_reference="payee/1",
    )
    return {
        "currency": "EUR",
        "beneficiary_id": beneficiary.id,
        "amount": "12.50",
        "reason": "invoice",
        "reference": "INV 1",
        "unique_request_id": "key-1",
        "payment_type": "regular",
        **changed,
    }


def test_the_official_client_pays_finds_reads_changes_and_deletes(sdk: Any) -> None:
    form = order(sdk)
    payment = sdk.payments.create(**form)
    assert (payment.status, payment.amount) == ("ready_to_send", "12.50")
    with pytest.raises(BadRequestError) as duplicate:
        sdk.payments.create(**form)
    assert duplicate.value.code == "duplicate_request"
    [found] = sdk.payments.find(unique_request_id="key-1", scope="all", with_deleted="true")
    assert found.id == payment.id
    assert sdk.payments.retrieve(payment.id).reference == "INV 1"
    assert sdk.payments.update(payment.id, amount="13.00").amount == "13.00"
    assert sdk.payments.delete(payment.id).status == "ready_to_send"
    with pytest.raises(NotFoundError):
        sdk.payments.retrieve(payment.id)
    assert sdk.payments.retrieve(payment.id, with_deleted=True).status == "deleted"
    assert sdk.close_session() is True


def test_the_official_client_reads_beneficiaries_balances_and_transactions(
    sdk: Any, client: Client
) -> None:
    payment = sdk.payments.create(**order(sdk))
    [beneficiary] = sdk.beneficiaries.find(beneficiary_external_reference="payee/1")
    assert sdk.beneficiaries.retrieve(beneficiary.id).iban == IBAN
    valid = sdk.beneficiaries.validate(bank_country="DE", currency="EUR", iban=IBAN)
    assert valid.payment_types == ["regular"]
    with pytest.raises(BadRequestError):
        sdk.beneficiaries.validate(bank_country="DE", currency="EUR")
    client.control("clock", {"advance_seconds": 20})
    found = sdk.transactions.find(related_entity_type="payment", related_entity_id=payment.id)
    assert [(one.action, one.status) for one in found] == [("payment", "completed")]
    assert sdk.transactions.retrieve(found[0].id).amount == "12.50"
    assert sdk.balances.for_currency("EUR").amount == "9999987.50"
    assert len(sdk.balances.find()) == 5
    assert sdk.payments.first(currency="EUR").id == payment.id


def test_the_official_client_acts_for_a_sub_account(sdk: Any) -> None:
    with sdk.on_behalf_of(SUB_CONTACT) as acting:
        payment = acting.payments.create(**order(acting))
        assert acting.payments.retrieve(payment.id).id == payment.id
        acting.config.session.close()
    with pytest.raises(NotFoundError):
        sdk.payments.retrieve(payment.id)


def test_the_official_client_approves_and_has_messages_sent_again(
    sdk: Any, client: Client, receiver: Receiver
) -> None:
    client.control("authorisation", {"steps": 1})
    payment = client.create().json()
    client.control("logins", {"login_id": "Ada", "api_key": "cd" * 32})
    sdk.config.login_id, sdk.config.api_key = "Ada", "cd" * 32
    approved = sdk.payments.authorise(payment_ids=[payment["id"]])
    assert approved.authorisations[0]["payment_status"] == "authorised"
    client.control("webhooks", {"url": receiver.url})
    kind = "payment_ready_to_send_notification"
    assert sdk.payments.retry_payment_notifications(payment["id"], notification_type=kind) == {}
    until(lambda: kind in receiver.kinds(), kind)


def test_the_official_client_logs_in_again_when_its_token_is_dead(sdk: Any, client: Client) -> None:
    assert sdk.balances.for_currency("EUR").amount == "10000000.00"
    client.control("clock", {"advance_seconds": 1800})
    assert sdk.balances.for_currency("EUR").amount == "10000000.00"


def test_the_official_client_knows_the_faults_by_their_names(sdk: Any, client: Client) -> None:
    form = order(sdk)
    for fault, error in (
        ("rate_limited", TooManyRequestsError),
        ("error_500_before", InternalApplicationError),
        ("duplicate_word", BadRequestError),
        ("reply_lost_before", ConnectionError),
        ("html_200", JSONDecodeError),
    ):
        client.control("clock", {"frozen": True})
        client.fault(fault)
        with pytest.raises(error):
            sdk.payments.create(**form)
    # The last of them happened all the same.
    assert len(sdk.payments.find(unique_request_id="key-1")) == 1


def test_the_official_client_gives_up_on_wrong_credentials(client: Client, sdk: Any) -> None:
    sdk.config.api_key = "0" * 64
    with pytest.raises(AuthenticationError) as refused:
        sdk.authenticate()
    assert refused.value.code == "auth_failed"
    assert refused.value.status_code == 401
