"""Every pair of states is expected: on, back for a named reason, or a contradiction."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path

import pytest

from domain.payments.report import PaymentState
from domain.payments.states import ENDS, PROVEN_NOTHING_MOVED, STATES, STEPS_BACK, may_follow

S = PaymentState

#: For each state, which may be heard next: "+" moves on, "-" moves back on a named edge,
#: "=" says the same, "x" contradicts. Columns are in the order of the rows.
PAIRS = {
    S.CREATED:          "= + + + + + + + + + + + + + + + +",
    S.SUBMITTING:       "x = + + + + + + + + + + + + + + +",
    S.AWAITING_US:      "x x = - - + + + + + + + + + + + +",
    S.AWAITING_USER:    "x x - = - + + + + + + + + + + + +",
    S.AWAITING_PARTNER: "x x - - = + + + + + + + + + + + +",
    S.ACCEPTED:         "x x - - - = + + + + + + + + + + +",
    S.AUTHORISED:       "x x - - - - = + + + + + + + + + +",
    S.PARTLY_CAPTURED:  "x x x x x x x = x + + + + + x x x",
    S.PROCESSING:       "x x x - - - x x = + + + + + + + +",
    S.CAPTURED:         "x x x x x x x x x = x + + + x x x",
    S.SETTLED:          "x x x x x x x x x x = + + + x x x",
    S.UNCONFIRMED:      "x x x x x x x x x - - = + + + + +",
    S.FINAL:            "x x x x x x x x x x x x = + x x x",
    S.RETURNED:         "x x x x x x x x x x x x x = x x x",
    S.REJECTED:         "x x x x x x x x x x x x x x = x x",
    S.CANCELLED:        "x x x x x x x x x x x x x x x = x",
    S.EXPIRED:          "x x x x x x x x x x x x x x x x =",
}  # fmt: skip


def test_every_state_has_a_rank_and_a_row() -> None:
    assert set(STATES) == set(PAIRS) == set(PaymentState)


@pytest.mark.parametrize("before", PAIRS)
def test_every_pair_is_as_the_table_says(before: PaymentState) -> None:
    for after, expected in zip(PAIRS, PAIRS[before].split(), strict=True):
        if before is after:
            found = "="
        elif not may_follow(before, after):
            found = "x"
        else:
            found = "-" if STATES[after].rank <= STATES[before].rank else "+"
        assert found == expected, (before, after)


def test_every_way_back_has_its_reason_and_goes_back() -> None:
    for (before, after), reason in STEPS_BACK.items():
        assert reason
        assert may_follow(before, after)


def test_the_ends_are_those_of_the_design() -> None:
    assert set(PROVEN_NOTHING_MOVED) == {S.REJECTED, S.CANCELLED, S.EXPIRED}
    assert set(ENDS) - set(PROVEN_NOTHING_MOVED) == {S.FINAL, S.UNCONFIRMED, S.RETURNED}


ROOT = Path(__file__).parents[2]
#: A partner's adapter translates that partner's words into states, and so has to list them.
ELSEWHERE = {"domain/payments/states.py", "domain/payments/report.py"}
ROOMS = (
    "activities", "domain", "inbound", "local", "messages", "regimes", "starter", "store",
    "terminal", "workflows",
)  # fmt: skip


def lists_of_states(tree: ast.Module, of: type[StrEnum] = PaymentState) -> Iterator[ast.expr]:
    """Every literal collection that names three states or more."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Dict):
            named = node.keys
        elif isinstance(node, ast.Set | ast.Tuple | ast.List):
            named = list(node.elts)
        else:
            continue
        states = [
            name
            for name in named
            if isinstance(name, ast.Attribute) and name.attr in of.__members__
        ]
        if len(states) >= 3:
            yield node


def test_no_other_module_lists_states() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in ELSEWHERE and "migrations" not in path.parts
        for node in lists_of_states(ast.parse(path.read_text()))
    ]
    assert not found, "make it a column of domain/payments/states.py"


def test_a_list_of_states_is_seen() -> None:
    for text in (
        "{S.A, S.FINAL, S.SETTLED, S.CREATED}",
        "{S.FINAL: 1, S.SETTLED: 2, S.CREATED: 3}",
    ):
        assert list(lists_of_states(ast.parse(text)))
