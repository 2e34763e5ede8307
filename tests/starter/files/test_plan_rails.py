"""Lines beyond SEPA: which rail they take, what their orders say, and what is refused of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr, ValidationError

from domain.accounts import ClearingMember
from domain.money import Money
from domain.party import Identification, PartyKind
from domain.payments.order import ChargeBearer, Rail
from messages.pain001 import read
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.registry import Partners
from settings import Debtor, Settings
from starter.acceptance import InvalidOrder, admit
from starter.files.plan import DebtorAccount, FilePlan, PlannedOrder, file_fingerprint, plan
from starter.fingerprint import fingerprint
from tests.fakes import profile
from tests.messages.files import DEBTOR, Block, nested, of, pain001, transfer

#: A Monday, ten in the morning in Brussels.
NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)


def account(currency: str, iban: str | None = DEBTOR, other: str | None = None) -> DebtorAccount:
    return DebtorAccount(
        iban=iban,
        other=other,
        tenant="default",
        partner="currencycloud",
        partner_account="main",
        currency=currency,
        simulated=True,
    )


DEBTORS: Final = {
    DEBTOR: account("EUR"),
    **{f"{DEBTOR}/{code}": account(code) for code in ("USD", "GBP", "JPY", "KWD", "PLN")},
}
#: They hold a future day themselves, so that an order is accepted as it is.
PROFILES: Final = {("currencycloud", "main"): profile(holds_future_dates=True)}


def planned(source: bytes, *, allow_truncation: bool = False) -> FilePlan:
    return plan(read(source, allow_truncation=allow_truncation), DEBTORS, now=NOW)


def paid(line: str, **options: bool) -> PlannedOrder:
    result = planned(of(line), **options)
    assert result.refused == ()
    (one,) = result.orders
    kept = admit(one.order, one.key, PROFILES, NOW, rules_of=one.rules_of)
    assert kept.order == one.order
    return one


def codes(line: str) -> list[tuple[str, str]]:
    (refused,) = planned(of(line)).refused
    assert all(refusal.text for refusal in refused.refusals)
    return [(refusal.code, refusal.field) for refusal in refused.refusals]


def noticed(one: PlannedOrder) -> set[str]:
    return {notice.field for notice in one.notices}


def to(number: str) -> str:
    return nested("CdtrAcct/Id/Othr/Id", number)


def member(system: str, number: str, before: str = "") -> str:
    inside = nested("ClrSysId/Cd", system) + nested("MmbId", number)
    return nested("CdtrAgt/FinInstnId", before + nested("ClrSysMmbId", inside))


def service(level: str) -> str:
    return nested("PmtTpInf/SvcLvl/Cd", level)


NEW_YORK: Final = member("USABA", "021000021")
DOLLARS: Final = {"currency": "USD", "agent": NEW_YORK, "account": to("1234567890")}
BIC: Final = nested("CdtrAgt/FinInstnId/BICFI", "CHASUS33")


def test_dollars_to_a_bank_in_the_clearing_are_domestic() -> None:
    order = paid(transfer(**DOLLARS)).order
    assert order.rail is Rail.DOMESTIC
    assert order.instructed_amount == Money(minor=1000, currency="USD")
    assert order.creditor_account.other == "1234567890"
    assert order.creditor_agent_member == ClearingMember(system="USABA", number="021000021")
    assert order.charge_bearer is ChargeBearer.SLEV
    assert order.debtor_account.currency == "USD"


def test_urgent_dollars_go_from_bank_to_bank_with_the_charges_asked_for() -> None:
    urgent = paid(transfer(**DOLLARS, kind=service("URGP"), before="<ChrgBr>DEBT</ChrgBr>")).order
    assert (urgent.rail, urgent.charge_bearer) == (Rail.CROSS_BORDER, ChargeBearer.DEBT)


def test_without_a_number_in_the_clearing_the_dearer_way_is_said() -> None:
    one = paid(transfer(currency="USD", agent=BIC, account=to("1234567890")))
    assert (one.order.rail, one.order.charge_bearer) == (Rail.CROSS_BORDER, ChargeBearer.SHAR)
    assert {"CdtrAgt", "ChrgBr"} <= noticed(one)


def test_euros_through_the_rtgs_are_asked_for_by_service_level() -> None:
    assert paid(transfer(kind=service("URGP"))).order.rail is Rail.CROSS_BORDER
    assert paid(transfer(kind=service("NURG"))).order.rail is Rail.SEPA_CREDIT_TRANSFER


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [("1250", "JPY", 1250), ("1250.000", "JPY", 1250), ("1.250", "KWD", 1250), ("1", "KWD", 1000)],
)
def test_yen_have_no_digits_and_dinars_have_three(amount: str, currency: str, minor: int) -> None:
    account = nested("CdtrAcct/Id/IBAN", "KW81CBKU0000000000001234560101")
    order = paid(transfer(amount, currency=currency, account=account, agent=BIC)).order
    assert order.instructed_amount == Money(minor=minor, currency=currency)


def test_an_amount_finer_than_its_currency_is_refused() -> None:
    assert codes(transfer("1.5", currency="JPY")) == [("CH20", "Amt/InstdAmt")]
    assert codes(transfer("1.2505", currency="KWD")) == [("CH20", "Amt/InstdAmt")]


BIRTHPLACE: Final = nested("CityOfBirth", "Bonn") + nested("CtryOfBirth", "DE")


def test_who_somebody_is_goes_with_the_order() -> None:
    number = nested("Othr", nested("Id", "HRB 1") + nested("SchmeNm/Cd", "COID"))
    creditor = f"<Cdtr><Nm>N</Nm>{nested('Id/OrgId', number)}</Cdtr>"
    party = paid(transfer(**DOLLARS, creditor=creditor)).order.creditor
    assert party.kind is PartyKind.ORGANISATION
    assert party.identification == Identification(scheme="COID", number="HRB 1")

    born = nested("Id/PrvtId/DtAndPlcOfBirth", nested("BirthDt", "1980-01-31") + BIRTHPLACE)
    person = paid(transfer(**DOLLARS, creditor=f"<Cdtr><Nm>N</Nm>{born}</Cdtr>")).order.creditor
    assert (person.kind, person.birth_date) == (PartyKind.PERSON, date(1980, 1, 31))


@pytest.mark.parametrize(
    "inside",
    [
        nested("OrgId", nested("Othr/Id", "1") + nested("Othr/Id", "2")),
        nested("OrgId", nested("LEI", "L") + nested("Othr/Id", "1")),
        nested("OrgId/Othr/SchmeNm/Cd", "COID"),
        nested("OrgId/AnyBIC", "CHASUS33"),
        nested("PrvtId/DtAndPlcOfBirth", nested("BirthDt", "yesterday") + BIRTHPLACE),
    ],
)
def test_more_than_one_number_or_none_is_refused(inside: str) -> None:
    line = transfer(**DOLLARS, creditor=f"<Cdtr><Nm>N</Nm><Id>{inside}</Id></Cdtr>")
    assert {code for code, _ in codes(line)} == {"BE17"}


@pytest.mark.parametrize("kind", ["", nested("Tp/CdOrPrtry/Cd", "SCOR")])
@pytest.mark.parametrize("there", [{}, DOLLARS])
def test_a_reference_alone_is_carried_as_one(kind: str, there: dict[str, str]) -> None:
    after = nested("RmtInf/Strd/CdtrRefInf", f"{kind}<Ref>RF18539007547034</Ref>")
    order = paid(transfer(**there, after=after)).order
    assert (order.creditor_reference, order.remittance_information) == ("RF18539007547034", "")


def test_a_reference_with_wrong_check_digits_is_refused() -> None:
    after = nested("RmtInf/Strd/CdtrRefInf/Ref", "RF19539007547034")
    assert codes(transfer(after=after)) == [("RR09", "RmtInf/Strd/CdtrRefInf/Ref")]


@pytest.mark.parametrize("texts", [["x" * 141], ["x" * 70, "y" * 70], ["x" * 140] * 12])
def test_too_long_a_remittance_is_cut_only_where_that_is_allowed(texts: list[str]) -> None:
    line = transfer(after=nested("RmtInf", "".join(nested("Ustrd", text) for text in texts)))
    assert codes(line) == [("RR07", "RmtInf/Ustrd")]
    one = paid(line, allow_truncation=True)
    assert one.order.remittance_information == " ".join(texts)[:140]
    assert any("cut to 140" in notice.text for notice in one.notices)


def test_what_was_cut_is_part_of_the_fingerprint_and_the_permission_is_not() -> None:
    first, second = (
        of(transfer(after=nested("RmtInf/Ustrd", "x" * 140 + tail))) for tail in ("1", "2")
    )
    one, other = (planned(file, allow_truncation=True).orders[0] for file in (first, second))
    assert one.order.remittance_information == other.order.remittance_information
    assert fingerprint(one.received) != fingerprint(other.received)
    assert file_fingerprint(read(first)) == file_fingerprint(read(first, allow_truncation=True))
    assert file_fingerprint(read(first)) != file_fingerprint(read(second))


AGENT: Final = "CdtrAgt/FinInstnId"
MEMBER: Final = f"{AGENT}/ClrSysMmbId"
TWO_LEVELS: Final = nested("PmtTpInf", nested("SvcLvl/Cd", "SEPA") + nested("SvcLvl/Cd", "URGP"))


@pytest.mark.parametrize(
    ("expected", "line"),
    [
        (("AC03", "CdtrAcct/Id/Othr/Id"), transfer(**{**DOLLARS, "account": to("12_3")})),
        (("AC03", "CdtrAcct/Id/Othr"), transfer(account=to("1"), kind=service("SEPA"))),
        (("AC03", "CdtrAcct/Id/Othr/Id"), transfer(account=to("1"), kind=service("URGP"))),
        (
            ("RC10", "CdtrAgt/FinInstnId/ClrSysMmbId"),
            transfer(**{**DOLLARS, "agent": member("USABA", "021000022")}),
        ),
        (
            ("RC10", "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId"),
            transfer(**{**DOLLARS, "agent": nested(f"{MEMBER}/ClrSysId/Cd", "USABA")}),
        ),
        (
            ("RC04", "CdtrAgt/FinInstnId/BICFI"),
            transfer(**{**DOLLARS, "agent": ""}),
        ),
        (("BE19", "ChrgBr"), transfer(**DOLLARS, before="<ChrgBr>DEBT</ChrgBr>")),
        (
            ("BE19", "ChrgBr"),
            transfer(**DOLLARS, kind=service("URGP"), before="<ChrgBr>CRED</ChrgBr>"),
        ),
        (("FF04", "PmtTpInf/SvcLvl/Cd"), transfer(kind=TWO_LEVELS)),
        (
            ("AG06", "CdtrAgt/FinInstnId/PstlAdr/Ctry"),
            transfer(**{**DOLLARS, "agent": nested(f"{AGENT}/PstlAdr/Ctry", "U1")}),
        ),
        (("AM03", "Amt/InstdAmt"), transfer(currency="SEK")),
        (("AM13", "Amt/InstdAmt"), transfer("100000000.00", **DOLLARS)),
    ],
)  # fmt: skip
def test_what_a_rail_does_not_carry_is_refused_in_the_words_of_the_file(
    expected: tuple[str, str], line: str
) -> None:
    assert codes(line) == [expected]


def test_the_days_are_those_of_the_currency() -> None:
    # Thanksgiving, and a Friday on which banks work.
    day = nested("ReqdExctnDt/Dt", "2026-11-26")
    (one,) = planned(pain001(Block([transfer(**DOLLARS)], day=day))).orders
    assert one.rules_of == date(2026, 11, 27)
    assert any("not a business day of US" in notice.text for notice in one.notices)
    (euro,) = planned(pain001(Block([transfer()], day=day))).orders
    assert euro.rules_of == date(2026, 11, 26)
    # Two in the afternoon in New York.
    assert one.order.submit_before == datetime(2026, 11, 27, 19, tzinfo=UTC)


def test_an_account_without_iban_pays_where_its_number_is_mapped(tmp_path: Path) -> None:
    debtors = {
        "00-1255 74999": Debtor(partner_account="main", currency="USD"),
        f"{DEBTOR}/USD": Debtor(partner_account="dollars", currency="USD"),
        DEBTOR: Debtor(partner_account="euros"),
    }
    ours = CurrencycloudAccount(
        base_url="https://bank.example", login_id="we", api_key=SecretStr("key")
    )
    named = dict.fromkeys(("main", "dollars", "euros"), ours)
    partners = Partners(currencycloud=named)
    accounts = Settings(home=tmp_path, debtors=debtors, partners=partners).debtor_accounts
    by_number = nested("DbtrAcct/Id/Othr/Id", "00125574999")
    lines = [transfer(**DOLLARS)]
    blocks = Block(lines, account=by_number), Block([*lines, transfer()], name="BY-IBAN")
    orders = [one.order for one in plan(read(pain001(*blocks)), accounts, now=NOW).orders]
    assert [order.partner_account for order in orders] == ["main", "dollars", "euros"]
    assert orders[0].debtor_account.other == "00125574999"
    ((_, (refusal,)),) = plan(
        read(pain001(Block(lines, account=nested("DbtrAcct/Id/Othr/Id", "1")))), accounts, now=NOW
    ).refused
    assert (refusal.code, refusal.field) == ("AC02", "PmtInf/DbtrAcct/Id/Othr/Id")


@pytest.mark.parametrize("key", [f"{DEBTOR[:-1]}1", f"{DEBTOR}/USD", "", "a/b", "x" * 35, "1_2"])
def test_a_mapping_that_cannot_be_meant_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        Settings(debtors={key: Debtor(partner_account="main")})


def test_the_fingerprint_of_a_line_that_says_nothing_new_is_as_it_always_was() -> None:
    file = read(pain001())
    (one,) = plan(file, DEBTORS, now=NOW).orders
    assert fingerprint(one.received) == (
        "09f573fabfc1659bc90cae8b5ee83a8849301dc8e10faab4dc00bc57a65afe70"
    )
    assert file_fingerprint(file) == (
        "6518ea71ba00509d8d28827ea50dda1967b4c396184626482e5cb2c74e014241"
    )
    assert one.key == "file/61dfb4e6a9b6372e45ed676162298d728221791d"


def test_an_order_whose_rail_refuses_it_is_not_accepted_either() -> None:
    order = paid(transfer(**DOLLARS)).order.model_copy(update={"creditor_agent_member": None})
    with pytest.raises(InvalidOrder) as error:
        admit(order, "key", PROFILES, NOW, rules_of=date(2026, 11, 25))
    assert {refusal.field for refusal in error.value.refusals} == {"creditor_account"}


ULTIMATE: Final = nested(
    "UltmtDbtr",
    nested("Nm", "Tochter GmbH")
    + nested("PstlAdr", nested("StrtNm", "Weg 1") + nested("TwnNm", "Bonn") + nested("Ctry", "DE"))
    + nested("Id/OrgId/Othr", nested("Id", "HRB 1") + nested("SchmeNm/Cd", "COID")),
)


def test_who_owes_it_goes_along_from_the_line_or_else_from_its_block() -> None:
    own = ULTIMATE.replace("Tochter", "Enkelin")
    lines = [transfer(), transfer(before=own)]
    with_it = planned(pain001(Block(lines, after_agent=ULTIMATE)))
    of_block, of_line = (one.order.ultimate_debtor for one in with_it.orders)
    assert of_block is not None
    assert of_line is not None
    assert (of_block.name, of_line.name) == ("Tochter GmbH", "Enkelin GmbH")
    assert of_block.kind is PartyKind.ORGANISATION
    assert of_block.identification == Identification(scheme="COID", number="HRB 1")
    assert of_block.address is not None
    assert of_block.address.town_name == "Bonn"
    assert with_it.orders[0].order.debtor.name != of_block.name
    without = planned(pain001(Block(lines)))
    assert without.orders[0].order.ultimate_debtor is None
    assert fingerprint(without.orders[0].received) != fingerprint(with_it.orders[0].received)
    assert "ultimate_debtor" not in without.orders[0].received


def test_nobody_is_named_behind_an_account_of_whom_too_little_is_known() -> None:
    assert codes(transfer(before=nested("UltmtDbtr/Nm", "U"))) == [
        ("RR02", "UltmtDbtr/Id"),
        ("RR02", "UltmtDbtr/PstlAdr"),
    ]
    nameless = ULTIMATE.replace("<Nm>Tochter GmbH</Nm>", "")
    assert codes(transfer(before=nameless)) == [("RR02", "UltmtDbtr/Nm")]
    in_block = planned(pain001(Block([transfer()], after_agent=nested("UltmtDbtr/Nm", "U"))))
    (refused,) = in_block.refused
    assert {one.field for one in refused.refusals} == {
        "PmtInf/UltmtDbtr/Id",
        "PmtInf/UltmtDbtr/PstlAdr",
    }


def test_an_ultimate_debtor_that_says_nothing_is_none() -> None:
    for nothing in ("<UltmtDbtr/>", nested("UltmtDbtr/Nm", "NOTPROVIDED")):
        assert paid(transfer(before=nothing)).order.ultimate_debtor is None
