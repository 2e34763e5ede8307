"""Worlds of the card processor come out well, and their checker finds each kind of flaw."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.proof.card_checker import compare_cards
from tests.proof.cards import Cards
from tests.proof.simulation.lived import simulate
from tests.proof.simulation.plan import of_cards


@pytest.mark.parametrize("seed", [1, 2])
def test_whatever_befalls_a_world_of_cards_nothing_moves_twice_or_too_far(seed: int) -> None:
    result = simulate(of_cards(seed, 2))
    assert result.is_good, (result.comparison.flaws, result.stuck, result.broke)
    assert result.fired


def _processor() -> Cards:
    cards = Cards(lambda: 0.0)
    order = {"key": "a", "reference": "r", "amount_minor": 100, "currency": "EUR", "at_once": False}
    cards.answer("POST", "/replay_state/orders", order)
    for what, key, minor in (("captures", "b", 60), ("captures", "b", 60), ("refunds", "c", 20)):
        asked = {"key": key, "amount_minor": minor}
        cards.answer("POST", f"/replay_state/orders/pi_1/{what}", asked)
    return cards


ASKED = [
    {"reference": "r", "kind": "order", "amount_minor": 100, "admitted": True},
    {"reference": "r", "kind": "capture", "amount_minor": 60, "admitted": True},
    {"reference": "r", "kind": "refund", "amount_minor": 20, "admitted": True},
]
SHOWN = {
    "state": "partly_captured", "certainty": "sent", "asks": False, "authorised": 100,
    "captured": 60, "refunded": 20, "disputed": 0, "net": -40, "funds": "credit",
    "reversals": {"re_pi_1_2": "pending"}, "claims": {},
}  # fmt: skip


def test_what_agrees_has_no_flaw_and_a_known_key_moves_nothing() -> None:
    assert compare_cards(ASKED, _processor().book(), {"r": SHOWN}).flaws == []


def _add(book: dict[str, Any], kind: str, minor: int) -> None:
    payment = book["payments"][0]
    payment["children"].append({**payment["children"][0], "id": "x", "kind": kind,
                                "amount_minor": minor})  # fmt: skip
    payment["bookings"].append({"kind": kind, "amount_minor": minor, "reference": "x"})


BREAKS: dict[str, Callable[[dict[str, Any], dict[str, Any]], object]] = {
    "twice": lambda book, row: _add(book, "capture", 60),
    "unasked: refund of 5": lambda book, row: _add(book, "refund", 5),
    "unasked: x was never ordered": lambda book, row: book["payments"].append(
        {**book["payments"][0], "reference": "x"}
    ),
    "changed": lambda book, row: book["payments"][0].update(amount_minor=1),
    "over": lambda book, row: _add(book, "capture", 41),
    "lost": lambda book, row: book["payments"][0]["children"].pop(),
    "disagree: r: returned": lambda book, row: row.update(state="returned"),
    "disagree: r: 100 captured": lambda book, row: row.update(captured=100),
    "disagree: r: the app is told to hold": lambda book, row: row.update(funds="hold"),
    "disagree: r: re_pi_1_2 is None": lambda book, row: row["reversals"].clear(),
}


@pytest.mark.parametrize("flaw", BREAKS)
def test_each_kind_of_flaw_is_found(flaw: str) -> None:
    book, row = _processor().book(), copy.deepcopy(SHOWN)
    BREAKS[flaw](book, row)
    flaws = compare_cards(ASKED, book, {"r": row}).flaws
    assert any(found.startswith(flaw) for found in flaws), flaws


def _raised(*keys: str) -> dict[str, Any]:
    """The book after so many increments of 30, before anything is captured."""
    cards = Cards(lambda: 0.0)
    order = {"key": "a", "reference": "r", "amount_minor": 100, "currency": "EUR", "at_once": False}
    cards.answer("POST", "/replay_state/orders", order)
    for key in keys:
        asked = {"key": key, "amount_minor": 30}
        cards.answer("POST", "/replay_state/orders/pi_1/increments", asked)
    return cards.book()


def _asked(*, admitted: bool = True) -> list[dict[str, Any]]:
    more = {"reference": "r", "kind": "increment", "amount_minor": 30, "admitted": admitted}
    return [ASKED[0], more]


def _shown(authorised: int, status: str = "with the processor") -> dict[str, dict[str, Any]]:
    row = {**SHOWN, "state": "authorised", "authorised": authorised, "captured": 0, "refunded": 0,
           "net": 0, "funds": "hold", "reversals": {},
           "claims": {("increment", 30): status}}  # fmt: skip
    return {"r": row}


def test_a_hold_that_was_raised_once_has_no_flaw() -> None:
    for keys in (("b",), ("b", "b")):
        assert compare_cards(_asked(), _raised(*keys), _shown(130)).flaws == []
    declined = compare_cards(_asked(), _raised(), _shown(100, "undone"))
    assert declined.flaws == []


@pytest.mark.parametrize(
    ("keys", "admitted", "status", "flaw"),
    [
        (("b", "c"), True, "with the processor", "twice: 160 of 100 ordered of r"),
        (("b",), False, "open", "unasked: increment of 30 of r was never admitted"),
        ((), True, "with the processor", "lost: increment of 30 of r is with the processor"),
    ],
)
def test_each_flaw_of_an_increment_is_found(
    keys: tuple[str, ...], admitted: bool, status: str, flaw: str
) -> None:
    book = _raised(*keys)
    shown = _shown(100 + 30 * len(keys), status)
    flaws = compare_cards(_asked(admitted=admitted), book, shown).flaws
    assert [found for found in flaws if found.startswith(flaw)], flaws


def test_the_model_raises_no_hold_after_a_capture_and_declines_where_it_is_told_to() -> None:
    cards = Cards(lambda: 0.0, declines=lambda reference, amount: amount == 7)
    order = {"key": "a", "reference": "r", "amount_minor": 100, "currency": "EUR", "at_once": False}
    cards.answer("POST", "/none/orders", order)
    path = "/none/orders/pi_1"
    declined = cards.answer("POST", f"{path}/increments", {"key": "b", "amount_minor": 7})
    assert (declined.status, cards.payments[0].amount_minor) == (400, 100)
    cards.answer("POST", f"{path}/captures", {"key": "c", "amount_minor": 60})
    late = cards.answer("POST", f"{path}/increments", {"key": "d", "amount_minor": 8})
    assert (late.status, cards.payments[0].amount_minor) == (400, 100)
