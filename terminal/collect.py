"""`finality collect`: one collection, from the terminal."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Final

from rich.table import Table
from rich.text import Text

from assembly import Assembly, assembled
from domain.lifecycle.resource import Certainty
from domain.payments.display import display
from domain.payments.intent import Acknowledgement, PossibleDuplicate
from domain.payments.order import Captured, Order
from domain.payments.report import Action
from domain.payments.states import STATES
from domain.plain_text import plain
from settings import Settings
from starter.acceptance import InvalidOrder
from starter.client import Receipt
from starter.previewing import Foreseen
from store.accepting import KeyReused
from store.faults import StoreAway
from store.records import PaymentRecord
from terminal.collect_options import CollectOptions, said_of_options
from terminal.commanding import (
    AS_WISHED,
    LEFT_TO_RELAY,
    NOT_AS_WISHED,
    NOTHING_RECORDED,
    or_refused,
    say_refused,
    signer,
)
from terminal.episodes import action_object, action_text, amounts_object, moved
from terminal.screen import Screen
from terminal.table import as_object

_CAPTURED: Final = {
    Captured.AT_ONCE: "taken at once",
    Captured.LATER: "held, and taken by `finality capture`",
}


async def collect(settings: Settings, options: CollectOptions) -> int:
    """Record the collection, wait, and show what became of it. Returns the exit code."""

    async def run() -> int:
        async with assembled(settings) as assembly:
            collecting = [name for name, profile in assembly.profiles.items() if profile.collects]
            order = options.order(*options.account_of(collecting))
            try:
                if options.preview:
                    return await _preview(assembly, order, options)
                return await _collect(assembly, order, options)
            except InvalidOrder as refused:
                return _refused(assembly, order, options, said_of_options(refused.refusals))
            except KeyReused as reused:
                return _refused(assembly, order, options, [str(reused)])
            except PossibleDuplicate as duplicate:
                return _repeats(assembly, order, options, duplicate)

    return await or_refused(run())


async def _collect(assembly: Assembly, order: Order, options: CollectOptions) -> int:
    receipt = await assembly.orchestrator.pay(
        order,
        options.key,
        acknowledge_duplicate_of=options.acknowledge,
        operator=signer(assembly.settings, options.operator) if options.operator else None,
        patience=None,
    )
    wait = timedelta(seconds=options.wait_seconds if receipt.is_started else 0)
    try:
        (record,) = await assembly.following.until_rest(
            [receipt.payment_id],
            assembly.clock.now() + wait,
            lambda done: None,
            holds=options.captured is Captured.LATER,
        )
        action = await assembly.orchestrator.action(receipt.payment_id, tenant=None)
    except StoreAway as away:
        say_refused(f"{receipt.payment_id} is recorded; its state cannot be read now: {away}")
        return NOT_AS_WISHED
    if options.as_json:
        print(json.dumps(_as_object(receipt, record, action)))
    else:
        _show(Screen(), receipt, record, action)
    is_well = not (
        record.payment.certainty is Certainty.UNKNOWN or STATES[record.payment.state].failed
    )
    return AS_WISHED if is_well else NOT_AS_WISHED


def _as_object(receipt: Receipt, record: PaymentRecord, action: Action | None) -> dict[str, object]:
    return as_object(record) | {
        "partner": record.partner,
        "partner_account": record.partner_account,
        "rail": record.rail,
        **amounts_object(record.payment),
        "is_replay": receipt.is_replay,
        "action": action_object(action, with_url=True),
    }


def _show(screen: Screen, receipt: Receipt, record: PaymentRecord, action: Action | None) -> None:
    payment = record.payment
    if receipt.is_replay:
        screen.print("The key was known, so nothing new was collected.")
    doubt = " (in doubt)" if payment.certainty is Certainty.UNKNOWN else ""
    state = (f"{payment.state}{doubt}", STATES[payment.state].colour)
    detail = plain(display(payment).detail)
    amount = payment.amounts.instructed
    screen.print(Text.assemble(f"{record.payment_id} of {amount} is ", state, f": {detail}"))
    if sums := moved(payment):
        screen.print(f"Booked so far: {sums}.")
    if action is not None:
        where = ", at this address:" if action.url else "."
        screen.print(f"The payer {action_text(action)}{where}")
        if action.url:
            # Not wrapped, so that it can be copied.
            screen.print(action.url, soft_wrap=True)
    if not receipt.is_started:
        screen.print(LEFT_TO_RELAY.format(what="collection"), style="yellow")


async def _preview(assembly: Assembly, order: Order, options: CollectOptions) -> int:
    acknowledged = Acknowledgement(options.acknowledge, options.operator)
    found = await assembly.previews.of(order, options.key, acknowledged)
    if found.refusals:
        return _refused(assembly, order, options, said_of_options(found.refusals))
    if found.duplicate is not None:
        return _repeats(assembly, order, options, found.duplicate)
    if options.as_json:
        print(json.dumps(_foreseen_object(found, options, assembly.clock.now())))
    else:
        _show_foreseen(Screen(), found, options)
    return AS_WISHED if found.unanswered is None else NOT_AS_WISHED


def _show_foreseen(screen: Screen, found: Foreseen, options: CollectOptions) -> None:
    if found.known is not None:
        id, state = found.known.payment_id, found.known.payment.state
        screen.print(f"The key stands for {id}, which is {state}. Nothing new would be collected.")
        return
    order, facts = found.order, Table(show_header=False, box=None, pad_edge=False)
    collection = order.collection
    assert collection is not None
    facts.add_row("amount", str(order.instructed_amount))
    facts.add_row("through", Text(plain(f"{order.partner}/{order.partner_account}")))
    facts.add_row("rail", order.rail.value)
    for name, value in (
        ("payment method", collection.payment_method),
        ("mandate", collection.mandate),
        ("customer", collection.customer),
        ("text on the statement", collection.statement_descriptor),
        ("page after confirming", collection.return_url),
    ):
        if value:
            facts.add_row(name, Text(plain(value)))
    facts.add_row("the payer", "is not there" if collection.off_session else "is there to confirm")
    if collection.saves:
        facts.add_row("the payment method", "is saved with the customer")
    facts.add_row("the money is", _CAPTURED[collection.captured])
    if (before := order.times.submit_before) is not None:
        facts.add_row("not sent after", f"{before:%Y-%m-%d %H:%M} UTC")
    screen.print(facts)
    if found.unanswered is not None:
        said = f"The partner did not say whether it accepts this order: {found.unanswered}"
        screen.print(plain(said), style="yellow")
    else:
        screen.print("The order is valid and would be sent. The partner may still decline it.")
    screen.print("Nothing was recorded, and the payer was not asked.")


def _foreseen_object(found: Foreseen, options: CollectOptions, at: datetime) -> dict[str, object]:
    known = found.known
    return {
        **_unrecorded_object(found.order, options, at),
        "payment_id": known.payment_id if known else None,
        "state": known.payment.state.value if known else "would be collected",
        "certainty": (known.payment.certainty if known else Certainty.NOT_SENT).value,
        "reason": found.unanswered,
    }


def _unrecorded_object(order: Order, options: CollectOptions, at: datetime) -> dict[str, object]:
    return {
        "payment_id": None,
        "tenant": order.tenant,
        "key": options.key,
        "at": at.isoformat(),
        "end_to_end_id": order.end_to_end_id,
        "state": "refused",
        "certainty": Certainty.NOT_SENT.value,
        "amount_minor": order.instructed_amount.minor,
        "currency": order.instructed_amount.currency,
        "partner": order.partner,
        "partner_account": order.partner_account,
        "rail": order.rail.value,
        "reason": None,
        "possible_duplicate_of": [],
    }


def _refused(assembly: Assembly, order: Order, options: CollectOptions, said: list[str]) -> int:
    """Print each reason in a line on stderr and, for scripts, an object."""
    for each in said:
        say_refused(each)
    if options.as_json:
        shown = _unrecorded_object(order, options, assembly.clock.now())
        # A key that is refused may be a card number.
        print(json.dumps(shown | {"key": None, "end_to_end_id": None, "reason": "; ".join(said)}))
    return NOTHING_RECORDED


def _repeats(
    assembly: Assembly, order: Order, options: CollectOptions, duplicate: PossibleDuplicate
) -> int:
    """Print the earlier payments, and the command that acknowledges them."""
    if options.as_json:
        shown = _unrecorded_object(order, options, assembly.clock.now())
        repeated = {"reason": str(duplicate), "possible_duplicate_of": duplicate.payment_ids}
        print(json.dumps(shown | repeated))
    earlier = ", ".join(map(str, duplicate.earlier))
    say_refused(f"the collection may repeat {earlier}; nothing was collected")
    screen = Screen(stderr=True)
    if duplicate.needs_operator and not options.operator:
        screen.print(
            "An earlier payment is in doubt, and may turn out to be this one. It is safer to wait "
            "until its outcome is known. Only an operator may acknowledge it, with --operator."
        )
    screen.print("If both are meant, acknowledge the earlier ones:")
    screen.print(options.command(duplicate.payment_ids), soft_wrap=True)
    return NOTHING_RECORDED
