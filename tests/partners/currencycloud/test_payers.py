"""Who pays where it is not the account's holder: asked for, sent, or refused before a send."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

import pytest

from domain.lifecycle.answers import Accepted, Prepared, Unprepared
from domain.party import Identification, Party, PartyKind, PostalAddress
from domain.payments.answers import Subject
from domain.payments.order import Order
from partners.currencycloud import wire
from partners.kit.wire import Unusable
from tests.partners.currencycloud.cassettes import recordings
from tests.partners.currencycloud.lives import Bank, living
from tests.partners.currencycloud.scripted import ORDER, Scripted, error, partner
from tests.partners.currencycloud.test_corridors import CORRIDORS

DETAILS: Final = "GET /v2/reference/payer_required_details"
ADDRESS: Final = PostalAddress(street_name="Weg", building_number="1", town_name="Bonn",
                               post_code="53111", country="DE")  # fmt: skip
COMPANY: Final = Party(
    name="Tochter GmbH",
    kind=PartyKind.ORGANISATION,
    address=ADDRESS,
    identification=Identification(scheme="COID", number="HRB 1"),
)
PERSON: Final = Party(
    name="Anna von Amsel", kind=PartyKind.PERSON, address=ADDRESS, birth_date=date(1980, 1, 31)
)


def owed_by(party: Party, order: Order = ORDER, **changes: Any) -> Order:
    return order.model_copy(update={"ultimate_debtor": party, **changes})


@pytest.mark.parametrize("party", [COMPANY, PERSON], ids=["company", "person"])
@pytest.mark.parametrize("corridor", ["SEPA", "USD by BIC"])
async def test_the_payer_is_told_and_the_payment_taken(
    bank: Bank, party: Party, corridor: str
) -> None:
    wanted = owed_by(party, CORRIDORS.get(corridor, ORDER))
    async with living(bank, f"payer {party.kind} {corridor}", wanted) as life:
        submitted = await life.submit()
        assert isinstance(submitted, Accepted), submitted
        form = dict(parse_qsl(life.request.body.decode()))
        told = {name: text for name, text in form.items() if name.startswith("payer_")}
        same = {
            "payer_country": "DE",
            "payer_city": "Bonn",
            "payer_postcode": "53111",
            "payer_address": "Weg 1",
        }
        if party is COMPANY:
            assert told == {
                **same,
                "payer_entity_type": "company",
                "payer_company_name": "Tochter GmbH",
                "payer_identification_type": "incorporation_number",
                "payer_identification_value": "HRB 1",
            }
        else:
            assert told == {
                **same,
                "payer_entity_type": "individual",
                "payer_first_name": "Anna von",
                "payer_last_name": "Amsel",
                "payer_date_of_birth": "1980-01-31",
            }


async def refused(order: Order, script: Scripted) -> tuple[str | None, str]:
    unprepared = await partner(script).prepare(Subject("pay_1/pay/1", order, ("K" * 32,)))
    assert isinstance(unprepared, Unprepared), unprepared
    assert unprepared.refused is not None, unprepared.why
    return unprepared.refused.status_reason, unprepared.why


RULES: Final = {
    "details": [
        {
            "payer_entity_type": kind,
            "payment_type": "regular",
            "required_fields": [
                {"name": name, "validation_rule": "^.{1,255}"} for name in ("payer_city", *names)
            ],
        }
        for kind, names in (
            ("company", ["payer_company_name", "payer_identification_value"]),
            ("individual", ["payer_last_name", "payer_date_of_birth"]),
        )
    ]
}


@pytest.mark.parametrize(
    ("party", "code", "names"),
    [
        (
            COMPANY.model_copy(update={"identification": None}),
            "RR02",
            "ultimate_debtor.identification",
        ),
        (PERSON.model_copy(update={"birth_date": None}), "RR02", "ultimate_debtor.birth_date"),
        (
            COMPANY.model_copy(update={"address": ADDRESS.model_copy(update={"town_name": None})}),
            "BE07",
            "ultimate_debtor.address.town_name",
        ),
        (COMPANY.model_copy(update={"address": None}), "RR02", "ultimate_debtor.address.country"),
    ],
)
async def test_what_is_asked_of_payers_and_lacks_is_named_before_anything_is_made(
    party: Party, code: str, names: str
) -> None:
    script = Scripted().on(DETAILS, (200, RULES))
    assert (await refused(owed_by(party), script))[0] == code
    assert names in (await refused(owed_by(party), script))[1]
    assert set(script.routes) <= {DETAILS}


async def test_of_a_sub_account_nobody_else_is_named() -> None:
    script = Scripted()
    acting = owed_by(COMPANY, on_behalf_of="5f2c7c52-3a05-4a7c-9f5b-0d2b6c2f1a01")
    code, why = await refused(acting, script)
    assert (code, script.sent) == ("CH17", [])
    assert "leave it out" in why


async def test_a_country_that_they_do_not_know_ends_it() -> None:
    wrong = error("payer_country_is_in_invalid_format", top="get_payer_requirements_failed")
    code, _ = await refused(owed_by(COMPANY), Scripted().on(DETAILS, (400, wrong)))
    assert code is not None


@pytest.mark.parametrize("answer", [(500, "<html/>"), (200, {"details": [{"a": 1}]})], ids=str)
async def test_what_they_do_not_tell_is_asked_again_later(answer: Any) -> None:
    script = Scripted().on(DETAILS, answer)
    later = await partner(script).prepare(Subject("p", owed_by(COMPANY), ("K" * 32,)))
    assert isinstance(later, Unprepared)
    assert later.refused is None


async def test_who_pays_for_itself_asks_nothing() -> None:
    script = Scripted()
    prepared = await partner(script).prepare(
        Subject("p", ORDER, ("K" * 32,), {"beneficiary_id": "b"})
    )
    assert isinstance(prepared, Prepared)
    assert script.sent == []
    assert b"payer_" not in prepared.request.body


def test_the_recorded_requirements_are_read(specs: Path) -> None:
    *_, told = recordings(specs, "reference/can_retrieve_payer_required_details")
    found = wire.read_payer_requirements(told.response().text)
    assert not isinstance(found, Unusable)
    assert {(one["payer_entity_type"], one["payment_type"]) for one in found} == {
        ("company", "priority"),
        ("company", "regular"),
        ("individual", "priority"),
        ("individual", "regular"),
    }
