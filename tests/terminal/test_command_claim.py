"""`finality capture`, `increment`, `refund` and `confirm`, as a person or a script runs them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.ids import claim_id
from domain.lifecycle.answers import Refused, Submitted
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.payments.order import Captured
from domain.payments.report import MovementKind, PaymentState
from store.claims import Claims
from store.faults import StoreAway
from terminal.claim import claim_amount
from tests.fakes import profile
from tests.store.books import PAYMENT, exchange, in_doubt, report
from tests.store.test_claims import away, booked, declined_without_payer
from tests.store.test_increments import hold, read
from tests.terminal.collected import answered, claims_of, collection, held
from tests.terminal.homes import Home, home

CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND
INCREMENT = InstructionKind.INCREMENT
S, K = PaymentState, MovementKind


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


async def ask(alone: Home, kind: InstructionKind, minor: int, key: str = "c1", **more: Any) -> int:
    """The command, in this process."""
    amount = more.pop("amount", Money(minor=minor, currency="EUR"))
    given = {"key": key, "by": "ann", "wait_seconds": 0, "as_json": False, **more}
    return await claim_amount(alone.settings, kind, PAYMENT, amount, **given)


async def test_a_capture_is_recorded_though_no_server_answers(alone: Home) -> None:
    await held(alone.store)
    ran = alone.run("capture", PAYMENT, "60 EUR", "--key", "c1", "--by", "ann")
    assert ran.code == 0, ran.err
    assert "capture c1 of 60.00 EUR: recorded; the partner has not answered yet" in ran.out
    assert f"{PAYMENT} is authorised" in ran.out
    assert "No Temporal server answers. The capture is recorded" in ran.out
    again = alone.run("capture", PAYMENT, "60.00EUR", "--key", "c1", "--json")
    assert again.code == 0, again.err
    [row] = again.rows
    assert (row["is_replay"], row["claim"]["by"]) == (True, "terminal/ann")
    assert (row["claim_key"], row["kind"], row["key"]) == ("c1", "capture", "k")
    assert (row["claim"]["amount_minor"], row["claim"]["state"]) == (6_000, "requested")


async def test_a_repeat_prints_what_became_of_it_and_claims_nothing(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    await held(alone.store)
    assert await ask(alone, CAPTURE, 6_000) == 0
    await answered(alone.store, CAPTURE, "c1")
    capsys.readouterr()
    assert await ask(alone, CAPTURE, 6_000) == 0
    said = capsys.readouterr().out
    assert "capture c1 of 60.00 EUR: done" in said
    assert "The key was known, so nothing new was asked for." in said
    claims = await claims_of(alone.store).episodes(PAYMENT)
    assert [each.amount.minor for each in claims] == [6_000]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ("refused", "capture c1 of 60.00 EUR: not executed: the amount is too large"),
        ("lost", "capture c1 of 60.00 EUR: in doubt: the partner may have executed it"),
    ],
)
async def test_what_did_not_work_or_is_in_doubt_is_said_and_told_by_the_code(
    alone: Home, capsys: pytest.CaptureFixture[str], answer: str, said: str
) -> None:
    await held(alone.store)
    await ask(alone, CAPTURE, 6_000)
    its, now = claim_id(PAYMENT, CAPTURE, "c1"), alone.store.clock.now()
    no = report(now, None, reference=None, instruction=its, reason="the amount is too large")
    answers: dict[str, Submitted] = {
        "refused": Refused(no, exchange(now)), "lost": in_doubt(),
    }  # fmt: skip
    await answered(alone.store, CAPTURE, "c1", answers[answer])
    capsys.readouterr()
    assert await ask(alone, CAPTURE, 6_000) == 1
    assert said in " ".join(capsys.readouterr().out.split())


async def test_a_refund_says_what_is_kept(alone: Home, capsys: pytest.CaptureFixture[str]) -> None:
    movements = (booked(K.CAPTURE, 4_000, "ca_1"), booked(K.FEE, 100), booked(K.REFUND, 1_000, "x"))
    await held(alone.store, S.CAPTURED, *movements, captured=Captured.AT_ONCE)
    assert await ask(alone, REFUND, 2_000, "r1") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "refund r1 of 20.00 EUR: recorded" in said
    assert "40.00 EUR captured, 10.00 EUR refunded, 1.00 EUR fees, 29.00 EUR kept." in said


@pytest.mark.parametrize(
    ("kind", "minor", "said"),
    [
        (CAPTURE, 10_001, "amount: a capture of 100.01 EUR is more than is left (100.00 EUR)"),
        (CAPTURE, 0, "amount: is 0.00 EUR; give one above zero, in EUR"),
        (
            REFUND,
            1,
            "state: the payment is authorised, so nothing can be refunded yet; cancel it instead",
        ),
    ],
)
async def test_a_refusal_is_one_sentence_that_names_the_field(
    alone: Home, capsys: pytest.CaptureFixture[str], kind: InstructionKind, minor: int, said: str
) -> None:
    await held(alone.store)
    assert await ask(alone, kind, minor) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(f"finality: {said}")
    assert printed.err.count("\n") == 1


async def test_a_partner_without_captures_an_order_taken_at_once_and_a_used_key_are_refused(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    await alone.store.accept(as_of=profile())
    for kind in (CAPTURE, REFUND):
        assert await ask(alone, kind, 1) == 2
        assert f"finality: partner: bank offers no {kind}" in capsys.readouterr().err
    assert await ask(alone, CAPTURE, 1, amount=Money(minor=1, currency="USD")) == 2


async def test_a_key_stands_for_one_amount(alone: Home, capsys: pytest.CaptureFixture[str]) -> None:
    await held(alone.store)
    assert await ask(alone, CAPTURE, 6_000) == 0
    assert await ask(alone, CAPTURE, 1_000) == 2
    assert "finality: key: 'c1' stands for the capture of 60.00 EUR" in capsys.readouterr().err


@pytest.mark.parametrize("field", ["key", "by"])
async def test_a_card_number_is_not_taken_into_the_clear(
    alone: Home, capsys: pytest.CaptureFixture[str], field: str
) -> None:
    await held(alone.store)
    assert await ask(alone, CAPTURE, 1, **{field: "4242 4242 4242 4242"}) == 2
    printed = capsys.readouterr().err
    assert f"finality: {field}: may be a card number" in printed
    assert "4242" not in printed


async def test_a_claim_is_not_called_unrecorded_where_it_cannot_be_read_any_more(
    alone: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    await held(alone.store)

    async def away(self: Claims, payment_id: str) -> None:
        raise StoreAway("the database is away: disk I/O error")

    monkeypatch.setattr(Claims, "episodes", away)
    assert await ask(alone, CAPTURE, 6_000) == 0
    assert "recorded; the database is away" in capsys.readouterr().out
    assert await ask(alone, CAPTURE, 6_000, as_json=True) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["claim"], row["tenant"], row["state"]) == (None, None, "authorised")


@pytest.mark.parametrize("amount", ["12", "1.234EUR", "all"])
def test_what_is_no_amount_is_refused_by_its_name(alone: Home, amount: str) -> None:
    ran = alone.run("refund", PAYMENT, amount, "--key", "r1")
    assert ran.code == 2
    assert "AMOUNT" in ran.err


async def test_another_payment_is_said_to_be_unknown(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await ask(alone, REFUND, 1) == 2
    assert f"there is no payment {PAYMENT}" in capsys.readouterr().err


async def test_an_increment_is_recorded_and_shown_beside_the_captures(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    await hold(alone.store, of=collection(alone.store))
    assert await ask(alone, INCREMENT, 2_000, "i1") == 0
    said = capsys.readouterr().out
    assert "increment i1 of 20.00 EUR: recorded; the partner has not answered yet" in said
    [row] = alone.run("increment", PAYMENT, "20.00EUR", "--key", "i1", "--json").rows
    assert (row["kind"], row["is_replay"], row["claim"]["kind"]) == ("increment", True, "increment")
    [shown] = alone.run("show", PAYMENT, "--json").rows
    assert [each["amount_minor"] for each in shown["increments"]] == [2_000]
    assert (shown["captures"], shown["reversals"]) == ([], [])
    assert await ask(alone, CAPTURE, 11_000) == 2
    assert "wait until the increment of 20.00 EUR is proven" in capsys.readouterr().err


async def test_an_increment_is_known_once_the_partner_shows_the_larger_hold(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    await hold(alone.store, of=collection(alone.store))
    assert await ask(alone, INCREMENT, 2_000, "i1") == 0
    await answered(alone.store, INCREMENT, "i1")
    await read(alone.store, 12_000)
    capsys.readouterr()
    assert await ask(alone, INCREMENT, 2_000, "i1", wait_seconds=30) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "increment i1 of 20.00 EUR: done" in said
    assert "Booked so far: 120.00 EUR still held." in said


async def test_a_payer_who_comes_back_is_asked_for_the_whole_order(alone: Home) -> None:
    await declined_without_payer(alone.store, away(alone.store.clock.now()))
    ran = alone.run("confirm", PAYMENT, "--key", "back", "--by", "ann")
    assert ran.code == 0, ran.err
    assert "confirm back of 100.00 EUR: recorded" in ran.out
    assert f"finality show {PAYMENT} --link" in ran.out
    [row] = alone.run("confirm", PAYMENT, "--key", "back", "--json").rows
    assert (row["kind"], row["is_replay"], row["claim"]["kind"]) == ("confirm", True, "confirm")
    [shown] = alone.run("show", PAYMENT, "--json").rows
    assert [each["key"] for each in shown["confirmations"]] == ["back"]
    assert shown["captures"] == []


async def test_a_payer_who_cannot_come_back_is_said_before_anything_is_recorded(
    alone: Home,
) -> None:
    order = away(alone.store.clock.now(), return_url=None)
    await declined_without_payer(alone.store, order)
    ran = alone.run("confirm", PAYMENT, "--key", "back")
    assert ran.code == 2
    assert "return_url: the order has none" in ran.err
