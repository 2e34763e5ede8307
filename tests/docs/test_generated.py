"""What is generated from the code is what the code says today."""

from __future__ import annotations

from docs import configuration, life, partners


def test_the_picture_of_a_payments_life_is_drawn_from_todays_rules() -> None:
    assert life.FILE.read_text() == life.draw(), "make docs"


def test_the_reference_of_settings_is_written_from_todays_settings() -> None:
    assert configuration.FILE.read_text() == configuration.write(), "make docs"


def test_the_page_about_partners_quotes_todays_code() -> None:
    assert partners.FILE.read_text() == partners.write(), "make docs"
