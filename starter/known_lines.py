"""Finds lines of a file that were recorded before, even if the file is refused today."""

from __future__ import annotations

from messages.credit_transfer import CreditTransferFile
from starter.files import file_fingerprint, file_key, line_key
from store.files import Files
from store.payments import Payments
from store.records import PaymentRecord


async def known_lines(
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
