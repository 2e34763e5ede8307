"""What is read when, on each database: quota, failures, resumption, the end of a consent."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta

import pytest

from activities.feed_steps import FeedRelay
from domain.account_data.answers import NoAccess, TransactionsPage
from domain.account_data.due import ERASED_AFTER
from domain.account_data.reading import Ask, FeedName, Rest, Turn
from domain.account_data.transactions import Booking
from domain.consents.report import ConsentState
from domain.lifecycle.answers import Unanswered
from domain.lifecycle.notifying import NotNotified
from domain.lifecycle.resource import UnknownResource
from store.account_data import WantedTransactions
from store.account_feeds import AccountFeeds
from tests.account_data.bank import IBAN, NEIGHBOUR, line, linked, pending
from tests.account_data.reader import CONSENT, Reader
from tests.store.books import Store

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


async def test_accounts_balances_and_transactions_are_read_once_a_consent_is_active(
    reader: Reader,
) -> None:
    reader.bank.lines = [line("rent", -900_00), line("salary", 2_500_00, reference="b1")]
    await reader.desk.ask()
    with pytest.raises(UnknownResource):
        await reader.read()
    await reader.hear(ConsentState.ACTIVE)
    began = reader.now()
    await reader.read()
    account = await reader.account()
    assert (account.account.number, account.ends) == (linked().number, IBAN[-4:])
    assert [str(each.amount) for each in account.balances] == ["100.00 EUR"] * 2
    assert (account.read_at, account.balances_read_at) == (began, began)
    found = await reader.data.transactions(WantedTransactions(account.account_id), limit=9)
    assert {each.transaction for each in found.records} == {
        each.transaction for each in reader.bank.lines
    }
    assert {str(each.raw["text"]) for each in found.records} == {"rent", "salary"}
    assert reader.bank.accesses[0].reference == f"at-{CONSENT}"


async def test_unattended_readings_stay_within_the_quota_of_each_account_and_day(
    reader: Reader,
) -> None:
    reader.bank.lines = [line(f"{number}") for number in range(2)]
    await reader.connect()
    await reader.read_days(3)
    listings = [call for call in reader.bank.calls if call.startswith("transactions")]
    assert 12 <= len(listings) <= 13
    assert reader.bank.calls.count("balances") == len(listings)
    assert not any(access.is_attended for access in reader.bank.accesses)


async def test_looking_again_at_a_first_page_counts_too(reader: Reader) -> None:
    reader.bank.lines = [line(f"{number}", reference=f"r{number}") for number in range(9)]
    await reader.connect()
    await reader.read_days(3)
    begun = reader.bank.begun
    assert len(begun) == reader.listings > 8
    assert max(sum(at - DAY < each <= at for each in begun) for at in begun) == 4


async def test_a_user_who_is_there_reads_beyond_the_quota(reader: Reader) -> None:
    await reader.connect()
    await reader.read()
    for number in range(6):
        reader.bank.lines.insert(0, line(f"new {number}"))
        await reader.feeds.attend(CONSENT, "shop", "203.0.113.9", reader.now())
        await reader.read()
        assert (await reader.shown())[f"new {number}", Booking.BOOKED] == 1
    assert reader.bank.accesses[-1].psu_ip_address == "203.0.113.9"
    reader.desk.clock.step(7 * HOUR)
    await reader.read()
    assert reader.bank.accesses[-1].psu_ip_address is None, "the user is not there any more"


async def test_a_reading_without_a_user_waits_for_the_quota_even_if_it_is_asked_for(
    reader: Reader,
) -> None:
    await reader.connect()
    for _ in range(8):
        await reader.feeds.attend(CONSENT, "shop", None, reader.now())
        await reader.read()
        reader.desk.clock.step(timedelta(minutes=1))
    assert reader.listings == 4
    assert reader.bank.calls.count("balances") == 4


async def test_two_processes_never_make_the_same_reading(reader: Reader, store: Store) -> None:
    await reader.connect()
    beside = store.beside()
    other = AccountFeeds(beside.database, reader.desk.keyring)
    turns = await asyncio.gather(
        *(each.begin(CONSENT, reader.now()) for each in (reader.feeds, other))
    )
    beside.close()
    assert sorted(type(each).__name__ for each in turns) == ["Rest", "Turn"]


async def test_last_good_data_stays_with_its_age_while_the_bank_is_away(reader: Reader) -> None:
    reader.bank.lines = [line("rent")]
    await reader.connect()
    began = reader.now()
    await reader.read()
    reader.desk.clock.step(7 * HOUR)
    reader.bank.answers.extend([Unanswered("the bank is away")] * 3)
    failed = reader.now()
    step = await reader.read()
    assert step.said == "the bank is away"
    account = await reader.account()
    assert (account.read_at, account.failed_since, account.why) == (
        began, failed, "the bank is away",
    )  # fmt: skip
    assert (await reader.shown()).total() == 1
    await reader.read_days(1)
    account = await reader.account()
    assert (account.failed_since, account.why) == (None, "")
    assert account.read_at is not None
    assert account.read_at > failed


async def test_the_bank_says_when_it_may_be_asked_again(reader: Reader) -> None:
    await reader.connect()
    later = reader.now() + 5 * HOUR
    reader.bank.answers.append(Unanswered("too many requests", retry_at=later))
    assert (await reader.read()).until == later
    assert (await reader.read()).until == later
    assert len(reader.bank.calls) == 1


async def test_a_page_and_the_cursor_after_it_are_kept_together(reader: Reader) -> None:
    """A process that dies between an answer and its record reads that page again, and no other."""
    reader.bank.lines = [line(f"{number}") for number in range(8)]
    await reader.connect()
    while True:
        turn = await reader.feeds.begin(CONSENT, reader.now())
        assert isinstance(turn, Turn)
        if turn.cursor == "3":
            break
        await reader.steps._take(CONSENT, turn, reader.now)
    assert (await reader.shown()).total() == 0, "a half of a listing is not shown"
    assert isinstance(await reader.feeds.begin(CONSENT, reader.now()), Rest)
    reader.desk.clock.step(timedelta(minutes=1))  # The lease of the dead process ends.
    again = await reader.feeds.begin(CONSENT, reader.now())
    assert isinstance(again, Turn)
    assert (again.ask, again.cursor) == (Ask.PAGE, "3")
    await reader.steps._take(CONSENT, again, reader.now)
    # The dead process was only slow, and records what nobody waits for any more.
    late = await reader.bank.transactions(turn.access, "res-1", None, turn.cursor)
    assert isinstance(late, TransactionsPage)
    await reader.pages.page(CONSENT, turn, late, reader.now())
    await reader.read()
    assert await reader.shown() == reader.listed


async def test_a_cursor_that_the_bank_forgot_is_given_up_after_some_failures(
    reader: Reader,
) -> None:
    reader.bank.lines = [line(f"{number}") for number in range(8)]
    await reader.connect()
    while True:
        turn = await reader.feeds.begin(CONSENT, reader.now())
        assert isinstance(turn, Turn)
        if turn.cursor is not None:
            break
        await reader.steps._take(CONSENT, turn, reader.now)
    reader.bank.answers.extend([Unanswered("no such cursor")] * 4)
    reader.desk.clock.step(timedelta(minutes=1))
    await reader.read_days(1)
    assert await reader.shown() == reader.listed


async def test_a_list_that_names_the_same_page_again_is_no_endless_listing(
    reader: Reader,
) -> None:
    class Looping(type(reader.bank)):  # type: ignore[misc]
        async def transactions(self, *_: object) -> TransactionsPage:
            self.calls.append("loop")
            return TransactionsPage((line("a"),), cursor="again")

    reader.bank.__class__ = Looping
    await reader.connect()
    step = await reader.read()
    assert "follows itself" in step.said
    assert reader.bank.calls.count("loop") == 2


async def test_a_bank_that_no_longer_takes_the_consent_has_it_read(reader: Reader) -> None:
    await reader.connect()
    await reader.read()
    reader.desk.clock.step(7 * HOUR)
    reader.bank.answers.append(NoAccess("CONSENT_INVALID"))
    step = await reader.read()
    assert step.said == "CONSENT_INVALID"
    assert reader.runs.notified == [f"consent/shop/{CONSENT}"]
    record = await reader.desk.consents.record(CONSENT, "shop")
    assert record.view.has_news, "its next step is a read"


@pytest.mark.parametrize(
    "state",
    [ConsentState.REVOKED_BY_USER, ConsentState.REVOKED_BY_US, ConsentState.EXPIRED],
)
async def test_the_end_of_a_consent_dates_the_erasure_of_its_data(
    reader: Reader, state: ConsentState
) -> None:
    reader.bank.lines = [line("rent")]
    await reader.connect()
    await reader.read()
    await reader.hear(state)
    ended, calls = reader.now(), len(reader.bank.calls)
    step = await reader.read()
    account = await reader.account()
    assert account.erase_at == step.until == ended + ERASED_AFTER
    assert len(reader.bank.calls) == calls, "nothing is read any more"
    assert (await reader.shown()).total() == 1
    reader.desk.clock.step(ERASED_AFTER)
    step = await reader.read()
    assert step.until is None
    account = await reader.account()
    assert (account.erased_at, account.balances, account.read_at) == (reader.now(), (), None)
    assert account.account.number is None
    assert account.ends == IBAN[-4:], "so that people see which account it was"
    assert (await reader.shown(with_gone=True)).total() == 0


async def test_what_a_consent_that_may_not_be_used_now_covers_is_not_read(reader: Reader) -> None:
    await reader.connect()
    await reader.read()
    await reader.hear(ConsentState.NEEDS_REAUTH)
    calls = len(reader.bank.calls)
    reader.desk.clock.step(DAY)
    step = await reader.read()
    assert "needs_reauth" in step.said
    assert step.until is not None
    assert (await reader.account()).erase_at is None
    await reader.hear(ConsentState.ACTIVE)
    await reader.read()
    assert len(reader.bank.calls) > calls


async def test_a_newer_consent_of_the_user_goes_on_with_the_same_accounts(reader: Reader) -> None:
    reader.bank.lines = [line("rent")]
    await reader.connect()
    await reader.read()
    before = await reader.account()
    await reader.connect("con_2", key="k2", renews=CONSENT)
    reader.bank.accounts_ = [linked("another-res")]
    await reader.read("con_2")
    await reader.hear(ConsentState.EXPIRED)
    await reader.read()
    after, more = await reader.data.accounts(limit=9)
    assert not more
    assert [(each.account_id, each.consent_id, each.erase_at) for each in after] == [
        (before.account_id, "con_2", None)
    ]
    assert (await reader.shown()).total() == 1, "nothing is doubled"


async def test_an_account_that_was_taken_out_is_read_no_more_and_its_data_erased(
    reader: Reader,
) -> None:
    reader.bank.accounts_ = [linked(), linked("res-2", NEIGHBOUR)]
    reader.bank.lines = [line("rent")]
    await reader.connect()
    await reader.read()
    reader.bank.accounts_ = [linked("res-2", NEIGHBOUR)]
    await reader.read_days(2)
    found, _ = await reader.data.accounts(limit=9)
    left_out = {each.ends: each.erase_at for each in found}
    assert left_out[NEIGHBOUR[-4:]] is None
    assert left_out[IBAN[-4:]] is not None
    await reader.read_days(40)
    found, _ = await reader.data.accounts(limit=9)
    assert {each.ends for each in found if each.erased_at} == {IBAN[-4:]}


async def test_upkeep_finds_feeds_whose_run_is_dead_and_each_only_now_and_then(
    reader: Reader,
) -> None:
    await reader.connect()
    mine = {("bank", "main")}
    assert await reader.feeds.overdue(mine, reader.now(), limit=9) == []
    reader.desk.clock.step(HOUR)
    assert await reader.feeds.overdue({("other", "main")}, reader.now(), limit=9) == []
    (late,) = await reader.feeds.overdue(mine, reader.now(), limit=9)
    assert late == ("shop", CONSENT, "bank")
    assert await reader.feeds.overdue(mine, reader.now(), limit=9) == []
    reader.desk.clock.step(HOUR)
    assert len(await reader.feeds.overdue(mine, reader.now(), limit=9)) == 1
    await reader.read()
    reader.desk.clock.step(HOUR)
    assert await reader.feeds.overdue(mine, reader.now(), limit=9) == [], "it is not due yet"


async def test_upkeep_goes_on_after_a_feed_that_cannot_be_notified(reader: Reader) -> None:
    asked: list[str] = []

    class Full:
        async def ensure_reading(self, feed: FeedName) -> None:
            asked.append(feed.consent_id)
            raise NotNotified("its run takes no further signal")

    await reader.connect()
    await reader.connect("con_2", key="k2")
    reader.desk.clock.step(HOUR)
    relay = FeedRelay(reader.feeds, [("bank", "main")], Full(), reader.desk.clock)
    assert await relay.notify() == 2
    assert asked == [CONSENT, "con_2"]
    assert await FeedRelay(reader.feeds, [], Full(), reader.desk.clock).notify() == 0


async def test_no_account_number_or_name_is_in_the_database_in_clear(
    reader: Reader, store: Store
) -> None:
    reader.bank.lines = [line("for the aviary", reference="ref-canary"), pending("the parrot's")]
    reader.bank.page_size = 1
    await reader.connect()
    await reader.feeds.attend(CONSENT, "shop", "203.0.113.9", reader.now())
    turn = await reader.feeds.begin(CONSENT, reader.now())
    assert isinstance(turn, Turn)
    await reader.steps._take(CONSENT, turn, reader.now)
    for _ in range(3):  # In the middle of a listing, with its cursor.
        turn = await reader.feeds.begin(CONSENT, reader.now())
        assert isinstance(turn, Turn)
        page = await reader.bank.transactions(turn.access, "res-1", None, turn.cursor)
        assert isinstance(page, TransactionsPage)
        if turn.ask is Ask.PAGE:
            cursor = f"/accounts/{IBAN}?at=2"
            page = TransactionsPage(page.lines, cursor)
            await reader.pages.page(CONSENT, turn, page, reader.now())
            break
        await reader.steps._take(CONSENT, turn, reader.now)
    kept = store.kept()
    assert (await reader.account()).account_id.encode() in kept, "the rows are not there at all"
    for canary in (
        IBAN, NEIGHBOUR, "Wilhelmina", "Household", "aviary", "parrot", "Café", "203.0.113.9",
        "ref-canary",
    ):  # fmt: skip
        assert canary.encode() not in kept, canary


async def test_accounts_of_another_tenant_look_unknown(reader: Reader) -> None:
    await reader.connect()
    await reader.read()
    account_id = (await reader.account()).account_id
    for tenant in ("shop", None):
        assert (await reader.data.account(account_id, tenant)).account_id == account_id
    with pytest.raises(UnknownResource):
        await reader.data.account(account_id, "another")
    with pytest.raises(UnknownResource):
        await reader.data.transactions(WantedTransactions(account_id, "another"), limit=1)
    with pytest.raises(UnknownResource):
        await reader.feeds.attend(CONSENT, "another", None, reader.now())
    assert await reader.data.accounts(tenant="another", limit=9) == ([], False)


async def test_a_list_is_read_page_by_page_from_any_place(reader: Reader) -> None:
    reader.bank.lines = [line(f"{number % 4}", reference=f"r{number}") for number in range(10)]
    await reader.connect()
    await reader.read()
    account_id = (await reader.account()).account_id
    seen: list[str] = []
    after = None
    while True:
        wanted = WantedTransactions(account_id, after=after)
        found = await reader.data.transactions(wanted, limit=3)
        seen += [each.transaction_id for each in found.records]
        if not found.is_cut:
            break
        after = found.records[-1].place
    assert len(seen) == len(set(seen)) == 10
    assert Counter(await reader.shown()) == reader.listed
