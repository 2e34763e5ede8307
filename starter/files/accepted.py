"""Files that were accepted: found by message id, every line as it stands, and cancelled whole."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from domain.clock import Clock
from domain.ids import hashed
from domain.lifecycle.command import Outcome
from messages.pain002 import FileStatus, Status, common_status
from starter.asking import CommandReceipt
from starter.client import Orchestrator
from starter.files.status import file_status, line_status
from starter.following import AT_ONCE, Following
from store.file_lines import FileLines, KeptFile, LineNow


class NoSuchFile(LookupError):
    """No file has the message id, or several have it: `found` has those."""

    def __init__(self, message_id: str, party: str | None, found: Sequence[KeptFile]) -> None:
        super().__init__(f"{len(found)} files have the message id {message_id!r}")
        self.message_id = message_id
        self.party = party
        self.found = found


@dataclass(frozen=True)
class FileNow:
    """A file, with every line as it stands at the moment `at`."""

    file: KeptFile
    lines: Sequence[LineNow]
    at: datetime

    @property
    def report(self) -> FileStatus:
        """Its status as a pain.002 reports it."""
        return file_status(self.file, self.lines, self.at)

    @property
    def whole(self) -> Status:
        """The status of the file as a whole."""
        return common_status(self._statuses)

    @property
    def lines_by_status(self) -> dict[str, int]:
        """How many of its lines have each status."""
        return dict(sorted(Counter(status.value for status in self._statuses).items()))

    @property
    def paid(self) -> list[LineNow]:
        """The lines that have a payment."""
        return [now for now in self.lines if now.payment_id is not None]

    @property
    def unrecorded(self) -> list[LineNow]:
        """Lines without a payment that are not refused. Somebody may be recording them just now."""
        return [now for now in self.lines if now.payment_id is None and not now.line.refusals]

    @property
    def _statuses(self) -> list[Status]:
        return [line_status(now).status for now in self.lines]


class CancelledLine(NamedTuple):
    """A line whose payment was asked to be cancelled, and the outcome so far."""

    now: LineNow
    receipt: CommandReceipt

    @property
    def is_done(self) -> bool:
        return self.receipt.command.outcome is Outcome.DONE


@dataclass(frozen=True, repr=False)
class AcceptedFiles:
    """The use cases of accepted files, those of every tenant."""

    file_lines: FileLines
    orchestrator: Orchestrator
    following: Following
    clock: Clock

    async def newest(self, *, limit: int, tenant: str | None = None) -> list[KeptFile]:
        """The accepted files, the newest first; those of one tenant, if it is given."""
        return await self.file_lines.files(limit=limit, tenant=tenant)

    async def find(
        self,
        message_id: str,
        party: str | None = None,
        *,
        tenant: str | None = None,
        file_key: str | None = None,
    ) -> FileNow:
        """The one file with this message id.

        Args:
            party: its initiating party or tenant, if several files have the message id.
            tenant: whose file it is; None only for operators of all tenants.
            file_key: its key, which is unique in the tenant.

        Raises:
            NoSuchFile: there is none, or there are several.
        """
        files = await self.file_lines.files(message_id=message_id, tenant=tenant, file_key=file_key)
        found = [one for one in files if party in (None, one.header.initiating_party, one.tenant)]
        if len(found) != 1:
            raise NoSuchFile(message_id, party, found)
        lines = await self.file_lines.lines(found[0])
        return FileNow(found[0], lines, self.clock.now())

    async def cancel(
        self, file: FileNow, *, by: str, why: str, within: timedelta
    ) -> list[CancelledLine]:
        """Cancel each payment of the file, and wait for all outcomes together.

        A repeated call finds the same commands again.

        Raises:
            InvalidCommand, CommandReused, ClocksApart: as `Orchestrator.cancel`.
        """
        # Derived from the file alone, so that a second run finds the commands of the first.
        key = (file.file.tenant, file.file.file_key, "cancel")
        digest = hashed(*key, length=24, alphabet="0123456789abcdef")
        gate = asyncio.Semaphore(AT_ONCE)
        deadline = self.clock.now() + within

        async def ask(payment_id: str) -> CommandReceipt:
            async with gate:
                return await self.orchestrator.cancel(
                    payment_id, f"file-{digest}", by=by, why=why, tenant=None
                )

        async def wait(receipt: CommandReceipt) -> CommandReceipt:
            async with gate:
                return await self.following.answered(receipt, deadline)

        # All are commanded before any is waited for, since a payment may leave during a wait.
        asked = await asyncio.gather(*(ask(now.payment_id) for now in file.paid if now.payment_id))
        receipts = await asyncio.gather(*map(wait, asked))
        return list(map(CancelledLine, file.paid, receipts))
