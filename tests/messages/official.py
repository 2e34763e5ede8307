"""The official schemas of pain.001 in the notation of `messages/structure.txt`.

`python -m tests.messages.official SCHEMAS_FOLDER > messages/structure.txt` writes the table anew,
which is how a new version is added.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from lxml import etree

from messages.pain001 import VERSIONS

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"

_HEAD: Final = """\
# What a pain.001 is made of, by type; see `messages/structure.py`, which reads this.
#
#   text MIN MAX           characters                   like PATTERN    a regular expression
#   decimal DIGITS FRACTION [from 0]                    one A B         one of these codes
#   date, moment, year, boolean, binary MIN MAX
#   with TYPE NAME:TYPE    a value of the first type with a required attribute
#   all NAME:TYPE[:MIN-MAX] ...      these elements in this order; once each, unless said
#   choice NAME:TYPE ...             one of these elements
#   anything                         elements of another namespace, which are not looked at
"""


def rows(schema: Path) -> dict[str, str]:
    """Each named type of a schema, and what it is in our notation."""
    root = etree.parse(str(schema)).getroot()
    found = {}
    for kind in root:
        name = str(kind.get("name"))
        if kind.tag == f"{_XS}simpleType":
            found[name] = _simple(kind)
        elif kind.tag == f"{_XS}complexType" and name != "Document":
            found[name] = _complex(kind)
    return found


def message_type(schema: Path) -> str:
    """The type of CstmrCdtTrfInitn."""
    root = etree.parse(str(schema)).getroot()
    element = root.find(f"{_XS}complexType[@name='Document']/{_XS}sequence/{_XS}element")
    assert element is not None
    return str(element.get("type"))


def _simple(kind: etree._Element) -> str:
    restriction = kind.find(f"{_XS}restriction")
    assert restriction is not None
    facets = [(etree.QName(one).localname, str(one.get("value"))) for one in restriction]
    said = dict(facets)
    match str(restriction.get("base")):
        case "xs:string" if "pattern" in said:
            assert len(facets) == 1
            return f"like {said['pattern']}"
        case "xs:string" if "enumeration" in said:
            return f"one {' '.join(value for _, value in facets)}"
        case "xs:string" | "xs:base64Binary" as base:
            assert set(said) == {"minLength", "maxLength"}
            word = "text" if base == "xs:string" else "binary"
            return f"{word} {said['minLength']} {said['maxLength']}"
        case "xs:decimal":
            assert said.pop("minInclusive", "0") == "0"
            least = " from 0" if len(facets) == 3 else ""
            return f"decimal {said.pop('totalDigits')} {said.pop('fractionDigits')}{least}"
        case base:
            assert not facets
            words = {
                "xs:date": "date",
                "xs:dateTime": "moment",
                "xs:gYear": "year",
                "xs:boolean": "boolean",
            }
            return words[base]


def _complex(kind: etree._Element) -> str:
    (content,) = kind
    if (extension := content.find(f"{_XS}extension")) is not None:
        (attribute,) = extension
        assert attribute.get("use") == "required"
        return f"with {extension.get('base')} {attribute.get('name')}:{attribute.get('type')}"
    while len(content) == 1 and content[0].tag in (f"{_XS}choice", f"{_XS}sequence"):
        (content,) = content
    if content[0].tag == f"{_XS}any":
        return "anything"
    is_choice = content.tag == f"{_XS}choice"
    assert not is_choice or not any("maxOccurs" in one.attrib for one in content)
    return f"{'choice' if is_choice else 'all'} {' '.join(_element(one) for one in content)}"


def _element(one: etree._Element) -> str:
    assert one.tag == f"{_XS}element"
    least, most = one.get("minOccurs", "1"), one.get("maxOccurs", "1")
    times = "" if (least, most) == ("1", "1") else f":{least}-{most.replace('unbounded', 'n')}"
    return f"{one.get('name')}:{one.get('type')}{times}"


def table(folder: Path) -> Iterator[str]:
    """The lines of the whole table."""
    yield _HEAD
    known: dict[str, str] = {}
    for version in VERSIONS:
        schema = folder / f"{version}.xsd"
        yield f"{version} {message_type(schema)}"
        for name, row in rows(schema).items():
            assert known.setdefault(name, row) == row, f"{name} is not the same in {version}"
    yield ""
    for name in sorted(known):
        yield f"{name} {known[name]}"


if __name__ == "__main__":
    sys.stdout.writelines(f"{line}\n" for line in table(Path(sys.argv[1])))
