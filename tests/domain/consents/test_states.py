"""Every pair of states is expected: on, back for a reason, nothing new, or a contradiction."""

from __future__ import annotations

import ast

import pytest

from domain.consents.report import ConsentState
from domain.consents.states import (
    ENDS,
    REVOCABLE,
    STATES,
    STEPS_BACK,
    may_follow,
    says_nothing_new,
)
from tests.domain.test_states import ROOMS, ROOT, lists_of_states

S = ConsentState

#: For each state, which may be heard next: "+" moves on, "-" moves back on a named edge, "=" says
#: the same, "o" says nothing new, "x" contradicts. Columns are in the order of the rows.
PAIRS = {
    S.DRAFT:                "= + + + + + + + + + + +",
    S.AWAITING_USER:        "x = + + + + + + + + + +",
    S.PARTIALLY_AUTHORISED: "x - = + + + + + + + + +",
    S.ACTIVE:               "x x - = + + + + + + + +",
    S.NEEDS_REAUTH:         "x - - - = + + + + + + +",
    S.SUSPENDED_BY_PARTNER: "x x x - - = + + + + + +",
    S.REJECTED:             "x x x x x x = o o o o o",
    S.EXPIRED:              "x x x x x x o = o o o +",
    S.CONSUMED:             "x x x x x x o o = o o +",
    S.REVOKED_BY_USER:      "x x x x x x o o o = o +",
    S.REVOKED_BY_US:        "x x x x x x o o o o = +",
    S.SUPERSEDED:           "x x x x x x o o o o o =",
}  # fmt: skip


def test_every_state_has_a_row_and_a_rank_of_its_own() -> None:
    assert set(STATES) == set(PAIRS) == set(ConsentState)
    assert len({row.rank for row in STATES.values()}) == len(STATES)


@pytest.mark.parametrize("before", PAIRS)
def test_every_pair_is_as_the_table_says(before: ConsentState) -> None:
    for after, expected in zip(PAIRS, PAIRS[before].split(), strict=True):
        if before is after:
            found = "="
        elif may_follow(before, after):
            found = "-" if STATES[after].rank < STATES[before].rank else "+"
        else:
            found = "o" if says_nothing_new(before, after) else "x"
        assert found == expected, (before, after)


def test_every_way_back_has_its_reason_and_goes_back() -> None:
    for (before, after), reason in STEPS_BACK.items():
        assert reason
        assert may_follow(before, after)
        assert STATES[after].rank < STATES[before].rank


def test_every_state_that_is_no_end_can_be_revoked() -> None:
    assert set(REVOCABLE) | set(ENDS) == set(ConsentState)
    assert not REVOCABLE & ENDS


def test_data_may_be_read_in_one_state_alone() -> None:
    assert [name for name, row in STATES.items() if row.is_readable] == [S.ACTIVE]


def test_no_other_module_lists_states() -> None:
    own = {"domain/consents/states.py", "domain/consents/report.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for room in ROOMS
        for path in sorted((ROOT / room).rglob("*.py"))
        if str(path.relative_to(ROOT)) not in own and "payments" not in path.parts
        for node in lists_of_states(ast.parse(path.read_text()), ConsentState)
    ]
    assert not found, "make it a column of domain/consents/states.py"
