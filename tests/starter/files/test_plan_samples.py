"""Every pain.001 of the samples, as of its own day: paid, or refused for a reason that is right."""

from __future__ import annotations

import csv
import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import pytest

from messages.credit_transfer import FileRefused
from messages.pain001 import read
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.registry import Partners
from settings import Debtor, Settings
from starter.acceptance import admit
from starter.files.plan import FilePlan, plan
from tests.fakes import profile

NOW: Final = datetime(2026, 11, 23, 9, tzinfo=UTC)
PAID: Final = frozenset[tuple[str, str]]()

#: Whose files are paid here: the debtor accounts of the samples, each from a simulated account.
DEBTORS: Final = {
    "DE87200500001234567890": "EUR",
    "DE89370400440532013000": "EUR",
    "00125574999/JPY": "JPY",
    "00125574999/EUR": "EUR",
    "00125574999/USD": "USD",
    "50000970": "GBP",
    "60438291": "AUD",
    "9020123100": "EUR",
}

MINIMAL: Final = {
    ("AG03", "PmtInf/PmtMtd"),  # CHK: a cheque.
    ("BE08", "PmtInf/Dbtr/Nm"),
    ("BE21", "GrpHdr/InitgPty"),
    ("BE22", "Cdtr/Nm"),
    ("AC03", "CdtrAcct/Id/IBAN"),
}
EQUIVALENT: Final = {("AM03", "Amt/EqvtAmt")}
DOCUMENTS: Final = ("RR07", "RmtInf/Strd/RfrdDocInf")
VARIANT: Final = ("FF01", "Document")
COPY: Final = ("FF01", "AppHdr/CpyDplct")
COUNT: Final = ("AM19", "GrpHdr/NbOfTxs")

#: A file that is refused as a whole: code and field. Else what is refused of each of its lines;
#: a line of which nothing is refused is paid.
Outcome = tuple[str, str] | list[set[tuple[str, str]] | frozenset[tuple[str, str]]]

OUTCOMES: Final[dict[str, tuple[str, Outcome]]] = {
    # Not valid by its schema, which has the address line behind town and country.
    "ballerina-mt-to-mx/pn_01_1_1/mt101_pain_001_A_B.xml": ("2009-03-27", [{
        ("CH17", "PmtInf/ChrgsAcct"), ("CH17", "XchgRateInf"), ("BE14", "Cdtr/CtryOfRes"),
        ("RR05", "RgltryRptg"), ("RC10", "CdtrAgt/FinInstnId/ClrSysMmbId"),
        ("RC10", "CdtrAgt/FinInstnId/ClrSysMmbId/MmbId"), ("AC03", "CdtrAcct/Id/Othr"),
        # Its schema has these in another order.
        *(("FF01", f"{party}/PstlAdr/{name}") for party in ("PmtInf/Dbtr", "Cdtr")
          for name in ("TwnNm", "Ctry")),
    }]),
    "cbpr-plus/examples/y2025/pain.001.max.xml": ("2026-01-01", COPY),
    "cbpr-plus/examples/y2025/pain.001.min.xml": ("2026-01-01", [MINIMAL]),
    "cbpr-plus/examples/y2026/pain.001.max.xml": ("2026-01-01", COPY),
    "cbpr-plus/examples/y2026/pain.001.min.xml": ("2026-01-01", [MINIMAL]),
    "cbpr-plus/test_files/2025/pain001_credit_initiation_sample.xml": ("2026-04-14", [EQUIVALENT]),
    "cbpr-plus/test_files/2025/violators/"
    "pain001_credit_initiation_sample__violates_pain.001-R3_msgdefidr_mismatch.xml": (
        "2026-04-14", ("FF01", "AppHdr/MsgDefIdr")
    ),
    "cbpr-plus/test_files/2026/pain001_credit_initiation_sample.xml": ("2026-04-14", [EQUIVALENT]),
    "cbpr-plus/test_files/2026/violators/"
    "pain001_credit_initiation_sample__violates_pain.001-R8_existing.xml": (
        "2026-04-14", [EQUIVALENT]
    ),
    "moov-iso20022/International_payment_RUB_naujas_1.xml": (
        "2015-09-28", [{("CH17", "CdtrAgtAcct")}]
    ),
    # Its debtor's IBAN has wrong check digits.
    "moov-iso20022/International_payment_USD_naujas_1.xml": (
        "2015-09-28", [{("AC02", "PmtInf/DbtrAcct/Id/IBAN")}]
    ),
    "moov-iso20022/gistfile1.xml": ("2009-09-29", [
        {DOCUMENTS}, {DOCUMENTS, ("BE19", "ChrgBr"), ("CH17", "InstrForCdtrAgt")}, {DOCUMENTS},
    ]),
    "moov-iso20022/musterfile_pain.001_Nov2020.xml": ("2020-07-28", VARIANT),
    "moov-iso20022/sepa_payment_naujas_1.xml": (
        "2017-08-23", [{("BE16", "PmtInf/Dbtr/Id"), ("BE17", "Cdtr/Id")}]
    ),
    "nexatech-fineract/sample-pain001.xml": ("2025-01-20", [PAID]),
    "pyiso20022/gs_pain/pain001_001_08.xml": (
        "2020-06-16", [{("FF06", "PmtTpInf/CtgyPurp/Prtry"), ("FF07", "Purp/Prtry")}]
    ),
    # Says of each of its six blocks that it has another number of lines than it has.
    "sebastienrousseau-pain001/pain.001.001.03.xml": ("2023-03-10", ("AM20", "PmtInf/NbOfTxs")),
    **{
        f"sebastienrousseau-pain001/pain.001.001.{version}.xml": ("2023-01-01", COUNT)
        for version in ("04", "05", "06", "07", "08", "09")
    },
    "sepa-king/pain.001.001.03.ch.02.xml": ("2010-11-25", VARIANT),
    "sepa-king/pain.001.001.03.xml": ("2010-11-25", [PAID, PAID]),
    "sepa-king/pain.001.002.03.xml": ("2010-11-25", VARIANT),
    "sepa-king/pain.001.003.03.xml": ("2010-11-25", VARIANT),
}  # fmt: skip


def indexed(specs: Path) -> dict[str, str]:
    """Every pain.001 of the index, whatever its version or wrapping; and whether it is valid."""
    folder = specs / "iso20022"
    with (folder / "samples" / "INDEX.csv").open(newline="") as rows:
        return {
            row["path"].removeprefix("samples/"): row["xsd_result"]
            for row in csv.DictReader(rows)
            if re.search(r"pain_?\.?001", f"{row['path']} {row['message']}")
            and (folder / row["path"]).is_file()
        }


def settings(home: Path) -> Settings:
    account = CurrencycloudAccount.model_validate(
        {"base_url": "http://127.0.0.1:1", "login_id": "x", "api_key": "y", "simulated": True}
    )
    debtors = {
        number: Debtor(partner_account="main", currency=currency)
        for number, currency in DEBTORS.items()
    }
    return Settings(home=home, partners=Partners(currencycloud={"main": account}), debtors=debtors)


def planned(specs: Path, home: Path, name: str) -> FilePlan | FileRefused:
    """What `finality pay --as-of` of its day would do with a sample."""
    try:
        file = read(specs / "iso20022" / "samples" / name)
    except FileRefused as refused:
        return refused
    day = date.fromisoformat(OUTCOMES[name][0])
    return plan(file, settings(home).debtor_accounts, now=NOW, as_of=day)


def test_every_sample_of_the_index_has_its_outcome(specs: Path) -> None:
    assert set(indexed(specs)) == set(OUTCOMES)


@pytest.mark.parametrize("name", OUTCOMES)
def test_a_sample_is_paid_or_refused_for_the_right_reason(
    specs: Path, tmp_path: Path, name: str
) -> None:
    expected = OUTCOMES[name][1]
    found = planned(specs, tmp_path, name)
    if isinstance(found, FileRefused):
        assert (found.code, found.field) == expected
        assert found.text
        return
    said = {one.line.position: {refusal[:2] for refusal in one.refusals} for one in found.refused}
    assert all(refusal.text for one in found.refused for refusal in one.refusals)
    said |= {one.line.position: set() for one in found.orders}
    assert [said[position] for position in sorted(said)] == expected


def test_what_is_paid_of_them_is_accepted_too(specs: Path, tmp_path: Path) -> None:
    accepted = 0
    for name in OUTCOMES:
        found = planned(specs, tmp_path, name)
        for one in found.orders if isinstance(found, FilePlan) else ():
            profiles = {(one.order.partner, one.order.partner_account): profile()}
            kept = admit(one.order, one.key, profiles, NOW, rules_of=one.rules_of)
            assert kept.order == one.order
            accepted += 1
    assert accepted == 3


def test_nothing_is_paid_of_a_file_that_its_schema_does_not_allow(
    specs: Path, tmp_path: Path
) -> None:
    invalid = [name for name, result in indexed(specs).items() if result == "invalid"]
    assert invalid
    for name in invalid:
        found = planned(specs, tmp_path, name)
        assert isinstance(found, FileRefused) or found.orders == ()
