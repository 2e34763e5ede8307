"""Takes a file to be paid: judges its lines, shows what it would pay, accepts it, and follows it.

A file with refused lines or possible duplicates is not paid at all, and nothing of it is stored, so
that it may be corrected under its own message id. Refused lines are corrected or left out
(`skip_invalid`); possible duplicates are acknowledged or left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from domain.clock import Clock
from messages.credit_transfer import CreditTransferFile
from messages.pain002 import FileStatus, Reason
from starter.client import Orchestrator
from starter.files.judging import DUPLICATION, FileTerms, Judged, Repeat, judge
from starter.files.keeping import keep
from starter.files.outcome import Accepted, FileOutcome, Hindrance, NothingPaid
from starter.files.plan import DebtorAccount, file_fingerprint, file_key
from starter.files.preview import Partners, Preview, preview
from starter.files.recording import Recorded, record
from starter.files.status import file_status, refused_status
from starter.files.unanswered import REUSED, Unanswered, unanswered
from starter.files.unpaid import held_by_file, held_by_refused, held_by_repeats
from starter.following import Following
from starter.journal import Journal, JournalFailed
from starter.operators import Operators
from starter.signing import KeyUnusable, Signer
from store.faults import StoreAway
from store.file_lines import FileLines, LineRefusal
from store.files import Files, FileTaken
from store.operators import NotSigned, OperatorsFixed
from store.payments import Payments

#: ISO 20022 ExternalStatusReason1Code, Narrative: the reason is in the text.
NARRATIVE: Final = "NARR"
_CONTENT_TAKEN: Final = "a file with this message id and other content was recorded before"


@dataclass(frozen=True, repr=False)
class Intake:
    """The use cases of a file that is to be paid. Make one per process, with `assembly`."""

    payments: Payments
    files: Files
    file_lines: FileLines
    orchestrator: Orchestrator
    operators: Operators
    following: Following
    partners: Callable[[], Partners]
    debtors: Mapping[str, DebtorAccount]
    clock: Clock

    async def judge(self, content: CreditTransferFile, terms: FileTerms) -> Judged:
        """Compare all lines before any is recorded. Nothing is written."""
        return await judge(
            content,
            terms,
            debtors=self.debtors,
            files=self.files,
            payments=self.payments,
            now=self.clock.now(),
        )

    async def preview(self, judged: Judged) -> Preview:
        """What the file would pay, and what its partners say of that. Nothing is written."""
        return await preview(self.partners(), judged)

    async def accept(
        self,
        judged: Judged,
        terms: FileTerms,
        *,
        sign: Callable[[], Signer] | None = None,
        journal: Path | None = None,
        hint: str = "",
        progress: Callable[[int], None] = lambda _: None,
    ) -> Accepted | NothingPaid:
        """Store the file, record its payments and start them.

        A repeated call with the same file pays nothing twice.

        Args:
            sign: gives the operator who acknowledges the possible duplicates.
            journal: a file to which every order is written before it is recorded.
            hint: how to see what was paid, if another file was recorded under this message id.
            progress: is told how many orders are recorded.
        """
        if judged.refused and not terms.skip_invalid:
            text = f"{len(judged.refused)} lines are refused, so no line is paid"
            return NothingPaid(judged, Hindrance.REFUSED_LINES, _narrated(text),
                               held_by_refused(judged))  # fmt: skip
        by: Signer | None = None
        if sign is not None:
            try:
                by = sign()
                await self.operators.require(by)
            except (KeyUnusable, NotSigned, OperatorsFixed) as unsigned:
                return _refused(judged, _narrated(str(unsigned)))
        if judged.repeats and not terms.skip_invalid:
            text = f"{len(judged.repeats)} lines may be paid already"
            why = Reason(code=DUPLICATION, text=text)
            return NothingPaid(judged, Hindrance.REPEATS, why, held_by_repeats(judged))
        try:
            recorded = await self._record(judged, by, journal, progress)
        except FileTaken as taken:
            return _refused(judged, Reason(code=REUSED, text=_with_hint(str(taken), hint)))
        except JournalFailed as failed:
            return _refused(judged, _narrated(str(failed)))
        if recorded.broke_off is None:
            return Accepted(judged, recorded, Unanswered())
        rest = await unanswered(self.payments, recorded.broke_off, judged.known)
        if rest.refused:
            rest = replace(rest, why=_with_hint(f"{_CONTENT_TAKEN}: {rest.why}", hint))
        accepted = Accepted(judged, recorded, rest)
        if rest.refused or recorded.repeats:
            with suppress(StoreAway):  # That was said already.
                await self._keep(judged, accepted.repeats, rest)
        return accepted

    async def follow(
        self,
        accepted: Accepted,
        deadline: datetime,
        *,
        with_places: bool = False,
        with_status: bool = False,
        progress: Callable[[int], None] = lambda _: None,
    ) -> FileOutcome:
        """Wait until the payments rest or the time is over, and say what became of the file.

        Does not raise if the database is away: the lines are recorded and will be paid, and an
        error alone would hide that.

        Args:
            deadline: by our clock.
            with_places: also read the line of each payment.
            with_status: also read the file's status.
            progress: is told how many payments rest.
        """
        try:
            found = await self.following.until_rest(accepted.payment_ids, deadline, progress)
            records = [*found, *accepted.judged.known_before]
            of_file = [(one.tenant, one.key) for one in records]
            places = await self.file_lines.places(of_file) if with_places else {}
        except StoreAway as away:
            return FileOutcome(accepted, (), {}, unread=str(away), unreported=str(away))
        outcome = FileOutcome(accepted, records, places)
        if not with_status or not (records or accepted.recorded.broke_off):
            return outcome
        try:
            return replace(outcome, status=await self.status(accepted.judged.content))
        except StoreAway as away:
            return replace(outcome, unreported=str(away))

    async def status(self, content: CreditTransferFile) -> FileStatus:
        """The present status of an accepted file, whose lines are stored once for each tenant that
        pays some of them."""
        files = await self.file_lines.files(message_id=content.message_id)
        own = [file for file in files if file.file_key == file_key(content)]
        lines = [line for file in own for line in await self.file_lines.lines(file)]
        lines.sort(key=lambda now: now.line.position)
        return file_status(own[0], lines, self.clock.now())

    def status_of_unpaid(self, judged: Judged, why: Reason) -> FileStatus:
        """The status of a file of which nothing new is paid."""
        return refused_status(
            judged.content, why, self.clock.now(), refusals=judged.reasons, known=judged.known
        )

    async def _record(
        self,
        judged: Judged,
        by: Signer | None,
        journal: Path | None,
        progress: Callable[[int], None],
    ) -> Recorded:
        """Store the file and record its orders.

        Raises:
            FileTaken: its message id stands for other content; nothing was recorded.
            JournalFailed: the journal cannot be opened; nothing was recorded.
        """
        content = judged.content
        with ExitStack() as stack:
            kept = stack.enter_context(Journal(journal)) if journal else None
            # Not earlier: a file that was not paid may still be corrected under its message id.
            await self.files.take(
                {line.debtor.tenant for line, _ in judged.orders},
                file_key=file_key(content),
                fingerprint=file_fingerprint(content),
                message_id=content.message_id,
                now=self.clock.now(),
            )
            await self._keep(judged, judged.repeats)
            recorded = await record(
                self.orchestrator, judged.orders, journal=kept, by=by, progress=progress
            )
        if recorded.repeats and recorded.broke_off is None:
            await self._keep(judged, [*judged.repeats, *recorded.repeats])
        return recorded

    async def _keep(
        self, judged: Judged, repeats: Sequence[Repeat], rest: Unanswered | None = None
    ) -> None:
        """Store every line of the file, and why some are not paid."""
        left_out = {
            one.line.position: _not_paid(DUPLICATION, str(one.duplicate)) for one in repeats
        }
        if rest is not None:
            left_out |= {line.position: _not_paid(REUSED, rest.why) for line in rest.refused}
        await keep(self.file_lines, judged.content, judged.planned, left_out)


def _not_paid(code: str, text: str) -> LineRefusal:
    return LineRefusal(code=code, field="CdtTrfTxInf", text=text)


def _narrated(text: str) -> Reason:
    return Reason(code=NARRATIVE, text=text)


def _refused(judged: Judged, why: Reason) -> NothingPaid:
    return NothingPaid(judged, Hindrance.FILE, why, held_by_file(judged, in_words(why)))


def in_words(why: Reason) -> str:
    """Why a file is refused, with the code if it says more than the text."""
    return why.text if why.code == NARRATIVE else f"{why.code} {why.text}"


def _with_hint(text: str, hint: str) -> str:
    return f"{text}; {hint}" if hint else text
