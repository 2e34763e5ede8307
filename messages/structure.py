"""What the schema of each version demands: which elements, in which order, with which values.

The official schemas are not ours to ship, so `structure.txt` has their facts in our own notation,
and a test compares the two. Files are checked here instead of by libxml2, so that an error can name
the element, the cause and the remedy, and can refuse one line instead of the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from functools import lru_cache
from pathlib import Path
from typing import Final, NamedTuple

from lxml import etree

from messages.document import ISO, attributes, has_stray_text, name_of, whereabouts
from messages.facets import Facet, facet

_TABLE: Final = Path(__file__).with_name("structure.txt")
_WITHOUT_END: Final = 1_000_000_000


class Fault(Enum):
    """The kinds of departure from the schema."""

    PLACE = auto()
    """An element that is unknown, repeated, or at another place than in the schema."""
    MISSING = auto()
    VALUE = auto()
    NOTATION = auto()
    """A value that is accepted although the schema refuses its notation."""


class Misfit(NamedTuple):
    """One departure from the schema; `path` is relative to the part that was checked."""

    fault: Fault
    path: str
    text: str


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """The place of an element inside another element."""

    name: str
    index: int
    kind: Kind
    least: int
    most: int


@dataclass(slots=True)
class Kind:
    """A type: a value, a sequence of elements, or a choice of elements."""

    name: str
    facet: Facet | None = None
    places: dict[str, Place] = field(default_factory=dict)
    """By tag, in the schema's order."""
    is_choice: bool = False
    is_open: bool = False
    """Its content is not checked."""
    attributes: dict[str, Facet] = field(default_factory=dict)
    """The attributes, all of them required."""


class Structure:
    """The types of one version; made once, because a large file uses them a million times."""

    def __init__(self, version: str) -> None:
        self._version = version
        self._namespace = f"{ISO}{version}"
        self._rows = dict(_rows())
        self._kinds: dict[str, Kind] = {}
        self.message = self._kind(self._rows[version])

    def part(self, *names: str) -> Kind:
        """The type of an element, by its path in CstmrCdtTrfInitn."""
        kind = self.message
        for name in names:
            kind = kind.places[f"{{{self._namespace}}}{name}"].kind
        return kind

    def misfits(
        self, element: etree._Element, kind: Kind, *, streamed: frozenset[str] = frozenset()
    ) -> list[Misfit]:
        """All departures of an element and its content from its type.

        Args:
            streamed: names of children that are checked elsewhere.
        """
        found: list[Misfit] = []
        self._look(element, kind, "", found, streamed)
        return found

    def _look(
        self,
        element: etree._Element,
        kind: Kind,
        path: str,
        found: list[Misfit],
        streamed: frozenset[str] = frozenset(),
    ) -> None:
        if kind.attributes or element.attrib:
            found.extend(self._attributes(element, kind, path))
        if kind.facet is not None:
            if len(element):
                for child in element:
                    inner = _join(path, name_of(child, self._namespace))
                    found.append(Misfit(Fault.PLACE, inner, "appears where only a value should"))
            else:
                self._value(kind.facet, element.text or "", path, found)
            return
        if has_stray_text(element):
            found.append(Misfit(Fault.PLACE, path, "contains text between elements; remove it"))
        if kind.is_open:
            if len(element) == 0:
                found.append(Misfit(Fault.MISSING, path, "is empty; leave it out"))
            return
        places, is_in_order, last, times = kind.places, not kind.is_choice, -1, 1
        for child in element:
            place = places.get(child.tag)
            if place is None:
                is_in_order = False
                continue
            if place.index == last:
                times += 1
                is_in_order = is_in_order and times <= place.most
            else:
                is_in_order = is_in_order and place.index > last
                last, times = place.index, 1
            if place.name not in streamed:
                self._look(child, place.kind, _join(path, place.name), found)
        if not is_in_order or _lacks(element, kind):
            found.extend(self._departures(element, kind, path))

    def _departures(self, element: etree._Element, kind: Kind, path: str) -> Iterator[Misfit]:
        """Why the children of an element do not match its type; empty if they do."""
        known: Counter[Place] = Counter()
        furthest: Place | None = None
        for child in element:
            place = kind.places.get(child.tag)
            if place is None:
                yield self._stranger(child, path)
                continue
            known[place] += 1
            if furthest is None or place.index >= furthest.index:
                furthest = place
            elif not kind.is_choice:
                text = (
                    f"appears after {furthest.name}, but {self._version} has it before; move it "
                    "there"
                )
                yield Misfit(Fault.PLACE, _join(path, place.name), text)
        for place in kind.places.values():
            times = known[place]
            if times > place.most:
                text = f"appears {times} times, but {self._version} has it {_times(place.most)}"
                yield Misfit(Fault.PLACE, _join(path, place.name), f"{text}; keep as many")
            elif times < place.least and not kind.is_choice:
                text = f"is missing, {self._version} asks for it; give it"
                yield Misfit(Fault.MISSING, _join(path, place.name), text)
        if kind.is_choice:
            yield from self._choices(kind, list(known), path)

    def _choices(self, kind: Kind, given: list[Place], path: str) -> Iterator[Misfit]:
        if not given:
            names = " or ".join(place.name for place in kind.places.values())
            text = f"is empty, {self._version} asks for one of {names}; give one"
            yield Misfit(Fault.MISSING, path, text)
        for place in given[1:]:
            text = f"appears beside {given[0].name}; give one of the two"
            yield Misfit(Fault.PLACE, _join(path, place.name), text)

    def _stranger(self, child: etree._Element, path: str) -> Misfit:
        if elsewhere := whereabouts(child, self._namespace):
            return Misfit(Fault.PLACE, _join(path, name_of(child, self._namespace)), elsewhere)
        name = name_of(child, self._namespace)
        text = f"is not an element that {self._version} has here; leave it out"
        return Misfit(Fault.PLACE, _join(path, name), text)

    def _value(self, facet: Facet, text: str, path: str, found: list[Misfit]) -> None:
        problem = facet.problem(text)
        if problem is None:
            return
        if facet.reads(text):
            found.append(Misfit(Fault.NOTATION, path, f"{problem}; it is read all the same"))
        else:
            found.append(Misfit(Fault.VALUE, path, f"{problem} ({self._version})"))

    def _attributes(self, element: etree._Element, kind: Kind, path: str) -> Iterator[Misfit]:
        given = dict(attributes(element))
        for name, facet_of in kind.attributes.items():
            at = f"{path}/@{name}".removeprefix("/")
            if name not in given:
                yield Misfit(Fault.MISSING, at, "is missing; give it")
            elif problem := facet_of.problem(given[name]):
                yield Misfit(Fault.VALUE, at, f"{problem} ({self._version})")
        for name in given.keys() - kind.attributes.keys():
            at = f"{path}/@{name}".removeprefix("/")
            text = f"is not an attribute that {self._version} has here; remove it"
            yield Misfit(Fault.PLACE, at[:160], text)

    def _kind(self, name: str) -> Kind:
        if (known := self._kinds.get(name)) is not None:
            return known
        kind = self._kinds[name] = Kind(name)
        word, *said = self._rows[name].split(" ")
        match word:
            case "all" | "choice":
                kind.is_choice = word == "choice"
                for index, one in enumerate(said):
                    place = self._place(index, one)
                    kind.places[f"{{{self._namespace}}}{place.name}"] = place
            case "with":
                base, attribute = said
                kind.facet = facet(self._rows[base])
                attribute_name, _, attribute_type = attribute.partition(":")
                kind.attributes[attribute_name] = facet(self._rows[attribute_type])
            case "anything":
                kind.is_open = True
            case _:
                kind.facet = facet(self._rows[name])
        return kind

    def _place(self, index: int, said: str) -> Place:
        name, kind, *times = said.split(":")
        least, _, most = (times[0] if times else "1-1").partition("-")
        number = _WITHOUT_END if most == "n" else int(most)
        return Place(name, index, self._kind(kind), int(least), number)


@lru_cache(maxsize=16)
def structure_of(version: str) -> Structure:
    """The structure of a version, such as pain.001.001.09."""
    return Structure(version)


@lru_cache(maxsize=1)
def _rows() -> Mapping[str, str]:
    lines = _TABLE.read_text(encoding="ascii").splitlines()
    rows = (line.partition(" ") for line in lines if line and not line.startswith("#"))
    return {name: row for name, _, row in rows}


def _lacks(element: etree._Element, kind: Kind) -> bool:
    if kind.is_choice:
        return len(element) != 1
    tags: Iterable[object] | None = None
    for tag, place in kind.places.items():
        if place.least:
            tags = tags if tags is not None else [child.tag for child in element]
            if tag not in tags:
                return True
    return False


def _join(path: str, name: str) -> str:
    return (f"{path}/{name}" if path else name)[:160]


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times at most"
