"""`finality cancel`: ask for a payment to be cancelled."""

from __future__ import annotations

import asyncio
import getpass
from datetime import datetime, timedelta
from typing import Final

from assembly import Assembly, assembled
from domain.lifecycle.command import Outcome
from settings import Settings
from starter.asking import CommandReceipt
from store.faults import StoreAway
from terminal.commanding import AS_WISHED, NOT_AS_WISHED, or_refused, print_receipt

_LOOK_EVERY: Final = timedelta(milliseconds=250)


async def cancel_payment(
    settings: Settings,
    payment_id: str,
    *,
    command_id: str,
    why: str,
    wait_seconds: int,
    as_json: bool,
) -> int:
    """Record the command, notify the payment's run and wait for the outcome.

    Returns the exit code.
    """

    async def cancel() -> int:
        async with assembled(settings) as assembly:
            receipt = await assembly.orchestrator.cancel(
                payment_id, command_id, by=f"terminal/{user()}", why=why, tenant=None
            )
            deadline = assembly.clock.now() + timedelta(seconds=wait_seconds)
            receipt = await answered(assembly, receipt, deadline)
            await print_receipt(assembly, receipt, as_json=as_json)
        return AS_WISHED if receipt.command.outcome is Outcome.DONE else NOT_AS_WISHED

    return await or_refused(cancel())


async def answered(
    assembly: Assembly, receipt: CommandReceipt, deadline: datetime
) -> CommandReceipt:
    """The receipt with the outcome as soon as there is one, or without it at the deadline.

    If no run could be notified, this does not wait.
    """
    asked = receipt.command
    if not receipt.is_notified or asked.outcome is not Outcome.ASKED:
        return receipt
    while assembly.clock.now() < deadline:
        try:
            later = await assembly.orchestrator.answer_of(
                asked.payment_id, asked.command_id, tenant=None
            )
        except StoreAway:
            return receipt  # The command is recorded; an error would suggest that it is not.
        if later.command.outcome is not Outcome.ASKED:
            return later
        await asyncio.sleep(_LOOK_EVERY.total_seconds())
    return receipt


def user() -> str:
    """The name of the system user who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # The user of a container may have no name.
        return "unknown"
