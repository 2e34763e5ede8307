"""Accounts are checked as far as their own digits go, and never shown whole."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounts import Account, AccountError, check_bic, check_iban

#: Examples that the registry of IBANs or the banks themselves publish.
IBANS = [
    "DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606",
    "NL91ABNA0417164300", "BE68539007547034", "CH9300762011623852957", "NO9386011117947",
    "MT84MALT011000012345MTLCAST001S", "SE4550000000058398257466", "PL61109010140000071219812874",
]  # fmt: skip
LETTERS_AND_DIGITS = string.ascii_uppercase + string.digits


def with_check_digits(country: str, rest: str) -> str:
    """ISO 7064 MOD 97-10, worked out anew: the remainder digit by digit."""
    remainder = 0
    for character in f"{rest}{country}00":
        for digit in str(string.digits.find(character) if character.isdigit()
                         else string.ascii_uppercase.index(character) + 10):  # fmt: skip
            remainder = (remainder * 10 + int(digit)) % 97
    return f"{country}{98 - remainder:02d}{rest}"


ibans = st.builds(
    with_check_digits,
    st.sampled_from(["AD", "DE", "FR", "GB", "LT", "SE"]),
    st.text(LETTERS_AND_DIGITS, min_size=11, max_size=30),
)


@pytest.mark.parametrize("iban", IBANS)
def test_published_ibans_pass_however_they_are_written(iban: str) -> None:
    spaced = " ".join(iban[i : i + 4] for i in range(0, len(iban), 4))
    assert check_iban(spaced.lower()) == check_iban(iban) == iban


@given(ibans)
def test_right_check_digits_pass(iban: str) -> None:
    assert check_iban(iban) == iban


@given(st.data(), ibans)
def test_one_wrong_or_two_swapped_characters_are_found(data: st.DataObject, iban: str) -> None:
    at = data.draw(st.integers(4, len(iban) - 2))
    other = data.draw(st.sampled_from([c for c in string.digits if c != iban[at]]))
    if iban[at].isdigit():
        with pytest.raises(AccountError, match="check digits"):
            check_iban(iban[:at] + other + iban[at + 1 :])
    if iban[at] != iban[at + 1] and iban[at].isdigit() == iban[at + 1].isdigit():
        with pytest.raises(AccountError, match="check digits"):
            check_iban(iban[:at] + iban[at + 1] + iban[at] + iban[at + 2 :])


@pytest.mark.parametrize(
    "text",
    ["", "DE", "DE89", "8937040044053201300", "DE8937040044053201300٠", "DE89-3704-0044-0532-0130",
     "DE89370400440532013000" + "0" * 20, "ÄE89370400440532013000", "DE89370400440532013000\n"],
)  # fmt: skip
def test_anything_else_is_no_iban_and_the_error_does_not_repeat_it(text: str) -> None:
    with pytest.raises(AccountError) as refused:
        check_iban(text)
    assert len(text) <= 4 or text not in str(refused.value)


def test_the_error_about_check_digits_shows_four_characters() -> None:
    with pytest.raises(AccountError) as refused:
        check_iban("DE88370400440532013000")
    assert "'3000'" in str(refused.value)
    assert "0532013000" not in str(refused.value)


@pytest.mark.parametrize("bic", ["DEUTDEFF", "DEUTDEFF500", " nedszajjxxx ", "1234DE00"])
def test_a_bic_has_8_or_11_characters(bic: str) -> None:
    assert check_bic(bic) == bic.strip().upper()


@pytest.mark.parametrize(
    "bic", ["", "DEUTDEF", "DEUTDEFF50", "DEUT0EFF", "DEUTDEFF5000", "DÉUTDEF"]
)
def test_anything_else_is_no_bic(bic: str) -> None:
    with pytest.raises(AccountError):
        check_bic(bic)


@given(st.one_of(ibans.map(lambda iban: Account(iban=iban)),
                 st.text(LETTERS_AND_DIGITS, min_size=2, max_size=34)
                 .map(lambda number: Account(other=number))))  # fmt: skip
def test_an_account_is_never_shown_whole(account: Account) -> None:
    for shown in (account.masked, str(account), repr(account), f"{account}"):
        assert account.number not in shown
        hidden = len(account.number) - sum(c in LETTERS_AND_DIGITS for c in account.masked)
        assert hidden >= min(len(account.number), 3)


def test_an_account_has_one_identification() -> None:
    for fields in ({}, {"iban": IBANS[0], "other": "1"}):
        with pytest.raises(ValueError, match="not both"):
            Account(**fields)
