"""Every pair of states is expected: on, back for a named reason, or a contradiction."""

from __future__ import annotations

import pytest

from domain.report import PaymentState
from domain.states import ENDS, PROVEN_NOTHING_MOVED, RANK, STEPS_BACK, may_follow

S = PaymentState

#: For each state, which may be heard next: "+" moves on, "-" moves back on a named edge,
#: "=" says the same, "x" contradicts. Columns are in the order of the rows.
PAIRS = {
    S.CREATED:          "= + + + + + + + + + + + + + +",
    S.SUBMITTING:       "x = + + + + + + + + + + + + +",
    S.AWAITING_US:      "x x = - - + + + + + + + + + +",
    S.AWAITING_USER:    "x x - = - + + + + + + + + + +",
    S.AWAITING_PARTNER: "x x - - = + + + + + + + + + +",
    S.ACCEPTED:         "x x - - - = + + + + + + + + +",
    S.AUTHORISED:       "x x - - - - = + + + + + + + +",
    S.PROCESSING:       "x x x - - - x = + + + + + + +",
    S.SETTLED:          "x x x x x x x x = + + + x x x",
    S.UNCONFIRMED:      "x x x x x x x x - = + + + + +",
    S.FINAL:            "x x x x x x x x x x = + x x x",
    S.RETURNED:         "x x x x x x x x x x x = x x x",
    S.REJECTED:         "x x x x x x x x x x x x = x x",
    S.CANCELLED:        "x x x x x x x x x x x x x = x",
    S.EXPIRED:          "x x x x x x x x x x x x x x =",
}  # fmt: skip


def test_every_state_has_a_rank_and_a_row() -> None:
    assert set(RANK) == set(PAIRS) == set(PaymentState)


@pytest.mark.parametrize("before", PAIRS)
def test_every_pair_is_as_the_table_says(before: PaymentState) -> None:
    for after, expected in zip(PAIRS, PAIRS[before].split(), strict=True):
        if before is after:
            found = "="
        elif not may_follow(before, after):
            found = "x"
        else:
            found = "-" if RANK[after] <= RANK[before] else "+"
        assert found == expected, (before, after)


def test_every_way_back_has_its_reason_and_goes_back() -> None:
    for (before, after), reason in STEPS_BACK.items():
        assert reason
        assert may_follow(before, after)


def test_the_ends_are_those_of_the_design() -> None:
    assert set(PROVEN_NOTHING_MOVED) == {S.REJECTED, S.CANCELLED, S.EXPIRED}
    assert set(ENDS) - set(PROVEN_NOTHING_MOVED) == {S.FINAL, S.UNCONFIRMED, S.RETURNED}
