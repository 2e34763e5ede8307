"""`finality demo`: pays and collects under faults, kills the worker, then compares the books."""

from __future__ import annotations

import asyncio
import shutil
import time
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from assembly import assembled
from domain.payments.display import display
from local import demo_bank, demo_collections
from local.demo_bank import Banked, use_bank
from local.demo_books import bank_agrees, collections_agree, payments_agree
from local.demo_collections import SALES
from local.demo_file import DEBTOR_IBAN, EXECUTION_DATE, demo_file, end_to_end_id
from local.demo_shop import Sold, make_trouble, sell_all
from local.demo_stories import CANCELLED_TOO_LATE, FATED, FAULTS, PARTNER, rules
from local.simulated_partner import SimulatedPartner
from local.stack import Ports, Stack
from process import stop_on_signals
from settings import Settings
from store.records import PaymentRecord
from terminal.episodes import moved
from terminal.pay import pay_file
from terminal.pay_options import PayOptions

_STORY_LIMIT: Final = timedelta(seconds=40)
_KILL_LIMIT: Final = timedelta(seconds=60)
#: A creditor that the killed worker was making is made by another one after 90 s.
_PATIENCE_SECONDS: Final = 130


async def demonstrate(home: Path, *, payments: int, keep: bool) -> int:
    """Run the demo. Returns 0 if both books agree with the orders, 1 if that is not proven.

    The folder `home` is deleted first.

    Args:
        payments: the number of orders in the file.
        keep: leave everything running until Ctrl-C.
    """
    console = Console()
    started = time.monotonic()
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    home = home.resolve()
    stack = Stack(
        home,
        Ports.free(),
        {DEBTOR_IBAN: {"currency": "EUR"}},
        simulator_options=("--latency", "0.15"),
        say=lambda text: console.print(f"[dim]{text}[/dim]", highlight=False),
    )
    async with stack:
        console.print(f"Temporal UI: {stack.temporal.ui_url}  (worth a look while it runs)")
        ready = time.monotonic()
        proven = await _run(stack, Settings(home=home), console, payments)
        took = time.monotonic() - ready
        console.print(
            f"[dim]{took:.0f} s, after {ready - started:.0f} s of starting the servers[/dim]"
        )
        if keep:
            stop = stop_on_signals()
            console.print(
                f"\nLeft running. Temporal UI: [link]{stack.temporal.ui_url}[/link]\n"
                f"FINALITY_HOME={home} finality list.   Ctrl-C ends it."
            )
            await stop.wait()
        else:
            console.print(
                "[dim]All stopped now; `make demo ARGS=--keep` leaves it running, "
                "with the Temporal UI.[/dim]"
            )
    return 0 if proven else 1


async def _run(stack: Stack, settings: Settings, console: Console, payments: int) -> bool:
    """Pay the file and collect at the same time, show what became of it, and compare the books."""
    home = stack.home
    file, journal = home / "demo.xml", home / "journal.jsonl"
    file.write_bytes(demo_file(payments))
    paying, collecting = stack.partners[PARTNER], stack.partners[demo_collections.PARTNER]
    bank = stack.partners[demo_bank.PARTNER]
    await paying.simulator.control("POST", "faults", rules())
    await bank.simulator.control("POST", "delays", demo_bank.DELAYS)
    troubles = await make_trouble(collecting.simulator)
    console.print(
        f"\n[bold]Paying {payments} orders[/bold] of {file.name} through {paying.title}; "
        f"{sum(count for _, count, _ in FAULTS)} of them meet a fault when they are sent, "
        f"{len(FATED) + 1} later. Meanwhile [bold]collecting {len(SALES)} orders[/bold] from "
        f"cards through {collecting.title}, and a user of a bank ({bank.title}) [bold]gives access "
        "to an account and pays from it[/bold] on the bank's pages. The worker is killed on the "
        "way. This is what `finality pay` leaves:"
    )
    killed, sold, banked = await _under_way(stack, settings, file, journal, console, payments)
    console.print(
        "[dim]The last two are equal salaries under one EndToEndId. Both are meant, so both "
        "are paid.[/dim]"
    )
    ended = await _stories(settings, console)
    collected = _show_sold(sold, console)
    _show_banked(banked, console)
    async with assembled(settings) as assembly:
        found = await assembly.orchestrator.find(limit=10_000)
    records = [record for record in found.records if record.partner == PARTNER]
    agree = [
        await payments_agree(
            home, paying.title, await paying.simulator.control("GET", "book"), journal, records,
            console, killed=killed,
        ),
        await collections_agree(
            home, collecting.title, await collecting.simulator.control("GET", "book"),
            troubles, sold, console,
        ),
        await bank_agrees(
            home, bank.title, await bank.simulator.control("GET", "book"), banked, console
        ),
    ]  # fmt: skip
    if all(agree) and ended and collected and banked.is_over:
        console.print(
            "[bold green]All three books agree with the orders[/bold green]: each order of the "
            "file reached its partner once; each card was charged, captured and refunded as "
            "ordered; the bank debited what its user approved, and shows it. Nothing twice, "
            "nothing lost. Checked by programs that know nothing of the product's rules."
        )
        return True
    console.print("[bold red]not proven[/bold red]")
    return False


async def _under_way(
    stack: Stack, settings: Settings, file: Path, journal: Path, console: Console, payments: int
) -> tuple[bool, Sequence[Sold], Banked]:
    """Pay the file and sell, kill the worker meanwhile, and then use a bank.

    Returns whether the worker was killed while payments were still missing at the partner, and the
    sales and what was done at the bank as they stand at their end.
    """
    options = PayOptions(
        file, as_of=EXECUTION_DATE, wait_seconds=_PATIENCE_SECONDS, journal=journal
    )
    selling = asyncio.create_task(_sell(settings))
    paying = asyncio.create_task(pay_file(settings, options))
    tasks: list[asyncio.Task[Any]] = [selling, paying]
    try:
        killed = await _kill_mid_flight(stack, payments, console)
        # This bank knows no keys: an initiation that the kill cuts off would wait for a person.
        banking = asyncio.create_task(_use_bank(settings))
        tasks.append(banking)
        await paying
        return killed, await selling, await banking
    finally:
        for task in tasks:
            task.cancel()


async def _sell(settings: Settings) -> Sequence[Sold]:
    async with assembled(settings) as assembly:
        return await sell_all(assembly)


async def _use_bank(settings: Settings) -> Banked:
    async with assembled(settings) as assembly:
        return await use_bank(assembly)


async def _kill_mid_flight(stack: Stack, payments: int, console: Console) -> bool:
    """SIGKILL the worker once two thirds of the payments are at the partner, and start another.

    Returns whether the worker was killed while payments were still missing at the partner.
    """
    paying, collecting = stack.partners[PARTNER], stack.partners[demo_collections.PARTNER]
    deadline = time.monotonic() + _KILL_LIMIT.total_seconds()
    while time.monotonic() < deadline:
        booked = await _booked(paying)
        if booked >= payments * 2 // 3:
            stack.kill_worker()
            console.print(
                f"[yellow]killed the worker (SIGKILL) with {booked} of {payments} payments at "
                f"{paying.title} and {await _booked(collecting)} of {len(SALES)} collections at "
                f"{collecting.title}; starting another[/yellow]"
            )
            stack.start_worker()
            return booked < payments
        await asyncio.sleep(0.05)
    return False


async def _booked(partner: SimulatedPartner) -> int:
    """How many payments the partner has, whatever became of them."""
    return len((await partner.simulator.control("GET", "book"))["payments"])


async def _stories(settings: Settings, console: Console) -> bool:
    """Cancel one sent payment, wait for the end of every intervention, and show each payment."""
    shown = Table(title="What happened to single payments later, and how they ended")
    for column in ("", "what happened to it", "state", "what its owner reads"):
        shown.add_column(column)
    async with assembled(settings) as assembly:
        orchestrator = assembly.orchestrator
        found = await orchestrator.find(limit=10_000)
        lines = {record.end_to_end_id: record for record in found.records}
        late = lines[end_to_end_id(CANCELLED_TOO_LATE)]
        commanded = await orchestrator.cancel(
            late.payment_id, "demo", by="demo", why="the customer changed their mind", tenant=None
        )
        interventions = {line: (story.words, story.ends) for line, story in FATED.items()}
        interventions[CANCELLED_TOO_LATE] = (
            "cancel asked after it was sent: " + str(commanded.command.outcome).replace("_", " "),
            "settled",
        )
        ended = True
        for line, (words, ends) in interventions.items():
            record = await orchestrator.wait(
                lines[end_to_end_id(line)].payment_id,
                partial(_is_in, ends),
                deadline=assembly.clock.now() + _STORY_LIMIT,
                tenant=None,
            )
            ended = ended and _is_in(ends, record)
            color = "green" if _is_in(ends, record) else "red"
            told = display(record.payment)
            shown.add_row(
                end_to_end_id(line), words, f"[{color}]{record.payment.state}[/{color}]",
                f"{told.headline}. {told.detail}",
            )  # fmt: skip
    console.print(shown)
    return ended


def _is_in(state: str, record: PaymentRecord) -> bool:
    return record.payment.state == state


def _show_sold(sold: Sequence[Sold], console: Console) -> bool:
    """Show each collection. Returns whether all came to the end that they were to have."""
    shown = Table(title="What was collected from cards, and what moved in the end")
    for column in ("", "what happened to it", "state", "what moved"):
        shown.add_column(column)
    for each in sold:
        payment, color = each.record.payment, "green" if each.is_over else "red"
        shown.add_row(
            each.sale.name, each.sale.words, f"[{color}]{payment.state}[/{color}]",
            moved(payment) or "nothing",
        )  # fmt: skip
    console.print(shown)
    return all(each.is_over for each in sold)


def _show_banked(banked: Banked, console: Console) -> None:
    """Show what the user did at the bank, and what came of it."""
    shown = Table(title="What a user of a bank did on the bank's pages, and what the app has")
    for column in ("what the user did", "state", "what the app has"):
        shown.add_column(column)
    consent, payment = banked.consent, banked.payment.payment
    shown.add_row(
        "gave access to an account",
        _coloured(consent.consent.state if consent else "not granted", is_good=bool(consent)),
        f"{len(banked.transactions)} transactions, the newest of them the payment"
        if banked.is_over else f"{len(banked.transactions)} transactions",
    )  # fmt: skip
    amount = banked.order.instructed_amount
    shown.add_row(
        f"approved {amount} to {banked.order.creditor.name}",
        _coloured(payment.state, is_good=banked.is_over),
        f"{display(payment).headline}. {display(payment).detail}",
    )
    console.print(shown)


def _coloured(state: str, *, is_good: bool) -> str:
    color = "green" if is_good else "red"
    return f"[{color}]{state}[/{color}]"
