"""The simulated Currencycloud's book: it adds up, and outlives its process."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.currencycloud.amounts import to_minor, to_wire
from simulators.currencycloud.book import Book
from simulators.currencycloud.menu import INTERVENTIONS
from simulators.currencycloud.partner import DEFAULT_LOGIN, SIMULATOR_API_KEY, Partner
from simulators.kit.book import Unbalanced
from simulators.kit.partner import Call
from simulators.kit.timers import NotPossible
from tests.conftest import ROOT
from tests.simulators.conftest import IBAN, Client


def check(book: dict[str, Any]) -> None:
    """What any honest book of double entry has, whatever happened."""
    entries: dict[str, list[dict[str, Any]]] = {}
    for posting in book["postings"]:
        entries.setdefault(posting["entry"], []).append(posting)
    for lines in entries.values():
        assert len(lines) >= 2
        assert len({line["currency"] for line in lines}) == 1
        assert sum(line["amount_minor"] for line in lines) == 0
    for balance in book["balances"]:
        assert balance["amount_minor"] >= 0
        assert balance["amount_minor"] == sum(
            posting["amount_minor"]
            for posting in book["postings"]
            if (posting["account"], posting["currency"])
            == (balance["account_id"], balance["currency"])
        )
        signs = {"credit": 1, "debit": -1}
        assert balance["amount_minor"] == sum(
            signs[one["type"]] * one["amount_minor"]
            for one in book["transactions"]
            if one["balance_id"] == balance["id"]
        )


def partner(file: Path = Path(":memory:")) -> tuple[Partner, str, str]:
    """A partner without a wire, a token, and a beneficiary."""
    partner = Partner(file)
    partner.furnish(balances=["EUR=100.00"])
    partner.clock.freeze()
    login = {"login_id": DEFAULT_LOGIN, "api_key": SIMULATOR_API_KEY}
    token = partner.sessions.log_in(login, partner.clock.now())
    form = {
        "name": "E",
        "bank_account_holder_name": "E",
        "bank_country": "DE",
        "currency": "EUR",
        "iban": IBAN,
    }
    call = Call("POST", "/v2/beneficiaries/create", "create_beneficiary", form, token=token)
    return partner, token, partner.answer(call).reply.body["id"]


def pay(bank: Partner, token: str, beneficiary_id: str, minor: int, key: str) -> str:
    form = {
        "currency": "EUR",
        "amount": to_wire(minor, "EUR"),
        "reason": "r",
        "reference": "r",
        "beneficiary_id": beneficiary_id,
        "unique_request_id": key,
    }
    call = Call("POST", "/v2/payments/create", "create_payment", form, token=token)
    return str(bank.answer(call).reply.body["id"])


STEPS = st.one_of(
    st.tuples(st.just("pay"), st.integers(1, 6000)),
    st.tuples(st.just("advance"), st.integers(0, 20)),
    st.tuples(st.sampled_from(INTERVENTIONS), st.integers(0, 9)),
    st.tuples(st.just("fund"), st.integers(1, 5000)),
    st.tuples(st.just("require approvals"), st.integers(0, 2)),
)


@settings(deadline=None, max_examples=60)
@given(steps=st.lists(STEPS, max_size=25))
def test_the_book_adds_up_to_zero_whatever_happens(steps: list[tuple[str, int]]) -> None:
    bank, token, beneficiary_id = partner()
    paid: list[str] = []
    for number, (step, size) in enumerate(steps):
        now = bank.clock.now()
        if step == "pay":
            paid.append(pay(bank, token, beneficiary_id, size, str(number)))
        elif step == "advance":
            bank.clock.advance(timedelta(seconds=size / 10))
            bank.progress(bank.clock.now())
        elif step == "fund":
            account_id = bank.accounts.main()["id"]
            bank.accounts.fund(account_id, to_wire(size, "EUR"), "EUR", now)
        elif step == "require approvals":
            bank.approvals.require(bank.accounts.main()["id"], size)
        elif paid:
            with suppress(NotPossible):
                bank.lifecycle.apply(paid[size % len(paid)], step, {}, None, now)
    check(bank.book.contents())
    bank.book.close()


def test_an_entry_that_does_not_add_up_is_refused(tmp_path: Path) -> None:
    book = Book(tmp_path / "book.sqlite")
    for lines in ([("a", 1), ("b", -2)], [("a", 0)]):
        with pytest.raises(Unbalanced):
            book.post("now", "what", "EUR", lines)
    book.close()


def test_a_book_of_the_first_version_is_opened_and_goes_on(tmp_path: Path) -> None:
    file = tmp_path / "book.sqlite"
    bank, *_ = partner(file)
    bank.book.close()
    with sqlite3.connect(file) as db:
        for table, column in (
            ("logins", "contact_id"),
            ("accounts", "authorisation_steps"),
            ("payments", "steps_required"),
        ):
            db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        for table in ("approvals", "targets", "deliveries", "notices"):
            db.execute(f"DROP TABLE {table}")
    db.close()
    bank, token, beneficiary_id = partner(file)
    assert pay(bank, token, beneficiary_id, 1, "k")
    bank.book.close()


@given(minor=st.integers(0, 10**14), currency=st.sampled_from(["EUR", "JPY", "BHD"]))
def test_an_amount_survives_the_wire(minor: int, currency: str) -> None:
    assert to_minor(to_wire(minor, currency), currency) == minor


# A process


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    return [sys.executable, "-m", "simulators.currencycloud", "serve", "--db", str(tmp_path / "b")]


def begin(command: list[str]) -> tuple[subprocess.Popen[str], str]:
    """The process and its address, once it listens."""
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return process, process.stdout.readline().split()[-1]


def end(process: subprocess.Popen[str], how: signal.Signals) -> int:
    process.send_signal(how)
    process.communicate(timeout=20)
    return process.returncode


def printed_book(command: list[str]) -> Any:
    asked = [*command[:3], "book", "--db", command[-1]]
    return json.loads(subprocess.run(asked, cwd=ROOT, capture_output=True, check=True).stdout)


def test_everything_answered_survives_sigkill(command: list[str]) -> None:
    process, address = begin([*command, "--release-after", "0.01", "--review-after", "0"])
    try:
        client = Client(address)
        client.control("clock", {"frozen": True})
        client.fault("error_500_after", times=3)
        for _ in range(20):
            client.create()
        client.control("clock", {"advance_seconds": 0.2})
        told = client.control("book")
        token = client.http.headers["X-Auth-Token"]
        client.http.close()
    finally:
        assert end(process, signal.SIGKILL) == -signal.SIGKILL
    assert printed_book(command) == told
    check(told)
    assert {payment["status"] for payment in told["payments"]} == {"released"}
    process, address = begin(command)
    try:
        client = Client(address)
        assert client.control("book")["payments"] == told["payments"]
        assert client.create(unique_request_id="key-1").json()["error_code"] == "duplicate_request"
        client.http.headers["X-Auth-Token"] = token
        client.http.get("/v2/balances/EUR").raise_for_status()
        assert client.control("faults")["rules"][0]["fired"] == 3
        client.http.close()
    finally:
        assert end(process, signal.SIGTERM) == 0


def test_a_told_simulator_is_furnished_as_told(command: list[str]) -> None:
    told = ["--login", "me", "--api-key", "ab" * 32, "--balance", "CHF=7.00", "--latency", "0"]
    process, address = begin([*command, *told])
    try:
        client = Client(address, "me", "ab" * 32)
        assert client.balance("CHF") == "7.00"
        client.http.close()
    finally:
        assert end(process, signal.SIGINT) == 0
