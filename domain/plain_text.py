"""Texts from outside, made harmless for a screen or a log.

A remittance text, a status or a file name may contain characters that move the cursor, set
colours, clear the screen, turn the direction of writing, or are invisible. Each is shown as
U+FFFD, so that a reader sees that something was there. The stored text stays as it came.
"""

from __future__ import annotations

import re
from typing import Final

_SHOWN_AS: Final = "\ufffd"
#: Unicode's Cc, Cf, Cs, Zl and Zp, but for line feed and tab, and for the two joiners that Persian
#: and the scripts of India are spelt with.
_HARMFUL: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e"
    "\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb"
    "\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U000e0000-\U000e007f]"
)
_LINE_ENDS: Final = re.compile(r"[\n\t]")


def as_references(xml: str) -> str:
    """The same document, with each harmful character as a character reference."""
    return _HARMFUL.sub(lambda found: f"&#{ord(found[0])};", xml)


def plain_lines(text: str) -> str:
    """The text with harmful characters replaced; its lines stay."""
    return _HARMFUL.sub(_SHOWN_AS, text)


def plain(text: str) -> str:
    """The same on one line, so that a text from outside makes no line that could pass for ours."""
    return _LINE_ENDS.sub(" ", plain_lines(text))
