"""`finality pay`: turns each line of a file into one payment, however often it is run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Final

from assembly import Assembly, MachineClock, assembled
from domain.payments.payment import Certainty
from domain.payments.states import STATES
from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.pain001 import read
from messages.pain002 import FileStatus, Reason
from settings import Settings
from starter.file_keeping import keep
from starter.file_status import file_status, refused_status, unread_status
from starter.files import file_fingerprint, file_key
from starter.journal import Journal, JournalFailed
from starter.signing import KeyUnusable, Signer
from store.faults import StoreAway
from store.file_lines import LineRefusal
from store.files import FileTaken
from store.keyring import KeyringError
from store.operators import NotSigned, OperatorsFixed
from store.records import PaymentRecord
from terminal.broken_off import (
    FORESEEN,
    REUSED,
    Unanswered,
    show_unanswered,
    show_unread,
    unanswered,
)
from terminal.commanding import signer
from terminal.judging import Judged, judge
from terminal.outcome import show_outcome
from terminal.pay_options import PayOptions
from terminal.preview import preview, show_notices
from terminal.recording import Recorded, record, until_rest
from terminal.refused import (
    DUPLICATION,
    Repeat,
    print_known,
    print_nothing_paid,
    print_refused,
    print_unread,
    show_refused,
    show_repeats,
)
from terminal.screen import Screen, say_wrong
from terminal.status_report import NotWritten, as_xml, put, try_out
from terminal.table import print_json, table
from terminal.typed import typed

_CONTENT_TAKEN: Final = "a file with this message id and other content was recorded before"

#: Exit codes: all is well; a payment failed, is in doubt or was refused; nothing was paid.
ALL_WELL, SOME_NOT, NOTHING_PAID = 0, 1, 2


async def pay_file(settings: Settings, options: PayOptions) -> int:
    """Read the file, check, record and start its payments, wait, and show them.

    A file with refused lines or possible duplicates is not paid at all, and nothing of it is
    stored, so that it may be corrected under its own message id. Refused lines are corrected or
    left out (`skip_invalid`); possible duplicates are named in `acknowledge` or left out.

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
            judged = await judge(assembly, content, options)
            if options.preview:
                return await _previewed(assembly, judged, screen, options)
            return await _pay(assembly, judged, screen, options)
    except KeyringError as error:
        say_wrong(screen, str(error))
        return NOTHING_PAID


def _unread(options: PayOptions, reason: str) -> int:
    if options.as_json:
        print_unread(reason, MachineClock().now())
    return NOTHING_PAID


async def _previewed(
    assembly: Assembly, judged: Judged, screen: Screen, options: PayOptions
) -> int:
    """Show what would be paid, and record nothing. Returns the exit code."""
    judged, is_sure = await preview(assembly, judged, screen, as_json=options.as_json)
    in_the_way = bool(judged.refused or judged.repeats)
    if not judged.new or (in_the_way and not options.skip_invalid):
        return ALL_WELL if judged.known and not in_the_way else NOTHING_PAID
    return ALL_WELL if is_sure and not in_the_way else SOME_NOT


async def _pay(assembly: Assembly, judged: Judged, screen: Screen, options: PayOptions) -> int:
    content, refused, repeats = judged.content, judged.refused, list(judged.repeats)
    if refused:
        if not assembly.settings.debtors:
            screen.print(
                "The settings have no debtor account. Does `finality up` run in this folder?"
            )
        show_refused(screen, refused)
        if not options.skip_invalid:
            print_known(screen, content.message_id, judged.known, as_json=options.as_json)
            advice = "Correct the lines, or pay" if not judged.known else "Pay"
            screen.print(f"Nothing new is paid. {advice} the others with --skip-invalid.")
            if options.as_json:
                print_refused(content.message_id, refused, (), assembly.clock.now())
                print_nothing_paid(
                    content.message_id,
                    judged.unpaid(),
                    "not paid: other lines of the file are refused",
                    assembly.clock.now(),
                )
            why = Reason(code="NARR", text=f"{len(refused)} lines are refused, so no line is paid")
            return _nothing_paid(assembly, judged, screen, options, why)
    by: Signer | None = None
    if options.operator is not None:
        try:
            by = signer(assembly.settings, options.operator)
            await assembly.operators.require(by)
        except (KeyUnusable, NotSigned, OperatorsFixed) as unsigned:
            return _all_refused(assembly, judged, screen, options, str(unsigned), code="NARR")
    if repeats and not options.skip_invalid:
        print_known(screen, content.message_id, judged.known, as_json=options.as_json)
        _ask(screen, repeats, options, "Nothing new is paid.")
        if options.as_json:
            now = assembly.clock.now()
            print_refused(content.message_id, (), repeats, now)
            others = (line.line for line in judged.new)
            why_not = "not paid: other lines of the file may be duplicates"
            print_nothing_paid(content.message_id, others, why_not, now)
        why = Reason(code=DUPLICATION, text=f"{len(repeats)} lines may be paid already")
        return _nothing_paid(assembly, judged, screen, options, why)
    try:
        recorded = await _recorded(assembly, judged, screen, options, by)
    except FileTaken as taken:
        reason = f"{taken}; {_taken_before(content)}"
        return _all_refused(assembly, judged, screen, options, reason, code="DU01")
    except JournalFailed as failed:
        return _all_refused(assembly, judged, screen, options, str(failed), code="NARR")
    repeats += recorded.repeats
    broke_off, rest = recorded.broke_off, Unanswered()
    if broke_off:
        rest = await unanswered(assembly, broke_off, judged.known)
        if rest.refused:
            rest = replace(rest, why=f"{_CONTENT_TAKEN}: {rest.why}; {_taken_before(content)}")
        if rest.refused or recorded.repeats:
            await _keep_refused(assembly, judged, repeats, rest)
    if not all(one.is_started for one in recorded.receipts if not one.is_replay):
        screen.print(
            "No Temporal server answers. The payments are recorded, and start by themselves when "
            "one does (`finality up`).",
            style="yellow",
        )
    code = await _outcome(assembly, judged, screen, options, recorded, rest, repeats)
    if broke_off and not isinstance(broke_off.why, FORESEEN):
        raise broke_off.why
    return code


async def _recorded(
    assembly: Assembly, judged: Judged, screen: Screen, options: PayOptions, by: Signer | None
) -> Recorded:
    """Store the file and record its orders.

    Raises:
        FileTaken: its message id stands for other content; nothing was recorded.
        JournalFailed: the journal cannot be opened; nothing was recorded.
    """
    content = judged.content
    with ExitStack() as stack:
        kept = stack.enter_context(Journal(options.journal)) if options.journal else None
        # Not earlier: a file that was not paid may still be corrected under its message id.
        await assembly.files.take(
            {line.debtor.tenant for line, _ in judged.orders},
            file_key=file_key(content),
            fingerprint=file_fingerprint(content),
            message_id=content.message_id,
            now=assembly.clock.now(),
        )
        await keep(assembly.file_lines, content, judged.planned, _left_out(judged.repeats))
        recorded = await record(assembly, judged.orders, screen, kept, by)
    if recorded.repeats and recorded.broke_off is None:
        left_out = _left_out([*judged.repeats, *recorded.repeats])
        await keep(assembly.file_lines, content, judged.planned, left_out)
    return recorded


async def _keep_refused(
    assembly: Assembly, judged: Judged, repeats: Sequence[Repeat], rest: Unanswered
) -> None:
    """Store why lines are not paid. If the store is away, do nothing: that was said already."""
    left_out = _left_out(repeats) | {
        line.position: LineRefusal(code=REUSED, field="CdtTrfTxInf", text=rest.why)
        for line in rest.refused
    }
    with suppress(StoreAway):
        await keep(assembly.file_lines, judged.content, judged.planned, left_out)


def _left_out(repeats: Sequence[Repeat]) -> dict[int, LineRefusal]:
    return {
        one.line.position: LineRefusal(
            code=DUPLICATION, field="CdtTrfTxInf", text=str(one.duplicate)
        )
        for one in repeats
    }


async def _outcome(
    assembly: Assembly,
    judged: Judged,
    screen: Screen,
    options: PayOptions,
    recorded: Recorded,
    rest: Unanswered,
    repeats: Sequence[Repeat],
) -> int:
    """Wait, show the outcome of every line and write the report. Returns the exit code."""
    content, refused = judged.content, judged.refused
    ids = [one.payment_id for one in recorded.receipts] + [*rest.recorded]
    # Lines that an earlier run paid and that are refused now, e.g. an account no longer mapped.
    payable = {line.line.position for line in judged.planned.orders}
    before = [judged.known[each] for each in sorted(judged.known) if each not in payable]
    is_shown, report = False, None
    try:
        records = await until_rest(assembly, ids, screen, options.wait_seconds) + before
        of_file = [(one.tenant, one.key) for one in records]
        places = await assembly.file_lines.places(of_file) if options.as_json else {}
        if options.as_json:
            print_json(records, places)
        elif records:
            known = {one.payment_id for one in judged.known.values()}
            known |= {one.payment_id for one in recorded.receipts if one.is_replay}
            _show(screen, judged, records, sum(one.payment_id in known for one in records))
        is_shown = True
        if options.status_report and (records or recorded.broke_off):
            report = await _status(assembly, content)
    except StoreAway as away:
        # The lines are recorded and will be paid; an error alone would hide that.
        records = []
        if not is_shown:
            print_known(screen, content.message_id, judged.known, as_json=options.as_json)
            show_unread(screen, content.message_id, recorded.lines, str(away),
                        assembly.clock.now(), as_json=options.as_json)  # fmt: skip
        if options.status_report is not None:
            say_wrong(screen, "--status-report:", f"not written: {away}")
    if options.as_json:
        print_refused(content.message_id, refused, repeats, assembly.clock.now())
    show_outcome(screen, records, refused=len(refused), repeats=len(repeats))
    if repeats:
        _ask(screen, repeats, options, "These lines are not paid.")
    if recorded.broke_off:
        now = assembly.clock.now()
        show_unanswered(screen, content.message_id, rest, now, as_json=options.as_json)
    paid_nothing = not ids and not before and not rest.uncertain
    if paid_nothing and not recorded.broke_off:
        why = Reason(code="NARR", text="no line is paid")
        return _nothing_paid(assembly, judged, screen, options, why)
    if report is not None:
        _report(options, screen, report)
    if paid_nothing:
        return NOTHING_PAID
    failed = any(map(_is_failed, records)) or not is_shown
    return SOME_NOT if failed or refused or repeats or recorded.broke_off else ALL_WELL


async def _status(assembly: Assembly, content: CreditTransferFile) -> FileStatus:
    """The file's present status. Its lines are stored once per tenant that pays some of them."""
    files = await assembly.file_lines.files(message_id=content.message_id)
    own = [file for file in files if file.file_key == file_key(content)]
    lines = [line for file in own for line in await assembly.file_lines.lines(file)]
    lines.sort(key=lambda now: now.line.position)
    return file_status(own[0], lines, assembly.clock.now())


def _all_refused(
    assembly: Assembly,
    judged: Judged,
    screen: Screen,
    options: PayOptions,
    reason: str,
    *,
    code: str,
) -> int:
    said = reason if code == "NARR" else f"{code} {reason}"
    say_wrong(screen, "The file is refused:", said)
    print_known(screen, judged.content.message_id, judged.known, as_json=options.as_json)
    if options.as_json:
        content = judged.content
        unpaid = (line for line in content.lines if line.position not in judged.known)
        print_nothing_paid(content.message_id, unpaid, said, assembly.clock.now())
    why = Reason(code=code, text=reason)
    return _nothing_paid(assembly, judged, screen, options, why)


def _nothing_paid(
    assembly: Assembly, judged: Judged, screen: Screen, options: PayOptions, why: Reason
) -> int:
    if options.status_report is not None:
        now = assembly.clock.now()
        refusals = judged.reasons
        report = refused_status(judged.content, why, now, refusals=refusals, known=judged.known)
        _report(options, screen, report)
    return NOTHING_PAID


def _report(options: PayOptions, screen: Screen, report: FileStatus) -> None:
    """Write the status report. If that fails, say so, but leave the exit code as it is."""
    if options.status_report is None:
        return
    try:
        put(as_xml(report), options.status_report)
    except NotWritten as problem:
        say_wrong(screen, "--status-report:", str(problem))


def _taken_before(content: CreditTransferFile) -> str:
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


def _is_failed(record: PaymentRecord) -> bool:
    return record.payment.certainty is Certainty.UNKNOWN or STATES[record.payment.state].failed


def _show(screen: Screen, judged: Judged, records: Sequence[PaymentRecord], known: int) -> None:
    screen.print(table(records))
    if known:
        screen.print(
            f"{known} of {len(records)} were known from an earlier run of this file: "
            "nothing was paid again."
        )
    show_notices(screen, judged)
