"""Files that their schema allows, drawn by the official schema itself, and mutations of them."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from messages.document import ISO
from tests.messages.official import message_type, rows

_DEPTH_MAX: Final = 12

#: Values of types whose pattern or kind does not tell one.
_SAMPLES: Final = {
    "date": "2026-11-25",
    "moment": "2026-11-23T09:00:00Z",
    "year": "2026",
    "boolean": "true",
    "binary": "AAAA",
    "[A-Z]{2,2}[0-9]{2,2}[a-zA-Z0-9]{1,30}": "DE87200500001234567890",
    "[A-Z]{6,6}[A-Z2-9][A-NP-Z0-9]([A-Z0-9]{3,3}){0,1}": "SPUEDE2U",
    "[A-Z0-9]{4,4}[A-Z]{2,2}[A-Z0-9]{2,2}([A-Z0-9]{3,3}){0,1}": "SPUEDE2UXXX",
    "[A-Z]{2,2}": "DE",
    "[A-Z]{3,3}": "EUR",
    "[0-9]{1,15}": "1",
    "[0-9]{2}": "12",
    "[a-zA-Z0-9]{4}": "5411",
    "[A-Z0-9]{18,18}[0-9]{2,2}": "529900T8BM49AURSDO55",
    r"\+[0-9]{1,3}-[0-9()+\-]{1,30}": "+49-30123456",
    "[a-f0-9]{8}-[a-f0-9]{4}-4[a-f0-9]{3}-[89ab][a-f0-9]{3}-[a-f0-9]{12}": (
        "eb6305c9-1f7f-49de-aed0-16487c27b42d"
    ),
}


class Schema:
    """One official schema: what it accepts, and files that it does."""

    def __init__(self, path: Path) -> None:
        self.version = path.name.removesuffix(".xsd")
        self.namespace = f"{ISO}{self.version}"
        self._validator = etree.XMLSchema(etree.parse(str(path)))
        self._rows = rows(path)
        self._message = message_type(path)

    def accepts(self, document: etree._Element) -> bool:
        """The verdict of libxml2 on the file as it would be sent."""
        return self._validator.validate(document)

    def draw(self, dice: random.Random) -> etree._Element:
        """A file that the schema allows, with a random choice of its elements."""
        # With a prefix, so that an element moved into no namespace is written so.
        root = etree.Element(f"{{{self.namespace}}}Document", nsmap={"p": self.namespace})
        message = etree.SubElement(root, f"{{{self.namespace}}}CstmrCdtTrfInitn")
        self._fill(message, self._message, dice, 0)
        return root

    def _fill(self, element: etree._Element, kind: str, dice: random.Random, depth: int) -> None:
        word, *said = self._rows[kind].split(" ")
        if word == "with":
            name, _, attribute = said[1].partition(":")
            element.set(name, self._value(attribute, dice))
            element.text = self._value(said[0], dice)
        elif word in ("all", "choice"):
            chosen = [dice.choice(said)] if word == "choice" else said
            for one in chosen:
                name, inner, *times = one.split(":")
                least, _, most = (times[0] if times else "1-1").partition("-")
                for _ in range(self._times(int(least), most, dice, depth)):
                    child = etree.SubElement(element, f"{{{self.namespace}}}{name}")
                    self._fill(child, inner, dice, depth + 1)
        elif word == "anything":
            etree.SubElement(element, "{urn:anything}Thing").text = "x"
        else:
            element.text = self._value(kind, dice)

    def _times(self, least: int, most: str, dice: random.Random, depth: int) -> int:
        if depth >= _DEPTH_MAX or dice.random() < 0.7:
            return least
        return max(least, dice.randint(0, min(3, 3 if most == "n" else int(most))))

    def _value(self, kind: str, dice: random.Random) -> str:
        word, *said = self._rows[kind].split(" ")
        match word:
            case "text":
                return "x" * dice.choice([1, int(said[1])])
            case "one":
                return dice.choice(said)
            case "decimal":
                return dice.choice(["1", "0.5", "10.00"]) if said[1] != "0" else "1"
            case "like":
                return _SAMPLES[said[0]]
            case _:
                return _SAMPLES[word]


def _elements(document: etree._Element) -> list[etree._Element]:
    """All but Document itself and what stands in open content."""
    inside = list(document.iter())[1:]
    return [one for one in inside if not str(one.tag).startswith("{urn:anything}")]


def _drop(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice(_elements(document)[1:])
    _parent(one).remove(one)


def _repeat(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice(_elements(document)[1:])
    one.addnext(copy.deepcopy(one))


def _swap(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice([e for e in _elements(document)[1:] if e.getnext() is not None])
    following = one.getnext()
    assert following is not None
    following.addnext(one)


def _rename(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice(_elements(document)[1:])
    namespace = etree.QName(one).namespace
    other = etree.QName(dice.choice(_elements(document))).localname
    one.tag = f"{{{namespace}}}{dice.choice([other, 'NwThng'])}"


def _move_out(document: etree._Element, dice: random.Random) -> None:
    """Into no namespace, or a stranger's."""
    one = dice.choice(_elements(document)[1:])
    name = etree.QName(one).localname
    one.tag = dice.choice([name, f"{{urn:other}}{name}"])


def _insert(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice(_elements(document)[1:])
    other = copy.deepcopy(dice.choice(_elements(document)[1:]))
    one.addprevious(other)


def _empty(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice(_elements(document)[1:])
    for child in list(one):
        one.remove(child)
    one.text = ""


def _attribute(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice(_elements(document)[1:])
    if one.attrib and dice.random() < 0.5:
        one.attrib.clear()
    else:
        one.set(dice.choice(["Ccy", "status"]), "EUR")


def _lengthen(document: etree._Element, dice: random.Random) -> None:
    """By one at a time until past every limit that is near."""
    leaf = dice.choice([one for one in _elements(document) if len(one) == 0])
    leaf.text = f"{leaf.text or ''}{'x' * dice.choice([1, 2, 17, 35, 70])}"


#: What stands for a value: right somewhere and wrong elsewhere.
VALUES: Final = (
    "", " ", "x", "1", "0", "-0", "-1", "+5", "1e3", "12.", ".50", ".", "00012.50", "12.500000",
    "12.123456", "1,5", "NaN", "INF", "123456789012345678", "1234567890123456789",
    "0.12345678901234567", "12345678901234.12345", "1234567890123.12345", "0000000000000000000001",
    "true", "TRUE", " true ", "TRF", "trf", " TRF", "HIGH", "SCOR", "EUR", "eur", "EURO", "DE",
    "de", "DE87 2005 0000 1234 5678 90", "de87200500001234567890", "DE8720050000123456789\u0660",
    "SPUEDE2U", "spuede2u", "SPUEDE2UXX", "SPUEDE2O", "2026-11-25", "2026-02-30", "2024-02-29",
    "2026-11-25Z", "2026-11-25+14:00", "2026-11-25+14:01", "20261125", " 2026-11-25 ",
    "-2026-01-01", "0000-01-01", "12026-01-01", "2026-1-1", "2026-11-25T09:00:00",
    "2026-11-25T09:00:00.123456789Z",
    "2026-11-25T24:00:00", "2026-11-25T24:00:01", "2026-11-25T09:00", "2026-11-25T25:00:00",
    "2026-11-25T09:00:60", "+49-30123456", "+49 30123456", "x" * 16, "x" * 17, "x" * 35, "x" * 36,
    "x" * 70, "x" * 71, "x" * 140, "x" * 141, "\u00e4" * 35, "\U0001f600" * 35, "\u0661",
)  # fmt: skip


def _revalue(document: etree._Element, dice: random.Random) -> None:
    leaf = dice.choice([one for one in _elements(document) if len(one) == 0])
    leaf.text = dice.choice(VALUES)


def _text_between(document: etree._Element, dice: random.Random) -> None:
    one = dice.choice([one for one in _elements(document) if len(one)])
    one.text = "pay"


MUTATIONS: Final[tuple[Callable[[etree._Element, random.Random], None], ...]] = (
    _drop, _repeat, _swap, _rename, _move_out, _insert, _empty, _attribute, _lengthen, _revalue,
    _revalue, _text_between,
)  # fmt: skip


def mutated(
    schema: Schema, count: int, seed: int, *, base: etree._Element | None = None
) -> Iterator[tuple[str, etree._Element]]:
    """So many files, each a valid one changed in one place, with the name of the change.

    Args:
        base: the file to change; None: another one is drawn each time.
    """
    dice = random.Random(seed)
    for _ in range(count):
        document = schema.draw(dice) if base is None else copy.deepcopy(base)
        change = dice.choice(MUTATIONS)
        try:
            change(document, dice)
        except IndexError:
            # Nothing in this file can be changed so.
            continue
        # As it would be sent.
        yield change.__name__, etree.fromstring(etree.tostring(document))


def _parent(element: etree._Element) -> etree._Element:
    parent = element.getparent()
    assert parent is not None
    return parent
