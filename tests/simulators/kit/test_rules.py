"""The kit's rules, without a wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulators.kit import spoilt
from simulators.kit.book import Unbalanced
from simulators.kit.clock import Clock, moment, stamp
from simulators.kit.delays import Delays
from simulators.kit.faults import Faults, Rule
from simulators.kit.menu import COMMON
from simulators.kit.quotas import Quotas
from simulators.kit.replies import Reply
from simulators.kit.targets import Target, Targets
from simulators.kit.timers import Timers
from tests.clock import START
from tests.simulators.kit.till import STATUS, Book

NOW = stamp(START)


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path / "book.sqlite")
    yield made
    made.close()


def again(book: Book, tmp_path: Path) -> Book:
    """The same book, as the next process opens it."""
    book.close()
    return Book(tmp_path / "book.sqlite")


@pytest.mark.parametrize(
    "lines", [[], [("till", 0)], [("till", 1)], [("till", 2), ("world:x", -1)]]
)
def test_an_entry_adds_up_to_zero(book: Book, lines: list[tuple[str, int]]) -> None:
    with pytest.raises(Unbalanced):
        book.post(NOW, "take", "EUR", lines)
    assert book.contents()["postings"] == []


def test_only_lines_of_our_own_accounts_change_a_balance(book: Book) -> None:
    book.post(NOW, "take", "EUR", [("world:guest", -5), ("till", 5)])
    book.post(NOW, "give", "EUR", [("world:guest", 2), ("till", -2)])
    book.post(NOW, "take", "JPY", [("world:guest", -9), ("till", 9)])
    shown = {(row["account_id"], row["currency"]): row["amount_minor"]
             for row in book.contents()["balances"]}  # fmt: skip
    assert shown == {("till", "EUR"): 3, ("till", "JPY"): 9}


def test_a_transaction_is_whole_or_nothing(book: Book) -> None:
    class Killed(BaseException):
        pass

    def killed_in_the_middle() -> None:
        with book.transaction():
            book.post(NOW, "take", "EUR", [("world:guest", -5), ("till", 5)])
            with book.transaction():
                book.keep_setting("a", "b")
            raise Killed

    with pytest.raises(Killed):
        killed_in_the_middle()
    assert book.contents()["balances"] == []
    assert book.setting("a") is None


def test_a_clock_goes_on_in_the_next_process(book: Book, tmp_path: Path) -> None:
    clock = Clock(book)
    clock.freeze()
    clock.set(START)
    clock.advance(timedelta(days=1))
    clock = Clock(again(book, tmp_path))
    assert (clock.now(), clock.frozen) == (START + timedelta(days=1), True)
    clock.thaw()
    assert timedelta(days=1) <= clock.now() - START < timedelta(days=1, minutes=1)
    with pytest.raises(ValueError, match="no offset"):
        moment("2026-03-02T12:00:00")


def test_timers_are_taken_in_the_order_of_their_time(book: Book, tmp_path: Path) -> None:
    timers = Timers(book)
    for seconds in (3, 1, 2):
        timers.add("a", f"step {seconds}", START + timedelta(seconds=seconds))
    timers.add("a", "waits", None, rule=7, param={"fee": "1.00"})
    timers = Timers(again(book, tmp_path))
    assert timers.next_due() == START + timedelta(seconds=1)
    taken = []
    while (timer := timers.take_due(START + timedelta(seconds=2))) is not None:
        taken.append(timer.step)
    assert taken == ["step 1", "step 2"]
    assert timers.take_waiting("b", "waits") is None
    waiting = timers.take_waiting("a", "waits")
    assert waiting is not None
    assert (waiting.rule, waiting.param) == (7, {"fee": "1.00"})
    timers.stop("a", "step 4")
    assert timers.next_due() is not None
    timers.stop("a")
    assert timers.next_due() is None


def test_what_waits_for_funds_is_due_when_they_come(book: Book) -> None:
    timers = Timers(book)
    timers.wait_for_funds("a", "release", START)
    later = START + timedelta(days=1)
    assert timers.take_due(later) is None
    timers.funds_came(later)
    timer = timers.take_due(later)
    assert timer is not None
    assert timer.due == later


def test_a_quota_counts_in_windows(book: Book) -> None:
    quotas = Quotas(book)
    quotas.set([{"on": "POST /takings*", "limit": 2, "seconds": 10}])

    def count(seconds: int, path: str = "/takings", method: str = "POST") -> bool:
        return quotas.count(method, path, datetime.fromtimestamp(seconds, START.tzinfo))

    assert [count(0), count(9), count(9), count(10)] == [True, True, False, True]
    assert count(9, method="GET")
    for bad in ({"on": "POST", "limit": 1}, {"on": "* *", "limit": -1},
                {"on": "* *", "limit": 1, "seconds": 0}):  # fmt: skip
        with pytest.raises(ValueError, match="no quota"):
            quotas.set([bad])
    assert [each["limit"] for each in Quotas(book).shown()] == [2]


def test_delays_are_kept_and_named(book: Book, tmp_path: Path) -> None:
    usual = {"complete_after": 10.0}
    Delays(book, usual).change({"complete_after": 1, "latency": 0.5})
    delays = Delays(again(book, tmp_path), usual)
    assert delays.shown() == {"complete_after": 1.0, "latency": 0.5}
    bads: tuple[dict[str, Any], ...] = ({"finish_after": 1}, {"latency": "soon"})
    for bad in bads:
        with pytest.raises(ValueError, match=r"no such delay|could not convert"):
            delays.change({"complete_after": 2, **bad})
    assert delays["complete_after"] == 1.0


@pytest.mark.parametrize(
    "rule",
    [
        {"fault": "no such"},
        {"fault": "delay", "on": "POST"},
        {"fault": "delay", "probability": 2},
        {"fault": "delay", "match": {"id": 1}},
        {"fault": "delay", "param": {"seconds": "soon"}},
        {"fault": "delay", "picked": 3},
        {"fault": "delay", "often": 3},
    ],
)
def test_a_rule_that_cannot_be_meant_is_refused_and_so_are_those_with_it(
    book: Book, rule: dict[str, Any]
) -> None:
    faults = Faults(book, COMMON)
    with pytest.raises((TypeError, ValueError)):
        faults.add([{"fault": "delay"}, rule])
    assert faults.shown() == []


def test_a_rule_fires_as_often_as_it_says_on_what_it_names(book: Book, tmp_path: Path) -> None:
    Faults(book, COMMON).add([
        {"fault": "drip", "on": "POST /a*", "times": 2, "match": {"id": "x*", "n": "1"}},
    ])  # fmt: skip
    faults = Faults(again(book, tmp_path), COMMON)
    fits = {"id": "x7", "n": "1"}
    others = (
        ("GET", "/a", fits),
        ("POST", "/b", fits),
        ("POST", "/a", {"n": "1"}),
        ("POST", "/a", {**fits, "n": "10"}),
    )
    for method, path, about in others:
        assert faults.fitting(method, path, about, "answer") == []
    assert faults.fitting("POST", "/a", fits, "notice") == []
    for _ in range(2):
        (rule,) = faults.fitting("POST", "/a/b", fits, "answer")
        faults.pick(rule)
    assert faults.fitting("POST", "/a", fits, "answer") == []
    assert [each["picked"] for each in faults.shown()] == [2]
    faults.clear()
    assert faults.shown() == []


def test_the_same_seed_gives_the_same_draws(tmp_path: Path) -> None:
    draws = []
    for name in ("one", "other"):
        book = Book(tmp_path / name)
        faults = Faults(book, COMMON)
        faults.add([{"fault": "drip", "times": None, "probability": 0.5, "seed": 7}])
        draws.append([bool(faults.fitting("GET", "/", {}, "answer")) for _ in range(40)])
        book.close()
    assert draws[0] == draws[1]
    assert set(draws[0]) == {True, False}


def _words(fault: str, param: Any) -> Reply:
    return Reply(STATUS[fault], {"error": fault, **param})


SHOWN = {"id": "p", "status": "taken", "amount": "12.50", "count": 3}


@pytest.mark.parametrize(
    ("fault", "param", "changed"),
    [
        ("unknown_status", {}, {**SHOWN, "status": spoilt.NOT_A_STATUS}),
        ("unknown_status", {"status": "odd"}, {**SHOWN, "status": "odd"}),
        ("missing_field", {"field": "amount"}, {k: v for k, v in SHOWN.items() if k != "amount"}),
        ("number_for_string", {}, {**SHOWN, "amount": 12.5}),
        ("number_for_string", {"field": "count"}, None),
        ("number_for_string", {"field": "id"}, None),
        ("missing_field", {"field": "other"}, None),
    ],
)
def test_a_field_is_spoilt_or_the_fault_waits_for_a_reply_that_has_it(
    fault: str, param: dict[str, Any], changed: Any
) -> None:
    rule = Rule(fault, param=param)
    for body, expected in (
        (SHOWN, changed),
        ({"list": [SHOWN], "more": False}, changed and {"list": [changed], "more": False}),
    ):
        reply = spoilt.spoil(rule, Reply(200, body), _words)
        assert (reply.body if reply else None) == expected
    assert spoilt.spoil(rule, Reply(400, {"status": "x", "amount": "1"}), _words) is None
    assert SHOWN["amount"] == "12.50", "the partner's own object is not changed"


def test_an_object_with_a_list_of_others_is_spoilt_itself() -> None:
    body = {**SHOWN, "kinds": ["a"], "parts": [SHOWN]}
    reply = spoilt.spoil(Rule("unknown_status"), Reply(200, body), _words)
    assert reply is not None
    assert reply.body == {**body, "status": spoilt.NOT_A_STATUS}


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("error_500_after", 500),
        ("html_200", 200),
        ("html_502_after", 502),
        ("redirect_after", 302),
        ("wrong_content_type", 200),
        ("drip", 200),
        ("cut_mid_body", 200),
    ],
)
def test_whole_replies_are_spoilt(fault: str, status: int) -> None:
    reply = spoilt.spoil(Rule(fault), Reply(200, SHOWN), _words)
    assert reply is not None
    assert reply.status == status
    assert ("location" in reply.headers) is (fault == "redirect_after")
    is_html = reply.content_type == "text/html"
    assert is_html is fault.startswith(("html", "redirect"))


@pytest.mark.parametrize(
    "fault", ["unauthorised", "rate_limited", "service_unavailable", "refused"]
)
def test_what_happens_instead_is_said_in_the_partners_words(fault: str) -> None:
    reply = spoilt.instead(Rule(fault, param={"code": "c"}), _words)
    assert (reply.status, reply.body) == (STATUS[fault], {"error": fault, "code": "c"})


def test_targets_show_no_secret_and_drop_what_waits_for_them(book: Book) -> None:
    targets = Targets(book, Target)
    targets.put([{"url": "http://a", "secret": "s3cret"}, {"url": "http://b"}])
    targets.keep_key("common")
    assert "s3cret" not in json.dumps(targets.shown())
    assert [targets.secret_of(each) for each in targets.all()] == ["s3cret", "common"]
    targets.remove("http://a")
    assert [each.url for each in targets.all()] == ["http://b"]
    for bad in ({"url": "ftp://a"}, {"url": "http://c", "retry_seconds": [-1]}):
        with pytest.raises(ValueError, match=r"URL|wait"):
            targets.put([{"url": "http://d"}, bad])
    assert len(targets.all()) == 1
