"""One name in other letters: banks show names in capitals, without accents, and cut short."""

from __future__ import annotations

import unicodedata
from typing import Final

#: How German and Nordic names are spelt where a bank has no such letters.
_SPELT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
#: Letters that do not come apart into a letter and a mark.
_BARE: Final = str.maketrans({"ø": "o", "æ": "ae", "đ": "d", "ł": "l", "œ": "oe", "ı": "i"})
#: What is cut off is cut after so many letters: the shortest limit is that of a bank statement.
_CUT_AFTER: Final = 18


def same_name(shown: str, ordered: str) -> bool:
    """Whether the one may be how a bank shows the other. Other words are another name."""
    return any(_is_cut_of(one, other) for one in _folded(shown) for other in _folded(ordered))


def _is_cut_of(shown: str, ordered: str) -> bool:
    return shown == ordered or (len(shown) >= _CUT_AFTER and ordered.startswith(shown))


def _folded(name: str) -> set[str]:
    """Its letters and digits alone, by both ways to write those that a bank lacks."""
    lower = unicodedata.normalize("NFC", name).casefold()
    return {_plain(lower.translate(_SPELT)), _plain(lower.translate(_BARE))}


def _plain(lower: str) -> str:
    apart = unicodedata.normalize("NFKD", lower).casefold()
    return "".join(letter for letter in apart if letter.isalnum())
