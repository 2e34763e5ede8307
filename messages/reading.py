"""Reads one element by the element table into values, notices and refusals; nothing is skipped."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Final

from lxml import etree

from domain.card_numbers import shows_card_number
from domain.payments.order import Rail
from messages.credit_transfer import NOT_PROVIDED, FileRefused, Notice
from messages.document import BLANK, ISO, attributes, has_stray_text, name_of
from messages.elements import (
    BLOCK,
    GROUP,
    LINE,
    NOT_ALLOWED,
    WRONG_CONTENT,
    WRONG_FORM,
    Rule,
    Table,
    Treatment,
)
from messages.structure import Fault, Misfit, structure_of
from regimes.refusal import Refusal

_TABLES: Final = {"GrpHdr": GROUP, "PmtInf": BLOCK, "CdtTrfTxInf": LINE}
#: The path of each part in CstmrCdtTrfInitn.
_PARTS: Final = {
    "GrpHdr": ("GrpHdr",),
    "PmtInf": ("PmtInf",),
    "CdtTrfTxInf": ("PmtInf", "CdtTrfTxInf"),
}
#: Lines are read on their own, not as part of their block.
_STREAMED: Final = frozenset({"CdtTrfTxInf"})
#: Elements below which digits have a meaning of their own: numbers of accounts and banks, and
#: references that end in the check digit of card numbers (as in Sweden and Norway).
_NUMBERS: Final = ("DbtrAcct/", "CdtrAcct/", "/ClrSysMmbId/", "CdtrRefInf/")
#: Departures from the schema reported per part; a file of garbage has thousands.
_MISFITS_MAX: Final = 50
#: Fields of the header and of blocks are reported with their part's name, fields of a line without.
_PREFIXES: Final = {"GrpHdr": "GrpHdr/", "PmtInf": "PmtInf/", "CdtTrfTxInf": ""}


class _Steps:
    """The table of a part as steps: (path so far, next element) -> row.

    Made once per version, because a large file makes a million steps.
    """

    def __init__(self, part: str, namespace: str) -> None:
        self.namespace = namespace
        self.table: Table = _TABLES[part]
        self.prefix = _PREFIXES[part]
        self.structure = structure_of(namespace.removeprefix(ISO))
        self.kind = self.structure.part(*_PARTS[part])
        self._containers = frozenset(
            path[:index]
            for path in self.table
            for index, character in enumerate(path)
            if character == "/" and path[index + 1] != "@"
        )
        self._known: dict[tuple[str, str], tuple[str, Rule | None, bool]] = {}

    def to(self, path: str, element: etree._Element) -> tuple[str, Rule | None, bool]:
        """The element's path, its row, and whether the table has rows below it."""
        step = (path, element.tag)
        if (known := self._known.get(step)) is not None:
            return known
        name = name_of(element, self.namespace)
        inner = f"{path}/{name}" if path else name
        found = (inner, self.table.get(inner), inner in self._containers)
        if found[1] is not None or found[2]:
            # Only steps of the table are cached: a hostile file could have endless names.
            self._known[step] = found
        return found

    def code_of(self, misfit: Misfit) -> str:
        """The reason code of a departure from the schema.

        A misplaced element is a fault of the file's form. A wrong value gets the code of its row
        or of the nearest row above it. A missing value gets the code of its own row, else the
        code of a wrong form.
        """
        if misfit.fault is Fault.PLACE:
            return WRONG_FORM
        if misfit.fault is Fault.MISSING:
            return self.table[misfit.path].code if misfit.path in self.table else WRONG_FORM
        return self.nearest_code(misfit.path) or WRONG_FORM

    def nearest_code(self, path: str) -> str:
        """The code of an element's row, or of the nearest row above it; "" if there is none."""
        while path:
            if (rule := self.table.get(path)) is not None:
                return rule.code
            path = path.rpartition("/")[0]
        return ""


@lru_cache(maxsize=64)
def _steps(part: str, namespace: str) -> _Steps:
    return _Steps(part, namespace)


class Reading:
    """The content of a GrpHdr, a PmtInf (without its lines) or a CdtTrfTxInf.

    It is checked first against the schema of the file's version, then against the element table.

    Raises:
        FileRefused: FF01, there is text where only elements belong.
    """

    def __init__(self, element: etree._Element, part: str, namespace: str) -> None:
        self.notices: list[Notice] = []
        self.refusals: list[Refusal] = []
        self._steps = _steps(part, namespace)
        self._prefix = self._steps.prefix
        self._namespace = namespace
        self._sepa_notices: list[Notice] = []
        self._sepa_refusals: list[Refusal] = []
        self._values: dict[str, list[str]] = {}
        self._seen: dict[str, int] = {}
        misfits = self._steps.structure.misfits(element, self._steps.kind, streamed=_STREAMED)
        self._misfits(misfits[:_MISFITS_MAX])
        self._descend(element, "")

    def text(self, path: str) -> str:
        """The value; "" if it is absent or NOTPROVIDED, which means the same."""
        text = self.raw(path)
        return "" if text == NOT_PROVIDED else text

    def raw(self, path: str) -> str:
        """The value as it is; "" if it is absent."""
        return self._values.get(path, [""])[0]

    def texts(self, path: str) -> list[str]:
        """The values of an element that may occur several times."""
        return self._values.get(path, [])

    def has(self, path: str) -> bool:
        """Whether the element is there, even if it contains only other elements."""
        return path in self._seen

    def require(self, path: str, code: str, *, choice: str = "") -> str:
        """The value. If it is absent, that is refused with the code.

        Args:
            choice: an element that contains it; if a refusal concerns that one, none is added.
        """
        if not (text := self.text(path)) and not self.is_refused(choice or path):
            self.refuse(code, path, "is missing; give it")
        return text

    def refuse(self, code: str, path: str, text: str) -> None:
        """Add a refusal of an element."""
        self.refusals.append(Refusal(code, f"{self._prefix}{path}", text))

    def notice(self, path: str, text: str) -> None:
        """Add a notice about something that is carried out differently than the file says."""
        self.notices.append(Notice(f"{self._prefix}{path}", text))

    def notices_on(self, rail: Rail | None) -> list[Notice]:
        """All notices of a line on this rail; None: the rail cannot be determined."""
        return self.notices + (self._sepa_notices if rail is Rail.SEPA_CREDIT_TRANSFER else [])

    def refusals_on(self, rail: Rail | None) -> list[Refusal]:
        """All refusals of a line on this rail; None: the rail cannot be determined."""
        return self.refusals + (self._sepa_refusals if rail is Rail.SEPA_CREDIT_TRANSFER else [])

    def is_refused(self, path: str) -> bool:
        """Whether the element itself, or an element above or below it, was refused."""
        field = f"{self._prefix}{path}"
        return any(
            refusal.field == field
            or field.startswith(f"{refusal.field}/")
            or refusal.field.startswith(f"{field}/")
            for refusal in self.refusals
        )

    def _misfits(self, misfits: Iterable[Misfit]) -> None:
        for misfit in misfits:
            path = misfit.path.replace("{}", "")
            rule = self._steps.table.get(path)
            if misfit.fault is Fault.NOTATION:
                self.notice(path, misfit.text)
            elif misfit.fault is Fault.VALUE and rule is not None and rule.is_measured_whole:
                continue
            elif not self._is_refused_as_it_is(path):
                self.refuse(self._steps.code_of(misfit), path, misfit.text)

    def _is_refused_as_it_is(self, path: str) -> bool:
        field = f"{self._prefix}{path}"
        return any(refusal.field == field for refusal in self.refusals)

    def _descend(self, element: etree._Element, path: str) -> None:
        self._attributes(element, path)
        for child in element:
            if path or name_of(child, self._namespace) != "CdtTrfTxInf":
                self._element(child, path)
        if has_stray_text(element):
            raise FileRefused(
                "FF01", f"{self._prefix}{path}", "there is text between elements; remove it"
            )

    def _element(self, element: etree._Element, above: str) -> None:
        path, rule, has_rows_below = self._steps.to(above, element)
        if rule is None and not has_rows_below:
            self._unknown(path)
            return
        seen = self._seen[path] = self._seen.get(path, 0) + 1
        times_max = rule.times_max if rule is not None else 1
        if seen > times_max:
            if seen == times_max + 1 and not self._is_refused_as_it_is(path):
                code = self._steps.nearest_code(path) or NOT_ALLOWED
                self.refuse(
                    code,
                    path,
                    f"appears too often, at most {times_max} can be carried; leave out the rest",
                )
        elif rule is None or (has_rows_below and len(element) > 0):
            if rule is not None and rule.in_sepa is not None:
                self._by_sepa(rule.in_sepa, path, "")
            self._descend(element, path)
        else:
            self._apply(rule, element, path)

    def _unknown(self, path: str) -> None:
        """Refuse an element without a row, unless the comparison with the schema has refused it.

        The table has all elements of the schemas, so normally it has.
        """
        path = path.replace("{}", "")[:160]
        if not self._is_refused_as_it_is(path):
            text = "is not an element that we carry; leave it out, or pay this line another way"
            self.refuse(NOT_ALLOWED, path, text)

    def _apply(self, rule: Rule, element: etree._Element, path: str) -> None:
        if rule.treatment is Treatment.REFUSED:
            self.refuse(rule.code, path, rule.text)
            return
        has_children = len(element) > 0
        if rule.treatment is Treatment.NOTICED and has_children:
            if any(text != NOT_PROVIDED for _, text in leaves(element, self._namespace)):
                self.notice(path, rule.text)
            if rule.in_sepa is not None:
                self._by_sepa(rule.in_sepa, path, "")
            return
        if has_children and not rule.is_whole:
            for child in element:
                self._unknown(f"{path}/{name_of(child, self._namespace)}")
            return
        self._attributes(element, path)
        text = in_one_text(element, self._namespace) if has_children else _text(element)
        if self.refusals and self._is_refused_as_it_is(path):
            return
        if shows_card_number(text) and not any(each in path for each in _NUMBERS):
            self.refuse(WRONG_CONTENT, path, _CARD)
            return
        if problem := _problem(rule, text):
            self.refuse(problem[0], path, problem[1])
            return
        if rule.treatment is Treatment.NOTICED and text not in ("", NOT_PROVIDED):
            self.notice(path, rule.text)
        if rule.in_sepa is not None:
            self._by_sepa(rule.in_sepa, path, text)
        self._values.setdefault(path, []).append(text)

    def _by_sepa(self, rule: Rule, path: str, text: str) -> None:
        """Apply a rule that counts only if the line goes by SEPA.

        The rail is known only after the whole line is read, so the results are kept apart.
        """
        field = f"{self._prefix}{path}"
        if rule.treatment is Treatment.NOTICED:
            self._sepa_notices.append(Notice(field, rule.text))
        elif rule.treatment is Treatment.REFUSED:
            self._sepa_refusals.append(Refusal(rule.code, field, rule.text))
        elif problem := _problem(rule, text):
            self._sepa_refusals.append(Refusal(problem[0], field, problem[1]))

    def _attributes(self, element: etree._Element, path: str) -> None:
        for name, value in attributes(element):
            at = f"{path}/@{name}".removeprefix("/")
            rule = self._steps.table.get(at)
            if self.refusals and self._is_refused_as_it_is(at):
                continue
            if rule is None:
                self.refuse(NOT_ALLOWED, at[:160], "is not an attribute that we carry; remove it")
            elif problem := _problem(rule, value):
                self.refuse(problem[0], at, problem[1])
            else:
                self._values[at] = [value]


_CARD: Final = "shows a card number; leave it out, or give its last four digits"


def _problem(rule: Rule, text: str) -> tuple[str, str] | None:
    """What is wrong with a value, as code and text; None if nothing is."""
    if not text:
        if rule.treatment is Treatment.NOTICED:
            return None
        return rule.code, "is empty; give a value or leave it out"
    if not text.isprintable():
        odd = next(character for character in text if not character.isprintable())
        return "RR10", f"contains U+{ord(odd):04X}, which payments cannot carry; remove it"
    if rule.longest and len(text) > rule.longest:
        because = f" ({rule.text})" if rule.text and rule.treatment is not Treatment.NOTICED else ""
        return rule.code, (
            f"has {len(text)} characters, at most {rule.longest} are possible{because}; "
            "shorten it, nothing is cut"
        )
    if rule.values and text not in rule.values:
        because = f": {rule.text}" if rule.text else ""
        return rule.code, f"{text[:35]!r} is not possible{because}"
    return None


def _text(element: etree._Element) -> str:
    return (element.text or "").strip(BLANK)


def leaves(element: etree._Element, namespace: str, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value in an element, with its path, in document order."""
    for name, value in attributes(element):
        yield f"{path}/@{name}", value
    if len(element) == 0:
        yield path, _text(element)
    for child in element:
        yield from leaves(child, namespace, f"{path}/{name_of(child, namespace)}")


def in_one_text(element: etree._Element, namespace: str) -> str:
    """All values of an element as one text, which differs if any of them differs."""
    return "; ".join(f"{path[1:]}={text}" for path, text in leaves(element, namespace))
