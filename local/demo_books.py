"""The end of the demo: independent checkers compare each partner's book with the orders."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from domain.money import Money
from local.demo_bank import Banked
from local.demo_collections import SALES, TROUBLED
from local.demo_shop import Sold
from local.demo_stories import FATED, FAULTS, STORIES
from process import own_module
from store.records import PaymentRecord
from terminal.episodes import amounts_object
from terminal.table import as_object

_REPOSITORY: Final = Path(__file__).resolve().parent.parent
_ONCE: Final = "[dim]once[/dim]"
_NEVER: Final = "[red]no[/red]"
_WORDS: Final = {"twice": "twice", "lost": "lost", "in_doubt": "in doubt at the end"}
#: Of the collections: words for people, and the checker's names of the count and of the sums.
_SUMS: Final = (
    ("captured", "captures", "captured"),
    ("refunded", "refunds", "refunded"),
    ("disputed and lost", "disputes", "disputed"),
)


@dataclass(frozen=True)
class Checked:
    """What a checker found.

    Attributes:
        result: what it counted; None if it did not run.
        flaws: each difference, in words.
    """

    agrees: bool
    result: Mapping[str, Any] | None
    flaws: Sequence[str]


async def payments_agree(
    home: Path,
    title: str,
    book: Mapping[str, Any],
    journal: Path,
    records: Iterable[PaymentRecord],
    console: Console,
    *,
    killed: bool,
) -> bool:
    """Compare the file's orders with the book of the partner that pays them; print a table.

    Args:
        title: the partner's own name.
        journal: what was ordered, written before anything was sent.
        killed: whether the worker was killed while payments were still missing in the book.
    """
    store = home / "store.json"
    store.write_text("".join(f"{json.dumps(as_object(record))}\n" for record in records))
    checked = await _checked(
        "tests.proof.checker", home / "book.json", book, "--journal", journal, "--store", store
    )
    wanted = [*(fault for fault, _, _ in FAULTS), *(story.fault for story in STORIES)]
    fired = Counter(fault["fault"] for fault in book["faults_fired"])
    flaws = [*checked.flaws, *_unfired(fault for fault in wanted if not fired[fault])]
    if not killed:
        flaws.append("the worker was not killed while payments were under way")
    if (result := checked.result) is not None:
        shown = Table(title=f"The file's orders beside {title}'s book", show_header=False)
        shown.add_row("requested", str(result["requested"]))
        shown.add_row("  booked, and out for good", str(result["booked"]))
        shown.add_row("  booked, then returned or deleted by hand", str(result["returned"]))
        for name in ("twice", "lost", "in_doubt"):
            shown.add_row(_WORDS[name], str(result[name]))
        for fault, _, words in FAULTS:
            times = "once" if fired[fault] == 1 else f"{fired[fault]} times"
            shown.add_row(f"[dim]{words}[/dim]", f"[dim]{times}[/dim]")
        for story in STORIES:
            shown.add_row(f"[dim]{story.words}[/dim]", _ONCE if fired[story.fault] else _NEVER)
        shown.add_row("[dim]cancel asked when it was too late[/dim]", _ONCE)
        shown.add_row("[dim]worker killed mid-flight[/dim]", _ONCE if killed else _NEVER)
        console.print(shown)
        gone = sum(story.ends in ("returned", "cancelled") for story in FATED.values())
        if (result["booked"], result["returned"]) != (result["requested"] - gone, gone):
            flaws.append("not every order of the file is booked as it was to end")
    return _said(console, checked, flaws)


async def collections_agree(
    home: Path,
    title: str,
    book: Mapping[str, Any],
    rule_ids: Sequence[int],
    sold: Iterable[Sold],
    console: Console,
) -> bool:
    """Compare the shop's orders with the book of the partner that collects them; print a table.

    Args:
        rule_ids: the simulator's numbers of the rules, in the order of `TROUBLED`.
    """
    asked, store = home / "asked.json", home / "collected.json"
    asked.write_text(json.dumps([sale.asked() for sale in SALES]))
    store.write_text(json.dumps([_as_shown(each) for each in sold]))
    module = "tests.proof.collection_checker"
    checked = await _checked(
        module, home / "collections-book.json", book, "--asked", asked, "--store", store
    )
    fired = {fault["rule"] for fault in book["faults_fired"]}
    troubles = [
        (sale.trouble.words, its in fired)
        for sale, its in zip(TROUBLED, rule_ids, strict=True)
        if sale.trouble
    ]
    flaws = [*checked.flaws, *_unfired(words for words, is_fired in troubles if not is_fired)]
    if (result := checked.result) is not None:
        shown = Table("", "ordered", "in the book", title=f"The collections beside {title}'s book")
        ours, theirs = result["asked"], result["booked"]
        shown.add_row("charged, one charge each", str(ours["charged"]), str(theirs["charged"]))
        shown.add_row("declined", str(ours["declined"]), str(theirs["declined"]))
        for words, count, name in _SUMS:
            shown.add_row(
                words, _in_words(ours[count], ours[name]), _in_words(theirs[count], theirs[name])
            )
        for name in ("twice", "lost", "in_doubt"):
            shown.add_row(_WORDS[name], "", str(result[name]))
        for words, is_fired in troubles:
            shown.add_row(f"[dim]{words}[/dim]", "", _ONCE if is_fired else _NEVER)
        console.print(shown)
    return _said(console, checked, flaws)


async def bank_agrees(
    home: Path, title: str, book: Mapping[str, Any], banked: Banked, console: Console
) -> bool:
    """Compare the payment and the account's data with the book of the bank; print a table."""
    shown_file = home / "banked.json"
    shown_file.write_text(json.dumps([banked.as_shown()]))
    module = "tests.proof.bank_book_checker"
    checked = await _checked(module, home / "bank-book.json", book, "--shown", shown_file)
    if (result := checked.result) is not None:
        shown = Table(title=f"The bank payment and the account beside {title}'s book")
        shown.show_header = False
        shown.add_row("debited", str(result["paid"]))
        shown.add_row("  approved by the user on the bank's page", str(result["approved"]))
        shown.add_row("transactions of the account in the book", str(result["lines"]))
        shown.add_row("  and shown by us", str(result["shown"]))
        for name in ("twice", "lost"):
            shown.add_row(_WORDS[name], str(result[name]))
        console.print(shown)
    return _said(console, checked, checked.flaws)


def _in_words(count: int, sums: Mapping[str, int]) -> str:
    """Such as `303.00 EUR in 5`."""
    amounts = [str(Money(minor=minor, currency=currency)) for currency, minor in sums.items()]
    return f"{', '.join(amounts) or 'nothing'} in {count}"


def _as_shown(sold: Sold) -> dict[str, object]:
    """What our store shows of a sale, for the checker."""
    return {
        "order": sold.record.end_to_end_id,
        **as_object(sold.record),
        **amounts_object(sold.record.payment),
    }


async def _checked(
    module: str, file: Path, book: Mapping[str, Any], *arguments: str | Path
) -> Checked:
    """Run a checker in a process of its own, which imports nothing of the product."""
    file.write_text(json.dumps(book))
    command = own_module(module, "--json", "--book", str(file), *map(str, arguments))
    ran = await asyncio.to_thread(
        subprocess.run, command, cwd=_REPOSITORY, capture_output=True, text=True, check=False
    )
    if not ran.stdout:
        return Checked(False, None, [f"the checker did not run: {ran.stderr[-500:]}"])
    result = json.loads(ran.stdout)
    return Checked(ran.returncode == 0, result, result["flaws"])


def _unfired(faults: Iterable[str]) -> list[str]:
    return [f"never happened: {fault}" for fault in faults]


def _said(console: Console, checked: Checked, flaws: Sequence[str]) -> bool:
    """Print the flaws, and say whether there are none."""
    for flaw in flaws:
        console.print(flaw, style="red", highlight=False, markup=False)
    return checked.agrees and not flaws
