"""Files of which nothing is paid: no XML, no such file, cut short, or sums that do not agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from messages.credit_transfer import FileRefused
from messages.document import HELD_BYTES_MAX
from messages.pain001 import read
from tests.messages.files import Block, pain001, transfer


def refused(source: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read(source)
    assert caught.value.text
    return caught.value


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(12))
    + "]>"
)
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE Document [<!ENTITY x SYSTEM "{}">]>'


def test_an_xml_bomb_is_refused_unexploded() -> None:
    name = "<InitgPty><Nm>&m;</Nm></InitgPty>"
    error = refused(pain001(before=BOMB, initiating_party=name))
    assert (error.code, error.field) == ("FF01", "DOCTYPE")


def test_a_bomb_in_an_attribute_is_refused_unexploded() -> None:
    source = pain001(before=BOMB).replace(b"<Document ", b'<Document bomb="&m;" ')
    assert refused(source).code == "FF01"


def test_an_external_entity_is_never_fetched(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("SECRET")
    name = "<InitgPty><Nm>&x;</Nm></InitgPty>"
    source = pain001(before=EXTERNAL.format(secret.as_uri()), initiating_party=name)
    error = refused(source)
    assert error.field == "DOCTYPE"
    assert "SECRET" not in str(error)


def test_a_plain_doctype_is_refused_too() -> None:
    assert refused(pain001(before="<!DOCTYPE Document>")).field == "DOCTYPE"


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"   \n",
        b"MSG-1;10.00;EUR",
        b"\x00\x01\x02",
        b"%PDF-1.7",
        b'{"amount": 1}',
        b"<",
        b"<Document",
        b"<html><body>no</body></html>",
        b"<Document><CstmrCdtTrfInitn/></Document>",
        pain001().replace(b"</Dbtr>", b"</Debtor>"),
        pain001().replace(b"Debtor Name", b"A & B"),
        pain001().replace(b"Debtor Name", b"\xff\xfe"),
        pain001().replace(b"Debtor Name", b"&#0;"),
        pain001().replace(b"Debtor Name", b"&unknown;"),
        pain001() + pain001(),
        pain001() + b"<more/>",
        pain001().replace(b"<Document ", b'<Document mode="test" '),
        pain001().replace(b"<CstmrCdtTrfInitn>", b'<CstmrCdtTrfInitn mode="test">'),
        pain001().replace(b"CstmrCdtTrfInitn", b"CstmrDrctDbtInitn"),
        pain001().replace(b"<PmtInf>", b"pay<PmtInf>"),
        pain001().replace(b"</PmtInf>", b"</PmtInf>pay"),
        pain001().replace(b"</CdtTrfTxInf>", b"</CdtTrfTxInf>pay"),
        pain001().replace(b"<Amt>", b"pay<Amt>"),
        pain001().replace(b"</CstmrCdtTrfInitn>", b"</CstmrCdtTrfInitn>pay"),
        b"<a>" * 300 + b"</a>" * 300,
    ],
)  # fmt: skip
def test_what_is_no_credit_transfer_file_is_refused_with_a_reason(source: bytes) -> None:
    assert refused(source).code == "FF01"


@pytest.mark.parametrize(
    ("namespace", "said"),
    [
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.001.02", "pain.001.001.02"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.001.13", "pain.001.001.13"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.002.03", "pain.001.002.03"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.003.03", "pain.001.003.03"),
        ("http://www.six-interbank-clearing.com/de/pain.001.001.03.ch.02.xsd", "ch.02"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.008.001.08", "direct debit"),
        ("urn:iso:std:iso:20022:tech:xsd:camt.053.001.08", "camt.053.001.08"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.001.09x", "variant or version"),
        ("urn:something:else", "urn:something:else"),
        ("http://elsewhere.example/pain.001.001.09", "elsewhere.example"),
        ("urn:iso:std:iso:20022:tech:xsd:pain.001.001.09.xsd", "09.xsd"),
    ],
)
def test_other_messages_and_variants_are_refused_by_name(namespace: str, said: str) -> None:
    ours = b"urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
    error = refused(pain001().replace(ours, namespace.encode()))
    assert error.code == "FF01"
    assert said in error.text
    assert "pain.001.001.03" in error.text


def test_an_envelope_is_named() -> None:
    body = pain001(before="").decode()
    error = refused(f"<Envelope>{body}</Envelope>".encode())
    assert error.field == "Envelope"


CUT = pain001(
    Block([transfer(), transfer()]),
    Block([transfer()], name="BLOCK-2"),
    control_sum="<CtrlSum>30</CtrlSum>",
)


@pytest.mark.parametrize("length", range(0, len(CUT.rstrip()), 200))
def test_a_file_cut_short_pays_nothing_of_its_first_half(length: int) -> None:
    assert refused(CUT[:length]).code == "FF01"


def test_a_file_cut_short_at_its_last_byte_pays_nothing() -> None:
    assert refused(CUT.rstrip()[:-1]).code == "FF01"


def test_a_stream_cut_between_lines_and_closed_by_force_is_caught_by_its_sums() -> None:
    head, _, _ = CUT.partition(b"<PmtInf><PmtInfId>BLOCK-2")
    assert refused(head + b"</CstmrCdtTrfInitn></Document>").code == "AM19"


SUM = "<CtrlSum>{}</CtrlSum>"
COUNT = "<NbOfTxs>{}</NbOfTxs>"


@pytest.mark.parametrize(
    ("code", "field", "source"),
    [
        ("AM19", "GrpHdr/NbOfTxs", pain001(count="2")),
        ("AM19", "GrpHdr/NbOfTxs", pain001(count="")),
        ("AM19", "GrpHdr/NbOfTxs", pain001(count="one")),
        ("AM19", "GrpHdr/NbOfTxs", pain001(count="-1")),
        ("AM19", "GrpHdr/NbOfTxs", pain001().replace(b"<NbOfTxs>1</NbOfTxs>", b"")),
        ("AM10", "GrpHdr/CtrlSum", pain001(control_sum=SUM.format("10.01"))),
        ("AM10", "GrpHdr/CtrlSum", pain001(control_sum=SUM.format("-10.00"))),
        ("AM16", "GrpHdr/CtrlSum", pain001(control_sum=SUM.format("1e1"))),
        ("AM16", "GrpHdr/CtrlSum", pain001(control_sum=SUM.format(""))),
        ("AM20", "PmtInf/NbOfTxs", pain001(Block(sums=COUNT.format(3)))),
        ("AM10", "PmtInf/CtrlSum", pain001(Block(sums=SUM.format("9.99")))),
        ("AM17", "PmtInf/CtrlSum", pain001(Block(sums=SUM.format("ten")))),
        (
            "AM10",
            "GrpHdr/CtrlSum",
            pain001(Block([transfer("ten"), transfer()]), control_sum=SUM.format("10")),
        ),
    ],
)
def test_counts_and_sums_that_do_not_agree_refuse_the_file(
    code: str, field: str, source: bytes
) -> None:
    error = refused(source)
    assert (error.code, error.field) == (code, field)


def test_sums_are_checked_before_anything_else_of_the_lines() -> None:
    source = pain001(
        Block([transfer(after="<Surprise/>")]), Block(), control_sum=SUM.format("5.00")
    )
    assert refused(source).code == "AM10"


def test_a_block_that_is_repeated_refuses_the_file() -> None:
    error = refused(pain001(Block(), Block()))
    assert (error.code, error.field) == ("DU02", "PmtInf/PmtInfId")


@pytest.mark.parametrize(
    ("code", "source"),
    [
        ("DU01", pain001(message_id="NOTPROVIDED")),
        ("FF01", pain001(message_id="")),
        ("FF01", pain001().replace(b"<MsgId>MSG-1</MsgId>", b"")),
        ("FF01", pain001(message_id="m" * 36)),
        ("FF01", pain001(Block(name=""))),
        ("FF01", pain001(Block(name="b" * 36))),
        ("FF01", pain001(Block(lines=[]))),
        ("FF01", pain001(header="<Surprise/>")),
        ("FF01", pain001(initiating_party="")),
        ("FF01", pain001().replace(b"<PmtInf>", b"<PmtInf></PmtInf><PmtInf>")),
        ("FF01", pain001().replace(b"</CdtTrfTxInf>", b"</CdtTrfTxInf><ChrgBr>SLEV</ChrgBr>")),
    ],
)
def test_what_cannot_be_told_apart_or_in_order_is_refused(code: str, source: bytes) -> None:
    assert refused(source).code == code


def test_a_header_after_its_block_or_twice_is_refused() -> None:
    source = pain001()
    start, end = source.index(b"<GrpHdr>"), source.index(b"</GrpHdr>") + len(b"</GrpHdr>")
    header = source[start:end]
    late = source.replace(header, b"").replace(b"</PmtInf>", b"</PmtInf>" + header)
    assert refused(late).code == "FF01"
    assert refused(source.replace(header, header * 2)).field == "GrpHdr"
    assert refused(source.replace(header, b"")).field == "PmtInf"


def test_endless_elements_do_not_fill_the_memory() -> None:
    error = refused(pain001(Block([transfer(after="<x/>" * (HELD_BYTES_MAX // 2))])))
    assert error.code == "FF01"
    assert "transfer" in error.text


def test_a_broken_place_is_named_by_its_line() -> None:
    source = pain001().replace(b"<PmtInf>", b"\n\n<PmtInf>").replace(b"</Dbtr>", b"</Debtor>")
    assert "line 5" in refused(source).text
