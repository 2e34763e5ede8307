"""Claims and reversals of a payment: a table for people, JSON objects for scripts."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from rich import box
from rich.table import Table
from rich.text import Text

from domain.lifecycle.reversals import ReversalKind, ReversalState
from domain.money import Money
from domain.payments.episodes import CaptureState, Episode
from domain.payments.order import Direction
from domain.payments.payment import Payment
from domain.payments.report import Action, ActionKind
from domain.plain_text import plain

_STYLE: Final[dict[CaptureState | ReversalState, str]] = {
    CaptureState.DONE: "green",
    CaptureState.FAILED: "red",
    ReversalState.NEEDS_EVIDENCE: "bold yellow",
    ReversalState.DONE: "green",
    ReversalState.FAILED: "red",
    ReversalState.WON: "green",
    ReversalState.LOST: "red",
    ReversalState.REINSTATED: "green",
}
_ACTS: Final = {
    ActionKind.REDIRECT: "has to open a page and confirm there",
    ActionKind.CONFIRM: "has to confirm, and the partner gave no page for it",
    ActionKind.CODE: "has to give a code",
}


def episode_table(episodes: Iterable[Episode]) -> Table:
    """A table with one row per claim or reversal."""
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    shown.add_column("What", no_wrap=True)
    shown.add_column("State", no_wrap=True)
    shown.add_column("Amount", no_wrap=True, justify="right")
    shown.add_column("Since (UTC)", no_wrap=True)
    shown.add_column("About", overflow="fold")
    for each in episodes:
        shown.add_row(
            each.kind.value,
            state_text(each),
            str(each.amount),
            f"{each.since:%Y-%m-%d %H:%M:%S}" if each.since else "",
            Text(plain("; ".join(_about(each)))),
        )
    return shown


def state_text(episode: Episode) -> Text:
    """The state in its colour; a claim in doubt is yellow instead."""
    if episode.in_doubt:
        return Text(f"{episode.state} (in doubt)", style="bold yellow")
    return Text(episode.state.value, style=_STYLE.get(episode.state, ""))


def _about(episode: Episode) -> Iterable[str]:
    if claim := episode.claim:
        yield f"key {claim.key}, asked by {claim.by} at {claim.asked_at:%Y-%m-%d %H:%M:%S}"
    if episode.reason:
        yield episode.reason
    if episode.deadline and episode.is_open:
        is_ours = episode.state is ReversalState.NEEDS_EVIDENCE
        until = f"{episode.deadline:%Y-%m-%d %H:%M} UTC"
        yield f"evidence is due by {until}" if is_ours else f"decided by {until}"
    is_as_asked = episode.kind is ReversalKind.REFUND and episode.taken == episode.amount
    if episode.taken is not None and episode.taken.minor and not is_as_asked:
        yield f"{episode.taken} taken from us"
    if episode.booked_at:
        yield f"booked at {episode.booked_at:%Y-%m-%d %H:%M:%S}"
    if episode.reference:
        yield episode.reference


def episode_object(episode: Episode) -> dict[str, object]:
    """The JSON object of a claim or reversal."""
    claim = episode.claim
    return {
        "kind": episode.kind.value,
        "state": episode.state.value,
        "in_doubt": episode.in_doubt,
        "is_open": episode.is_open,
        "amount_minor": episode.amount.minor,
        "currency": episode.amount.currency,
        "key": claim.key if claim else None,
        "by": claim.by if claim else None,
        "asked_at": _moment(claim.asked_at) if claim else None,
        "since": _moment(episode.since),
        "booked_at": _moment(episode.booked_at),
        "deadline": _moment(episode.deadline),
        "reason": episode.reason,
        "reference": episode.reference,
        "taken_minor": None if episode.taken is None else episode.taken.minor,
    }


def moved(payment: Payment) -> str:
    """What was booked, in words; empty if nothing was."""
    amounts = payment.amounts
    if payment.direction is Direction.OUTGOING:
        if not (amounts.returned.minor or amounts.fees.minor):
            return ""
        return f"{amounts.settled} out, {amounts.returned} back, {amounts.fees} fees"
    parts = {
        "still held": amounts.held,
        "captured": amounts.captured,
        "refunded": amounts.refunded,
        "disputed": amounts.disputed,
        "fees": amounts.fees,
    }
    said = [f"{amount} {what}" for what, amount in parts.items() if amount.minor]
    if amounts.captured.minor:
        kept = Money(minor=-amounts.net.minor, currency=amounts.net.currency)
        said.append(f"{kept} kept")
    return ", ".join(said)


def amounts_object(payment: Payment) -> dict[str, object]:
    """The sums of a payment's bookings that only collections have; `net` is what has left us."""
    amounts = payment.amounts
    return {
        "authorised_minor": amounts.authorised.minor,
        "captured_minor": amounts.captured.minor,
        "refunded_minor": amounts.refunded.minor,
        "disputed_minor": amounts.disputed.minor,
        "net_minor": amounts.net.minor,
    }


def action_text(action: Action) -> str:
    """What the payer has to do, and until when."""
    until = f" by {action.expires_at:%Y-%m-%d %H:%M} UTC" if action.expires_at else ""
    return f"{_ACTS[action.kind]}{until}"


def action_object(action: Action | None, *, with_url: bool) -> dict[str, object] | None:
    """The JSON object of what the payer has to do; None if nothing.

    Args:
        with_url: include the address. Anybody who has it can act for the payer.
    """
    if action is None:
        return None
    shown: dict[str, object] = {
        "kind": action.kind.value,
        "expires_at": _moment(action.expires_at),
    }
    return shown | ({"url": action.url} if with_url else {})


def _moment(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
