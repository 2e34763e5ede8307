"""A simulator's book is known by the same name over restarts, whatever its port."""

from __future__ import annotations

from pathlib import Path

from local.simulator import known_as


def test_a_book_keeps_its_name_until_it_is_removed(tmp_path: Path) -> None:
    book = tmp_path / "book.db"
    first = known_as(book)
    book.touch()
    assert known_as(book) == known_as(book) == first
    book.unlink()
    assert known_as(book) != first, "a fresh book has heard of no payment"


def test_a_book_of_an_earlier_release_gets_a_name_once(tmp_path: Path) -> None:
    book = tmp_path / "book.db"
    book.touch()
    assert known_as(book) == known_as(book)
