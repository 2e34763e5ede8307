"""What the schema of a file's own version refuses we refuse, and what it accepts has our form."""

from __future__ import annotations

import random
import re
from pathlib import Path

import pytest
from lxml import etree

from messages import structure
from messages.credit_transfer import FileRefused
from messages.document import has_stray_text
from messages.pain001 import VERSIONS, read
from messages.structure import structure_of
from tests.messages.files import Block, nested, of, pain001, transfer
from tests.messages.mutations import Schema, mutated
from tests.messages.official import table


@pytest.fixture(scope="module", params=VERSIONS)
def schema(request: pytest.FixtureRequest, specs: Path) -> Schema:
    return Schema(specs / "iso20022" / "xsd" / f"{request.param}.xsd")


def test_the_table_says_what_the_official_schemas_say(specs: Path) -> None:
    written = structure._TABLE.read_text().splitlines()
    assert written == "\n".join(table(specs / "iso20022" / "xsd")).splitlines()


def departs(document: etree._Element) -> bool:
    """Whether our table finds that the file departs from its schema."""
    if len(document) != 1 or has_stray_text(document):
        return True
    whole = structure_of(str(etree.QName(document).namespace).rpartition(":")[2])
    return bool(whole.misfits(document[0], whole.message))


def test_what_the_schema_allows_has_our_form_too(schema: Schema) -> None:
    dice = random.Random(schema.version)
    for document in (schema.draw(dice) for _ in range(40)):
        assert schema.accepts(document)
        assert not departs(document)


def test_our_verdict_on_a_changed_file_is_the_schemas(schema: Schema) -> None:
    verdicts = []
    for change, document in mutated(schema, 250, seed=int(schema.version[-2:])):
        verdict = schema.accepts(document)
        assert departs(document) is not verdict, f"{change}: {etree.tostring(document).decode()}"
        verdicts.append(verdict)
    assert verdicts.count(True) > 10
    assert verdicts.count(False) > 100


def test_what_the_schema_refuses_is_never_paid_in_silence(schema: Schema) -> None:
    """A drawn file asks for much that we do not do, so this mutates one that is paid."""
    base = plain(schema.version)
    known = set(objections(etree.tostring(base)))
    for change, document in mutated(schema, 250, seed=1, base=base):
        if schema.accepts(document):
            continue
        said = set(objections(etree.tostring(document))) - known
        assert said, f"{change}: {etree.tostring(document)!r}"


def plain(version: str) -> etree._Element:
    """A small file with nothing in it that is refused, or noted but for the debtor's name."""
    number = int(version[-2:])
    bic = nested("BIC" if number < 4 else "BICFI", "SPUEDE2U")
    day = "2026-11-25" if number < 8 else nested("Dt", "2026-11-25")
    address = nested("PstlAdr", nested("TwnNm", "Berlin") + nested("Ctry", "DE"))
    line = transfer(
        ids=nested("PmtId/EndToEndId", "NOTPROVIDED"),
        agent=f"<CdtrAgt><FinInstnId>{bic}</FinInstnId></CdtrAgt>",
        creditor=f"<Cdtr><Nm>Creditor</Nm>{address}</Cdtr>",
        after=nested("RmtInf/Ustrd", "Invoice"),
    )
    block = Block([line], day=nested("ReqdExctnDt", day), agent="<DbtrAgt><FinInstnId/></DbtrAgt>")
    # With a prefix, so that an element moved into no namespace is written so.
    source = pain001(block, version=version).replace(b"xmlns=", b"xmlns:p=")
    root = etree.fromstring(re.sub(rb"<(/?)(\w)", rb"<\1p:\2", source))
    (said,) = objections(etree.tostring(root))
    assert "Dbtr/Nm" in said
    return root


def objections(source: bytes) -> list[str]:
    """Everything that is said against a file or noted of it."""
    try:
        file = read(source)
    except FileRefused as refused:
        return [str(refused)]
    return [str(one) for line in file.lines for one in (*line.refusals, *line.notices)]


@pytest.mark.parametrize("name", ["CstmrCdtTrfInitn", "GrpHdr", "PmtInf", "Dbtr", "CdtTrfTxInf"])
def test_an_element_in_no_namespace_refuses_the_file_and_is_named(name: str) -> None:
    source = pain001().replace(f"<{name}>".encode(), f'<{name} xmlns="">'.encode())
    with pytest.raises(FileRefused) as caught:
        read(source)
    assert caught.value.code == "FF01"
    assert caught.value.field.endswith(name)
    assert "no namespace" in caught.value.text
    assert "line " in caught.value.text


def test_an_element_of_a_line_in_no_namespace_refuses_the_line() -> None:
    (line,) = read(of(transfer(creditor='<Cdtr xmlns=""><Nm>N</Nm></Cdtr>'))).lines
    assert [(one.code, one.field) for one in line.refusals][:1] == [("FF01", "Cdtr")]
    assert "no namespace" in line.refusals[0].text


def test_elements_of_the_header_in_another_order_refuse_the_file() -> None:
    source = pain001(created="", header=nested("CreDtTm", "2026-11-23T09:00:00Z"))
    with pytest.raises(FileRefused) as caught:
        read(source)
    assert (caught.value.code, caught.value.field) == ("FF01", "GrpHdr/CreDtTm")
    assert "after InitgPty" in caught.value.text


@pytest.mark.parametrize(
    ("version", "name", "length", "limit"),
    [
        ("pain.001.001.06", "TwnNm", 36, 35),
        ("pain.001.001.09", "TwnNm", 36, 35),
        ("pain.001.001.12", "TwnNm", 141, 140),
        ("pain.001.001.06", "PstCd", 17, 16),
        ("pain.001.001.06", "CtrySubDvsn", 36, 35),
    ],
)
def test_a_text_is_as_long_as_the_files_own_version_allows(
    version: str, name: str, length: int, limit: int
) -> None:
    source = etree.tostring(plain(version)).decode()
    inside = f"<p:{name}>{'x' * length}</p:{name}>"
    found = "<p:TwnNm>Berlin</p:TwnNm>"
    assert found in source
    after = {"TwnNm": inside, "PstCd": inside + found, "CtrySubDvsn": found + inside}[name]
    (line,) = read(source.replace(found, after).encode()).lines
    (refusal,) = line.refusals
    assert (refusal.code, refusal.field) == ("BE04", f"Cdtr/PstlAdr/{name}")
    assert str(limit) in refusal.text
    assert version in refusal.text
