"""`finality tasks` about deliveries that match no payment, and about clocks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from store.clocks import StoreClocks
from store.inbox import MATCHED_WITHIN
from tests.fakes import ACCOUNT, BANK
from tests.terminal.homes import Home, home

REFERENCE = "--odd \x1b[2J"
HOUR = timedelta(hours=1)
WHY = ("--by", "alice", "--why", "of the shop's other system")


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


@pytest.fixture
async def task_id(alone: Home) -> str:
    """Somebody is asked about a delivery, whose reference is hard to type."""
    inbox, now = alone.store.inbox, datetime.now(UTC)
    await inbox.put(
        partner=BANK,
        partner_account=ACCOUNT,
        event_key="e1",
        partner_reference=REFERENCE,
        body=b"{}",
        now=now - MATCHED_WITHIN,
    )
    [about] = await inbox.unmatched(now, limit=9)
    assert await inbox.ask_whose(about, now)
    return about.task_id


async def test_tasks_name_what_is_delivered_and_both_ways_to_answer(
    alone: Home, task_id: str
) -> None:
    listed = alone.run("tasks")
    assert listed.code == 0, listed.err
    assert f"{BANK} has sent notifications about" in listed.out
    assert f"on account {ACCOUNT}" in listed.out
    assert "\x1b" not in listed.out
    [row] = alone.run("tasks", "--json").rows
    about = {"partner": BANK, "account": ACCOUNT, "reference": REFERENCE}
    assert (row["task_id"], row["unmatched"]) == (task_id, about)
    assert (row["kind"], row["is_overdue"]) == ("unmatched", False)
    assert [row[name] for name in ("payment_id", "amount_minor", "creditor_account")] == [None] * 3
    assert row["next_commands"] == [
        f"finality resolve PAYMENT executed --by NAME --why TEXT '--reference={REFERENCE}'",
        f"finality tasks --dismiss {task_id} --by NAME --why TEXT",
    ]


async def test_an_operator_dismisses_one_that_is_nobodys(alone: Home, task_id: str) -> None:
    done = alone.signed("tasks", "--dismiss", task_id, *WHY)
    assert done.code == 0, done.err
    assert "is closed" in done.out
    assert alone.run("tasks", "--json").rows == []
    kept = alone.run("operator", "verify", task_id)
    assert (kept.code, "by alice" in kept.out, "verified" in kept.out) == (0, True, True)
    again = alone.signed("tasks", "--dismiss", task_id, *WHY)
    assert again.code == 1
    assert (
        f"no task {task_id} about unmatched deliveries, missed events or a clock is open"
        in again.err
    )


async def test_a_wrong_clock_is_named_and_may_be_dismissed(alone: Home) -> None:
    clocks, now = StoreClocks(alone.store.database), datetime.now(UTC)
    await clocks.keep("host/4711", now, ahead_of_temporal=2 * HOUR, ahead_of_database=None)
    listed = alone.run("tasks")
    assert listed.code == 0, listed.err
    assert "The clock of host/4711 is 2 hours ahead of Temporal's clock" in listed.out
    [row] = alone.run("tasks", "--json").rows
    assert (row["kind"], row["payment_id"], row["unmatched"]) == ("clock", None, None)
    look, dismiss = row["next_commands"]
    assert look == "finality doctor"
    assert dismiss.startswith(f"finality tasks --dismiss {row['task_id']} ")
    done = alone.signed("tasks", "--dismiss", row["task_id"], *WHY)
    assert (done.code, "the task opens again" in done.out) == (0, True), done.err
    assert alone.run("tasks", "--json").rows == []


async def test_it_takes_an_operators_key(alone: Home, task_id: str) -> None:
    refused = alone.signed("tasks", "--dismiss", task_id, *WHY, key_of="bob")
    assert refused.code == 2, "it is bob's key, and alice's name"
    [row] = alone.run("tasks", "--json").rows
    assert row["task_id"] == task_id


@pytest.mark.parametrize(
    "given",
    [("--dismiss", "t"), ("--dismiss", "t", "--by", "alice"), ("--by", "alice"),
     ("--dismiss", "t", *WHY, "--overdue")],
    ids=["alone", "without why", "by alone", "with a filter"],
)  # fmt: skip
def test_what_a_dismissal_lacks_is_said(alone: Home, given: tuple[str, ...]) -> None:
    refused = alone.run("tasks", *given)
    assert refused.code == 2
    assert "--dismiss" in refused.err
