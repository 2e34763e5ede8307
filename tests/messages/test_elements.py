"""The element table knows every element of every version, and only real codes."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from lxml import etree

from messages.elements import BLOCK, GROUP, LINE, Table, Treatment
from messages.pain001 import VERSIONS

ROOT = Path(__file__).resolve().parents[2]
XS = "{http://www.w3.org/2001/XMLSchema}"


def elements_of(schema: Path, name: str, *, to: int = 7) -> Iterator[str]:
    """Paths of all elements below the one of this name, as the official schema has them."""
    root = etree.parse(str(schema)).getroot()
    types = {child.get("name"): child for child in root.iter(f"{XS}complexType")}

    def below(kind: str | None, path: str, depth: int) -> Iterator[str]:
        if kind not in types or depth == to:
            return
        for element in types[kind].iter(f"{XS}element"):
            inner = f"{path}{element.get('name')}"
            yield inner
            yield from below(element.get("type"), f"{inner}/", depth + 1)

    start = next(e for e in root.iter(f"{XS}element") if e.get("name") == name)
    return below(start.get("type"), "", 0)


def is_known(path: str, table: Table) -> bool:
    parts = path.split("/")
    above = ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
    return any(step in table for step in above) or any(row.startswith(f"{path}/") for row in table)


@pytest.mark.parametrize("version", VERSIONS)
def test_every_element_of_the_official_schema_has_a_fate(specs: Path, version: str) -> None:
    schema = specs / "iso20022" / "xsd" / f"{version}.xsd"
    for name, table in (("GrpHdr", GROUP), ("PmtInf", BLOCK), ("CdtTrfTxInf", LINE)):
        paths = [p for p in elements_of(schema, name) if not p.startswith("CdtTrfTxInf")]
        assert len(paths) > 10
        assert [path for path in paths if not is_known(path, table)] == []


def test_every_row_is_an_element_of_some_version(specs: Path) -> None:
    schemas = [specs / "iso20022" / "xsd" / f"{version}.xsd" for version in VERSIONS]
    for name, table in (("GrpHdr", GROUP), ("PmtInf", BLOCK), ("CdtTrfTxInf", LINE)):
        real = {path for schema in schemas for path in elements_of(schema, name)}
        rows = {row.partition("/@")[0] for row in table}
        assert rows - real == set()


def test_refused_and_noticed_elements_say_why() -> None:
    for table in (GROUP, BLOCK, LINE):
        not_sent = [
            rule
            for rule in table.values()
            if rule.treatment in (Treatment.NOTICED, Treatment.REFUSED)
        ]
        assert all(rule.text for rule in not_sent)


def codes_written() -> dict[str, str]:
    """Everything in our sources that has the form of a reason code, and where."""
    rooms = ("messages", "regimes", "starter")
    files = [file for room in rooms for file in ROOT.glob(f"{room}/**/*.py")]
    return {
        node.value: file.name
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and re.fullmatch(r"[A-Z]{2}\d{2}", node.value)
    }


def test_every_code_we_give_is_in_the_official_list(specs: Path) -> None:
    folder = specs / "iso20022" / "codes" / "sets"
    official = json.loads((folder / "external_status_reason_code.json").read_text())["codes"]
    written = codes_written()
    given = {rule.code for table in (GROUP, BLOCK, LINE) for rule in table.values()}
    assert len(written) > 25
    assert (set(written) | given) - set(official) == set()
