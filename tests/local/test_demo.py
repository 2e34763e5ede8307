"""The demo says what differs between books and orders; that all of it runs, `make demo` shows."""

from __future__ import annotations

import copy
import io
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
from rich.console import Console

from assembly import assembled
from domain.payments.report import PaymentState
from local import demo_bank
from local.demo_bank import use_bank
from local.demo_books import bank_agrees, collections_agree, payments_agree
from local.demo_collections import DELAYS, PARTNER, SALES, TROUBLED
from local.demo_collections import rules as rules_of_collections
from local.demo_file import demo_file, end_to_end_id
from local.demo_payer import NoSuchButton, press
from local.demo_shop import Sold, make_trouble, sell_all
from local.demo_stories import CANCELLED_TOO_LATE, FAULTS, LINES, STORIES, rules
from local.stack import Ports, Stack
from messages.pain001 import read
from settings import Settings
from simulators.stripe.partner import Partner

ACCOUNT = "DE02120300000000202051"


def the_book(*, booked: int) -> dict[str, Any]:
    """A partner's book with so many bookings of one order, and every fault fired."""
    payments = [
        {
            "id": f"id-{number}",
            "unique_request_id": f"key-{number}",
            "status": "completed",
            "amount_minor": 1000,
            "returned_minor": 0,
            "currency": "EUR",
            "reference": "REF-1",
            "account_id": "ours",
            "beneficiary_id": "theirs",
        }
        for number in range(booked)
    ]
    fired = [{"fault": fault} for fault, _, _ in FAULTS]
    fired += [{"fault": story.fault} for story in STORIES]
    return {
        "payments": payments,
        "postings": [],
        "beneficiaries": [{"id": "theirs", "iban": ACCOUNT, "bank_account_holder_name": "C"}],
        "faults_fired": fired,
    }


class Screen:
    """What the demo prints, in a wide terminal."""

    def __init__(self) -> None:
        self._file = io.StringIO()
        self.console = Console(file=self._file, width=200)

    @property
    def said(self) -> str:
        return self._file.getvalue()


@pytest.mark.parametrize(("booked", "flaw"), [(0, "lost: k "), (2, "twice: k ")])
async def test_a_file_whose_book_differs_does_not_agree(
    tmp_path: Path, booked: int, flaw: str
) -> None:
    journal = tmp_path / "journal.jsonl"
    wanted = {"creditor_account": ACCOUNT, "creditor": "C", "amount_minor": 1000,
              "currency": "EUR", "end_to_end_id": "REF-1"}  # fmt: skip
    lines = [{"intended": "k", **wanted}, {"acknowledged": "k", "payment_id": "pay_1"}]
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    screen, book = Screen(), the_book(booked=booked)
    assert not await payments_agree(
        tmp_path, "the bank", book, journal, [], screen.console, killed=True
    )
    assert "The file's orders beside the bank's book" in screen.said
    assert flaw in screen.said


def test_the_demo_file_is_one_we_read_and_each_fault_meets_its_own_payment() -> None:
    lines = read(demo_file(24)).lines
    assert len(lines) == 24
    assert not any(line.refusals for line in lines)
    matched = [rule["match"]["reference"] for rule in rules()]
    wanted = sum(count for _, count, _ in FAULTS) + len(STORIES)
    assert len(set(matched)) == len(matched) == wanted == LINES - 1
    assert end_to_end_id(CANCELLED_TOO_LATE) not in matched
    assert set(matched) <= {end_to_end_id(number) for number in range(22)}


# Collections


def test_the_sales_are_those_that_a_watcher_is_promised() -> None:
    assert sum(sale.payer_confirms for sale in SALES) == 1
    assert [sale.name for sale in SALES if 0 < sum(sale.captures) < sale.amount] == ["ORDER-2"]
    assert [len(sale.refunds) for sale in SALES if sale.refunds] == [2]
    assert [sale.disputes for sale in SALES if sale.disputes] == [(64_00,)]
    assert {(sale.trouble.fault, sale.trouble.on) for sale in TROUBLED if sale.trouble} >= {
        ("reply_lost_after", "POST /v1/refunds"),
        ("reply_lost_after", "POST /v1/payment_intents/*/confirm"),
    }
    refunds = [amount for sale in SALES for amount in sale.refunds]
    assert len(set(refunds)) == len(refunds), "a fault that matches an amount meets one refund"


def test_the_simulator_knows_every_trouble_and_delay(tmp_path: Path) -> None:
    partner = Partner(tmp_path / "book.db")
    try:
        assert len(partner.faults.add(rules_of_collections())) == len(TROUBLED)
        partner.delays.change(DELAYS)
    finally:
        partner.book.close()


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    async with Stack(tmp_path / "home", Ports.free(), {}, say=lambda _: None) as running:
        yield running


async def test_every_sale_comes_to_its_end_and_each_difference_in_the_book_is_found(
    stack: Stack,
) -> None:
    simulator = stack.partners[PARTNER].simulator
    troubles = await make_trouble(simulator)
    async with assembled(Settings(home=stack.home)) as assembly:
        sold = await sell_all(assembly)
    assert [each.sale.name for each in sold if not each.is_over] == []
    for each in sold:
        for other in ({"refunds": (1,)}, {"disputes": (1,)}, {"ends": PaymentState.CANCELLED}):
            sale = replace(each.sale, **other)
            assert not Sold(sale, each.record).is_over, (each.sale.name, other)
    book = await simulator.control("GET", "book")

    async def said_of(book: dict[str, Any], sold: Any = sold) -> tuple[bool, str]:
        screen = Screen()
        agree = await collections_agree(
            stack.home, "the processor", book, troubles, sold, screen.console
        )
        return agree, screen.said

    agree, said = await said_of(book)
    assert agree, said
    assert "303.00 EUR in 5" in said, "charged as ordered: 49 + 75 + 80 + 64 + 35"
    assert "42.50 EUR in 2" in said
    assert "64.00 EUR in 1" in said
    assert (await said_of(book, sold[1:]))[0] is False, "our store does not show an order"
    for change, words in _CHANGES:
        doctored = copy.deepcopy(book)
        change(doctored)
        agree, said = await said_of(doctored)
        assert not agree, words
        assert words in said


async def test_a_user_gives_access_and_pays_on_the_pages_of_the_bank(stack: Stack) -> None:
    simulator = stack.partners[demo_bank.PARTNER].simulator
    await simulator.control("POST", "delays", demo_bank.DELAYS)
    async with assembled(Settings(home=stack.home)) as assembly:
        banked = await use_bank(assembly)
    assert banked.is_over
    assert not replace(banked, consent=None).is_over
    assert not replace(banked, transactions=()).is_over
    book = await simulator.control("GET", "book")
    screen = Screen()
    assert await bank_agrees(stack.home, "the bank", book, banked, screen.console), screen.said
    less, screen = replace(banked, transactions=banked.transactions[1:]), Screen()
    assert not await bank_agrees(stack.home, "the bank", book, less, screen.console)
    assert "lost: transaction" in screen.said


def _of(book: dict[str, Any], kind: str, order: str) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in book[kind] if one["description"] == order)
    return found


def _charge_again(book: dict[str, Any]) -> None:
    charge = _of(book, "charges", "ORDER-5")
    book["charges"].append({**charge, "id": "ch_again"})


def _raise_capture(book: dict[str, Any]) -> None:
    charge = _of(book, "charges", "ORDER-2")
    booked = next(b for b in book["balance_transactions"] if b["source"] == charge["id"])
    booked["amount"] = charge["amount_captured"] = charge["amount"]


def _refund_again(book: dict[str, Any]) -> None:
    book["refunds"].append({**book["refunds"][0], "id": "re_again"})


def _win(book: dict[str, Any]) -> None:
    book["disputes"][0]["status"] = "won"


def _lose(book: dict[str, Any]) -> None:
    book["payments"].remove(_of(book, "payments", "ORDER-1"))


def _spare(book: dict[str, Any]) -> None:
    book["faults_fired"].clear()


_CHANGES: tuple[tuple[Callable[[dict[str, Any]], None], str], ...] = (
    (_charge_again, "twice: ORDER-5"),
    (_raise_capture, "unordered: capture of 12000 of ORDER-2"),
    (_refund_again, "twice: refund of "),
    (_win, "changed: the dispute of ORDER-4"),
    (_lose, "lost: ORDER-1"),
    (_spare, "never happened: refund executed, and the reply lost"),
)


class _Bank(BaseHTTPRequestHandler):
    """The page of a card's bank, with two buttons; the way back leads to no host."""

    pressed: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(
            b"<form method=post><p>49.00</p><button name=outcome value=yes>Complete</button>"
            b"<button name=outcome value=no>Fail</button></form>"
        )

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        self.pressed.append(f"{self.path} {self.rfile.read(length).decode()}")
        self.send_response(303)
        self.send_header("location", "https://nowhere.invalid/thanks")
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None: ...


@pytest.fixture
def bank() -> Iterator[str]:
    """Its address."""
    _Bank.pressed.clear()
    with HTTPServer(("127.0.0.1", 0), _Bank) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/page?attempt=1"
        server.shutdown()
        thread.join()


def test_the_payer_presses_the_button_with_that_label_and_is_not_led_on(bank: str) -> None:
    press(bank, "Complete")
    assert _Bank.pressed == ["/page?attempt=1 outcome=yes"]


def test_the_payer_presses_nothing_that_the_page_does_not_have(bank: str) -> None:
    with pytest.raises(NoSuchButton, match="no button 'Pay', only Complete, Fail"):
        press(bank, "Pay")
    assert _Bank.pressed == []
