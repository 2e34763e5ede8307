"""`finality pay`: turns each line of a file into one payment, however often it is run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from assembly import Assembly, MachineClock, assembled
from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.pain001 import read
from messages.pain002 import FileStatus, Reason
from settings import Settings
from starter.files.intake import NARRATIVE, in_words
from starter.files.judging import Judged, Repeat
from starter.files.outcome import Accepted, FileOutcome, Hindrance, NothingPaid, Verdict
from starter.files.status import unread_status
from starter.files.unanswered import FORESEEN
from store.keyring import KeyringError
from terminal.commanding import signer
from terminal.outcome import show_counts, show_unanswered, show_unread
from terminal.pay_options import PayOptions
from terminal.preview import show_notices, show_preview
from terminal.progress import Progressing
from terminal.refused import (
    print_known,
    print_unpaid,
    print_unread,
    show_refused,
    show_repeats,
)
from terminal.screen import Screen, say_wrong
from terminal.status_report import NotWritten, as_xml, put, try_out
from terminal.table import print_json, table
from terminal.typed import typed

#: Exit codes: all is well; a payment failed, is in doubt or was refused; nothing was paid.
ALL_WELL, SOME_NOT, NOTHING_PAID = 0, 1, 2
_CODES: Final = {
    Verdict.ALL_WELL: ALL_WELL,
    Verdict.SOME_NOT: SOME_NOT,
    Verdict.NOTHING_PAID: NOTHING_PAID,
}


async def pay_file(settings: Settings, options: PayOptions) -> int:
    """Read the file, have it judged and accepted, wait, and show what became of it.

    Returns the exit code.
    """
    screen = Screen(stderr=options.as_json)
    if options.status_report is not None:
        try:
            try_out(options.status_report)
        except NotWritten as problem:
            say_wrong(screen, "--status-report:", str(problem))
            return _unread(options, f"the status report {problem}")
    try:
        content = read(options.file, allow_truncation=options.allow_truncation)
    except FileRefused as refused:
        say_wrong(screen, "The file is refused:", str(refused))
        _report(options, screen, unread_status(refused, MachineClock().now()))
        return _unread(options, str(refused))
    except OSError as error:
        say_wrong(screen, f"{options.file} cannot be read:", str(error.strerror))
        return _unread(options, f"the file cannot be read: {error.strerror}")
    try:
        async with assembled(settings) as assembly:
            judged = await assembly.intake.judge(content, options.terms)
            if options.preview:
                preview = await assembly.intake.preview(judged)
                show_preview(screen, preview, assembly.clock.now(), as_json=options.as_json)
                return _CODES[preview.verdict(options.terms)]
            return await _pay(assembly, judged, screen, options)
    except KeyringError as error:
        say_wrong(screen, str(error))
        return NOTHING_PAID


def _unread(options: PayOptions, reason: str) -> int:
    if options.as_json:
        print_unread(reason, MachineClock().now())
    return NOTHING_PAID


async def _pay(assembly: Assembly, judged: Judged, screen: Screen, options: PayOptions) -> int:
    if judged.refused:
        if not assembly.settings.debtors:
            screen.print(
                "The settings have no debtor account. Does `finality up` run in this folder?"
            )
        show_refused(screen, judged.refused)
    operator = options.operator
    with Progressing(screen, "recorded and started", len(judged.orders)) as progress:
        accepted = await assembly.intake.accept(
            judged,
            options.terms,
            sign=None if operator is None else lambda: signer(assembly.settings, operator),
            journal=options.journal,
            hint=_how_to_see(judged.content),
            progress=progress.at,
        )
    if isinstance(accepted, NothingPaid):
        return _not_accepted(assembly, accepted, screen, options)
    if accepted.recorded.is_left_to_relay:
        screen.print(
            "No Temporal server answers. The payments are recorded, and start by themselves when "
            "one does (`finality up`).",
            style="yellow",
        )
    total = len(accepted.payment_ids)
    with Progressing(screen, "settled or waiting for a person", total) as progress:
        outcome = await assembly.intake.follow(
            accepted,
            assembly.clock.now() + timedelta(seconds=options.wait_seconds),
            with_places=options.as_json,
            with_status=options.status_report is not None,
            progress=progress.at,
        )
    code = _show_outcome(assembly, accepted, outcome, screen, options)
    broke_off = accepted.recorded.broke_off
    if broke_off and not isinstance(broke_off.why, FORESEEN):
        raise broke_off.why
    return code


def _not_accepted(
    assembly: Assembly, nothing: NothingPaid, screen: Screen, options: PayOptions
) -> int:
    """Show why nothing new of the file is paid, and what to do. Returns the exit code."""
    judged = nothing.judged
    file = judged.content.message_id
    if nothing.hindrance is Hindrance.FILE:
        say_wrong(screen, "The file is refused:", in_words(nothing.why))
    print_known(screen, file, judged.known, as_json=options.as_json)
    if nothing.hindrance is Hindrance.REFUSED_LINES:
        advice = "Correct the lines, or pay" if not judged.known else "Pay"
        screen.print(f"Nothing new is paid. {advice} the others with --skip-invalid.")
    elif nothing.hindrance is Hindrance.REPEATS:
        _ask(screen, judged.repeats, options, "Nothing new is paid.")
    if options.as_json:
        print_unpaid(file, nothing.unpaid, assembly.clock.now())
    return _nothing_paid(assembly, judged, screen, options, nothing.why)


def _show_outcome(
    assembly: Assembly,
    accepted: Accepted,
    outcome: FileOutcome,
    screen: Screen,
    options: PayOptions,
) -> int:
    """Show the outcome of every line and write the report. Returns the exit code."""
    judged, file = accepted.judged, accepted.judged.content.message_id
    if outcome.unread is not None:
        print_known(screen, file, judged.known, as_json=options.as_json)
        if options.as_json:
            print_unpaid(file, outcome.unread_lines, assembly.clock.now())
        show_unread(screen, outcome)
    elif options.as_json:
        print_json(outcome.records, outcome.places)
    elif outcome.records:
        _show(screen, outcome)
    if outcome.unreported is not None and options.status_report is not None:
        say_wrong(screen, "--status-report:", f"not written: {outcome.unreported}")
    if options.as_json:
        print_unpaid(file, outcome.refused, assembly.clock.now())
    show_counts(screen, outcome)
    if accepted.repeats:
        _ask(screen, accepted.repeats, options, "These lines are not paid.")
    if accepted.recorded.broke_off:
        if options.as_json:
            print_unpaid(file, accepted.rest.unpaid, assembly.clock.now())
        show_unanswered(screen, accepted.rest)
    elif outcome.pays_nothing:
        why = Reason(code=NARRATIVE, text="no line is paid")
        return _nothing_paid(assembly, judged, screen, options, why)
    if outcome.status is not None:
        _report(options, screen, outcome.status)
    return _CODES[outcome.verdict]


def _nothing_paid(
    assembly: Assembly, judged: Judged, screen: Screen, options: PayOptions, why: Reason
) -> int:
    if options.status_report is not None:
        _report(options, screen, assembly.intake.status_of_unpaid(judged, why))
    return NOTHING_PAID


def _report(options: PayOptions, screen: Screen, report: FileStatus) -> None:
    """Write the status report. If that fails, say so, but leave the exit code as it is."""
    if options.status_report is None:
        return
    try:
        put(as_xml(report), options.status_report)
    except NotWritten as problem:
        say_wrong(screen, "--status-report:", str(problem))


def _how_to_see(content: CreditTransferFile) -> str:
    """How to see what was paid under this message id, which may include lines of this content."""
    command = typed(["finality", "file", "show"], content.message_id)
    return f"`{command}` shows what was paid of it"


def _ask(screen: Screen, repeats: Sequence[Repeat], options: PayOptions, outcome: str) -> None:
    show_repeats(screen, repeats)
    skip = "" if options.skip_invalid else ", or pay the others with --skip-invalid"
    screen.print(
        f"{outcome} If they are meant in addition to the earlier payments, acknowledge those with "
        f"the command below{skip}.",
    )
    if any(repeat.duplicate.needs_operator for repeat in repeats) and not options.operator:
        screen.print(
            "An earlier payment is in doubt, and may turn out to be this one. It is safer to wait "
            "until its outcome is known. Only an operator may acknowledge it.",
        )
    # Not wrapped, so that it can be copied.
    screen.print(
        options.command([repeat.duplicate for repeat in repeats]),
        soft_wrap=True,
    )


def _show(screen: Screen, outcome: FileOutcome) -> None:
    screen.print(table(outcome.records))
    if outcome.known:
        screen.print(
            f"{outcome.known} of {len(outcome.records)} were known from an earlier run of this "
            "file: nothing was paid again."
        )
    show_notices(screen, outcome.accepted.judged)
