"""Real files from the field: read, or refused with a code and a text, and never a crash."""

from __future__ import annotations

import csv
import re
from datetime import date
from pathlib import Path

import pytest
from lxml import etree

from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.pain001 import read

CODE = r"[A-Z]{2}(?:\d{2}|[A-Z]{2})"
#: Read, and every line of them could be paid.
CLEAN = ("sepa-king/pain.001.001.03.xml", "nexatech-fineract/sample-pain001.xml")


def samples(specs: Path) -> list[Path]:
    """Every pain.001 of the index, whatever its version or wrapping."""
    folder = specs / "iso20022"
    with (folder / "samples" / "INDEX.csv").open(newline="") as rows:
        named = [
            folder / row["path"]
            for row in csv.DictReader(rows)
            if re.search(r"pain_?\.?001", f"{row['path']} {row['message']}")
        ]
    return [path for path in named if path.is_file()]


def read_or_refuse(source: bytes) -> CreditTransferFile | FileRefused:
    """What becomes of a file; whatever is refused has a code and a text."""
    try:
        result: CreditTransferFile | FileRefused = read(source)
    except FileRefused as error:
        result = error
    if isinstance(result, FileRefused):
        assert re.fullmatch(CODE, result.code)
        assert result.text
        return result
    for line in result.lines:
        assert line.refusals or line.instructed_amount.minor > 0
        for refusal in line.refusals:
            assert re.fullmatch(CODE, refusal.code)
            assert refusal.field
            assert refusal.text
    return result


def test_every_sample_is_read_or_refused_with_code_and_text(specs: Path) -> None:
    paths = samples(specs)
    assert len(paths) > 25
    for path in paths:
        read_or_refuse(path.read_bytes())


def test_every_wrapped_sample_is_read_when_taken_out_of_its_envelope(specs: Path) -> None:
    versions = set()
    for path in samples(specs):
        tree = etree.parse(str(path))
        root = tree.getroot()
        if etree.QName(root).localname == "Document":
            continue
        document = next(e for e in root.iter() if etree.QName(e).localname == "Document")
        file = read_or_refuse(etree.tostring(document, with_tail=False))
        if isinstance(file, CreditTransferFile):
            versions.add(file.version)
    assert versions == {"pain.001.001.09"}


@pytest.mark.parametrize("name", CLEAN)
def test_these_samples_are_clean(specs: Path, name: str) -> None:
    file = read(specs / "iso20022" / "samples" / name)
    assert [line.refusals for line in file.lines] == [()] * len(file.lines)


def test_the_sepa_sample_is_read_in_every_detail(specs: Path) -> None:
    file = read(specs / "iso20022" / "samples" / "sepa-king" / "pain.001.001.03.xml")
    assert (file.version, file.message_id) == ("pain.001.001.03", "Message-ID-4711")
    assert [line.amount_minor for line in file.lines] == [654314, 11272]
    assert [line.end_to_end_id for line in file.lines] == ["OriginatorID1234", "OriginatorID1235"]
    first = file.lines[0]
    assert first.creditor_name == "Creditor Name"
    assert first.creditor_agent == "SPUEDE2UXXX"
    assert first.remittance_information == "Unstructured Remittance Information"
    block = first.payment_information
    assert block.requested_execution_date == date(2010, 11, 25)
    assert (block.debtor_name, block.debtor_agent) == ("Debtor Name", "BANKDEFFXXX")
    assert block.batch_booking


def test_the_sterling_sample_is_read_and_its_line_refused(specs: Path) -> None:
    path = specs / "iso20022" / "samples" / "pyiso20022" / "gs_pain" / "pain001_001_08.xml"
    (line,) = read(path).lines
    assert line.currency == "GBP"
    assert {refusal.code for refusal in line.refusals} == {"FF06", "FF07"}


@pytest.mark.parametrize(
    "name",
    [
        "sepa-king/pain.001.002.03.xml",
        "sepa-king/pain.001.003.03.xml",
        "sepa-king/pain.001.001.03.ch.02.xml",
        "sepa-king/pain.008.002.02.xml",
        "nexatech-fineract/sample-pain008.xml",
    ],
)
def test_variants_and_direct_debits_are_refused_by_name(specs: Path, name: str) -> None:
    refused = read_or_refuse((specs / "iso20022" / "samples" / name).read_bytes())
    assert isinstance(refused, FileRefused)
    assert re.search(r"pain\.00[18]\.00\d\.\d\d", refused.text)
    assert refused.field == "Document"


@pytest.mark.parametrize("name", CLEAN)
def test_a_sample_cut_at_every_two_hundredth_byte_pays_nothing(specs: Path, name: str) -> None:
    source = (specs / "iso20022" / "samples" / name).read_bytes().rstrip()
    for length in range(0, len(source), 200):
        with pytest.raises(FileRefused):
            read(source[:length])
