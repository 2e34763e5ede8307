"""Which booked transaction a pending one has become: the surest sign first, each one once."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.account_data.accounts import LinkedAccount
from domain.account_data.matching import BOOKED_WITHIN, booked_as
from domain.account_data.transactions import (
    Booking,
    Transaction,
    details_of,
    transaction_of,
)
from domain.accounts import Account
from tests.account_data.bank import DAY, booked, line, pending

HOLD = pending("card 4711").transaction
DONE = booked(pending("card 4711")).transaction


def test_a_reference_counts_more_than_anything_else() -> None:
    hold = replace(HOLD, reference="r1")
    other_amount = replace(line("elsewhere", -999_00).transaction, reference="r1")
    assert booked_as([("p", hold)], [("a", DONE), ("b", other_amount)]) == {"p": "b"}


def test_an_end_to_end_id_counts_only_if_it_says_something() -> None:
    hold = replace(HOLD, end_to_end_id="E2E", counterparty_account=None, counterparty="")
    done = line("other words", end_to_end_id="E2E").transaction
    assert booked_as([("p", hold)], [("b", done)]) == {"p": "b"}
    hold, done = (
        replace(each, end_to_end_id="NOTPROVIDED", remittance_information="", counterparty="")
        for each in (hold, replace(done, counterparty_account=None))
    )
    assert booked_as([("p", hold)], [("b", done)]) == {}


@pytest.mark.parametrize("apart", [BOOKED_WITHIN, -BOOKED_WITHIN])
def test_the_days_may_not_be_too_far_apart(apart: timedelta) -> None:
    near = replace(DONE, booked_on=DAY + apart)
    assert booked_as([("p", HOLD)], [("b", near)]) == {"p": "b"}
    far = replace(DONE, booked_on=DAY + apart + (apart / 10))
    assert booked_as([("p", HOLD)], [("b", far)]) == {}


def test_another_amount_or_another_direction_is_another_transaction() -> None:
    for minor in (-451, 450):
        other = line("card 4711", minor).transaction
        assert booked_as([("p", HOLD)], [("b", other)]) == {}


def test_a_pending_line_of_which_nothing_is_known_becomes_nothing() -> None:
    bare = Transaction(HOLD.amount, Booking.PENDING)
    assert booked_as([("p", bare)], [("b", Transaction(HOLD.amount, Booking.BOOKED))]) == {}


_LINES = st.lists(
    st.tuples(st.sampled_from(["a", "b", ""]), st.sampled_from([-1, -2]), st.integers(0, 20)),
    max_size=8,
)


@given(holds=_LINES, dones=_LINES, seed=st.integers())
def test_each_is_used_once_and_the_order_does_not_matter(
    holds: list[tuple[str, int, int]], dones: list[tuple[str, int, int]], seed: int
) -> None:
    waiting = [
        (f"p{place}", pending(text, minor, day=DAY + timedelta(days=day)).transaction)
        for place, (text, minor, day) in enumerate(holds)
    ]
    done = [
        (f"b{place}", line(text, minor, day=DAY + timedelta(days=day)).transaction)
        for place, (text, minor, day) in enumerate(dones)
    ]
    became = booked_as(waiting, done)
    assert len(set(became.values())) == len(became)
    assert became.keys() <= {name for name, _ in waiting}
    chance = Random(seed)
    chance.shuffle(waiting)
    chance.shuffle(done)
    assert booked_as(waiting, done) == became


def test_the_stored_fields_make_the_same_transaction_again() -> None:
    full = replace(
        DONE, reference="r", counterparty_agent="COBADEFFXXX", mandate_id="m", creditor_id="c",
        code="PMNT-RCDT-ESCT", own_code="166", purpose="SALA", end_to_end_id="e",
    )  # fmt: skip
    other = replace(full, counterparty_account=Account(other="12345678"), valued_on=None)
    for each in (full, other, HOLD):
        again = transaction_of(
            details_of(each),
            amount=each.amount,
            booking=each.booking,
            booked_on=each.booked_on,
            valued_on=each.valued_on,
        )
        assert again == each


def test_a_short_number_shows_no_part_of_itself() -> None:
    assert LinkedAccount("r", Account(other="12345678")).ends == ""
    assert LinkedAccount("r").ends == ""
    assert "DE8937" not in repr(LinkedAccount("r", Account(iban="DE89370400440532013000")))
