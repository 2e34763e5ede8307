"""Judges a file line by line before anything of it is recorded."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, NamedTuple

from domain.payments.intent import Acknowledgement, PossibleDuplicate, require_acknowledged
from messages.credit_transfer import CreditTransferFile, Line
from messages.pain002 import Reason
from starter.files.plan import (
    DebtorAccount,
    FilePlan,
    PlannedOrder,
    RefusedLine,
    file_fingerprint,
    file_key,
    line_key,
    plan,
)
from store.files import Files
from store.payments import Payments
from store.records import PaymentRecord

#: ISO 20022 ExternalStatusReason1Code, Duplication.
DUPLICATION: Final = "AM05"


@dataclass(frozen=True)
class FileTerms:
    """How somebody wants a file to be paid.

    Attributes:
        as_of: read the file as if it were this day; for simulated partners only.
        skip_invalid: pay the other lines if some are refused or may be duplicates.
        acknowledge: ids of earlier payments that the file's lines do not repeat. A line passes
            if all its possible duplicates are among them.
        operator: the operator who acknowledges a payment in doubt.
    """

    as_of: date | None = None
    skip_invalid: bool = False
    acknowledge: frozenset[str] = frozenset()
    operator: str | None = None

    def said_of(self, duplicates: Collection[str]) -> Acknowledgement:
        """The acknowledgement of a line's possible duplicates."""
        return Acknowledgement(self.acknowledge & frozenset(duplicates), self.operator)


class Repeat(NamedTuple):
    """A possible duplicate that is not acknowledged, or not by the operator who has to."""

    planned: PlannedOrder
    duplicate: PossibleDuplicate

    @property
    def line(self) -> Line:
        return self.planned.line

    @property
    def reason(self) -> str:
        return f"{DUPLICATION} {self.duplicate}"


@dataclass(frozen=True)
class Judged:
    """The judgement of a file's lines: known, refused, to be paid, or possible duplicates."""

    content: CreditTransferFile
    planned: FilePlan
    known: Mapping[int, PaymentRecord]
    """Payments of an earlier run of this file, by line position."""
    refused: Sequence[RefusedLine]
    """Refused lines, except those that an earlier run has paid."""
    orders: Sequence[tuple[PlannedOrder, Acknowledgement]]
    """Lines to pay, each with its acknowledgement; lines that are paid already are among them."""
    repeats: Sequence[Repeat]
    """Possible duplicates that are not acknowledged."""

    @property
    def new(self) -> list[PlannedOrder]:
        """The lines that would be paid now."""
        return [line for line, _ in self.orders if line.line.position not in self.known]

    @property
    def known_before(self) -> list[PaymentRecord]:
        """Payments of an earlier run whose lines are refused now, for example because an account is
        no longer mapped."""
        payable = {line.line.position for line in self.planned.orders}
        return [self.known[each] for each in sorted(self.known) if each not in payable]

    @property
    def reasons(self) -> dict[int, tuple[Reason, ...]]:
        """Why lines are refused or may be duplicates, by line position."""
        found = {
            one.line.position: tuple(
                Reason(code=each.code, text=f"{each.field}: {each.text}") for each in one.refusals
            )
            for one in self.refused
        }
        for repeat in self.repeats:
            text = f"CdtTrfTxInf: {repeat.duplicate}"
            found[repeat.line.position] = (Reason(code=DUPLICATION, text=text),)
        return found

    def unpaid(self) -> list[Line]:
        """Lines that are neither paid before nor refused."""
        lines = [*(line.line for line in self.new), *(repeat.line for repeat in self.repeats)]
        return sorted(lines, key=lambda line: line.position)


async def judge(
    content: CreditTransferFile,
    terms: FileTerms,
    *,
    debtors: Mapping[str, DebtorAccount],
    files: Files,
    payments: Payments,
    now: datetime,
) -> Judged:
    """Compare all lines before any is recorded. Recording compares each line again."""
    planned = plan(content, debtors, now=now, as_of=terms.as_of)
    known = await _known(content, files, payments)
    wanted = [(line.key, line.intent) for line in planned.orders]
    found = await payments.possible_duplicates(wanted, now)
    orders, repeats = [], []
    for line, earlier in zip(planned.orders, found, strict=True):
        said = terms.said_of([one.payment_id for one in earlier])
        try:
            require_acknowledged(earlier, said)
        except PossibleDuplicate as duplicate:
            repeats.append(Repeat(line, duplicate))
        else:
            orders.append((line, said))
    refused = [one for one in planned.refused if one.line.position not in known]
    return Judged(content, planned, known, refused, orders, repeats)


async def _known(
    file: CreditTransferFile, files: Files, payments: Payments
) -> dict[int, PaymentRecord]:
    """The payments of the file's lines as they now stand, by the lines' positions.

    The tenants come from the accepted files and not from the settings: an account that is no longer
    mapped may have paid.
    """
    known: dict[int, PaymentRecord] = {}
    for tenant in await files.taken_by(file_key(file), file_fingerprint(file)):
        keys = {line_key(file, line, tenant): line.position for line in file.lines}
        found = await payments.records_of(tenant, list(keys))
        known |= {keys[key]: record for key, record in found.items()}
    return known
