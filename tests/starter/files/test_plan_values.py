"""Values that the rail's own rules concern: refused with the rule, noted, or sent in one form."""

from __future__ import annotations

from typing import Final

import pytest

from domain.payments.order import Rail
from starter.acceptance import InvalidOrder, admit
from tests.messages.files import nested, transfer
from tests.starter.files.test_plan_rails import (
    DOLLARS,
    NOW,
    PROFILES,
    codes,
    noticed,
    paid,
    service,
)

NAME: Final = "<Cdtr><Nm>{}</Nm></Cdtr>"
REF: Final = "RmtInf/Strd/CdtrRefInf"


def reference(text: str, issuer: str = "") -> str:
    said = nested("CdOrPrtry/Cd", "SCOR") + (nested("Issr", issuer) if issuer else "")
    return transfer(after=nested(REF, nested("Tp", said) + nested("Ref", text)))


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (("RR10", "Cdtr/Nm"), transfer(creditor=NAME.format("Γιώργος Παππάς"))),
        (("RR10", "Cdtr/Nm"), transfer(creditor=NAME.format("Иван"))),
        (("RR10", "RmtInf/Ustrd"), transfer(after=nested("RmtInf/Ustrd", "請求書 1"))),
        (("RR10", "RmtInf/Ustrd"), transfer(after=nested("RmtInf/Ustrd", "paid 👍"))),
        (("RR10", "PmtId/EndToEndId"), transfer(ids=nested("PmtId/EndToEndId", "Ω-1"))),
        (("CH16", "PmtId/EndToEndId"), transfer(ids=nested("PmtId/EndToEndId", "/RE/4711"))),
        (("CH16", "PmtId/EndToEndId"), transfer(ids=nested("PmtId/EndToEndId", "RE/4711/"))),
        (("CH16", "PmtId/EndToEndId"), transfer(ids=nested("PmtId/EndToEndId", "RE//4711"))),
        (
            ("CH16", "PmtId/InstrId"),
            transfer(ids=nested("PmtId", nested("InstrId", "/I") + nested("EndToEndId", "E"))),
        ),
        (
            ("RC01", "CdtrAgt/FinInstnId/BICFI"),
            transfer(agent=nested("CdtrAgt/FinInstnId/BICFI", "NDEAFIHH")),
        ),
        (("RR09", f"{REF}/Ref"), reference("210000000003139471430009017", "ISO")),
        (("RR09", f"{REF}/Ref"), reference("RF19539007547034")),
        (
            ("BE17", "Cdtr/Id"),
            transfer(
                **DOLLARS,
                creditor=f"<Cdtr><Nm>N</Nm>{nested('Id/OrgId/LEI', '529900T8BM49AURSDO54')}</Cdtr>",
            ),
        ),
    ],
)  # fmt: skip
def test_what_the_scheme_does_not_take_is_refused_before_the_send(
    expected: tuple[str, str], line: str
) -> None:
    assert codes(line) == [expected]


@pytest.mark.parametrize(
    ("field", "line"),
    [
        ("Cdtr/Nm", transfer(creditor=NAME.format("Jürgen Œuf &amp; Söhne"))),
        ("RmtInf/Ustrd", transfer(after=nested("RmtInf/Ustrd", "10 € “net”"))),
        ("PmtId/EndToEndId", transfer(ids=nested("PmtId/EndToEndId", "INV_1"))),
    ],
)
def test_what_may_be_replaced_on_the_way_is_noted(field: str, line: str) -> None:
    assert field in noticed(paid(line))


@pytest.mark.parametrize(
    ("bic", "iban"),
    [
        ("BNPAGPGX", "FR1420041010050500013M02606"),
        ("BARCJESH", "GB29NWBK60161331926819"),
        ("SPUEDE2UXXX", "DE21500500009876543210"),
    ],
)
def test_banks_of_overseas_parts_and_islands_stand_beside_their_states_ibans(
    bic: str, iban: str
) -> None:
    agent = nested("CdtrAgt/FinInstnId/BICFI", bic)
    paid(transfer(agent=agent, account=nested("CdtrAcct/Id/IBAN", iban)))


def test_from_bank_to_bank_a_bic_of_another_country_is_only_noted() -> None:
    agent = nested("CdtrAgt/FinInstnId/BICFI", "NDEAFIHH")
    one = paid(transfer(kind=service("URGP"), agent=agent))
    assert one.order.rail is Rail.CROSS_BORDER
    assert "CdtrAgt/FinInstnId/BICFI" in noticed(one)


def test_values_are_kept_in_the_form_in_which_they_are_sent() -> None:
    line = reference("rf18 5390 0754 7034").replace(
        "DE21500500009876543210", "de21 5005 0000 9876 5432 10"
    )
    one = paid(line.replace("SPUEDE2UXXX", "spuede2uxxx"))
    order = one.order
    assert order.creditor_reference == "RF18539007547034"
    assert order.creditor_account.iban == "DE21500500009876543210"
    assert order.creditor_agent == "SPUEDE2UXXX"
    assert {f"{REF}/Ref", "CdtrAcct/Id/IBAN", "CdtrAgt/FinInstnId/BICFI"} <= noticed(one)


def test_an_order_of_an_app_is_kept_in_that_form_too() -> None:
    given = paid(reference("RF18539007547034")).order
    written = given.model_copy(
        update={
            "creditor_reference": "RF18 5390 0754 7034",
            "creditor_agent": "spuede2uxxx",
            "creditor_account": given.creditor_account.model_copy(
                update={"iban": "DE21 5005 0000 9876 5432 10"}
            ),
        }
    )
    assert admit(written, "key", PROFILES, NOW).order == admit(given, "key", PROFILES, NOW).order


def test_an_order_of_an_app_is_held_to_the_same_rules() -> None:
    given = paid(transfer()).order
    with pytest.raises(InvalidOrder) as caught:
        admit(given.model_copy(update={"end_to_end_id": "/RE/1"}), "key", PROFILES, NOW)
    assert [(one.code, one.field) for one in caught.value.refusals] == [("CH16", "end_to_end_id")]
