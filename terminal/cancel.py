"""`finality cancel`: ask that a payment be taken back."""

from __future__ import annotations

import asyncio
import getpass
from datetime import datetime, timedelta
from typing import Final

from assembly import Assembly, assembled
from domain.command import Outcome
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
    """Record it, tell the payment's run, wait a while for what comes of it; the exit code."""

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
    """The same receipt with the outcome as soon as there is one, or as it was by the deadline.

    Where no run could be told, none is waited for.
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
            return receipt  # It is recorded: an error alone would say that it is not.
        if later.command.outcome is not Outcome.ASKED:
            return later
        await asyncio.sleep(_LOOK_EVERY.total_seconds())
    return receipt


def user() -> str:
    """Who runs the command, by the machine's name for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # A container's user may have no name.
        return "unknown"
