"""Reads untrusted XML piece by piece: no DTD, no entities, no network, bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO, Final, cast

from lxml import etree

from messages.credit_transfer import FileRefused
from messages.diagnosis import HEAD_BYTES, TAIL_BYTES, cause_of, undeclared

#: Most bytes held at once. A credit transfer with all that the standard allows has about ten
#: thousand bytes, and the parsed elements take up to thirty times as much memory.
HELD_BYTES_MAX: Final = 1_000_000

#: White space of XML.
BLANK: Final = " \t\r\n"

#: The part before the message's name in the namespace of an ISO 20022 document.
ISO: Final = "urn:iso:std:iso:20022:tech:xsd:"
_MESSAGE: Final = re.compile(r"[a-z]{4}\.\d{3}\.\d{3}\.\d{2}(?:\.ch\.\d{2})?", re.ASCII)
_INSTANCE: Final = "{http://www.w3.org/2001/XMLSchema-instance}"
_SCHEMA_LOCATIONS: Final = frozenset(
    {f"{_INSTANCE}schemaLocation", f"{_INSTANCE}noNamespaceSchemaLocation"}
)


class Document:
    """The outer elements of an XML document as they begin and end, in order.

    The caller frees elements that it has read with `release`. If more than `HELD_BYTES_MAX` are
    read without a release, the file is refused.
    """

    def __init__(self, source: BinaryIO, depth_max: int) -> None:
        """Elements deeper than `depth_max` come as part of their parent; the root has depth 1."""
        self._source = source
        self._depth_max = depth_max
        self._held_bytes = 0
        self._head = self._tail = b""

    def deepen(self) -> None:
        """Read one level deeper, because the document is inside an envelope."""
        self._depth_max += 1

    def read(self, size: int) -> bytes:
        """The next bytes, for the parser.

        Raises:
            FileRefused: FF01, more than `HELD_BYTES_MAX` are held.
        """
        if self._held_bytes > HELD_BYTES_MAX:
            raise FileRefused(
                "FF01",
                "",
                f"more than {HELD_BYTES_MAX} bytes come where one transfer should; this is not a "
                "credit transfer file",
            )
        piece = self._source.read(size)
        self._held_bytes += len(piece)
        if len(self._head) < HEAD_BYTES:
            self._head = (self._head + piece)[:HEAD_BYTES]
        self._tail = piece[-TAIL_BYTES:] or self._tail
        return piece

    def elements(self) -> Iterator[tuple[str, etree._Element]]:
        """Pairs of "start" or "end" and an element, which is complete only at its "end".

        Raises:
            FileRefused: FF01, the file is not well-formed XML without a DTD.
        """
        depth = 0
        is_root = True
        events = etree.iterparse(
            cast(BinaryIO, self),
            events=("start", "end"),
            resolve_entities=False,
            load_dtd=False,
            no_network=True,
            huge_tree=False,
            remove_comments=True,
            remove_pis=True,
        )
        try:
            for event, element in events:
                if event == "start":
                    depth += 1
                    _refuse_undeclared(element)
                    if is_root:
                        _refuse_dtd(element)
                        is_root = False
                if depth <= self._depth_max:
                    yield event, element
                if event == "end":
                    depth -= 1
        except etree.XMLSyntaxError as error:
            said, line = error.msg or "", error.lineno or 0
            text = cause_of(self._head, self._tail, said, line, is_empty=is_root)
            raise FileRefused("FF01", "", text) from None

    def release(self, element: etree._Element) -> None:
        """Free an element that has ended, and the siblings before it.

        Raises:
            FileRefused: FF01, there is text between elements, where only elements belong.
        """
        parent = element.getparent()
        if has_stray_text(element) or (parent is not None and has_stray_text(parent)):
            raise FileRefused(
                "FF01", name_of(element), "there is text beside or between elements; remove it"
            )
        # keep_tail, because text after the element belongs to the parent. The stubs lack it.
        element.clear(keep_tail=True)  # type: ignore[call-arg]
        while parent is not None and element.getprevious() is not None:
            del parent[0]
        self._held_bytes = 0


def _refuse_undeclared(element: etree._Element) -> None:
    """Refuse an undeclared prefix here: the parser reports it later, and the name is unusable."""
    tag = str(element.tag)
    if ":" in tag and not tag.startswith("{"):
        prefix = tag.partition(":")[0][:40]
        raise FileRefused("FF01", tag[:160], f"{undeclared(prefix)} ({place_of(element)})")


def _refuse_dtd(root: etree._Element) -> None:
    if str(root.tag).lower().rpartition("}")[2] == "html":
        raise FileRefused("FF01", "", "the file is a web page; give an ISO 20022 pain.001 file")
    # The stubs lack `docinfo`.
    if root.getroottree().docinfo.doctype:  # type: ignore[attr-defined]
        raise FileRefused(
            "FF01", "DOCTYPE", "a document type is never read, it can hide content; remove it"
        )


def name_of(element: etree._Element, namespace: str = "") -> str:
    """The element's name; with its namespace if it is another one, or "{}Nm" if it has none.

    If `namespace` is not given, the bare name, for people.
    """
    tag = str(element.tag)
    if not namespace:
        return etree.QName(tag).localname[:80]
    return tag.removeprefix(f"{{{namespace}}}") if tag.startswith("{") else f"{{}}{tag}"


def whereabouts(element: etree._Element, namespace: str) -> str:
    """What is wrong with an element's namespace, for people; "" if it is the file's."""
    own = etree.QName(element).namespace
    if own == namespace:
        return ""
    if own is None:
        return f'is in no namespace; remove xmlns="", so that it is in {namespace}'
    return f"is in the namespace {own[:80]!r}, but the file's is {namespace}; correct its xmlns"


def place_of(element: etree._Element) -> str:
    """Where an element begins in the text, for people."""
    return f"line {element.sourceline}"


def namespace_of(document: etree._Element) -> str:
    """The namespace of an element named Document.

    Raises:
        FileRefused: FF01, it has no namespace, or attributes that we do not read.
    """
    name = etree.QName(document)
    if not name.namespace:
        text = f"has no namespace; the file must name its version, as in {ISO}pain.001.001.09"
        raise FileRefused("FF01", "Document", text)
    for attribute, _ in attributes(document):
        raise FileRefused("FF01", "Document", f"attribute {attribute[:80]} is unknown; remove it")
    return name.namespace


def attributes(element: etree._Element) -> list[tuple[str, str]]:
    """Names and values, except schema locations, which say nothing about the content."""
    items = cast(list[tuple[str, str]], element.items())
    return [item for item in items if item[0] not in _SCHEMA_LOCATIONS]


def has_stray_text(element: etree._Element) -> bool:
    """Whether there is text directly in an element that has, or should have, only elements."""
    if element.text and element.text.strip(BLANK):
        return True
    for child in element:
        tail = child.tail
        if tail and tail.strip(BLANK):
            return True
    return False


def message_of(namespace: str) -> str:
    """The message that a namespace names, such as pain.001.001.09; "" if it names none.

    A variant's namespace may end in the same name. A caller that decides by the name has to
    check that the namespace is ISO's own.
    """
    tail = namespace.rpartition("/")[2].rpartition(":")[2].removesuffix(".xsd")
    return tail if _MESSAGE.fullmatch(tail) else ""


def message_in(namespace: str) -> str:
    """The message that a namespace names anywhere in it, for texts only; "" if there is none."""
    found = _MESSAGE.search(namespace)
    return found[0] if found else ""
