"""Corridors against the simulator over HTTP: what each asks for, and what is refused for lack."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final
from urllib.parse import parse_qsl

import httpx
import pytest
from pydantic import SecretStr

from domain.accounts import Account, ClearingMember
from domain.lifecycle.answers import Accepted, Prepared, Unprepared
from domain.money import Money
from domain.party import Party, PartyKind, PostalAddress
from domain.payments.answers import Subject
from domain.payments.order import ChargeBearer, Order, Rail, Times
from domain.payments.report import PaymentState, Source
from partners.currencycloud import creditors, mapping, wire
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.beneficiaries import external_reference
from partners.currencycloud.client import CurrencycloudPartner
from tests.partners.currencycloud.lives import Bank, MachineClock, living
from tests.partners.currencycloud.scripted import (
    NOW,
    ORDER,
    SUBJECT,
    FakeLoginBook,
    FakePreparedBook,
    Scripted,
    error,
    page,
    partner,
    payment,
)

DETAILS: Final = "GET /v2/reference/beneficiary_required_details"
FIND: Final = "POST /v2/beneficiaries/find"
VALIDATE: Final = "POST /v2/beneficiaries/validate"
CREATE: Final = "POST /v2/beneficiaries/create"

ADDRESS: Final = PostalAddress(
    street_name="High Street",
    building_number="1",
    town_name="Town",
    post_code="12345",
    country_sub_division="NY",
    country="US",
)
COMPANY: Final = Party(name="Carla Creditor Ltd", kind=PartyKind.ORGANISATION, address=ADDRESS)
PERSON: Final = Party(name="Carla de Creditor", kind=PartyKind.PERSON, address=ADDRESS)


def order(rail: Rail, amount: Money, **changes: Any) -> Order:
    is_local = rail is Rail.DOMESTIC
    whole = {
        "rail": rail,
        "instructed_amount": amount,
        "creditor": COMPANY,
        "charge_bearer": ChargeBearer.SLEV if is_local else ChargeBearer.SHAR,
        "times": Times(submit_before=datetime.now(UTC) + timedelta(minutes=15)),
        **changes,
    }
    return ORDER.model_copy(update=whole)


def local(currency: str, account: str, system: str, number: str, **changes: Any) -> Order:
    member = ClearingMember(system=system, number=number)
    amount = Money(minor=1000, currency=currency)
    given = {"creditor_account": Account(other=account), "creditor_agent_member": member}
    return order(Rail.DOMESTIC, amount, **{**given, **changes})


def swift(currency: str, minor: int, account: Account, bic: str, **changes: Any) -> Order:
    given = {"creditor_account": account, "creditor_agent": bic}
    return order(Rail.CROSS_BORDER, Money(minor=minor, currency=currency), **{**given, **changes})


GBP: Final = local("GBP", "12345678", "GBDSC", "200000")
USD: Final = local("USD", "000123456", "USABA", "021000021")
CORRIDORS: Final[Mapping[str, Order]] = {
    "GBP sort code": GBP,
    "GBP person": GBP.model_copy(update={"creditor": PERSON}),
    "USD ABA": USD,
    "AUD BSB": local("AUD", "123456789", "AUBSB", "062000"),
    "CAD transit": local("CAD", "1234567", "CACPA", "000305678"),
    "INR IFSC": local("INR", "123456789012", "INFSC", "HDFC0000001", purpose="travel"),
    "CNY CNAPS": local("CNY", "62220212345678901", "CNAPS", "102100099996"),
    "HKD bank and branch": local("HKD", "123456789", "HKNCC", "004123"),
    "SGD bank and branch": local("SGD", "123456789", "SGIBG", "7171001"),
    "MXN CLABE": order(
        Rail.DOMESTIC,
        Money(minor=1000, currency="MXN"),
        creditor_account=Account(other="032180000118359719"),
        creditor_agent_country="MX",
    ),
    "CHF IBAN": order(
        Rail.DOMESTIC,
        Money(minor=1000, currency="CHF"),
        creditor_account=Account(iban="CH9300762011623852957"),
    ),
    "USD by BIC": swift("USD", 1000, Account(other="000123456"), "CHASUS33"),
    "JPY by BIC": swift("JPY", 1250, Account(other="1234567"), "BOTKJPJT"),
    "KWD by IBAN": swift("KWD", 1250, Account(iban="KW81CBKU0000000000001234560101"), "CBKUKWKW"),
    "EUR by BIC": swift("EUR", 1000, Account(iban="DE89370400440532013000"), "COBADEFF"),
    "USD to the Emirates": swift(
        "USD", 1000, Account(iban="AE070331234567890123456"), "BOMLAEAD", purpose="SVI"
    ),
}


@pytest.fixture
async def adapter(bank: Bank) -> AsyncIterator[CurrencycloudPartner]:
    account = CurrencycloudAccount(
        base_url=bank.address, login_id="demo@finality.test", api_key=SecretStr("51" * 32)
    )
    made = CurrencycloudPartner(
        account, logins=FakeLoginBook(held=None), clock=MachineClock(), prepared=FakePreparedBook()
    )
    assert await made.ready() is None
    yield made
    await made.close()


@pytest.mark.parametrize("corridor", CORRIDORS)
async def test_a_payment_over_the_corridor_is_taken_as_it_was_ordered(
    bank: Bank, corridor: str
) -> None:
    wanted = CORRIDORS[corridor]
    async with living(bank, f"corridor {corridor}", wanted) as life:
        submitted = await life.submit()
        assert isinstance(submitted, Accepted), submitted
        assert submitted.report.observed.amount == wanted.instructed_amount
        assert submitted.report.observed.beneficiary_is_ours
        assert submitted.report.drift == ()
        again = await life.adapter.prepare(replace(life.subject, prepared={}))
        assert isinstance(again, Prepared), again
        assert again.request.prepared == life.request.prepared, "found, not made twice"
        [held] = life.held
        assert held["payment_type"] == creditors.PAYMENT_TYPE[wanted.rail]
        assert held["amount_minor"] == wanted.instructed_amount.minor


async def refusal_of(adapter: CurrencycloudPartner, lacking: Order) -> tuple[str | None, str]:
    unprepared = await adapter.prepare(Subject("pay_1/pay/1", lacking, ("K" * 32,)))
    assert isinstance(unprepared, Unprepared), unprepared
    assert unprepared.refused is not None, unprepared.why
    assert unprepared.refused.state is PaymentState.REJECTED
    # A preview says the same before anything is recorded.
    examined = await adapter.examine(lacking)
    assert examined is not None
    assert examined.refused is not None
    assert (examined.why, examined.refused.status_reason) == (
        unprepared.why,
        unprepared.refused.status_reason,
    )
    return unprepared.refused.status_reason, unprepared.why


@pytest.mark.parametrize(
    ("corridor", "change", "code", "names"),
    [
        ("GBP sort code", {"creditor_account": Account(other="1234")}, "AC03", "acct_number"),
        (
            "GBP sort code",
            {"creditor_agent_member": None, "creditor_agent_country": "GB"},
            "RC10",
            "sort_code",
        ),
        ("GBP sort code", {"creditor": Party(name="C")}, "BE17", "beneficiary_entity_type"),
        ("USD by BIC", {"creditor_agent": None, "creditor_agent_country": "US"}, "RC07", "bic"),
        (
            "USD by BIC",
            {"creditor": COMPANY.model_copy(update={"address": None})},
            "BE04",
            "beneficiary_address",
        ),
        (
            "USD by BIC",
            {
                "creditor": COMPANY.model_copy(
                    update={"address": ADDRESS.model_copy(update={"town_name": None})}
                )
            },
            "BE04",
            "beneficiary_city",
        ),
        (
            "USD ABA",
            {
                "creditor": COMPANY.model_copy(
                    update={"address": ADDRESS.model_copy(update={"post_code": None})}
                )
            },
            "BE04",
            "beneficiary_postcode",
        ),
        (
            "USD ABA",
            {
                "creditor": COMPANY.model_copy(
                    update={"address": ADDRESS.model_copy(update={"country_sub_division": None})}
                )
            },
            "BE04",
            "beneficiary_state_or_province",
        ),
        (
            "AUD BSB",
            {"creditor": Party(name="Cher", kind=PartyKind.PERSON)},
            "BE21",
            "beneficiary_first_name",
        ),
        ("INR IFSC", {"purpose": None}, "CH21", "purpose"),
        ("USD to the Emirates", {"purpose": None}, "CH21", "purpose"),
        ("KWD by IBAN", {"charge_bearer": ChargeBearer.CRED}, "BE19", "charge_bearer"),
        ("GBP sort code", {"charge_bearer": ChargeBearer.DEBT}, "BE19", "charge_bearer"),
        ("JPY by BIC", {"rail": Rail.DOMESTIC, "charge_bearer": "SLEV"}, "AG03", "regular"),
    ],
)
async def test_what_the_corridor_asks_for_and_the_order_lacks_is_named(
    adapter: CurrencycloudPartner, corridor: str, change: dict[str, Any], code: str, names: str
) -> None:
    lacking = CORRIDORS[corridor].model_copy(update=change)
    refused_as, why = await refusal_of(adapter, lacking)
    assert refused_as == code
    assert names in why
    assert "12345678" not in why


async def test_an_order_that_does_not_tell_the_banks_country_is_refused_without_asking() -> None:
    lost = CORRIDORS["MXN CLABE"].model_copy(update={"creditor_agent_country": None})
    script = Scripted()
    code, why = await refusal_of(partner(script), lost)
    assert (code, script.sent) == ("AG06", [])
    assert "BIC" in why


@pytest.mark.parametrize(
    ("bearer", "theirs"),
    [(ChargeBearer.DEBT, "ours"), (ChargeBearer.SHAR, "shared"), (ChargeBearer.SLEV, None)],
)
async def test_who_bears_the_charges_is_told_in_their_word(
    adapter: CurrencycloudPartner, bearer: ChargeBearer, theirs: str | None
) -> None:
    wanted = CORRIDORS["USD by BIC"].model_copy(update={"charge_bearer": bearer})
    prepared = await adapter.prepare(Subject("pay_1/pay/1", wanted, ("K" * 32,)))
    assert isinstance(prepared, Prepared), prepared
    form = dict(parse_qsl(prepared.request.body.decode()))
    assert form.get("charge_type") == theirs
    assert form["payment_type"] == "priority"


@pytest.mark.parametrize(("currency", "text"), [("JPY", "1250"), ("KWD", "1.250")])
async def test_an_amount_has_the_digits_of_its_currency(
    adapter: CurrencycloudPartner, currency: str, text: str
) -> None:
    [wanted] = [each for name, each in CORRIDORS.items() if name.startswith(currency)]
    prepared = await adapter.prepare(Subject("pay_1/pay/1", wanted, ("K" * 32,)))
    assert isinstance(prepared, Prepared), prepared
    assert dict(parse_qsl(prepared.request.body.decode()))["amount"] == text


def theirs(**changes: Any) -> dict[str, Any]:
    return {
        "id": "a0bd2d78-3621-4c29-932f-a39d6b34d5e7",
        **creditors.names(GBP),
        **{k: v for k, v in creditors.bank_details(GBP).items() if not k.endswith("[]")},
        "beneficiary_address": ["High Street 1"],
        **changes,
    }


ALTERNATIVES: Final = {
    "details": [{"payment_type": "regular", "acct_number": r"\A\d{8}\z", "sort_code": r"^\d{6}$"}]
}


def script(details: Any = (200, ALTERNATIVES), **changes: Any) -> Scripted:
    made = Scripted().on(DETAILS, details).on(FIND, page("beneficiaries", theirs(**changes)))
    return made.on(VALIDATE, (200, {})).on(CREATE, (200, theirs()))


async def test_a_corridor_is_asked_about_once() -> None:
    wanted = script()
    adapter = partner(wanted)
    for _ in range(2):
        assert await adapter.examine(GBP) is None
    assert wanted.routes == [DETAILS, FIND, FIND]
    assert wanted.sent[0].query == {
        "currency": "GBP",
        "bank_account_country": "GB",
        "beneficiary_country": "US",
    }


async def test_an_examination_asks_what_a_send_asks_and_makes_nothing() -> None:
    fresh = script(account_number="87654321")
    assert await partner(fresh).examine(GBP) is None
    assert fresh.routes == [DETAILS, FIND, VALIDATE]
    known = script()
    assert await partner(known).examine(GBP) is None
    assert known.routes == [DETAILS, FIND]


async def test_a_creditor_that_does_not_pass_their_validation_is_told_in_an_examination() -> None:
    refusing = Scripted().on(DETAILS, (200, ALTERNATIVES)).on(FIND, page("beneficiaries"))
    refusing.on(VALIDATE, (400, error("iban_is_invalid", "IBAN is invalid", "iban")))
    examined = await partner(refusing).examine(GBP)
    assert examined is not None
    assert examined.refused is not None
    assert VALIDATE in refusing.routes


async def test_every_call_is_on_behalf_of_the_sub_account() -> None:
    contact = "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01"
    wanted = script(account_number="87654321")
    acting = GBP.model_copy(update={"on_behalf_of": contact})
    prepared = await partner(wanted).prepare(Subject("p", acting, ("K" * 32,)))
    assert isinstance(prepared, Prepared)
    assert wanted.routes == [DETAILS, FIND, VALIDATE, CREATE]
    assert {(sent.query | sent.form)["on_behalf_of"] for sent in wanted.sent} == {contact}
    assert dict(parse_qsl(prepared.request.body.decode()))["on_behalf_of"] == contact


@pytest.mark.parametrize(
    "change",
    [
        {"account_number": "87654321"},
        {"routing_code_value_1": "200001"},
        {"routing_code_type_1": "bank_code"},
        {"routing_code_type_2": "bank_code", "routing_code_value_2": "1"},
        {"bank_account_holder_name": "Somebody Else"},
        {"currency": "EUR"},
        {"bank_country": "IE"},
        {"iban": "GB33BUKB20201555555555"},
        {"beneficiary_entity_type": "individual"},
    ],
    ids=str,
)
async def test_one_that_somebody_changed_is_not_ours_any_more(change: dict[str, Any]) -> None:
    wanted = script(**change)
    assert isinstance(await partner(wanted).prepare(Subject("p", GBP, ("K" * 32,))), Prepared)
    assert CREATE in wanted.routes


@pytest.mark.parametrize(
    "answer",
    [
        (500, "<html></html>"),
        (429, error("too_many_requests")),
        (200, {"details": "none"}),
        httpx.ReadTimeout("slow"),
    ],
    ids=str,
)
async def test_a_corridor_that_cannot_be_asked_about_is_asked_again_later(answer: Any) -> None:
    unprepared = await partner(script(answer)).prepare(Subject("p", GBP, ("K" * 32,)))
    assert isinstance(unprepared, Unprepared)
    assert unprepared.refused is None


def test_another_payment_type_than_ordered_is_told() -> None:
    shown = wire.read_payment(json.dumps(payment(payment_type="priority")))
    assert isinstance(shown, wire.Payment)
    report = mapping.report(SUBJECT, shown, None, source=Source.READ, as_of=NOW)
    assert report.drift == ("payment.payment_type: not ours",)


def test_a_creditor_in_sepa_keeps_the_reference_that_the_first_version_gave() -> None:
    address = PostalAddress(
        street_name="Rue A", building_number="1", town_name="Paris", post_code="75001",
        country="FR", country_sub_division="IDF",
    )  # fmt: skip
    full = ORDER.model_copy(
        update={
            "creditor": Party(
                name="Carla Creditor",
                address=address,
                kind=PartyKind.PERSON,
                birth_date=date(1980, 1, 1),
            ),
            "creditor_agent": "AGRIFRPP",
            "on_behalf_of": "5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01",
        }
    )
    assert external_reference(ORDER) == "fin-4ecf53027664f724ecdea38f51aa812b"
    assert external_reference(full) == "fin-8666253868204e694e9b7a11039aaf7a"
