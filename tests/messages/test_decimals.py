"""Amounts and sums are read by one rule: that of xs:decimal."""

from __future__ import annotations

from decimal import Decimal

import pytest

from messages.credit_transfer import FileRefused
from messages.decimals import decimal_of
from messages.pain001 import read
from tests.messages.files import Block, of, pain001, transfer


@pytest.mark.parametrize(
    ("written", "minor"),
    [
        ("12.", 1200), (".50", 50), ("+5", 500), ("0012.50", 1250), ("12.500", 1250),
        (" 12.50\n", 1250), ("000000000000000000000001", 100), ("12.50000", 1250),
    ],
)  # fmt: skip
def test_an_amount_may_be_written_as_the_schema_allows(written: str, minor: int) -> None:
    source = pain001(Block([transfer(written)]), control_sum=f"<CtrlSum>{written}</CtrlSum>")
    file = read(source)
    (line,) = file.lines
    assert line.refusals == ()
    assert line.amount_minor == minor
    assert file.control_sum == Decimal(minor) / 100


@pytest.mark.parametrize("written", ["1e3", "1,5", "1 000.00", "NaN", "INF", ".", "+", "0x10", "٣"])
def test_what_is_no_decimal_is_none_for_amounts_and_sums(written: str) -> None:
    assert decimal_of(written) is None
    (line,) = read(of(transfer(written))).lines
    assert [refusal.code for refusal in line.refusals] == ["AM12"]
    with pytest.raises(FileRefused) as caught:
        read(pain001(control_sum=f"<CtrlSum>{written}</CtrlSum>"))
    assert caught.value.code == "AM16"


@pytest.mark.parametrize(
    ("written", "code", "said"),
    [
        ("12.345", "CH20", "finer"),
        ("12.345678", "AM12", "more than 5 digits after the point"),
        ("1234567890123456789", "AM12", "more than 18 digits"),
        ("9" * 150, "AM12", "more than 18 digits"),
        ("-0.01", "AM12", "negative"),
    ],
)
def test_what_is_no_amount_says_why(written: str, code: str, said: str) -> None:
    (line,) = read(of(transfer(written))).lines
    (refusal,) = line.refusals
    assert refusal.code == code
    assert said in refusal.text


def test_a_negative_zero_is_zero() -> None:
    (line,) = read(of(transfer("-0.00"))).lines
    assert (line.refusals, line.amount_minor) == ((), 0)
