"""What counts as a card number, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.card_numbers import has_card_number


@pytest.mark.parametrize(
    "text",
    [
        "4242424242424242",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
        "paid by 378282246310005.",
        "card:5555555555554444,",
        "4222222222222",
        "6304000000000000000",
        "4242 4242 4242 4242 12/26",
        "4242424242424242 123",
        "order 17 4242424242424242",
        "4242.4242.4242.4242",
        "4242\u00a04242\u00a04242\u00a04242",
        "4242  4242  4242  4242",
    ],
)
def test_a_number_that_passes_the_check_is_found_however_it_is_written(text: str) -> None:
    assert has_card_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4242424242424241",
        "424242424242",
        "42424242424242424242",
        "DE89370400440532013000",
        "pm_4242424242424242",
        "4242424242424242x",
        "Invoice 2026-11-23",
        "42424242\n42424242",
    ],
)
def test_other_texts_have_none(text: str) -> None:
    assert not has_card_number(text)


@given(st.text("0123456789", min_size=12, max_size=18))
def test_of_ten_numbers_that_differ_in_their_last_digit_one_passes(digits: str) -> None:
    passing = [last for last in "0123456789" if has_card_number(digits + last)]
    assert len(passing) == 1
