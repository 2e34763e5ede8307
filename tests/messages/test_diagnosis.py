"""What is no credit transfer file is refused with its cause, its place and what to do."""

from __future__ import annotations

import pytest

from messages.credit_transfer import FileRefused
from messages.pain001 import read
from tests.messages.files import Block, of, pain001, transfer

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
GOOD = pain001()


def of_namespace(namespace: str) -> bytes:
    return GOOD.replace(NAMESPACE.encode(), namespace.encode())


def with_name(name: bytes) -> bytes:
    return GOOD.replace(b"Creditor Name", name)


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"\x1f\x8b\x08rest", "gzip"),
        (b"%PDF-1.7\n", "PDF"),
        (b"{1:F01BANKDEFFXXXX0000000000}{2:I101}", "MT101"),
        (b":20:REF\n:28D:1/1\n", "MT101"),
        (b'{"amount": 1}', "JSON"),
        (b"<html><body>Log in</body></html>", "web page"),
        (b"<!DOCTYPE html><html></html>", "web page"),
        (b"name;amount\n", "'name;amount"),
        (GOOD.decode().encode("cp500"), "bytes 4c"),
        (GOOD.replace(b"UTF-8", b"utf-16"), 'line 1: the file declares encoding="utf-16"'),
        (GOOD.replace(b"UTF-8", b"klingon"), "line 1: encoding 'klingon'"),
        (with_name("Jürgen".encode("cp1252")), "windows-1252"),
        (with_name(b"A & B"), "&amp;"),
        (with_name(b"A < B"), "&lt;"),
        (with_name(b"A&nbsp;B"), "&nbsp;"),
        (with_name(b"A\x01B"), "does not allow"),
        (GOOD.replace(b"</Dbtr>", b"</Debtor>"), "Dbtr of line 3 is closed as Debtor;"),
        (GOOD[:700], "cut short"),
        (GOOD + GOOD, "one message"),
        (b"\n" + GOOD, "nothing may come before it"),
        (GOOD.replace(b'Ccy="EUR"', b"Ccy=EUR"), "has no quotes"),
        (GOOD.replace(b"<Document ", b'<Document xmlns="urn:a" '), "xmlns appears twice"),
        (GOOD.replace(b"<Cdtr>", b"<x:Cdtr>"), "prefix 'x' belongs to no namespace"),
        (of_namespace("ISO:pain.001.001.03:APC:STUZZA:payments:001"), "variant"),
        (of_namespace("ISO:pain.001.001.03:APC:STUZZA:payments:001"), "STUZZA: Austria"),
        (of_namespace("urn:swift:xsd:$pain.001.001.03"), "variant or version of pain.001.001.03"),
        (of_namespace(f"{NAMESPACE} "), "written otherwise"),
        (of_namespace(NAMESPACE.upper()), "written otherwise"),
        (of_namespace(NAMESPACE.replace("pain.001", "pain.002")), "status report"),
        (of_namespace("urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"), "statement"),
        (of_namespace("urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"), "between banks"),
        (GOOD.replace(f' xmlns="{NAMESPACE}"'.encode(), b""), "has no namespace"),
        (
            pain001(Block([transfer("-10.00")]), control_sum="<CtrlSum>10.00</CtrlSum>"),
            "'-10.00' of the transfer in line 3 is negative",
        ),
        (
            pain001(Block([transfer("10,00")]), control_sum="<CtrlSum>10.00</CtrlSum>"),
            "'10,00' of the transfer in line 3 is not a decimal",
        ),
    ],
)  # fmt: skip
def test_the_cause_is_said(source: bytes, cause: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read(source)
    assert caught.value.code in ("FF01", "AM10")
    assert cause in caught.value.text
    # And what to do.
    assert ";" in caught.value.text


def test_a_negative_amount_is_said_to_be_one() -> None:
    (line,) = read(of(transfer("-12.50"))).lines
    (refusal,) = line.refusals
    assert (refusal.code, refusal.field) == ("AM12", "Amt/InstdAmt")
    assert "'-12.50' is negative" in refusal.text


def test_an_account_number_is_not_repeated_in_the_refusal_of_it() -> None:
    source = GOOD.replace(b"<CdtrAcct><Id><IBAN>DE", b"<CdtrAcct><Id><IBAN>DE_")
    (line,) = read(source).lines
    (refusal,) = line.refusals
    assert (refusal.code, refusal.field) == ("AC03", "CdtrAcct/Id/IBAN")
    assert "ending '3210'" in refusal.text
    assert "5098765" not in refusal.text


@pytest.mark.parametrize("label", ["windows-1252", "ISO-8859-1", "UTF-16"])
def test_other_encodings_are_read_where_the_label_is_right(label: str) -> None:
    text = with_name("Jürgen".encode()).decode().replace('"UTF-8"', f'"{label}"')
    (line,) = read(text.encode(label)).lines
    assert line.creditor_name == "Jürgen"
