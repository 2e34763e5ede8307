"""`finality pay`: a file becomes payments, each once."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

from assembly import Assembly, MachineClock, assembled
from domain.payment import Certainty
from domain.report import PaymentState
from domain.states import ENDS
from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.pain001 import read
from messages.pain002 import FileStatus, Reason
from settings import Settings
from starter.client import Receipt
from starter.file_keeping import keep
from starter.file_status import file_status, refused_status, unread_status
from starter.files import file_fingerprint, file_key
from starter.journal import Journal
from starter.signing import KeyUnusable, Signer
from store.accepting import KeyReused
from store.files import FileTaken
from store.keyring import KeyringError
from store.operators import NotSigned, OperatorsFixed
from store.records import PaymentRecord
from terminal.commanding import signer
from terminal.judging import Judged, judge
from terminal.outcome import show_outcome
from terminal.preview import preview, show_notices
from terminal.recording import record, until_rest
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
from terminal.wishes import Wishes

_FAILED: Final = ENDS - {PaymentState.FINAL, PaymentState.UNCONFIRMED}

#: Exit codes: all well; some payment failed, is in doubt or was refused; nothing was paid.
ALL_WELL, SOME_NOT, NOTHING_PAID = 0, 1, 2


async def pay_file(settings: Settings, wishes: Wishes) -> int:
    """Read, check, record, run, wait a while, and show; the exit code.

    A file with refused lines, or with lines that may repeat payments of other files and keys,
    is not paid at all: the refused ones are corrected or left out (`skip_invalid`), the others
    named in `acknowledge` or left out. Nothing of it is kept, so that it may be corrected under
    its own message id.
    """
    screen = Screen(stderr=wishes.as_json)
    if wishes.status_report is not None:
        try:
            try_out(wishes.status_report)
        except NotWritten as problem:
            say_wrong(screen, "--status-report:", str(problem))
            return _unread(wishes, f"the status report {problem}")
    try:
        content = read(wishes.file, allow_truncation=wishes.allow_truncation)
    except FileRefused as refused:
        say_wrong(screen, "The file is refused:", str(refused))
        _report(wishes, screen, unread_status(refused, MachineClock().now()))
        return _unread(wishes, str(refused))
    except OSError as error:
        say_wrong(screen, f"{wishes.file} cannot be read:", str(error.strerror))
        return _unread(wishes, f"the file cannot be read: {error.strerror}")
    try:
        async with assembled(settings) as assembly:
            judged = await judge(assembly, content, wishes)
            if wishes.preview:
                return await _previewed(assembly, judged, screen, wishes)
            return await _pay(assembly, judged, screen, wishes)
    except KeyringError as error:
        say_wrong(screen, str(error))
        return NOTHING_PAID


def _unread(wishes: Wishes, reason: str) -> int:
    if wishes.as_json:
        print_unread(reason)
    return NOTHING_PAID


async def _previewed(assembly: Assembly, judged: Judged, screen: Screen, wishes: Wishes) -> int:
    """What would come of it; nothing is recorded."""
    judged, is_sure = await preview(assembly, judged, screen, as_json=wishes.as_json)
    in_the_way = bool(judged.refused or judged.repeats)
    if not judged.new or (in_the_way and not wishes.skip_invalid):
        return ALL_WELL if judged.known and not in_the_way else NOTHING_PAID
    return ALL_WELL if is_sure and not in_the_way else SOME_NOT


async def _pay(assembly: Assembly, judged: Judged, screen: Screen, wishes: Wishes) -> int:
    content, refused, repeats = judged.content, judged.refused, list(judged.repeats)
    if refused:
        if not assembly.settings.debtors:
            screen.print("No debtor account is known here; does `finality up` run in this folder?")
        show_refused(screen, refused)
        if not wishes.skip_invalid:
            print_known(screen, content.message_id, judged.known, as_json=wishes.as_json)
            advice = "Correct the lines, or pay" if not judged.known else "Pay"
            screen.print(f"Nothing new is paid. {advice} the others with --skip-invalid.")
            if wishes.as_json:
                print_refused(content.message_id, refused, ())
                print_nothing_paid(
                    content.message_id,
                    judged.unpaid(),
                    "not paid: other lines of the file are refused",
                )
            why = Reason(
                code="NARR", text=f"{len(refused)} lines are refused, so that none is paid"
            )
            return _nothing_paid(assembly, judged, screen, wishes, why)
    by: Signer | None = None
    if wishes.operator is not None:
        try:
            by = signer(assembly.settings, wishes.operator)
            await assembly.operators.require(by)
        except (KeyUnusable, NotSigned, OperatorsFixed) as unsigned:
            return _all_refused(assembly, judged, screen, wishes, str(unsigned), code="NARR")
    if repeats and not wishes.skip_invalid:
        print_known(screen, content.message_id, judged.known, as_json=wishes.as_json)
        _ask(screen, repeats, wishes, "Nothing new is paid.")
        if wishes.as_json:
            print_refused(content.message_id, (), repeats)
            others = (line.line for line in judged.new)
            print_nothing_paid(
                content.message_id, others, "not paid: other lines of the file may be duplicates"
            )
        why = Reason(code=DUPLICATION, text=f"{len(repeats)} lines may be paid already")
        return _nothing_paid(assembly, judged, screen, wishes, why)
    try:
        receipts, late = await _recorded(assembly, judged, screen, wishes, by)
    except FileTaken as taken:
        reason = f"{taken}; {_taken_before(content)}"
        return _all_refused(assembly, judged, screen, wishes, reason, code="DU01")
    except KeyReused as reused:
        # Same message id, other content. What was recorded before stays recorded.
        text = "a file of this message id was taken before with other content"
        reason = f"{text}: {reused}; {_taken_before(content)}"
        return _all_refused(assembly, judged, screen, wishes, reason, code="DU01")
    repeats += late
    if not all(receipt.is_started for receipt in receipts if not receipt.is_replay):
        screen.print(
            "No Temporal server answers: the payments are recorded and start by themselves when "
            "one does (`finality up`).",
            style="yellow",
        )
    records = await until_rest(assembly, receipts, screen, wishes.wait_seconds)
    # Lines that were paid, and could not be any more: their account is mapped no longer.
    payable = {line.line.position for line in judged.planned.orders}
    before = [judged.known[each] for each in sorted(judged.known) if each not in payable]
    records += before
    if wishes.as_json:
        of_file = [(one.tenant, one.key) for one in records]
        print_json(records, await assembly.file_lines.places(of_file))
        print_refused(content.message_id, refused, repeats)
    else:
        _show(screen, judged, records, sum(one.is_replay for one in receipts) + len(before))
    show_outcome(screen, records, refused=len(refused), repeats=len(repeats))
    if repeats:
        _ask(screen, repeats, wishes, "These lines are not paid.")
    if not records:
        why = Reason(code="NARR", text="no line is paid")
        return _nothing_paid(assembly, judged, screen, wishes, why)
    if wishes.status_report is not None:
        _report(wishes, screen, await _status(assembly, content))
    failed = any(map(_is_failed, records))
    return SOME_NOT if failed or refused or repeats else ALL_WELL


async def _recorded(
    assembly: Assembly, judged: Judged, screen: Screen, wishes: Wishes, by: Signer | None
) -> tuple[list[Receipt], list[Repeat]]:
    """The file taken and kept, its orders given; and lines whose duplicate appeared meanwhile.

    Raises:
        FileTaken: its message id stands for other content.
        KeyReused: a line's key stands for another order.
    """
    content = judged.content
    # Not before: a file that is only asked about may still be corrected under its name.
    await assembly.files.take(
        {line.debtor.tenant for line, _ in judged.orders},
        file_key=file_key(content),
        fingerprint=file_fingerprint(content),
        message_id=content.message_id,
        now=assembly.clock.now(),
    )
    left_out = {one.line.position: str(one.duplicate) for one in judged.repeats}
    await keep(assembly.file_lines, content, judged.planned, left_out)
    with ExitStack() as stack:
        kept = stack.enter_context(Journal(wishes.journal)) if wishes.journal else None
        receipts, late = await record(assembly, judged.orders, screen, kept, by)
    if late:
        left_out |= {one.line.position: str(one.duplicate) for one in late}
        await keep(assembly.file_lines, content, judged.planned, left_out)
    return receipts, late


async def _status(assembly: Assembly, content: CreditTransferFile) -> FileStatus:
    """How the file stands now; its lines are kept for each tenant who pays some of them."""
    files = await assembly.file_lines.files(message_id=content.message_id)
    own = [file for file in files if file.file_key == file_key(content)]
    lines = [line for file in own for line in await assembly.file_lines.lines(file)]
    lines.sort(key=lambda now: now.line.position)
    return file_status(own[0], lines, assembly.clock.now())


def _all_refused(
    assembly: Assembly,
    judged: Judged,
    screen: Screen,
    wishes: Wishes,
    reason: str,
    *,
    code: str,
) -> int:
    said = reason if code == "NARR" else f"{code} {reason}"
    say_wrong(screen, "The file is refused:", said)
    print_known(screen, judged.content.message_id, judged.known, as_json=wishes.as_json)
    if wishes.as_json:
        content = judged.content
        unpaid = (line for line in content.lines if line.position not in judged.known)
        print_nothing_paid(content.message_id, unpaid, said)
    why = Reason(code=code, text=reason)
    return _nothing_paid(assembly, judged, screen, wishes, why)


def _nothing_paid(
    assembly: Assembly, judged: Judged, screen: Screen, wishes: Wishes, why: Reason
) -> int:
    if wishes.status_report is not None:
        now = assembly.clock.now()
        refusals = judged.reasons
        report = refused_status(judged.content, why, now, refusals=refusals, known=judged.known)
        _report(wishes, screen, report)
    return NOTHING_PAID


def _report(wishes: Wishes, screen: Screen, report: FileStatus) -> None:
    """What became of the payments stands whether or not this can be written."""
    if wishes.status_report is None:
        return
    try:
        put(as_xml(report), wishes.status_report)
    except NotWritten as problem:
        say_wrong(screen, "--status-report:", str(problem))


def _taken_before(content: CreditTransferFile) -> str:
    """Under its message id something was paid, and maybe what is in this content too."""
    command = typed(["finality", "file", "show"], content.message_id)
    return f"what was paid of it, `{command}` says"


def _ask(screen: Screen, repeats: Sequence[Repeat], wishes: Wishes, outcome: str) -> None:
    show_repeats(screen, repeats)
    skip = "" if wishes.skip_invalid else ", or pay the others with --skip-invalid"
    screen.print(
        f"{outcome} If they are meant besides the earlier ones, say so with the command below{skip}"
        ".",
    )
    if any(repeat.duplicate.needs_operator for repeat in repeats) and not wishes.operator:
        screen.print(
            "An earlier one is in doubt and may yet turn out to be this one: better wait until "
            "that is known. Only an operator may acknowledge it.",
        )
    # Not wrapped: it is there to be copied.
    screen.print(
        wishes.command([repeat.duplicate for repeat in repeats]),
        soft_wrap=True,
    )


def _is_failed(record: PaymentRecord) -> bool:
    return record.payment.certainty is Certainty.UNKNOWN or record.payment.state in _FAILED


def _show(screen: Screen, judged: Judged, records: Sequence[PaymentRecord], known: int) -> None:
    screen.print(table(records))
    if known:
        screen.print(
            f"{known} of {len(records)} were known from an earlier run of this file: "
            "nothing was paid again."
        )
    show_notices(screen, judged)
