"""Bugs: what time it is."""

from __future__ import annotations

from datetime import datetime

import domain.clock
import store.wrong_clocks
from activities.payment_store import PaymentStore
from domain.lifecycle.next_step import NextStep
from domain.lifecycle.view import View
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


@planted("what is due when a payment is loaded is decided by the worker's own clock",
         "tests/attacks/test_wrong_clocks.py")  # fmt: skip
def a_load_goes_by_our_clock() -> None:
    original = PaymentStore._next

    def by_ours(self: PaymentStore, view: View, at: datetime) -> NextStep:
        return original(self, view, self._clock.now())

    PaymentStore._next = by_ours  # type: ignore[method-assign]
