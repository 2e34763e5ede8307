"""`finality cancel`: ask for a payment to be cancelled."""

from __future__ import annotations

import getpass
from datetime import timedelta

from assembly import assembled
from domain.lifecycle.command import Outcome
from settings import Settings
from terminal.commanding import AS_WISHED, NOT_AS_WISHED, or_refused, print_receipt


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
            receipt = await assembly.following.answered(receipt, deadline)
            await print_receipt(assembly, receipt, as_json=as_json)
        return AS_WISHED if receipt.command.outcome is Outcome.DONE else NOT_AS_WISHED

    return await or_refused(cancel())


def user() -> str:
    """The name of the system user who runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # The user of a container may have no name.
        return "unknown"
