"""Bugs: what is forgotten in a restore, and what a halt stops."""

from __future__ import annotations

import secrets
from typing import Any

from sqlmodel import select

from domain.lifecycle.witness import Known
from store.halts import is_halted
from tests.proof.planted.bug import everywhere, planted
from workflows import upkeep


@planted("each payment gets a random id: given again after a restore it is another payment")
def a_random_payment_id() -> None:
    import domain.ids

    everywhere(domain.ids.payment_id_of, lambda *_: f"pay_{secrets.token_hex(10)}")


@planted("how many rounds there were is the witness of a set-back database, and is overtaken",
         "tests/store/test_rounds.py")  # fmt: skip
def a_count_is_the_witness() -> None:
    import store.rounds
    from store.tables.upkeep import RoundRow

    def counted(session: Any, known: Any) -> str:
        rounds = len(session.exec(select(RoundRow)).all())
        return "it has fewer rounds" if known.mark and rounds < known.mark.number else ""

    everywhere(store.rounds._missing, counted)


@planted("a last round that a stranger wrote reads as no round yet",
         "tests/attacks/test_rounds.py::"
         "test_a_result_that_is_not_ours_is_not_taken_for_no_round_yet")  # fmt: skip
def a_strangers_round_resets_the_witness() -> None:
    original = upkeep.known

    def forgets(result: Any) -> Known:
        return original(result) if isinstance(result, dict) else Known()

    everywhere(original, forgets)


@planted("a run whose payment is gone is only logged", "tests/store/test_rounds.py")
def a_payment_that_is_gone_is_only_logged() -> None:
    import store.set_back

    async def only_logs(*_: Any) -> None:
        return

    store.set_back.SetBack.forgot = only_logs  # type: ignore[method-assign,assignment]


@planted("what a partner shows and nobody knows is ignored")
def strangers_are_ignored() -> None:
    import store.strangers

    async def ignores(*_: Any) -> str:
        return ""

    store.strangers.Strangers.compare = ignores  # type: ignore[method-assign,assignment]


@planted("a halt of a set-back database is lifted before anything counts as sent",
         "tests/store/test_rounds.py")  # fmt: skip
def what_may_have_been_sent_is_not_doubted() -> None:
    import store.set_back

    async def doubts_nothing(*_: Any, **__: Any) -> None:
        return

    store.set_back.SetBack.doubt = doubts_nothing  # type: ignore[method-assign]


@planted("a halt is not looked at when a send is permitted", "tests/store/test_halts.py")
def a_halt_stops_nothing() -> None:
    everywhere(is_halted, lambda *_: False)


@planted("a reply closes whichever attempt has its number", "tests/store/test_forgotten.py")
def a_reply_of_another_attempt_is_believed() -> None:
    import store.attempts

    original = store.attempts.of_its_attempt

    def by_number(session: Any, payment: Any, row: Any, heard: Any) -> Any:
        return original(session, payment, row, heard.model_copy(update={"nonce": ""}))

    everywhere(original, by_number)


@planted("what the run has seen is forgotten where our checks bar a payment",
         "tests/store/test_forgotten.py")  # fmt: skip
def checks_bar_what_the_run_has_seen_sent() -> None:
    from store.sending import SendBook

    hold = SendBook.hold

    async def holds(self: Any, instruction_id: str, examined: Any, *, known: int = 0) -> Any:
        return await hold(self, instruction_id, examined)

    SendBook.hold = holds  # type: ignore[method-assign]


@planted("a payment that the partner shows is cancelled as unsent", "tests/store/test_forgotten.py")
def a_command_ends_what_the_partner_shows() -> None:
    from store.commands import Commands
    from store.payments import row

    def as_it_stands(self: Any, session: Any, payment_id: str, at: Any) -> Any:
        return row(session, payment_id)

    Commands._remembered = as_it_stands  # type: ignore[method-assign]


@planted("what was closed on the copy before a partner showed it stays closed",
         "tests/store/test_forgotten.py")  # fmt: skip
def a_halt_without_its_own_beginning() -> None:
    import store.forgotten

    original = store.forgotten.halt

    def halts(session: Any, found: str, now: Any, *, since: Any = None) -> None:
        original(session, found, now)

    everywhere(original, halts)


@planted("what was barred and is doubted later is sent by its key, or once it is proven absent",
         "tests/store/test_forgotten.py")  # fmt: skip
def what_was_reopened_is_sent_again() -> None:
    import store.books

    original = store.books.book_of

    def never_closed(session: Any, payment: Any, row: Any) -> Any:
        return original(session, payment, row).model_copy(update={"reopened": None})

    everywhere(original, never_closed)


@planted("what a partner shows of a payment that was cancelled as unsent is ignored",
         "tests/store/test_strangers.py")  # fmt: skip
def an_ended_payment_is_never_looked_up_again() -> None:
    import store.strangers

    everywhere(store.strangers._ended, lambda *_: [])


@planted("the mark of a partner's list is kept by the account's name alone",
         "tests/store/test_strangers.py")  # fmt: skip
def a_mark_for_every_place() -> None:
    from domain.payments.listing import Listing

    Listing.is_at = lambda *_: True  # type: ignore[method-assign]
