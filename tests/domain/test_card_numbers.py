"""What counts as a card number, and what only looks like one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.card_numbers import has_card_number, hide_card_numbers, shows_card_number


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
        "4242\u20134242\u20134242\u20134242",
        "\uff14\uff12\uff14\uff12" * 4,
        "\u0664\u0662\u0664\u0662" * 4,
    ],
)
def test_a_number_that_passes_the_check_is_found_however_it_is_written(text: str) -> None:
    assert has_card_number(text)


#: One number of each scheme, as processors publish them for tests.
ISSUED = [
    "4242424242424242",
    "4222222222222",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "6011111111111117",
    "3056930009020004",
    "36227206271667",
    "3566002020360505",
    "6200000000000005",
    "6759649826438453",
]


@pytest.mark.parametrize("number", ISSUED)
def test_numbers_of_the_schemes_are_found_in_any_text(number: str) -> None:
    assert shows_card_number(f"please use {number} again")
    in_groups = " ".join(number[each : each + 4] for each in range(0, len(number), 4))
    assert shows_card_number(f"card: {in_groups}, 12/26")
    hidden = hide_card_numbers(f"No {in_groups}.", lambda run: f"…{run[-4:]}")
    assert hidden == f"No …{in_groups[-4:]}."


@pytest.mark.parametrize(
    "text",
    [
        "20261130000000006",  # Of today, with a check digit: no scheme begins with 2026.
        "1700000000006",  # Milliseconds since 1970.
        "7992739871300003",
        "42424242424242",  # As long as no number of its scheme.
        "378282246310006",
        "210000000003139471430009017",  # A QR reference.
        "RF18 5390 0754 7034",
        "4111-1111-1111-1112",
    ],
)
def test_numbers_that_no_scheme_has_issued_are_references(text: str) -> None:
    assert not shows_card_number(text)
    assert hide_card_numbers(text, lambda run: "") == text


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
