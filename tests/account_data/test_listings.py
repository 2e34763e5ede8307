"""Lists that move while they are read lose nothing and double nothing."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.account_data.transactions import Booking, Line, identity_of
from store.account_data import WantedTransactions
from tests.account_data.bank import DAY, ModelAccounts, booked, line, pending
from tests.account_data.reader import Reader
from tests.clock import SteppedClock
from tests.store.books import Store
from tests.store.test_consents import Desk

_A_DAY = timedelta(days=1)


def _add(bank: ModelAccounts, new: Line) -> None:
    bank.lines.insert(0, new)


async def test_a_line_that_is_added_while_a_list_is_read_repeats_another_and_doubles_none(
    reader: Reader,
) -> None:
    reader.bank.lines = [line(f"{number}") for number in range(7)]
    reader.bank.after_page.append(partial(_add, reader.bank, line("new")))
    await reader.connect()
    await reader.read_days(2)
    assert await reader.shown() == reader.listed
    assert reader.listed.total() == 8


async def test_a_line_that_vanishes_while_a_list_is_read_hides_no_other(reader: Reader) -> None:
    """The list moves up by one, and the fourth line is on neither the first nor the second page."""
    reader.bank.lines = [pending("hold"), *(line(f"{number}") for number in range(6))]
    reader.bank.after_page.append(partial(reader.bank.lines.pop, 0))
    await reader.connect()
    await reader.read_days(2)
    assert await reader.shown() == reader.listed
    assert reader.listed.total() == 6


async def test_a_pending_line_deep_in_the_list_that_vanishes_hides_no_other(
    reader: Reader,
) -> None:
    lines = [line(f"{number}") for number in range(9)]
    reader.bank.lines = [*lines[:4], pending("hold"), *lines[4:]]
    reader.bank.after_page.extend([lambda: None, partial(reader.bank.lines.pop, 4)])
    await reader.connect()
    await reader.read_days(2)
    assert await reader.shown() == reader.listed


async def test_equal_lines_on_one_page_are_as_many_transactions(reader: Reader) -> None:
    reader.bank.lines = [line("coffee"), line("coffee"), line("rent")]
    await reader.connect()
    await reader.read_days(2)
    assert (await reader.shown())["coffee", Booking.BOOKED] == 2


async def test_equal_lines_on_two_pages_are_believed_once_two_listings_have_them(
    reader: Reader,
) -> None:
    reader.bank.lines = [line("a"), line("b"), line("coffee"), line("coffee"), line("c")]
    await reader.connect()
    await reader.read()
    assert (await reader.shown())["coffee", Booking.BOOKED] == 1
    await reader.read_days(2)
    assert await reader.shown() == reader.listed


async def test_parts_of_a_batch_that_share_a_reference_are_all_kept(reader: Reader) -> None:
    reader.bank.lines = [
        line("pay of ann", reference="batch"),
        line("pay of bea", reference="batch"),
        line("pay of cay", -470, reference="batch"),
    ]
    await reader.connect()
    await reader.read_days(2)
    assert await reader.shown() == reader.listed
    reader.bank.lines.reverse()
    await reader.read_days(2)
    assert await reader.shown() == reader.listed


async def test_a_reference_keeps_a_transaction_the_same_when_it_is_booked(reader: Reader) -> None:
    hold = pending("hotel", reference="r1", day=None)
    reader.bank.lines = [hold]
    await reader.connect()
    await reader.read()
    wanted = WantedTransactions((await reader.account()).account_id)
    (before,) = (await reader.data.transactions(wanted, limit=9)).records
    reader.bank.lines = [booked(hold, DAY, reference="r1")]
    await reader.read_days(1)
    (after,) = (await reader.data.transactions(wanted, limit=9)).records
    assert after.transaction_id == before.transaction_id
    assert (after.transaction.booking, after.day) == (Booking.BOOKED, DAY)


async def test_a_pending_line_becomes_the_booked_one_that_follows_it_even_days_later(
    reader: Reader,
) -> None:
    hold = pending("petrol pump", -50_00)
    reader.bank.lines = [hold, line("rent")]
    await reader.connect()
    await reader.read()
    reader.bank.lines = [line("rent")]  # On Friday the hold vanishes; on Monday it is booked.
    await reader.read_days(2)
    assert await reader.shown() == reader.listed
    reader.bank.lines.insert(0, booked(hold, DAY + 3 * _A_DAY))
    await reader.read_days(1)
    assert await reader.shown() == reader.listed
    wanted = WantedTransactions((await reader.account()).account_id, with_gone=True)
    by_booking = {
        (each.transaction.remittance_information, each.transaction.booking): each
        for each in (await reader.data.transactions(wanted, limit=9)).records
    }
    was = by_booking["petrol pump", Booking.PENDING]
    assert was.became == by_booking["petrol pump", Booking.BOOKED].transaction_id
    assert was.gone_at is not None


async def test_a_booked_line_that_stood_beside_a_pending_one_is_another(reader: Reader) -> None:
    coffee = pending("coffee")
    reader.bank.lines = [coffee, booked(coffee)]
    await reader.connect()
    await reader.read()
    reader.bank.lines = [booked(coffee)]
    await reader.read_days(1)
    wanted = WantedTransactions((await reader.account()).account_id, with_gone=True)
    records = (await reader.data.transactions(wanted, limit=9)).records
    assert [each.became for each in records] == [None, None], "the first coffee was not paid for"


async def test_a_day_before_the_window_is_read_again_as_long_as_something_is_open(
    reader: Reader,
) -> None:
    reader.bank.lines = [pending("hotel"), *(line(f"{number}") for number in range(2))]
    await reader.connect()
    await reader.read_days(20)
    assert reader.bank.calls[-1] == f"transactions {DAY} None"
    reader.bank.lines.pop(0)
    await reader.read_days(2)
    assert reader.bank.calls[-1] > f"transactions {DAY + 9 * _A_DAY} None"


#: What happens at the bank after a page: a booking, a hold, the end of a hold, nothing.
_HAPPENS = st.sampled_from(["booked", "equal", "hold", "released", "presented", "nothing"])


@given(
    start=st.lists(st.sampled_from(["coffee", "tea", "rent", "salary"]), max_size=12),
    happens=st.lists(_HAPPENS, max_size=12),
    page_size=st.integers(1, 4),
    has_references=st.booleans(),
)
@settings(
    max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
def test_whatever_happens_while_a_list_is_read_it_is_shown_as_it_is_in_the_end(
    migrated: Path,
    start: list[str],
    happens: list[str],
    page_size: int,
    has_references: bool,
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        clock = SteppedClock()
        store = Store(Path(shutil.copy(migrated, Path(folder) / "finality.db")), clock)
        try:
            bank = ModelAccounts(page_size=page_size)
            reader = Reader(Desk(store.database, clock), bank)
            asyncio.run(_lived(reader, start, happens, has_references))
        finally:
            store.close()


async def _lived(reader: Reader, start: list[str], happens: list[str], named: bool) -> None:
    bank, numbers = reader.bank, iter(range(1000))
    most: Counter[tuple[str, Booking]] = Counter()

    def reference() -> str | None:
        return f"r{next(numbers)}" if named else None

    def happen(what: str) -> None:
        holds = [each for each in bank.lines if each.transaction.booking is Booking.PENDING]
        match what:
            case "booked":
                _add(bank, line(f"new {next(numbers)}", reference=reference()))
            case "equal":
                _add(bank, line("coffee", reference=reference()))
            case "hold":
                _add(bank, pending(f"hold {next(numbers)}", reference=reference()))
            case "released" if holds:
                bank.lines.remove(holds[-1])
            case "presented" if holds:
                bank.lines.remove(holds[-1])
                _add(bank, booked(holds[-1], reference=holds[-1].transaction.reference))
            case _:
                pass
        most.update({name: n - most[name] for name, n in reader.listed.items() if n > most[name]})

    for text in start:
        _add(bank, line(text, reference=reference()))
    happen("nothing")
    bank.after_page.extend(_later(happen, happens))
    await reader.connect()
    for _ in range(8):
        await reader.read_days(1)
        shown = await reader.shown()
        assert not {
            name: n for name, n in shown.items() if name[1] is Booking.BOOKED and n > most[name]
        }, "never more than the bank ever had"
    assert not bank.after_page
    assert await reader.shown() == reader.listed


def _later(happen: Callable[[str], None], happens: list[str]) -> list[Callable[[], None]]:
    return [partial(happen, each) for each in happens]


def test_a_line_can_be_told_from_one_that_differs_in_anything() -> None:
    one = line("rent").transaction
    others = [
        replace(one, remittance_information="food"),
        replace(one, counterparty="Another"),
        replace(one, booking=Booking.PENDING),
        replace(one, booked_on=None),
        replace(one, valued_on=None),
        replace(one, counterparty_account=None),
        replace(one, code="PMNT-RCDT-ESCT"),
        replace(one, reference="r"),
    ]
    assert len({identity_of(each) for each in (one, *others)}) == len(others) + 1
