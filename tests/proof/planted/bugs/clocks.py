"""Bugs: what time it is."""

from __future__ import annotations

import domain.clock
import store.wrong_clocks
from tests.proof.planted.bug import everywhere, planted


@planted("the clock of a process is trusted, whatever others say",
         "tests/attacks/test_wrong_clocks.py")  # fmt: skip
def the_clock_is_trusted() -> None:
    domain.clock.Reading.require = lambda self, process: None  # type: ignore[method-assign]


@planted("what a clock ahead has dated in the future stays so",
         "tests/attacks/test_wrong_clocks.py")  # fmt: skip
def the_future_is_believed() -> None:
    everywhere(domain.clock.is_after, lambda moment, now: False)


@planted("a worker that starts with a wrong clock tells nobody but its log",
         "tests/attacks/test_clocks_at_start.py")  # fmt: skip
def a_wrong_clock_is_only_logged() -> None:
    everywhere(store.wrong_clocks.ask_to_set, lambda *given: None)
