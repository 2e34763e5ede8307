"""Identifiers stay what they were, and different things never share one."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.ids import end_to_end_hash, hashed, instruction_id, partner_queue, workflow_id
from domain.lifecycle.keys import partner_key
from domain.lifecycle.profile import LETTERS_AND_DIGITS, Idempotency, IdempotencyKind

HEX = "0123456789abcdef"
parts = st.lists(st.text(st.sampled_from("ab:/\x1f0123\\"), max_size=6), max_size=4).map(tuple)


@given(parts, parts)
def test_different_parts_have_different_hashes(
    one: tuple[str, ...], other: tuple[str, ...]
) -> None:
    same = hashed(*one, length=32, alphabet=HEX) == hashed(*other, length=32, alphabet=HEX)
    assert same == (one == other)


@pytest.mark.parametrize(
    ("one", "other"),
    [(("ab", "c"), ("a", "bc")), (("a\x1f", "b"), ("a", "\x1fb")), (("a", ""), ("a",)),
     (("1:a",), ("1", "a")), ((), ("",)), (("a", "b"), ("b", "a"))],
)  # fmt: skip
def test_no_separator_can_be_smuggled_in(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    assert hashed(*one, length=32, alphabet=HEX) != hashed(*other, length=32, alphabet=HEX)


@given(parts, st.integers(1, 100), st.sampled_from([HEX, LETTERS_AND_DIGITS, "ab"]))
def test_a_hash_has_the_length_and_letters_asked_for(
    of: tuple[str, ...], length: int, alphabet: str
) -> None:
    text = hashed(*of, length=length, alphabet=alphabet)
    assert len(text) == length
    assert set(text) <= set(alphabet)


def test_ids_are_what_they_always_were() -> None:
    """A changed id would start a second workflow; a changed key would pay a second time."""
    assert workflow_id("shop", "pay_1") == "payment/shop/pay_1"
    assert instruction_id("pay_1", "pay") == "pay_1/pay/1"
    assert partner_queue("bank") == "finality.bank"
    assert end_to_end_hash("shop", "INV-1") == "f6e003ee83c741bb"
    assert key() == "42YWWRW74KZT3D4XB3Y2B6NWA33G6C2G"


def key(**changed: Any) -> str:
    of: dict[str, Any] = {
        "tenant": "shop",
        "payment_id": "pay_1",
        "instruction_id": "pay_1/pay/1",
        "generation": 1,
    }
    return partner_key(Idempotency(kind=IdempotencyKind.REJECT_DUPLICATE), **{**of, **changed})


def test_every_part_of_the_intent_changes_the_key_and_nothing_else_does() -> None:
    others = {
        key(tenant="x"), key(payment_id="x"), key(instruction_id="x"), key(generation=2)
    }  # fmt: skip
    assert len(others | {key()}) == 5
    assert key() == key()


def test_the_alphabet_has_no_letter_twice_and_none_that_looks_like_a_digit() -> None:
    assert len(set(LETTERS_AND_DIGITS)) == len(LETTERS_AND_DIGITS)
    assert not set(LETTERS_AND_DIGITS) & set("IO01")
