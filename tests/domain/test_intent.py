"""Which orders are the same payment, and what has to be said to pay it once more."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import zip_longest
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from domain.accounts import Account
from domain.money import Money
from domain.party import Party
from domain.payments.intent import (
    Acknowledgement,
    Earlier,
    Intent,
    PossibleDuplicate,
    normalised,
    require_acknowledged,
)
from domain.payments.order import Order, Times
from domain.payments.report import PaymentState
from tests.clock import START
from tests.fakes import CREDITOR_IBAN, DEBTOR_IBAN, order

OTHER_IBAN = "NL91ABNA0417164300"
DAY = date(2026, 3, 3)
#: What SEPA lets a reference be written in, and letters that banks replace.
references = st.text("abcXYZ0189 /-?:().,'+éÜß", max_size=12)
gaps = st.text(" \t-./", max_size=3)


def content(**changes: Any) -> str:
    return Intent.of(order(**changes)).content


def times(day: date | None) -> Times:
    return Times(submit_before=START + timedelta(hours=1), requested_execution_date=day)


@pytest.mark.parametrize(
    "changes",
    [
        {"tenant": "another shop"},
        {"debtor_account": Account(iban=OTHER_IBAN)},
        {"creditor_account": Account(iban=OTHER_IBAN)},
        {"instructed_amount": Money(minor=12_346, currency="EUR")},
        {"instructed_amount": Money(minor=12_345, currency="USD")},
        {"times": times(DAY)},
        {"end_to_end_id": "INVOICE-78"},
        {"end_to_end_id": "NOTPROVIDED"},
        {"remittance_information": "rent of the kennel"},
        {"remittance_information": ""},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_is_paid_makes_another_intent(changes: dict[str, Any]) -> None:
    assert content(**changes) != content()


@pytest.mark.parametrize(
    "changes",
    [
        {"partner": "another bank"},
        {"partner_account": "savings"},
        {"debtor": Party(name="Shop Ltd")},
        {"creditor": Party(name="W. Canary")},
        {"creditor_agent": "COBADEFFXXX"},
        {"instruction_id": "I-2"},
        {"uetr": "00000000-0000-4000-8000-000000000000"},
        {"purpose": "RENT"},
        {"times": Times(submit_before=START + timedelta(hours=9))},
        {"creditor_account": Account(iban=CREDITOR_IBAN, currency="EUR")},
        {"creditor_account": Account(iban="de89 3704 0044 0532 0130 00")},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_changes_when_an_order_is_repeated_by_hand_does_not_count(
    changes: dict[str, Any],
) -> None:
    assert content(**changes) == content()


@given(references, references, st.lists(gaps, min_size=12, max_size=12))
def test_case_spaces_and_punctuation_of_a_reference_do_not_count(
    end_to_end_id: str, remittance: str, between: list[str]
) -> None:
    def rewritten(text: str) -> str:
        swapped = text.swapcase()
        return "".join(gap + letter for gap, letter in zip_longest(between, swapped, fillvalue=""))

    written = content(end_to_end_id=end_to_end_id, remittance_information=remittance)
    assert written == content(
        end_to_end_id=rewritten(end_to_end_id), remittance_information=rewritten(remittance)
    )


amounts = st.integers(1, 10**17)
ibans = st.sampled_from([CREDITOR_IBAN, DEBTOR_IBAN, OTHER_IBAN])


@given(amounts, ibans, references, amounts, ibans, references)
def test_two_intents_are_one_only_with_the_same_amount_creditor_and_reference(
    amount: int, creditor: str, reference: str, other: int, another: str, different: str
) -> None:
    one, two = (
        content(
            instructed_amount=Money(minor=minor, currency="EUR"),
            creditor_account=Account(iban=iban),
            remittance_information=text,
        )
        for minor, iban, text in ((amount, creditor, reference), (other, another, different))
    )
    same = (amount, creditor, normalised(reference)) == (other, another, normalised(different))
    assert (one == two) == same


@given(references, references)
def test_the_two_parts_of_a_reference_are_not_run_together(first: str, second: str) -> None:
    assume(normalised(first) != normalised(second))
    assert content(end_to_end_id=first, remittance_information=second) != content(
        end_to_end_id=second, remittance_information=first
    )


@pytest.mark.parametrize("nothing", ["NOTPROVIDED", "not provided", "NONREF", "", " - "])
def test_a_placeholder_is_no_reference(nothing: str) -> None:
    def of(remittance: str) -> Intent:
        return Intent.of(order(end_to_end_id=nothing, remittance_information=remittance))

    assert not of("").has_reference
    assert of("").window == timedelta(minutes=10)
    assert of("INV 1").has_reference
    assert of("INV 1").window == timedelta(hours=24)


def test_an_end_to_end_id_alone_is_a_reference() -> None:
    assert Intent.of(order(end_to_end_id="E-1", remittance_information="")).has_reference


def test_the_day_asked_for_counts_where_the_order_was_moved() -> None:
    moved = order(times=times(DAY + timedelta(days=1)))
    assert Intent.of(moved, requested=DAY).content == content(times=times(DAY))


@given(references)
def test_an_intent_shows_no_account_when_printed(reference: str) -> None:
    shown = repr(Intent.of(order(end_to_end_id=reference)))
    assert CREDITOR_IBAN not in shown
    assert DEBTOR_IBAN not in shown


def earlier(payment_id: str, *, in_doubt: bool = False) -> Earlier:
    return Earlier(payment_id, START, PaymentState.SETTLED, in_doubt=in_doubt)


def said(*payment_ids: str, operator: str | None = None) -> Acknowledgement:
    return Acknowledgement(frozenset(payment_ids), operator)


A, B, DOUBTED = earlier("pay_a"), earlier("pay_b"), earlier("pay_d", in_doubt=True)
PASSES = [
    ((), said()),
    ((), said("pay_x")),
    ((A,), said("pay_a")),
    ((A, B), said("pay_b", "pay_a")),
    ((A,), said("pay_a", operator="ada")),
    ((A, DOUBTED), said("pay_a", "pay_d", operator="ada")),
]
ASKS = [
    ((A,), said()),
    ((A,), said("pay_b")),
    ((A, B), said("pay_a")),
    ((A,), said("pay_a", "pay_b")),
    ((DOUBTED,), said("pay_d")),
    ((A, DOUBTED), said("pay_a", "pay_d")),
    ((A, DOUBTED), said("pay_a", operator="ada")),
    ((A,), said(operator="ada")),
]


@pytest.mark.parametrize(("found", "word"), PASSES)
def test_an_order_passes_when_exactly_what_was_found_is_acknowledged(
    found: tuple[Earlier, ...], word: Acknowledgement
) -> None:
    require_acknowledged(found, word)


@pytest.mark.parametrize(("found", "word"), ASKS)
def test_anything_else_is_asked_about_with_every_earlier_payment(
    found: tuple[Earlier, ...], word: Acknowledgement
) -> None:
    with pytest.raises(PossibleDuplicate) as asked:
        require_acknowledged(found, word)
    assert asked.value.payment_ids == tuple(one.payment_id for one in found)
    assert asked.value.needs_operator == (DOUBTED in found)
    assert all(str(one) in str(asked.value) for one in found)
    assert ("as an operator" in str(asked.value)) == (DOUBTED in found)


def test_the_question_says_which_when_and_how_it_stands() -> None:
    assert str(DOUBTED) == "pay_d of 2026-03-02 12:00 UTC (settled, in doubt)"
    made: Order = order()
    assert made.creditor_account.number not in str(PossibleDuplicate([A]))
