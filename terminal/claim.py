"""`finality capture`, `increment`, `refund` and `confirm`: claim an amount, and follow it."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Final

from rich.text import Text

from assembly import Assembly, assembled
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.reversals import ReversalState
from domain.money import Money
from domain.payments.display import display
from domain.payments.episodes import CaptureState, Episode
from domain.plain_text import plain
from settings import Settings
from starter.asking import ClaimReceipt
from starter.following import Followed
from terminal.cancel import user
from terminal.commanding import AS_WISHED, LEFT_TO_RELAY, NOT_AS_WISHED, or_refused
from terminal.episodes import amounts_object, episode_object, moved
from terminal.screen import Screen

_CAPTURES: Final[dict[CaptureState, str]] = {
    CaptureState.REQUESTED: "recorded; the partner has not answered yet",
    CaptureState.DONE: "done",
    CaptureState.FAILED: "not executed",
}
_REFUNDS: Final[dict[ReversalState, str]] = {
    ReversalState.REQUESTED: "recorded; the partner has not answered yet",
    ReversalState.PENDING: "the partner has it; the payer does not have the money yet",
    ReversalState.NEEDS_EVIDENCE: "the partner needs something from us first",
    ReversalState.DONE: "done",
    ReversalState.FAILED: "failed; the payer does not have the money",
}


async def claim_amount(
    settings: Settings,
    kind: InstructionKind,
    payment_id: str,
    amount: Money | None,
    *,
    key: str,
    by: str | None,
    wait_seconds: int,
    as_json: bool,
) -> int:
    """Claim the amount, notify the payment's run and wait for the outcome.

    Args:
        amount: None for a confirmation, which is always of the whole order.

    Returns:
        The exit code.
    """

    async def claim() -> int:
        async with assembled(settings) as assembly:
            client = assembly.orchestrator
            asker = f"terminal/{by or user()}"
            if amount is None:
                receipt = await client.confirm(payment_id, key, tenant=None, by=asker)
            else:
                asks = {
                    InstructionKind.CAPTURE: client.capture,
                    InstructionKind.INCREMENT: client.increment,
                    InstructionKind.REFUND: client.refund,
                }
                receipt = await asks[kind](payment_id, key, amount, tenant=None, by=asker)
            deadline = assembly.clock.now() + timedelta(seconds=wait_seconds)
            followed = await assembly.following.claimed(receipt, deadline)
            return await _print(assembly, kind, key, receipt, followed, as_json=as_json)

    return await or_refused(claim())


async def _print(
    assembly: Assembly,
    kind: InstructionKind,
    key: str,
    receipt: ClaimReceipt,
    followed: Followed | None,
    *,
    as_json: bool,
) -> int:
    if as_json:
        print(json.dumps(_as_object(kind, key, receipt, followed)))
    else:
        _show(Screen(), kind, key, receipt, followed)
    if followed is None:
        return AS_WISHED
    episode = followed.episode
    failed = episode.in_doubt or episode.state in (CaptureState.FAILED, ReversalState.FAILED)
    return NOT_AS_WISHED if failed or followed.record.payment.is_frozen else AS_WISHED


def _show(
    screen: Screen,
    kind: InstructionKind,
    key: str,
    receipt: ClaimReceipt,
    followed: Followed | None,
) -> None:
    episode = followed.episode if followed else None
    named = f"{kind.value} {key} of {receipt.instruction.amount}: "
    screen.print(Text.assemble(plain(named), (plain(_outcome(episode)), "bold")))
    if receipt.is_replay:
        screen.print("The key was known, so nothing new was asked for.")
    payment = followed.record.payment if followed else receipt.payment
    doubt = " (in doubt)" if payment.certainty is Certainty.UNKNOWN else ""
    detail = plain(display(payment).detail)
    screen.print(f"{receipt.payment_id} is {payment.state}{doubt}: {detail}")
    if kind is InstructionKind.CONFIRM and payment.action is not None:
        screen.print(f"`finality show {receipt.payment_id} --link` prints the payer's page.")
    if sums := moved(payment):
        screen.print(f"Booked so far: {sums}.")
    if not receipt.is_notified:
        screen.print(LEFT_TO_RELAY.format(what=kind.value), style="yellow")


def _outcome(episode: Episode | None) -> str:
    if episode is None:
        return "recorded; the database is away, so its state cannot be read now"
    if episode.in_doubt:
        return (
            "in doubt: the partner may have executed it. It is resent under the same key, or "
            "looked up. Do not ask again under another key"
        )
    reason = f": {episode.reason}" if episode.reason else ""
    state = episode.state
    if isinstance(state, CaptureState):
        return f"{_CAPTURES[state]}{reason}"
    return f"{_REFUNDS.get(state, state.value)}{reason}"


def _as_object(
    kind: InstructionKind, key: str, receipt: ClaimReceipt, followed: Followed | None
) -> dict[str, object]:
    """The JSON object. Tenant, the payment's key and the claim are null if the database went away
    after the claim was recorded."""
    payment = followed.record.payment if followed else receipt.payment
    return {
        "payment_id": receipt.payment_id,
        "tenant": followed.record.tenant if followed else None,
        "key": followed.record.key if followed else None,
        "kind": kind.value,
        "claim_key": key,
        "claim": episode_object(followed.episode) if followed else None,
        "is_replay": receipt.is_replay,
        "state": payment.state.value,
        "certainty": payment.certainty.value,
        **amounts_object(payment),
    }
