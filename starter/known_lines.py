"""Lines of a file that were paid before, whatever speaks against the file today."""

from __future__ import annotations

from messages.credit_transfer import CreditTransferFile
from starter.files import file_fingerprint, file_key, line_key
from store.files import Files
from store.payments import Payments
from store.records import PaymentRecord


async def known_lines(
    file: CreditTransferFile, files: Files, payments: Payments
) -> dict[int, PaymentRecord]:
    """The payments of the file's lines as they stand, by the lines' positions.

    Asked of what was taken and not of settings: an account that is mapped no more has paid all
    the same.
    """
    known: dict[int, PaymentRecord] = {}
    for tenant in await files.taken_by(file_key(file), file_fingerprint(file)):
        keys = {line_key(file, line, tenant): line.position for line in file.lines}
        found = await payments.records_of(tenant, list(keys))
        known |= {keys[key]: record for key, record in found.items()}
    return known
