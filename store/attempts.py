"""Writing an attempt's result into the book, in the transaction that records the reply."""

from __future__ import annotations

from sqlmodel import Session

from domain.lifecycle.heard import Heard
from domain.lifecycle.sending import (
    Answer,
    AttemptResult,
    Book,
    Closed,
    doubted_besides,
    duplicate_is_refusal,
    is_refused,
)
from store.books import FORGOTTEN, book_of
from store.forgotten import doubt, halt
from store.page import page_of
from store.requests import close, operation_of
from store.tables.lifecycles import InstructionRow, LifecycleRow


def of_its_attempt(
    session: Session, resource: LifecycleRow, row: InstructionRow, heard: Heard
) -> Heard:
    """The same outcome, under the number that its attempt has in this book.

    A database that was set back may give a forgotten attempt's number to a new attempt. A reply to
    the forgotten attempt says nothing about the new one, so the nonce decides which attempt was
    answered. If no attempt in the book has this nonce, everything is halted and one more attempt
    counts as sent.
    """
    if heard.attempt is None:
        return heard
    page = page_of(session, resource.resource_id)
    attempts = page.attempts(row.instruction_id)
    numbered = next((a for a in attempts if a.number == heard.attempt), None)
    # Attempts of earlier releases have no nonce.
    own = next((a for a in attempts if a.nonce == heard.nonce), None) if heard.nonce else numbered
    if own is None and numbered and not numbered.nonce and numbered.why.startswith(FORGOTTEN):
        own = numbered
    if own is None:
        # The database has forgotten this attempt; only the process that sent it knows of it.
        found = f"{row.instruction_id} has {len(attempts)} attempts"
        another = ", but not the one that has this number" if numbered else ""
        text = f"{found}, and attempt {heard.attempt} was answered{another}"
        halt(session, text, heard.heard_at)
        through = max(heard.attempt, len(attempts) + 1)
        doubt(session, resource, row, through, heard.heard_at)
        own = page.attempt(row.instruction_id, through)
    own.nonce = own.nonce or heard.nonce
    session.add(own)
    report = heard.report and heard.report.model_copy(update={"attempt": own.number})
    return heard.model_copy(update={"attempt": own.number, "report": report})


def close_attempt(
    session: Session,
    resource: LifecycleRow,
    row: InstructionRow,
    book: Book,
    heard: Heard,
    *,
    ours: bool,
) -> None:
    """Write the attempt's result. Close the instruction if the result refuses it as a whole.

    Args:
        book: the book before this result.
        ours: False if the reply shows another resource's object.
    """
    assert heard.attempt is not None
    assert heard.result is not None
    attempt = page_of(session, resource.resource_id).attempt(row.instruction_id, heard.attempt)
    if attempt.why.startswith(FORGOTTEN):
        if heard.answer is not Answer.ACCEPTED:
            # A later attempt may be forgotten as well, so only an acceptance can be relied on.
            return
    elif attempt.result != AttemptResult.OPEN:
        return  # Recorded before; the first record stands.
    operation = operation_of(resource, row)
    result, answer, closed = heard.result, heard.answer, None
    match answer:
        case None if result is AttemptResult.TURNED_AWAY:
            if heard.status not in operation.refusals_without_effect:
                # The profile does not declare that this status means "not executed".
                result = AttemptResult.UNKNOWN
        case Answer.ACCEPTED if not ours:
            # The reply shows another resource's object, so it says nothing about this one.
            result, answer = AttemptResult.UNKNOWN, None
        case Answer.REFUSED if not doubted_besides(operation, book, heard.attempt):
            closed = Closed.REFUSED
        case Answer.DUPLICATE if duplicate_is_refusal(operation, book, heard.attempt):
            result = AttemptResult.TURNED_AWAY
        case _:
            pass
    attempt.result, attempt.answer = result, answer
    attempt.closed_at = heard.heard_at
    attempt.server_error = heard.server_error
    attempt.not_before = heard.not_before
    attempt.why = heard.why
    session.add(attempt)
    if closed and not book.answered:
        close(session, row, closed, heard.heard_at)


def close_refused(
    session: Session, resource: LifecycleRow, row: InstructionRow, heard: Heard
) -> None:
    """Close a refused instruction, if a lookup has now ruled out its other attempts."""
    book = book_of(session, resource, row)
    if book.closed is None and is_refused(operation_of(resource, row), book):
        close(session, row, Closed.REFUSED, heard.heard_at)
