"""What is read of a credit transfer file, and what becomes of what it asks for."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import Money
from domain.party import PostalAddress
from domain.payments.order import ChargeBearer
from messages.credit_transfer import FileRefused, Line
from messages.pain001 import VERSIONS, read
from tests.messages.files import (
    ACCOUNT,
    CREDITOR,
    DEBTOR,
    PARTY,
    Block,
    nested,
    of,
    pain001,
    transfer,
)


def only(source: bytes) -> Line:
    (line,) = read(source).lines
    return line


def codes(line: Line) -> list[tuple[str, str]]:
    return [(refusal.code, refusal.field) for refusal in line.refusals]


def noticed(line: Line) -> set[str]:
    return {notice.field for notice in line.notices}


def test_a_plain_file_is_read_whole() -> None:
    file = read(pain001(control_sum="<CtrlSum>10</CtrlSum>"))
    assert (file.version, file.message_id) == ("pain.001.001.09", "MSG-1")
    assert file.created_at == datetime(2026, 11, 23, 9, tzinfo=UTC)
    assert file.initiating_party == "Initiator"
    assert file.control_sum == Decimal(10)
    (line,) = file.lines
    assert line.refusals == ()
    assert line.instructed_amount == Money(minor=1000, currency="EUR")
    assert (line.position, line.source_line, line.payment_information_id) == (1, 3, "BLOCK-1")
    assert (line.creditor_name, line.creditor_iban) == ("Creditor Name", CREDITOR)
    assert (line.creditor_agent, line.end_to_end_id) == ("SPUEDE2UXXX", "E-1")
    block = line.payment_information
    assert (block.debtor_name, block.debtor_iban) == ("Debtor Name", DEBTOR)
    assert block.requested_execution_date == date(2026, 11, 25)


def in_words_of(version: str) -> Block:
    """A block as its version writes banks (BICFI since .04) and days (a choice since .08)."""
    number = int(version[-2:])
    bic = nested("BIC" if number < 4 else "BICFI", "SPUEDE2U")
    day = "2026-11-25" if number < 8 else nested("Dt", "2026-11-25")
    nobody = "<DbtrAgt><FinInstnId/></DbtrAgt>"
    agent = f"<CdtrAgt><FinInstnId>{bic}</FinInstnId></CdtrAgt>"
    return Block([transfer(agent=agent)], day=nested("ReqdExctnDt", day), agent=nobody)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_version_is_read_in_its_own_words(version: str) -> None:
    line = only(pain001(in_words_of(version), version=version))
    assert line.refusals == ()
    assert line.creditor_agent == "SPUEDE2U"
    assert line.payment_information.requested_execution_date == date(2026, 11, 25)


@pytest.mark.parametrize(("written", "read_as"), [("pain.001.001.03", "pain.001.001.09")])
def test_the_words_of_another_version_are_refused_by_name(written: str, read_as: str) -> None:
    block = in_words_of(written)
    block.day = in_words_of(read_as).day
    assert codes(only(pain001(block, version=read_as))) == [("FF01", "CdtrAgt/FinInstnId/BIC")]


def test_bytes_paths_and_streams_are_the_same_to_it(tmp_path: Path) -> None:
    path = tmp_path / "file.xml"
    path.write_bytes(pain001())
    assert read(path) == read(pain001()) == read(BytesIO(pain001()))


def test_another_encoding_is_read() -> None:
    text = pain001(before='<?xml version="1.0" encoding="UTF-16"?>').decode()
    assert only(text.encode("utf-16")).creditor_name == "Creditor Name"


def test_a_time_of_execution_is_cut_to_its_day_in_brussels_and_said() -> None:
    day = "<ReqdExctnDt><DtTm>2026-11-25T23:30:00Z</DtTm></ReqdExctnDt>"
    line = only(pain001(Block(day=day)))
    assert line.payment_information.requested_execution_date == date(2026, 11, 26)
    assert "PmtInf/ReqdExctnDt/DtTm" in noticed(line)


def test_all_address_elements_are_carried() -> None:
    address = (
        "<PstlAdr><AdrTp><Cd>ADDR</Cd></AdrTp><Dept>D</Dept><SubDept>S</SubDept><StrtNm>Street</StrtNm>"
        "<BldgNb>1</BldgNb><BldgNm>Tower</BldgNm><Flr>2</Flr><PstBx>3</PstBx><Room>4</Room>"
        "<PstCd>10115</PstCd><TwnNm>Berlin</TwnNm><TwnLctnNm>Mitte</TwnLctnNm>"
        "<DstrctNm>District</DstrctNm><CtrySubDvsn>BE</CtrySubDvsn><Ctry>DE</Ctry>"
        "<AdrLine>c/o one</AdrLine><AdrLine>two</AdrLine></PstlAdr>"
    )  # fmt: skip
    line = only(of(transfer(creditor=f"<Cdtr><Nm>N</Nm>{address}</Cdtr>")))
    assert line.refusals == ()
    assert line.creditor_address == PostalAddress(
        department="D", sub_department="S", street_name="Street", building_number="1",
        building_name="Tower", floor="2", post_box="3", room="4", post_code="10115",
        town_name="Berlin", town_location_name="Mitte", district_name="District",
        country_sub_division="BE", country="DE", address_lines=("c/o one", "two"),
    )  # fmt: skip
    assert "Cdtr/PstlAdr/AdrTp" in noticed(line)


def test_what_changes_nothing_of_the_money_is_noticed() -> None:
    uetr = "eb6305c9-1f7f-49de-aed0-16487c27b42d"
    ids = f"<PmtId><EndToEndId>E</EndToEndId><UETR>{uetr}</UETR></PmtId>"
    block = Block(
        [transfer(ids=ids, before="<ChrgBr>SHAR</ChrgBr>")],
        sums="<BtchBookg>true</BtchBookg>",
        agent="<DbtrAgt><FinInstnId><BICFI>BANKDEFFXXX</BICFI></FinInstnId></DbtrAgt>",
    )
    line = only(pain001(block))
    assert line.refusals == ()
    assert noticed(line) == {
        "PmtId/EndToEndId", "PmtId/UETR", "ChrgBr", "PmtInf/BtchBookg",
        "PmtInf/DbtrAgt/FinInstnId/BICFI", "PmtInf/Dbtr/Nm",
    }  # fmt: skip
    assert (line.uetr, line.charge_bearer) == (uetr, ChargeBearer.SLEV)
    assert line.payment_information.batch_booking


def test_purposes_and_the_sepa_payment_type_are_carried_and_the_lines_own_wins() -> None:
    kind = "<PmtTpInf>{0}<SvcLvl><Cd>SEPA</Cd></SvcLvl><CtgyPurp><Cd>{1}</Cd></CtgyPurp></PmtTpInf>"
    norm = "<InstrPrty>NORM</InstrPrty>"
    own = kind.format(norm, "SALA")
    lines = [transfer(after="<Purp><Cd>BONU</Cd></Purp>"), transfer(kind=own)]
    first, second = read(
        pain001(
            Block(lines, before_day=kind.format(norm, "SUPP"), after_agent="<ChrgBr>SLEV</ChrgBr>")
        )
    ).lines
    assert (first.purpose, first.category_purpose, first.refusals) == ("BONU", "SUPP", ())
    assert (second.purpose, second.category_purpose, second.refusals) == ("", "SALA", ())


def test_not_provided_says_nothing_wherever_it_stands() -> None:
    nothing = "<FinInstnId><Othr><Id>NOTPROVIDED</Id></Othr></FinInstnId>"
    ids = "<PmtId><InstrId>NOTPROVIDED</InstrId><EndToEndId>NOTPROVIDED</EndToEndId></PmtId>"
    line = transfer(
        ids=ids,
        agent=f"<CdtrAgt>{nothing}</CdtrAgt>",
        after="<RmtInf><Ustrd>NOTPROVIDED</Ustrd></RmtInf>",
    )
    block = Block([line], name="NOTPROVIDED", agent=f"<DbtrAgt>{nothing}</DbtrAgt>")
    read_line = only(pain001(block))
    assert (read_line.refusals, noticed(read_line)) == ((), {"PmtInf/Dbtr/Nm"})
    assert (read_line.end_to_end_id, read_line.instruction_id) == ("NOTPROVIDED", "")
    assert (read_line.creditor_agent, read_line.remittance_information) == ("", "")


def test_not_provided_has_the_form_of_a_bic_and_is_none() -> None:
    agent = "<CdtrAgt><FinInstnId><BIC>NOTPROVIDED</BIC></FinInstnId></CdtrAgt>"
    assert only(of(transfer(agent=agent))).creditor_agent == ""


def test_not_provided_is_no_name() -> None:
    creditor = "<Cdtr><Nm>NOTPROVIDED</Nm></Cdtr>"
    assert codes(only(of(transfer(creditor=creditor)))) == [("BE22", "Cdtr/Nm")]
    debtor = "<Dbtr><Nm>NOTPROVIDED</Nm></Dbtr>"
    assert codes(only(pain001(Block(debtor=debtor)))) == [("BE08", "PmtInf/Dbtr/Nm")]


def test_two_equal_salaries_are_two_lines() -> None:
    first, second = read(pain001(Block([transfer(), transfer()]))).lines
    assert (first.position, second.position) == (1, 2)
    assert (first.refusals, second.refusals) == ((), ())
    assert first.creditor_iban == second.creditor_iban


def test_positions_count_over_all_blocks() -> None:
    file = read(pain001(Block([transfer(), transfer()]), Block(name="BLOCK-2")))
    assert [line.position for line in file.lines] == [1, 2, 3]
    assert [line.payment_information_id for line in file.lines] == ["BLOCK-1"] * 2 + ["BLOCK-2"]


def test_several_remittance_texts_are_joined_and_said() -> None:
    line = only(of(transfer(after="<RmtInf><Ustrd>one</Ustrd><Ustrd>two</Ustrd></RmtInf>")))
    assert line.remittance_information == "one two"
    assert "RmtInf/Ustrd" in noticed(line)


E2E = nested("EndToEndId", "E")


def agent(path: str, text: str = "") -> str:
    return transfer(agent=nested(f"CdtrAgt/FinInstnId/{path}", text))


def creditor(inner: str) -> str:
    return transfer(creditor=f"<Cdtr><Nm>N</Nm>{inner}</Cdtr>")


def account(inner: str) -> str:
    return transfer(account=ACCOUNT.replace("</CdtrAcct>", f"{inner}</CdtrAcct>"))


BICS = nested("BIC", "SPUEDE2U") + nested("BICFI", "BNPAFRPP")
TWO_BICS = transfer(agent=nested("CdtrAgt", nested("FinInstnId", BICS)))

REF_PATH = "RmtInf/Strd/CdtrRefInf"
REFERENCE = nested("Strd/CdtrRefInf/Ref", "RF18539007547034")
TWICE = nested("CdtrRefInf/Ref", "1") + "</Strd>"


def reference_type(choice: str, kind: str) -> str:
    inside = nested(f"Tp/CdOrPrtry/{choice}", kind) + nested("Ref", "RF18539007547034")
    return transfer(after=nested(REF_PATH, inside))


REFUSED_IN_A_LINE = [
    ("AM03", "Amt/EqvtAmt", transfer(money=nested("Amt/EqvtAmt/CcyOfTrf", "USD"))),
    ("CH17", "XchgRateInf", transfer(before=nested("XchgRateInf/UnitCcy", "EUR"))),
    ("BE19", "ChrgBr", transfer(before="<ChrgBr>DEBT</ChrgBr>")),
    ("BE19", "ChrgBr", transfer(before="<ChrgBr>CRED</ChrgBr>")),
    ("AG03", "ChqInstr", transfer(before=nested("ChqInstr/ChqNb", "1"))),
    ("CH17", "UltmtCdtr", transfer(after=nested("UltmtCdtr/Nm", "U"))),
    ("RC11", "IntrmyAgt1", transfer(before=nested("IntrmyAgt1/FinInstnId"))),
    ("RC11", "IntrmyAgt3Acct", transfer(before=nested("IntrmyAgt3Acct/Id"))),
    ("CH17", "InstrForCdtrAgt", transfer(after=nested("InstrForCdtrAgt/Cd", "HOLD"))),
    ("CH17", "InstrForDbtrAgt", transfer(after="<InstrForDbtrAgt>now</InstrForDbtrAgt>")),
    ("RR05", "RgltryRptg", transfer(after="<RgltryRptg/>")),
    ("RR06", "Tax", transfer(after="<Tax/>")),
    ("RR07", "RltdRmtInf", transfer(after="<RltdRmtInf/>")),
    ("RR07", "RmtInf/Strd/RfrdDocInf", transfer(after=nested("RmtInf/Strd/RfrdDocInf/Nb", "1"))),
    ("RR07", "RmtInf/Strd", transfer(after=nested("RmtInf", nested("Ustrd", "x") + REFERENCE))),
    ("RR09", f"{REF_PATH}/Tp/CdOrPrtry/Prtry", reference_type("Prtry", "QRR")),
    ("RR09", f"{REF_PATH}/Tp/CdOrPrtry/Cd", reference_type("Cd", "RADM")),
    ("FF01", REF_PATH, transfer(after=nested("RmtInf", REFERENCE.replace("</Strd>", TWICE)))),
    ("RR07", "RmtInf/Ustrd", transfer(after=nested("RmtInf/Ustrd", "x" * 141))),
    ("RR07", "RmtInf/Ustrd", transfer(after=nested("RmtInf", nested("Ustrd", "x" * 70) * 2))),
    ("RR10", "RmtInf/Ustrd", transfer(after=nested("RmtInf/Ustrd", "a\nb"))),
    ("RR07", "RmtInf/Ustrd", transfer(after=nested("RmtInf/Ustrd"))),
    ("CH17", "SplmtryData", transfer(after="<SplmtryData/>")),
    ("CH17", "MndtRltdInf", transfer(before="<MndtRltdInf/>")),
    ("CH17", "CdtrAgtAcct", transfer(before="<CdtrAgtAcct/>")),
    ("FF07", "Purp/Prtry", transfer(after=nested("Purp/Prtry", "rent"))),
    ("FF03", "PmtTpInf/InstrPrty", transfer(kind=nested("PmtTpInf/InstrPrty", "HIGH"))),
    ("FF04", "PmtTpInf/SvcLvl/Cd", transfer(kind=nested("PmtTpInf/SvcLvl/Cd", "BKTR"))),
    ("FF04", "PmtTpInf/SvcLvl/Prtry", transfer(kind=nested("PmtTpInf/SvcLvl/Prtry", "X"))),
    ("FF05", "PmtTpInf/LclInstrm", transfer(kind=nested("PmtTpInf/LclInstrm/Cd", "INST"))),
    ("FF06", "PmtTpInf/CtgyPurp/Prtry", transfer(kind=nested("PmtTpInf/CtgyPurp/Prtry", "x"))),
    ("BE20", "Cdtr/Nm", transfer(creditor=nested("Cdtr/Nm", "n" * 71))),
    ("BE22", "Cdtr/Nm", transfer(creditor="")),
    ("BE17", "Cdtr/Id", creditor(nested("Id/PrvtId"))),
    ("BE14", "Cdtr/CtryOfRes", creditor(nested("CtryOfRes", "DE"))),
    ("BE04", "Cdtr/PstlAdr/CareOf", creditor(nested("PstlAdr/CareOf", "x"))),
    ("BE04", "Cdtr/PstlAdr/AdrLine", creditor(nested("PstlAdr/AdrLine", "x" * 71))),
    ("AC03", "CdtrAcct/Id/IBAN", transfer(account="")),
    ("AC03", "CdtrAcct/Id/Othr", transfer(account=nested("CdtrAcct/Id/Othr/Id", "1"))),
    ("AC03", "CdtrAcct/Prxy", account(nested("Prxy/Id", "x"))),
    ("AC11", "CdtrAcct/Ccy", account(nested("Ccy", "XXX"))),
    ("RC01", "CdtrAgt/FinInstnId/BICFI", agent("BICFI", "SPUEDE2")),
    ("FF01", "CdtrAgt/FinInstnId/BIC", TWO_BICS),
    ("RC10", "CdtrAgt/FinInstnId/ClrSysMmbId", agent("ClrSysMmbId/MmbId", "1")),
    ("RC04", "CdtrAgt/FinInstnId/Othr/Id", agent("Othr/Id", "X1")),
    ("FF08", "PmtId/EndToEndId", transfer(ids="<PmtId/>")),
    ("FF08", "PmtId/EndToEndId", transfer(ids=nested("PmtId/EndToEndId", "e" * 36))),
    ("CH16", "PmtId/InstrId", transfer(ids=nested("PmtId", nested("InstrId", "i" * 36) + E2E))),
    ("CH16", "PmtId/UETR", transfer(ids=nested("PmtId", E2E + nested("UETR", "no")))),
    ("FF01", "Amt", transfer(money="")),
    ("AM12", "Amt/InstdAmt", transfer("-5.00")),
    ("AM12", "Amt/InstdAmt", transfer("1e3")),
    ("AM12", "Amt/InstdAmt", transfer("NaN")),
    ("AM12", "Amt/InstdAmt", transfer("1,00")),
    ("AM12", "Amt/InstdAmt", transfer("1" * 19)),
    ("CH20", "Amt/InstdAmt", transfer("1.005")),
    ("AM11", "Amt/InstdAmt/@Ccy", transfer(currency="EUX")),
    ("AM11", "Amt/InstdAmt/@Ccy", transfer(currency="XAU")),
    ("AM11", "Amt/InstdAmt/@Ccy", transfer(money=nested("Amt/InstdAmt", "1.00"))),
    ("FF01", "Surprise", transfer(after="<Surprise>1</Surprise>")),
    ("FF01", "Cdtr/Surprise", creditor("<Surprise/>")),
    ("FF01", "{urn:other}Purp", transfer(after='<Purp xmlns="urn:other"><Cd>SALA</Cd></Purp>')),
    ("FF01", "Cdtr/@status", transfer(creditor='<Cdtr status="x"><Nm>N</Nm></Cdtr>')),
    ("FF01", "@status", transfer().replace("<CdtTrfTxInf>", '<CdtTrfTxInf status="x">')),
    ("FF01", "Cdtr/Nm", creditor("<Nm>M</Nm>")),
    ("FF01", "Cdtr", transfer(creditor=PARTY + PARTY)),
    ("FF01", "Cdtr/Nm/b", transfer(creditor="<Cdtr><Nm>N<b>M</b></Nm></Cdtr>")),
]


@pytest.mark.parametrize(("code", "field", "line"), REFUSED_IN_A_LINE)
def test_what_we_would_not_do_refuses_the_line_by_name(code: str, field: str, line: str) -> None:
    refused, good = read(pain001(Block([line, transfer()]))).lines
    assert (code, field) in codes(refused)
    assert all(refusal.text for refusal in refused.refusals)
    assert good.refusals == ()


SERVICE = nested("PmtTpInf/SvcLvl/Cd", "BKTR")
NO_IBAN = nested("DbtrAcct/Id/Othr/SchmeNm/Prtry", "1")
BAD_BIC = nested("DbtrAgt/FinInstnId/BICFI", "B")
AUTHORISED = nested("CreDtTm", "2026-11-23T09:00:00Z") + nested("Authstn/Cd", "AUTH")
TWO_DAYS = "<ReqdExctnDt><Dt>2026-11-25</Dt><DtTm>2026-11-26T00:00:00Z</DtTm></ReqdExctnDt>"

REFUSED_IN_A_BLOCK = [
    ("AG03", "PmtInf/PmtMtd", Block(method="CHK")),
    ("AG03", "PmtInf/PmtMtd", Block(method="TRA")),
    ("CH17", "PmtInf/ChrgsAcct", Block(after_agent="<ChrgsAcct/>")),
    ("CH17", "PmtInf/InstrForDbtrAgt", Block(after_agent=nested("InstrForDbtrAgt", "x"))),
    ("CH17", "PmtInf/PoolgAdjstmntDt", Block(before_day="<PoolgAdjstmntDt/>")),
    ("FF01", "PmtInf/Surprise", Block(after_agent="<Surprise/>")),
    ("BE19", "PmtInf/ChrgBr", Block(after_agent="<ChrgBr>DEBT</ChrgBr>")),
    ("FF04", "PmtInf/PmtTpInf/SvcLvl/Cd", Block(before_day=SERVICE)),
    ("DT01", "PmtInf/ReqdExctnDt", Block(day="")),
    ("DT01", "PmtInf/ReqdExctnDt/Dt", Block(day=nested("ReqdExctnDt/Dt", "2026-02-30"))),
    ("DT01", "PmtInf/ReqdExctnDt/Dt", Block(day=nested("ReqdExctnDt/Dt", "tomorrow"))),
    ("DT01", "PmtInf/ReqdExctnDt/DtTm", Block(day=nested("ReqdExctnDt/DtTm", "2026-11-25"))),
    ("FF01", "PmtInf/ReqdExctnDt/DtTm", Block(day=TWO_DAYS)),
    ("BE08", "PmtInf/Dbtr/Nm", Block(debtor="<Dbtr/>")),
    ("BE16", "PmtInf/Dbtr/Id", Block(debtor="<Dbtr><Nm>N</Nm><Id><OrgId/></Id></Dbtr>")),
    ("FF01", "PmtInf/DbtrAcct", Block(account="")),
    ("AC02", "PmtInf/DbtrAcct/Id/Othr/SchmeNm/Prtry", Block(account=NO_IBAN)),
    ("AC10", "PmtInf/DbtrAcct/Ccy", Block(account=nested("DbtrAcct/Ccy", "EUX"))),
    ("RC01", "PmtInf/DbtrAgt/FinInstnId/BICFI", Block(agent=BAD_BIC)),
    ("CH16", "PmtInf/BtchBookg", Block(sums=nested("BtchBookg", "yes"))),
]


@pytest.mark.parametrize(("code", "field", "block"), REFUSED_IN_A_BLOCK)
def test_a_wrong_element_of_a_block_refuses_all_its_lines_and_no_other(
    code: str, field: str, block: Block
) -> None:
    block.lines = [transfer(), transfer()]
    *inside, outside = read(pain001(block, Block(name="OTHER"))).lines
    assert all((code, field) in codes(line) for line in inside)
    assert outside.refusals == ()


@pytest.mark.parametrize(
    ("code", "field", "source"),
    [
        ("AGNT", "GrpHdr/FwdgAgt", pain001(header="<FwdgAgt><FinInstnId/></FwdgAgt>")),
        ("CH17", "GrpHdr/Authstn", pain001(created=AUTHORISED)),
        ("DT02", "GrpHdr/CreDtTm", pain001(created="")),
        ("DT02", "GrpHdr/CreDtTm", pain001(created="<CreDtTm>soon</CreDtTm>")),
        ("BE21", "GrpHdr/InitgPty", pain001(initiating_party="<InitgPty/>")),
        ("CH17", "SplmtryData", pain001(trailer="<SplmtryData/>")),
    ],
)
def test_a_wrong_element_of_the_group_refuses_all_lines(
    code: str, field: str, source: bytes
) -> None:
    assert (code, field) in codes(only(source))


def test_the_initiating_party_is_told_apart_by_its_identification() -> None:
    party = "<InitgPty><Nm>N</Nm><Id><OrgId><Othr><Id>{}</Id></Othr></OrgId></Id></InitgPty>"
    one, two = (read(pain001(initiating_party=party.format(number))) for number in (1, 2))
    assert one.initiating_party == two.initiating_party == "N"
    assert one.initiating_party_key != two.initiating_party_key


def test_account_numbers_stay_out_of_texts() -> None:
    lines = read(pain001(Block([line for _, _, line in REFUSED_IN_A_LINE]))).lines
    texts = " ".join(refusal.text for line in lines for refusal in line.refusals)
    assert CREDITOR not in texts


@given(st.lists(st.integers(1, 10**16 - 1), min_size=1, max_size=5))
def test_amounts_come_back_as_they_were_written(minors: list[int]) -> None:
    moneys = [Money(minor=minor, currency="EUR") for minor in minors]
    total = Money(minor=sum(minors), currency="EUR").to_wire()
    lines = [transfer(money.to_wire()) for money in moneys]
    file = read(pain001(Block(lines), control_sum=f"<CtrlSum>{total}</CtrlSum>"))
    assert [line.instructed_amount for line in file.lines] == moneys
    assert file.control_sum == Decimal(total)


CARD = "4242 4242 4242 4242"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (transfer(ids=nested("PmtId/EndToEndId", CARD)), "PmtId/EndToEndId"),
        (transfer(after=nested("RmtInf/Ustrd", f"card {CARD}")), "RmtInf/Ustrd"),
        (transfer(creditor=nested("Cdtr/Nm", CARD)), "Cdtr/Nm"),
        (transfer(after=nested("Purp/Prtry", CARD)), "Purp/Prtry"),
        (transfer(kind=nested("PmtTpInf/CtgyPurp/Cd", "4242424242424242")), "PmtTpInf/CtgyPurp/Cd"),
    ],
)
def test_a_card_number_is_refused_by_its_element_and_is_nowhere_in_the_line(
    given: str, field: str
) -> None:
    line = only(of(given))
    assert field in [each for _, each in codes(line)]
    assert "4242" not in repr(line)


def test_a_card_number_in_the_header_or_a_block_refuses_all_of_it() -> None:
    for field, source in (
        ("GrpHdr/MsgId", pain001(message_id=CARD)),
        ("PmtInf/PmtInfId", pain001(Block(name=CARD))),
    ):
        with pytest.raises(FileRefused) as refused:
            read(source)
        assert (refused.value.code, refused.value.field) == ("CH16", field)
        assert "4242" not in f"{refused.value} {refused.value.message_id}"
    file = read(pain001(initiating_party=nested("InitgPty/Nm", CARD)))
    assert [codes(line) for line in file.lines] == [[("CH16", "GrpHdr/InitgPty/Nm")]]
    assert "4242" not in repr(file)


def test_numbers_of_accounts_and_references_may_look_like_one() -> None:
    account = nested("CdtrAcct/Id/Othr/Id", "4242424242424242")
    line = only(of(transfer(account=account)))
    assert not any("card" in refusal.text for refusal in line.refusals)
    assert line.creditor_other == "4242424242424242"
