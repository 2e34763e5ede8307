"""A file is recorded a hundred lines at a time, and something fails after the first hundred.

Lines that are recorded will be paid. A command that calls them refused has them paid twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from lxml import etree

from domain.clock import ClocksApart
from regimes.refusal import Refusal
from starter.acceptance import InvalidOrder
from starter.client import Orchestrator
from starter.journal import Journal, JournalFailed
from starter.orders import Asked
from store.accepting import KeyReused
from store.faults import StoreAway
from store.operators import NotSigned
from store.payments import Payments
from terminal.pay import ALL_WELL, NOTHING_PAID, SOME_NOT
from tests.attacks.test_duplicates import FIRST, SECOND, THIRD, Desk, desk

__all__ = ["desk"]

AWAY = StoreAway("the database is away: disk I/O error")
FORESEEN = [
    KeyReused("k", "pay_other"),
    NotSigned("too many tries"),
    ClocksApart("the clock of host/1 is 1 hour ahead"),
    InvalidOrder([Refusal("DT01", "times", "the deadline is over")]),
    AWAY,
]
PayMany = Callable[[Orchestrator, Sequence[Asked]], Any]


@pytest.fixture
def line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("starter.files.recording._RECORDED_AT_ONCE", 1)


def fails_at(
    monkeypatch: pytest.MonkeyPatch, number: int, why: Exception, *, after_it: bool = False
) -> None:
    """The n-th transaction fails; `after_it`: once it was committed."""
    pay_many: PayMany = Orchestrator.pay_many
    calls = 0

    async def failing(self: Orchestrator, many: Sequence[Asked]) -> Any:
        nonlocal calls
        calls += 1
        if calls == number and not after_it:
            raise why
        answers = await pay_many(self, many)
        if calls == number:
            raise why
        return answers

    monkeypatch.setattr(Orchestrator, "pay_many", failing)


@pytest.mark.parametrize("why", FORESEEN, ids=lambda why: type(why).__name__)
@pytest.mark.usefixtures("line_by_line")
async def test_lines_recorded_before_it_broke_off_are_shown_as_they_are(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    fails_at(monkeypatch, 2, why)
    paid = await desk.pay("MSG-1", FIRST, SECOND, THIRD)
    assert await desk.recorded() == [11]
    assert paid.states == [(11, "created"), (22, "not_recorded"), (33, "not_recorded")]
    assert paid.code == SOME_NOT
    assert all(str(why) in row["reason"] and row["at"] for row in paid.rows[1:])
    assert [row["line"] for row in paid.rows] == [1, 2, 3]
    assert "Lines 2 to 3: not recorded" in paid.said
    assert "give the same file again" in paid.said


@pytest.mark.usefixtures("line_by_line")
async def test_the_same_file_again_records_the_rest_once(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        fails_at(broken, 2, AWAY)
        assert (await desk.pay("MSG-1", FIRST, SECOND, THIRD)).code == SOME_NOT
    again = await desk.pay("MSG-1", FIRST, SECOND, THIRD)
    assert again.code == ALL_WELL
    assert await desk.recorded() == [11, 22, 33]


@pytest.mark.usefixtures("line_by_line")
async def test_a_transaction_that_was_committed_all_the_same_is_found_in_the_store(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_at(monkeypatch, 2, AWAY, after_it=True)
    paid = await desk.pay("MSG-1", FIRST, SECOND, THIRD)
    assert paid.states == [(11, "created"), (22, "created"), (33, "not_recorded")]
    assert await desk.recorded() == [11, 22]


@pytest.mark.usefixtures("line_by_line")
async def test_while_the_store_stays_away_only_the_transaction_in_hand_is_uncertain(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: Payments, *asked: Any) -> Any:
        raise AWAY

    with monkeypatch.context() as broken:
        fails_at(broken, 2, AWAY, after_it=True)
        broken.setattr(Payments, "known", away)
        broken.setattr(Payments, "records_by_id", away)
        paid = await desk.pay("MSG-1", FIRST, SECOND, THIRD)
    assert paid.states == [(11, "created"), (22, "unknown"), (33, "not_recorded")]
    assert paid.code == SOME_NOT
    assert paid.rows[0]["payment_id"]
    certainty = {row["line"]: row["certainty"] for row in paid.rows}
    assert certainty == {1: "not_sent", 2: "unknown", 3: "not_sent"}
    assert "Line 2: may be recorded" in paid.said
    assert await desk.recorded() == [11, 22]


async def test_payments_that_cannot_be_read_after_recording_are_not_called_unpaid(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(self: Payments, *asked: Any) -> Any:
        raise AWAY

    with monkeypatch.context() as broken:
        broken.setattr(Payments, "records_by_id", away)
        paid = await desk.pay("MSG-1", FIRST, SECOND)
    assert paid.code == SOME_NOT
    assert paid.states == [(11, "created"), (22, "created")]
    assert "Lines 1 to 2: recorded, and will be paid" in paid.said
    assert await desk.recorded() == [11, 22]


@pytest.mark.parametrize("why", FORESEEN, ids=lambda why: type(why).__name__)
async def test_where_nothing_was_recorded_it_says_so(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, why: Exception
) -> None:
    fails_at(monkeypatch, 1, why)
    paid = await desk.pay("MSG-1", FIRST, SECOND)
    assert (paid.code, paid.states) == (NOTHING_PAID, [(11, "not_recorded"), (22, "not_recorded")])
    assert await desk.recorded() == []


@pytest.mark.usefixtures("line_by_line")
async def test_a_mistake_of_ours_is_raised_only_after_what_is_recorded_was_shown(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails_at(monkeypatch, 2, RuntimeError("holds something secret"))
    with pytest.raises(RuntimeError):
        await desk.pay("MSG-1", FIRST, SECOND)
    printed = capsys.readouterr()
    assert '"state": "created"' in printed.out
    assert "an error of Finality itself (RuntimeError)" in printed.out
    assert "secret" not in printed.out + printed.err


@pytest.mark.usefixtures("line_by_line")
async def test_the_status_report_calls_recorded_lines_accepted_and_the_rest_not_recorded(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    fails_at(monkeypatch, 2, AWAY)
    out = desk.settings.home / "status.xml"
    await desk.pay("MSG-1", FIRST, SECOND, status_report=out)
    root = etree.parse(out).getroot()
    assert [one.text for one in root.iterfind(".//{*}TxSts")] == ["ACTC", "PDNG"]
    assert [one.text for one in root.iterfind(".//{*}Prtry")] == ["NOT_RECORDED"]


@pytest.mark.usefixtures("line_by_line")
async def test_a_journal_that_is_full_stops_the_rest_and_hides_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    intend, calls = Journal.intend, 0

    def full(self: Journal, *asked: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise JournalFailed("the journal cannot be written: No space left on device")
        intend(self, *asked)

    monkeypatch.setattr(Journal, "intend", full)
    paid = await desk.pay("MSG-1", FIRST, SECOND, journal=desk.settings.home / "journal")
    assert (paid.code, paid.states) == (SOME_NOT, [(11, "created"), (22, "not_recorded")])
    assert await desk.recorded() == [11]


async def test_nothing_is_taken_or_recorded_where_the_journal_cannot_be_opened(desk: Desk) -> None:
    paid = await desk.pay("MSG-1", FIRST, journal=desk.settings.home / "no" / "journal")
    assert (paid.code, paid.states) == (NOTHING_PAID, [(11, "refused")])
    assert "cannot be written: No such file or directory" in paid.rows[0]["reason"]
    # Nothing stands under its name yet.
    assert (await desk.pay("MSG-1", SECOND)).code == ALL_WELL
