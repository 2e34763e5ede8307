"""`finality demo`: pays a file with a killed worker and lost replies, then compares the books."""

from __future__ import annotations

import asyncio
import json
import shutil
import subprocess
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from assembly import assembled
from domain.payments.display import display
from local.demo_file import DEBTOR_IBAN, EXECUTION_DATE, demo_file, end_to_end_id
from local.demo_stories import CANCELLED_TOO_LATE, FATED, FAULTS, STORIES, rules
from local.stack import Ports, Stack
from process import own_module, stop_on_signals
from settings import Settings
from store.records import PaymentRecord
from terminal.pay import pay_file
from terminal.pay_options import PayOptions
from terminal.table import as_object

_STORY_LIMIT: Final = timedelta(seconds=40)
_KILL_LIMIT: Final = timedelta(seconds=60)
#: A creditor that the killed worker was making is made by another one after 90 s.
_PATIENCE_SECONDS: Final = 130
_REPOSITORY: Final = Path(__file__).resolve().parent.parent


async def demonstrate(home: Path, *, payments: int, keep: bool) -> int:
    """Run the demo. Returns 0 if the partner's book and the orders agree, 1 if that is not proven.

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
    file, journal = home / "demo.xml", home / "journal.jsonl"
    file.write_bytes(demo_file(payments))
    stack = Stack(
        home,
        Ports.free(),
        {DEBTOR_IBAN: {"currency": "EUR"}},
        simulator_options=("--latency", "0.15"),
        say=lambda text: console.print(f"[dim]{text}[/dim]", highlight=False),
    )
    async with stack:
        settings = Settings(home=home)
        console.print(f"Temporal UI: {stack.temporal.ui_url}  (worth a look while it runs)")
        ready = time.monotonic()
        await stack.simulator.control("POST", "faults", rules())
        console.print(
            f"\n[bold]Paying {payments} orders[/bold] of {file.name}; "
            f"{sum(count for _, count, _ in FAULTS)} of them meet a fault when they are sent, "
            f"{len(FATED) + 1} later, and the worker is killed on the way. This is what `finality "
            "pay` leaves:"
        )
        paying = asyncio.create_task(
            pay_file(
                settings,
                PayOptions(
                    file,
                    as_of=EXECUTION_DATE,
                    wait_seconds=_PATIENCE_SECONDS,
                    journal=journal,
                ),
            )
        )
        try:
            killed = await _kill_mid_flight(stack, payments, console)
            await paying
        finally:
            paying.cancel()
        console.print(
            "[dim]The last two are equal salaries under one EndToEndId. Both are meant, so both "
            "are paid.[/dim]"
        )
        ended = await _stories(settings, console)
        proven = await _compare(stack, settings, journal, console, killed=killed)
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
    return 0 if proven and ended else 1


async def _kill_mid_flight(stack: Stack, payments: int, console: Console) -> bool:
    """SIGKILL the worker once two thirds of the payments are at the partner, and start another.

    Returns whether the worker was killed while payments were still missing at the partner.
    """
    deadline = time.monotonic() + _KILL_LIMIT.total_seconds()
    while time.monotonic() < deadline:
        booked = len((await stack.simulator.control("GET", "book"))["payments"])
        if booked >= payments * 2 // 3:
            stack.kill_worker()
            console.print(
                f"[yellow]killed the worker (SIGKILL) with {booked} of {payments} at the "
                "partner; starting another[/yellow]"
            )
            stack.start_worker()
            return booked < payments
        await asyncio.sleep(0.05)
    return False


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


async def _compare(
    stack: Stack, settings: Settings, journal: Path, console: Console, *, killed: bool
) -> bool:
    """Have the independent checker compare the journal, the partner's book and the store."""
    book = await stack.simulator.control("GET", "book")
    (settings.home / "book.json").write_text(json.dumps(book))
    async with assembled(settings) as assembly:
        records = (await assembly.orchestrator.find(limit=10_000)).records
    store = settings.home / "store.json"
    store.write_text("".join(f"{json.dumps(as_object(record))}\n" for record in records))
    command = own_module("tests.proof.checker", "--json")
    command += ["--journal", str(journal), "--book", str(settings.home / "book.json")]
    command += ["--store", str(store)]
    checked = await asyncio.to_thread(
        subprocess.run, command, cwd=_REPOSITORY, capture_output=True, text=True, check=False
    )
    if not checked.stdout:
        console.print(f"[red]not proven[/red]: the checker did not run: {checked.stderr[-500:]}")
        return False
    result = json.loads(checked.stdout)
    fired = Counter(fault["fault"] for fault in book["faults_fired"])
    shown = Table(title="The orders beside the partner's book", show_header=False)
    shown.add_row("requested", str(result["requested"]))
    shown.add_row("  booked, and out for good", str(result["booked"]))
    shown.add_row("  booked, then returned or deleted by hand", str(result["returned"]))
    shown.add_row("twice", str(result["twice"]))
    shown.add_row("lost", str(result["lost"]))
    shown.add_row("in doubt at the end", str(result["in_doubt"]))
    for fault, _, words in FAULTS:
        times = "once" if fired[fault] == 1 else f"{fired[fault]} times"
        shown.add_row(f"[dim]{words}[/dim]", f"[dim]{times}[/dim]")
    for story in STORIES:
        shown.add_row(
            f"[dim]{story.words}[/dim]", "[dim]once[/dim]" if fired[story.fault] else "no"
        )
    shown.add_row("[dim]cancel asked when it was too late[/dim]", "[dim]once[/dim]")
    shown.add_row("[dim]worker killed mid-flight[/dim]", "[dim]once[/dim]" if killed else "no")
    console.print(shown)
    wanted = [*(fault for fault, _, _ in FAULTS), *(story.fault for story in STORIES)]
    unfired = [fault for fault in wanted if not fired[fault]]
    gone = [story for story in FATED.values() if story.ends in ("returned", "cancelled")]
    all_booked = (result["booked"], result["returned"]) == (
        result["requested"] - len(gone), len(gone),
    )  # fmt: skip
    if checked.returncode == 0 and killed and not unfired and all_booked:
        console.print(
            "[bold green]The books agree[/bold green]: each order reached the partner "
            "once, none twice, none lost. "
            "Checked by a program that knows nothing of the product's rules."
        )
        return True
    for flaw in result["flaws"]:
        console.print(f"[red]{flaw}[/red]", highlight=False)
    if unfired:
        console.print(f"[red]never fired: {', '.join(unfired)}[/red]")
    console.print("[bold red]not proven[/bold red]")
    return False
