"""Every element that a schema allows is carried, noted or refused: none is dropped in silence."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple, cast

import pytest
from lxml import etree

from messages import reading
from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.elements import LINE, Rule, Treatment
from messages.pain001 import VERSIONS, read
from tests.messages.files import Block, pain001, transfer

XS = "{http://www.w3.org/2001/XMLSchema}"
TOP = "Document/CstmrCdtTrfInitn"
ANY = "any"


class Leaf(NamedTuple):
    """A place where a value may stand, and what else the schema says of it."""

    path: str
    attribute: str = ""


class Schema:
    """One official schema, as far as its names of elements and attributes go."""

    def __init__(self, path: Path) -> None:
        root = etree.parse(str(path)).getroot()
        self._types = {
            kind.get("name"): kind
            for kind in root
            if kind.tag in (f"{XS}complexType", f"{XS}simpleType")
        }

    def leaves(self, kind: str = "Document", path: str = "Document") -> Iterator[Leaf]:
        """Every place below a type, to the last depth; no type of these schemas holds itself."""
        node = self._types.get(kind)
        if node is None or node.tag == f"{XS}simpleType":
            yield Leaf(path)
            return
        yield from (Leaf(path, str(a.get("name"))) for a in node.iter(f"{XS}attribute"))
        if node.find(f"{XS}simpleContent") is not None:
            yield Leaf(path)
        for element in node.iter(f"{XS}element"):
            yield from self.leaves(str(element.get("type")), f"{path}/{element.get('name')}")
        if node.find(f".//{XS}any") is not None:
            yield Leaf(f"{path}/{ANY}")


def file_with(version: str, leaf: Leaf, text: str) -> bytes:
    """A good file of one line, with a value in that place."""
    root = etree.fromstring(pain001(Block([transfer()]), version=version))
    namespace = etree.QName(root).namespace
    place = root
    for name in leaf.path.split("/")[1:]:
        found = place.find(f"{{{namespace}}}{name}")
        place = etree.SubElement(place, f"{{{namespace}}}{name}") if found is None else found
    if leaf.attribute:
        place.set(leaf.attribute, text)
    else:
        place.text = text
    block = root.find(f".//{{{namespace}}}PmtInf")
    assert block is not None
    # Where it belongs: what stands after the lines would be refused for its place alone.
    block[:] = sorted(block, key=lambda child: etree.QName(child).localname == "CdtTrfTxInf")
    return etree.tostring(root)


@cache
def plain(version: str) -> CreditTransferFile:
    return read(etree.tostring(etree.fromstring(pain001(version=version))))


def is_dropped(version: str, leaf: Leaf) -> bool:
    """Whether the file reads as if nothing stood there, whatever does."""
    return all(
        is_same(version, file_with(version, leaf, text)) for text in ("X9", "true", "2026-11-26")
    )


def is_same(version: str, source: bytes) -> bool:
    try:
        return read(source) == plain(version)
    except FileRefused:
        return False


@pytest.mark.parametrize("version", VERSIONS)
def test_no_element_of_any_version_is_dropped_in_silence(specs: Path, version: str) -> None:
    schema = Schema(specs / "iso20022" / "xsd" / f"{version}.xsd")
    leaves = set(schema.leaves())
    assert len(leaves) > 700
    assert sorted(leaf for leaf in leaves if is_dropped(version, leaf)) == []


def test_the_walk_sees_what_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = Leaf(f"{TOP}/PmtInf/CdtTrfTxInf/CdtrAgt/FinInstnId/Nm")
    assert not is_dropped("pain.001.001.09", leaf)
    row = leaf.path.rpartition("CdtTrfTxInf/")[2]
    monkeypatch.setitem(cast(dict[str, Rule], LINE), row, Rule(Treatment.CARRIED, "CH16"))
    monkeypatch.setattr(reading, "_steps", reading._Steps)  # Which keeps no rows of before.
    assert is_dropped("pain.001.001.09", leaf)


def test_an_element_of_no_version_is_refused_and_named() -> None:
    for above in ("PmtInf", "PmtInf/CdtTrfTxInf", "PmtInf/CdtTrfTxInf/Cdtr"):
        source = file_with("pain.001.001.12", Leaf(f"{TOP}/{above}/NwThng"), "X")
        (line,) = read(source).lines
        (refusal,) = line.refusals
        assert refusal.code == "FF01"
        assert refusal.field.endswith("NwThng")
