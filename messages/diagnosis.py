"""Why a file cannot be read as XML: the cause, the line and the remedy.

The parser's messages name what it met, such as "Blank needed here", but not the cause. The first
bytes of the file and the kind of error together usually show it.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Mapping
from typing import Final

#: Enough of a file's beginning to recognise its kind.
HEAD_BYTES: Final = 400
#: Enough of its end to see whether it was cut there.
TAIL_BYTES: Final = 20

_GIVE: Final = "give an ISO 20022 pain.001 file"
_AGAIN: Final = "ask the sender for the whole file again"

#: First bytes of files that people give by mistake.
_KINDS: Final[Mapping[bytes, str]] = {
    b"PK\x03\x04": "is a ZIP archive (or a spreadsheet); unpack it and give the XML file in it",
    b"\x1f\x8b": "is compressed (gzip); unpack it and give the XML file in it",
    b"BZh": "is compressed (bzip2); unpack it and give the XML file in it",
    b"7z\xbc\xaf": "is a 7z archive; unpack it and give the XML file in it",
    b"%PDF": f"is a PDF; {_GIVE}",
    b"\xd0\xcf\x11\xe0": f"is an old Office document; {_GIVE}",
    b"-----BEGIN PGP": "is encrypted or signed by PGP; decrypt it and give the XML file in it",
    b"{1:": f"is a SWIFT MT message; MT101 is not read, {_GIVE}",
    b":20:": f"is the text of a SWIFT MT message; MT101 is not read, {_GIVE}",
    b"{": f"looks like JSON; {_GIVE}",
    b"[": f"looks like JSON; {_GIVE}",
    b"0128": f"looks like a DTAUS file; {_GIVE}",
}

_DECLARED: Final = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([^"']{1,40})["']""")
_TWICE: Final = re.compile(r"Attribute (\S+) redefined")
_PREFIX: Final = re.compile(r"Namespace prefix (\S+) ")
_OPEN: Final = re.compile(r"Premature end of data in tag (\S+) line (\d+)")
_TAGS: Final = re.compile(r"Opening and ending tag mismatch: (\S+) line (\d+) and ([^\s,]+)")


def what_it_is(head: bytes) -> str:
    """What kind of file it is, if it has no XML element, and what to do."""
    text = head.removeprefix(codecs.BOM_UTF8).lstrip()
    if not text:
        return f"the file is empty; {_AGAIN}"
    for begins, words in _KINDS.items():
        if text.startswith(begins):
            return f"the file {words}"
    begin = text.splitlines()[0][:20].decode("ascii", "replace")
    shown = repr(begin) if begin.isprintable() and begin.isascii() else f"bytes {text[:8].hex(' ')}"
    return f"the file is not XML, it begins with {shown}; {_GIVE}"


def cause_of(head: bytes, tail: bytes, message: str, line: int, *, is_empty: bool) -> str:
    """Why the parser gave up, for people.

    Args:
        head: the first bytes of the file.
        tail: the last bytes that were read.
        message: the parser's message.
        line: the line at which it gave up; 0 or less if the parser does not say.
        is_empty: the parser met no element before.
    """
    where = f"line {line}" if line > 0 else "somewhere"
    if is_empty and not _begins_like_xml(head):
        return what_it_is(head)
    if wrong := _wrong_label(head):
        return wrong
    for begins, words in _CAUSES.items():
        if message.startswith(begins):
            return f"{where}: {words(message)}"
    if not tail.replace(b"\0", b"").rstrip().endswith(b">"):
        return f"{where}: {_unclosed(message)}"
    return f"the XML is broken at {where} ({message[:120]}); {_AGAIN}"


def _begins_like_xml(head: bytes) -> bool:
    plain = head.replace(b"\0", b"")
    for mark in (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        plain = plain.removeprefix(mark)
    return plain.lstrip().startswith(b"<")


def _wrong_label(head: bytes) -> str:
    """What is wrong with the encoding in the first line; "" if nothing is.

    It may be unknown, or one that the bytes are not in.
    """
    if (declared := _DECLARED.search(head)) is None:
        return ""
    label = declared[1].decode("ascii", "replace")
    if label.lower().replace("_", "-").startswith(("utf-16", "utf16", "ucs-2", "utf-32", "ucs-4")):
        # The declaration was readable byte by byte, so the file does not use 2 or 4 bytes each.
        return (
            f'line 1: the file declares encoding="{label}", but its bytes are not (they '
            'look like UTF-8); correct the first line to encoding="UTF-8", or save the file in '
            "that encoding"
        )
    try:
        codecs.lookup(label)
    except LookupError:
        return (
            f"line 1: encoding {label!r} is not known; save the file as UTF-8 and say "
            'encoding="UTF-8" in its first line'
        )
    return ""


def _twice(message: str) -> str:
    match = _TWICE.match(message)
    name = match[1] if match else "an attribute"
    more = (
        "; keep the one that names the version, as urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
        if name == "xmlns"
        else "; keep one"
    )
    return f"attribute {name} appears twice in one element{more}"


def _unclosed(message: str) -> str:
    match = _OPEN.match(message)
    what = f": {match[1]} of line {match[2]} is never closed" if match else ""
    return f"the file ends here and is cut short{what}; {_AGAIN}"


def _mismatch(message: str) -> str:
    match = _TAGS.match(message)
    if match is None:
        return f"an element is closed by another name; {_AGAIN}"
    return f"{match[1]} of line {match[2]} is closed as {match[3]}; correct the name, or {_AGAIN}"


def undeclared(prefix: str) -> str:
    """The text for a prefix without a declared namespace."""
    return (
        f"prefix {prefix!r} belongs to no namespace; declare it (xmlns:{prefix}=…) or leave it out"
    )


def _undefined(message: str) -> str:
    match = _PREFIX.match(message)
    return undeclared(match[1] if match else "")


def _always(words: str) -> Callable[[str], str]:
    return lambda _: words


_NOT_ALLOWED: Final = "contains a character that XML does not allow; remove it"
_ANGLE: Final = "a < appears in a text; write &lt;, or ask the sender for the file again"
_AMPERSAND: Final = "a & appears in a text; write &amp;"
_NOT_IN_ENCODING: Final = (
    "contains bytes that are not in the encoding that its first line declares (UTF-8 if none); it "
    "was probably saved as windows-1252: save it as UTF-8, or correct the first line"
)
#: Beginning of the parser's message -> the cause and the remedy for people.
_CAUSES: Final[Mapping[str, Callable[[str], str]]] = {
    "Attribute ": _twice,
    "Premature end": _unclosed,
    "Opening and ending tag mismatch": _mismatch,
    "Namespace prefix": _undefined,
    "Invalid bytes in character encoding": _always(_NOT_IN_ENCODING),
    "Input is not proper UTF-8": _always(_NOT_IN_ENCODING),
    "xmlParseEntityRef": _always(_AMPERSAND),
    "EntityRef: expecting": _always(_AMPERSAND),
    "StartTag: invalid element name": _always(_ANGLE),
    "Unescaped '<'": _always(_ANGLE),
    "PCDATA invalid Char": _always(_NOT_ALLOWED),
    "Invalid character": _always(_NOT_ALLOWED),
    "xmlParseCharRef": _always(_NOT_ALLOWED),
    "XML declaration allowed only": _always(
        "<?xml …?> appears where it may not: nothing may come before it, and one file holds one "
        "message; remove what is before it, or give the files one by one"
    ),
    "Extra content at the end": _always(
        "something comes after the end of the document; give one file for each message"
    ),
    "Unsupported encoding": _always(
        'the encoding is not one that is read; save the file as UTF-8 and say encoding="UTF-8" in '
        "its first line"
    ),
    # The parser's message for an undefined entity.
    "no element found": _always(
        "a text contains an entity that XML does not know, such as &nbsp;; write the character "
        "itself, or & as &amp; where the sign is meant"
    ),
    "AttValue": _always('the value of an attribute has no quotes; write it in "…"'),
    "Unsupported version": _always('only XML version="1.0" is read; correct the first line'),
}
