"""Stores an accepted file: every line, and why some are not paid."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from messages.credit_transfer import CreditTransferFile, Line
from starter.files.plan import FilePlan, file_key
from store.file_lines import FileHeader, FileLines, KeptLine, LineRefusal


async def keep(
    lines: FileLines,
    file: CreditTransferFile,
    planned: FilePlan,
    left_out: Mapping[int, LineRefusal],
) -> None:
    """Store every line, so that its status can be reported for ever.

    A refused line belongs to no tenant. It is stored with the first tenant who pays other lines. If
    no line can be paid, nothing is stored.

    Args:
        left_out: by position, why lines that could be paid are left out.
    """
    kept: dict[str, list[KeptLine]] = {}
    for one in planned.orders:
        why = left_out.get(one.line.position)
        refusals = [] if why is None else [why]
        line = _kept(one.line, None if refusals else one.key, refusals)
        kept.setdefault(one.debtor.tenant, []).append(line)
    if not kept:
        return
    for refused in planned.refused:
        said = [LineRefusal(code=r.code, field=r.field, text=r.text) for r in refused.refusals]
        kept[min(kept)].append(_kept(refused.line, None, said))
    for tenant, found in kept.items():
        await lines.keep(
            tenant,
            file_key(file),
            message_id=file.message_id,
            header=_header(file),
            lines=sorted(found, key=lambda line: line.position),
        )


def _header(file: CreditTransferFile) -> FileHeader:
    return FileHeader(
        initiating_party=file.initiating_party,
        version=file.version,
        created_at=file.created_at,
        count=len(file.lines),
        control_sum=file.control_sum,
    )


def _kept(line: Line, key: str | None, refusals: Iterable[LineRefusal]) -> KeptLine:
    return KeptLine(
        position=line.position,
        payment_information_id=line.payment_information_id,
        end_to_end_id=line.end_to_end_id,
        instruction_id=line.instruction_id,
        uetr=line.uetr,
        amount_minor=line.amount_minor,
        currency=line.currency,
        payment_key=key,
        refusals=tuple(refusals),
    )
