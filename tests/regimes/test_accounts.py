"""IBANs have the length and structure of their country."""

from __future__ import annotations

import pytest

from domain.accounts import AccountError
from regimes.accounts import check_account


@pytest.mark.parametrize(
    "iban", ["DE87200500001234567890", "de87 2005 0000 1234 5678 90", "FR7630006000011234567890189"]
)
def test_a_real_iban_is_returned_plain(iban: str) -> None:
    assert check_account(iban) == iban.replace(" ", "").upper()


def test_a_countrys_own_check_digits_are_not_asked() -> None:
    assert check_account("DE21500500009876543210")


@pytest.mark.parametrize(
    "iban",
    [
        "",
        "DE87",
        "DE88200500001234567890",  # wrong check digits
        "DE8220050000123456789",  # one digit short, check digits right
        "ZZ6820050000123456789",  # no country
        "NL20ABNA0417164300X",
        "12345678901234567890",
    ],
)
def test_anything_else_is_refused_without_being_repeated(iban: str) -> None:
    with pytest.raises(AccountError) as caught:
        check_account(iban)
    assert len(iban) < 5 or iban not in str(caught.value)


def with_check_digits(country: str, rest: str) -> str:
    number = int("".join(str(int(character, 36)) for character in f"{rest}{country}00"))
    return f"{country}{98 - number % 97:02}{rest}"


@pytest.mark.parametrize(
    ("country", "rest"),
    [("DE", "20050000123456789"), ("DE", "2005000012345678AB"), ("ZZ", "1" * 18)],
)
def test_right_check_digits_do_not_save_a_wrong_structure(country: str, rest: str) -> None:
    iban = with_check_digits(country, rest)
    with pytest.raises(AccountError, match="length and structure"):
        check_account(iban)
