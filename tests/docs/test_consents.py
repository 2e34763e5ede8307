"""The page about consents names every state and every regime."""

from __future__ import annotations

import re

from domain.consents.report import ConsentState
from domain.consents.states import STATES
from regimes.consents import Regime
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "consents.md").read_text()


def test_every_state_has_a_row_that_says_whether_it_is_over() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|.*\| (\w+) \|$", PAGE, re.MULTILINE))
    for state in ConsentState:
        assert rows[state] == ("yes" if STATES[state].ends else "no"), state


def test_every_regime_has_a_row() -> None:
    for regime in Regime:
        assert f"| `{regime}` |" in PAGE
