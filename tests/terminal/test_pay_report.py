"""`finality pay --status-report`: a pain.002 of whatever became of the file, also of nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
from lxml import etree

from local.demo_file import DEBTOR_IBAN
from tests.terminal.conftest import Alone, Terminal
from tests.terminal.test_pay import AS_OF, a_file


class Report:
    """A written report, judged by its official schema where that is there."""

    def __init__(self, out: Path) -> None:
        self.root = etree.parse(out).getroot()

    def texts(self, name: str) -> list[str | None]:
        return [one.text for one in self.root.iterfind(f".//{{*}}{name}")]

    @property
    def group(self) -> str | None:
        (status,) = self.texts("GrpSts")
        return status

    @property
    def codes(self) -> set[str | None]:
        return {*self.texts("Cd"), *self.texts("Prtry")}

    def validated(self, specs: Path) -> None:
        name = "pain.002.001.10.xsd"
        etree.XMLSchema(etree.parse(specs / "iso20022" / "xsd" / name)).assertValid(self.root)


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "status.xml"


def test_a_paid_file(terminal: Terminal, tmp_path: Path, out: Path, specs: Path) -> None:
    file = a_file(tmp_path, "REPORTED", 4, {"<Nm>Bakkerij De Molen</Nm>": f"<Nm>{'B' * 71}</Nm>"})
    ran = terminal.run(
        "pay", str(file), *AS_OF, "--skip-invalid", "--status-report", str(out), "--json"
    )
    assert ran.code == 1, ran.err
    report = Report(out)
    report.validated(specs)
    assert report.group == "PART"
    assert sorted(map(str, report.texts("TxSts"))) == ["ACSC", "ACSC", "ACSC", "RJCT"]
    assert "BE20" in report.codes
    assert report.texts("OrgnlMsgId") == ["REPORTED"]


def test_a_file_of_which_some_lines_are_wrong_is_rejected_as_a_whole(
    alone: Alone, tmp_path: Path, out: Path, specs: Path
) -> None:
    file = a_file(tmp_path, "WRONG", 4, {"<Nm>Bakkerij De Molen</Nm>": f"<Nm>{'B' * 71}</Nm>"})
    assert alone.run("pay", str(file), *AS_OF, "--status-report", str(out)).code == 2
    report = Report(out)
    report.validated(specs)
    assert report.group == "RJCT"
    assert report.texts("TxSts") == ["RJCT"] * 4
    assert {"BE20", "NARR"} <= report.codes


def test_a_file_that_repeats_another_says_so(
    alone: Alone, tmp_path: Path, out: Path, specs: Path
) -> None:
    assert alone.run("pay", str(a_file(tmp_path, "ONE")), *AS_OF, "--wait", "0").code == 0
    text = (tmp_path / "ONE.xml").read_text()
    copy = tmp_path / "copy.xml"
    copy.write_text(text.replace("<MsgId>ONE", "<MsgId>TWO"))
    assert alone.run("pay", str(copy), *AS_OF, "--status-report", str(out)).code == 2
    report = Report(out)
    report.validated(specs)
    assert (report.group, report.codes) == ("RJCT", {"AM05"})

    changed = tmp_path / "changed.xml"
    changed.write_text(text.replace("Salary March", "Salary May"))
    assert alone.run("pay", str(changed), *AS_OF, "--status-report", str(out)).code == 2
    report = Report(out)
    report.validated(specs)
    assert report.group == "RJCT"
    assert "DU01" in report.codes


@pytest.mark.parametrize(
    ("change", "code", "name"),
    [
        (("<NbOfTxs>3<", "<NbOfTxs>4<"), "AM20", "UNREAD"),
        (("</CstmrCdtTrfInitn></Document>", ""), "FF01", "UNREAD"),
        (("<MsgId>UNREAD</MsgId>", ""), "FF01", "NOTPROVIDED"),
        (("pain.001.001.09", "pain.008.001.09"), "FF01", "NOTPROVIDED"),
    ],
    ids=["count", "cut", "nameless", "direct debit"],
)
def test_a_file_that_cannot_be_read_to_its_end(
    alone: Alone, tmp_path: Path, out: Path, specs: Path, change: tuple[str, str], code: str,
    name: str,
) -> None:  # fmt: skip
    file = a_file(tmp_path, "UNREAD", changes=dict([change]))
    assert alone.run("pay", str(file), *AS_OF, "--status-report", str(out)).code == 2
    report = Report(out)
    report.validated(specs)
    assert (report.group, report.codes) == ("RJCT", {code})
    assert report.texts("OrgnlMsgId") == [name]


def test_nothing_is_paid_where_the_report_cannot_be_put(alone: Alone, tmp_path: Path) -> None:
    file = a_file(tmp_path, "NOWHERE")
    for nowhere in (tmp_path / "no" / "status.xml", tmp_path):
        ran = alone.run("pay", str(file), *AS_OF, "--status-report", str(nowhere))
        assert ran.code == 2
        assert "--status-report" in ran.out
    assert alone.terminal.run("list", "--json", **alone.environment).rows == []


def test_where_every_line_is_left_out_nothing_is_paid(
    alone: Alone, tmp_path: Path, out: Path, specs: Path
) -> None:
    file = a_file(tmp_path, "NONE", changes={DEBTOR_IBAN: "DE02120300000000202051"})
    ran = alone.run("pay", str(file), *AS_OF, "--skip-invalid", "--status-report", str(out))
    assert ran.code == 2
    report = Report(out)
    report.validated(specs)
    assert report.group == "RJCT"
    assert "AC02" in report.codes
