"""The envelope that networks put around a message, with a business application header."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from lxml import etree

from messages.credit_transfer import FileRefused
from messages.document import BLANK, Document, attributes, message_of

_HEADER: Final = "AppHdr"
_HEADER_NAMESPACE: Final = re.compile(
    r"urn:iso:std:iso:20022:tech:xsd:head\.001\.001\.\d\d", re.ASCII
)
_REMEDY: Final = "take the Document out of its envelope"


def unwrapped(document: Document) -> Iterator[tuple[str, etree._Element]]:
    """The events of the Document alone, whether it is the root or inside an envelope.

    From the header only statements about the message count; the rest is about transmission.

    Raises:
        FileRefused: FF01, the envelope has other content, or its header and the Document do not
            agree.
    """
    depth = outside = 0
    envelope = ""
    header: _Header | None = None
    is_in_header = is_found = False
    for event, element in document.elements():
        name = etree.QName(element).localname
        depth += event == "start"
        if depth == outside + 1 and event == "start":
            if name == "Document" and is_found:
                raise FileRefused("FF01", name, "appears twice; send each in a file of its own")
            if name == "Document":
                is_found = True
                if envelope:
                    _check(header, envelope, element)
            elif depth == 1:
                envelope, outside = name[:80], 1
                document.deepen()
            elif name == _HEADER and header is None and not is_found:
                is_in_header = True
            else:
                text = f"appears where {_HEADER} or Document should; {_REMEDY}"
                raise FileRefused("FF01", name[:80], text)
        if event == "end" and envelope and depth == 1 and not is_found:
            raise FileRefused("FF01", envelope, "contains no Document; give a pain.001 file")
        if depth > outside and not is_in_header:
            yield event, element
        if event == "end":
            if is_in_header and depth == outside + 1:
                header, is_in_header = _Header(element), False
                document.release(element)
            depth -= 1


def _check(header: _Header | None, envelope: str, document: etree._Element) -> None:
    if header is None:
        raise FileRefused("FF01", envelope, f"has no {_HEADER} before its Document; {_REMEDY}")
    header.check(message_of(etree.QName(document).namespace or ""))


class _Header:
    """An AppHdr, which says what the envelope contains.

    Raises:
        FileRefused: FF01, it is not an ISO 20022 header, or says that the message is only a copy.
    """

    def __init__(self, element: etree._Element) -> None:
        namespace = etree.QName(element).namespace or "no namespace"
        if not _HEADER_NAMESPACE.fullmatch(namespace) or attributes(element):
            text = f"is not a plain header of ISO 20022 ({namespace[:60]}); {_REMEDY}"
            raise FileRefused("FF01", _HEADER, text)
        self._says = {
            etree.QName(child).localname: (child.text or "").strip(BLANK) for child in element
        }
        # COPY and CODU are for information. A duplicate (DUPL) is recognised by its message id.
        if (copy := self._says.get("CpyDplct", "DUPL")) != "DUPL":
            text = f"says {copy[:20]!r}: this is a copy for information, and is not paid"
            raise FileRefused("FF01", f"{_HEADER}/CpyDplct", text)

    def check(self, message: str) -> None:
        """Compare with the Document's message, such as pain.001.001.09.

        Raises:
            FileRefused: FF01, the header announces another message.
        """
        announced = self._says.get("MsgDefIdr", "")
        if announced != message:
            text = f"announces {announced[:40]!r}, the Document is {message or 'of no ISO version'}"
            raise FileRefused(
                "FF01", f"{_HEADER}/MsgDefIdr", f"{text}; ask the sender for it again"
            )
