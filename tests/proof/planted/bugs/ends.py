"""Bugs: what is taken back, and when a payment is over."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import domain.lifecycle.absence as absence
import domain.lifecycle.sending as sending
import domain.payments.fold as folding
import domain.payments.movements as movements
from domain.lifecycle.profile import Operation
from domain.lifecycle.sending import Move
from domain.payments.kind import PaymentKind
from domain.payments.report import PaymentState
from domain.payments.states import ENDS
from tests.proof.planted.bug import everywhere, planted


@planted("a cancel wins, whatever the partner says")
def a_cancel_always_wins() -> None:
    original = sending.next_move

    def cancels(op: Any, book: Any, now: Any, **options: Any) -> Any:
        if book.cancel_asked and not book.closed and not book.answered:
            return sending.NextMove(Move.CANCEL, "somebody asked for it")
        return original(op, book, now, **options)

    everywhere(original, cancels)


@planted("what was cancelled before it was sent is sent all the same",
         "tests/domain", "tests/attacks/test_cancels.py")  # fmt: skip
def a_closed_instruction_sends() -> None:
    original = sending.next_move

    def sends(op: Any, book: Any, now: Any, **options: Any) -> Any:
        if book.closed is sending.Closed.CANCELLED:
            book = book.model_copy(update={"closed": None, "cancel_asked": False})
        return original(op, book, now, **options)

    everywhere(original, sends)
    PaymentKind.ends = ENDS - {PaymentState.CANCELLED}
    everywhere(ENDS, PaymentKind.ends)


@planted("the clock ends what is in doubt")
def the_clock_decides() -> None:
    original = sending.next_move

    def expires(op: Any, book: Any, now: Any, **options: Any) -> Any:
        if now >= book.submit_before and not book.closed and not book.answered:
            return sending.NextMove(Move.EXPIRE, "its time is over")
        return original(op, book, now, **options)

    everywhere(original, expires)


@planted("doubt ends a minute after the attempt")
def doubt_passes_with_time() -> None:
    original = sending._in_doubt

    def forgets(op: Any, book: Any, now: Any, halted: bool) -> Any:
        if now > max(attempt.ends_by for attempt in book.attempts) + timedelta(minutes=1):
            return sending._send_anew(op, book, now, halted, "long ago", book.generation)
        return original(op, book, now, halted)

    everywhere(original, forgets)


@planted("a return that comes after the end is not heard")
def a_late_return_is_ignored() -> None:
    hear = folding._Folding.hear

    def hears(self: Any, report: Any) -> None:
        over = (PaymentState.SETTLED, PaymentState.FINAL)
        if not (self.state in over and report.state is PaymentState.RETURNED):
            hear(self, report)

    folding._Folding.hear = hears  # type: ignore[method-assign]
    folding._Folding._check_sums = lambda *_: None  # type: ignore[method-assign]


@planted("settled is final, without the watch for returns", "tests/domain/test_payment.py")
def final_at_settled() -> None:
    init = folding._Folding.__init__

    def without_watch(self: Any, *given: Any) -> None:
        init(self, *given)
        self.watch = timedelta(0)

    folding._Folding.__init__ = without_watch  # type: ignore[method-assign,assignment]


@planted("reports count in the order in which they arrived", "tests/domain/test_payment.py")
def the_fold_goes_by_arrival() -> None:
    everywhere(folding._place, lambda report: 0)


@planted("a payment is closed on the partner's word that it was not executed, unasked")
def closed_unasked() -> None:
    everywhere(absence.is_unconfirmed, lambda op, book: False)


@planted("an answer whose status nobody declared counts as not executed")
def any_refusal_is_believed() -> None:
    Operation.refusals_without_effect = property(  # type: ignore[assignment]
        lambda _: range(100, 600)
    )


@planted("a debit that was undone still counts", "tests/domain/test_bookings.py")
def an_undone_debit_counts() -> None:
    everywhere(movements.movements_of, movements.ever_booked)


@planted("a payment is final without its debit", "tests/attacks/test_settled_without_money.py")
def settled_without_a_debit() -> None:
    folding._Folding._require_the_debit = (  # type: ignore[method-assign]
        lambda self, amounts: None
    )


@planted("a payment stays final while something of it is in question",
         "tests/domain/test_bookings.py", "tests/domain/test_payment.py")  # fmt: skip
def final_in_question() -> None:
    folding._is_too_early = lambda state, certainty: False
