"""Compares names as banks show them: in capitals, without accents, and cut short."""

from __future__ import annotations

import unicodedata
from typing import Final

#: How banks without these letters spell German and Nordic names.
_SPELT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})
#: Letters that Unicode does not decompose into a letter and a mark.
_BARE: Final = str.maketrans({"ø": "o", "æ": "ae", "đ": "d", "ł": "l", "œ": "oe", "ı": "i"})
#: A shorter text does not count as a truncated name: bank statements have the shortest limit.
_CUT_AFTER: Final = 18


def same_name(shown: str, ordered: str) -> bool:
    """Whether a bank may show `ordered` as `shown`. Different words are a different name."""
    return any(_is_cut_of(one, other) for one in _folded(shown) for other in _folded(ordered))


def _is_cut_of(shown: str, ordered: str) -> bool:
    return shown == ordered or (len(shown) >= _CUT_AFTER and ordered.startswith(shown))


def _folded(name: str) -> set[str]:
    """The name's letters and digits alone, with both replacements for letters that a bank lacks."""
    lower = unicodedata.normalize("NFC", name).casefold()
    return {_plain(lower.translate(_SPELT)), _plain(lower.translate(_BARE))}


def _plain(lower: str) -> str:
    apart = unicodedata.normalize("NFKD", lower).casefold()
    return "".join(letter for letter in apart if letter.isalnum())
