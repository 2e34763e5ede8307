"""What others said, as it may be shown."""

from __future__ import annotations

import sys
import unicodedata

from domain.plain_text import as_references, plain, plain_lines

#: Spelling of living languages needs them: the joiners of Persian and of the scripts of India.
_KEPT = {"\n", "\t", "\u200c", "\u200d"}


def test_nothing_unseen_or_commanding_is_left() -> None:
    for point in range(sys.maxunicode + 1):
        character = chr(point)
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}:
            assert (plain_lines(character) == character) is (character in _KEPT), hex(point)


def test_names_stay_as_they_are() -> None:
    names = "Łukasz Ångström-O’Neill 株式会社 [red] العربية 🏦 \xa0 50 % <b>"
    assert plain(names) == plain_lines(names) == names


def test_one_line_stays_one_line() -> None:
    assert plain("paid\n✓ FINAL\tx\r\n\u2028y") == "paid ✓ FINAL x\ufffd \ufffdy"
    assert plain_lines("a\nb") == "a\nb"


def test_a_document_keeps_its_content() -> None:
    assert as_references("<Nm>a\u202eb\x9bc</Nm>\n") == "<Nm>a&#8238;b&#155;c</Nm>\n"
