"""`finality show` of a collection: its state and, beside it, captures, refunds and disputes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.reversals import ReversalKind, ReversalState, SeenReversal
from domain.payments.due import due
from domain.payments.order import Captured
from domain.payments.report import Action, ActionKind, MovementKind, PaymentState
from store.claims import OverBound
from terminal.show import print_link, show_payment
from tests.store.books import PAYMENT
from tests.store.test_claims import booked
from tests.terminal.collected import admitted, answered, claims_of, euro, held, told
from tests.terminal.homes import Home, home

CAPTURE, REFUND = InstructionKind.CAPTURE, InstructionKind.REFUND
S, K = PaymentState, MovementKind
URL = "https://bank.test/confirm?attempt=canary"


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


async def _lived(alone: Home) -> datetime:
    """A capture, a refund and a dispute; gives the moment up to which evidence can be given."""
    store = alone.store
    await held(store)
    await admitted(store, CAPTURE, 6_000, "c1")
    await answered(store, CAPTURE, "c1")
    captured = booked(K.CAPTURE, 6_000, "ca_1")
    await told(store, S.PARTLY_CAPTURED, captured)
    store.clock.step(timedelta(minutes=1))
    await admitted(store, REFUND, 1_000, "r1")
    await answered(store, REFUND, "r1")
    store.clock.step(timedelta(minutes=1))
    until = store.clock.now() + timedelta(days=7)
    refund = SeenReversal(
        reference="at-r1", kind=ReversalKind.REFUND, state=ReversalState.DONE, amount=euro(1_000)
    )
    dispute = SeenReversal(
        reference="dp_1", kind=ReversalKind.DISPUTE, state=ReversalState.NEEDS_EVIDENCE,
        amount=euro(2_000), reason="fraudulent", deadline=until,
    )  # fmt: skip
    movements = (captured, booked(K.REFUND, 1_000, "at-r1"), booked(K.DISPUTE, 2_000, "dp_1"))
    payment = await told(
        store, S.PARTLY_CAPTURED, *movements, reversals=(refund, dispute)
    )  # fmt: skip
    assert payment.findings == ()
    return until


async def test_each_capture_refund_and_dispute_is_shown_beside_the_state(
    alone: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    until = await _lived(alone)
    assert await show_payment(alone.settings, PAYMENT, with_exchanges=False, as_json=False) == 0
    shown = capsys.readouterr().out
    lines = [" ".join(line.split()) for line in shown.splitlines()]
    assert "state partly_captured" in lines
    assert "payer Paula Payer …6789" in lines
    sums = "40.00 EUR still held, 60.00 EUR captured, 10.00 EUR refunded, 20.00 EUR disputed"
    assert f"moved {sums}, 30.00 EUR kept" in lines
    [capture, refund, dispute] = [
        line for line in lines if re.match(r"(capture|refund|dispute) \w+ [0-9.]+ EUR", line)
    ]
    assert capture.startswith("capture done 60.00 EUR")
    assert "key c1, asked by terminal/ann at " in capture
    assert refund.startswith("refund done 10.00 EUR")
    assert refund.endswith("at-r1")
    assert dispute.startswith("dispute needs_evidence 20.00 EUR")
    evidence = f"evidence is due by {until:%Y-%m-%d %H:%M} UTC"
    assert f"fraudulent; {evidence}; 20.00 EUR taken from us; dp_1" in dispute
    assert any("dispute of 20.00 EUR: needs_evidence" in line for line in lines), "the timeline"
    assert not any("unmapped" in line for line in lines)
    assert any("partner says 'ok' (to refund r1)" in line for line in lines)


async def test_once_the_rest_is_released_nothing_is_said_to_be_held(
    alone: Home, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    await held(alone.store)
    await admitted(alone.store, CAPTURE, 6_000, "c1")
    await answered(alone.store, CAPTURE, "c1")
    captured = booked(K.CAPTURE, 6_000, "ca_1")
    release = booked(K.RELEASE, 4_000, "ca_1")
    for released, sums in (
        ((), "40.00 EUR still held, 60.00 EUR captured, 60.00 EUR kept"),
        ((release,), "60.00 EUR captured, 60.00 EUR kept"),
    ):
        state = S.CAPTURED if released else S.PARTLY_CAPTURED
        await told(alone.store, state, captured, *released)
        await show_payment(alone.settings, PAYMENT, with_exchanges=False, as_json=False)
        lines = [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]
        (shown,) = [line for line in lines if line.startswith("moved ")]
        assert shown.startswith(f"moved {sums}")


async def test_scripts_get_the_same_with_dates_and_every_field_is_documented(alone: Home) -> None:
    until = await _lived(alone)
    [row] = alone.run("show", PAYMENT, "--json").rows
    assert (row["state"], row["direction"]) == ("partly_captured", "incoming")
    sums = ("authorised", "captured", "refunded", "disputed", "net")
    assert [row[f"{name}_minor"] for name in sums] == [10_000, 6_000, 1_000, 2_000, -3_000]
    [capture] = row["captures"]
    assert (capture["key"], capture["state"], capture["by"]) == ("c1", "done", "terminal/ann")
    [refund, dispute] = row["reversals"]
    assert (refund["kind"], refund["key"], refund["taken_minor"]) == ("refund", "r1", 1_000)
    assert datetime.fromisoformat(refund["since"]) > datetime.fromisoformat(refund["asked_at"])
    assert (dispute["kind"], dispute["key"], dispute["is_open"]) == ("dispute", None, True)
    assert datetime.fromisoformat(dispute["deadline"]) == until
    text = Path("docs/operations.md").read_text()
    table = text.partition("## Output for scripts")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([a-z_]+)`", table))
    assert {*row, *capture, *dispute} <= documented


async def test_what_the_payer_has_to_do_is_shown_and_the_address_only_when_asked_for(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    until = alone.store.clock.now() + timedelta(days=1)
    action = Action(kind=ActionKind.REDIRECT, url=URL, expires_at=until)
    await held(alone.store, S.AWAITING_USER, action=action)
    for as_json in (False, True):
        await show_payment(alone.settings, PAYMENT, with_exchanges=True, as_json=as_json)
        shown = " ".join(capsys.readouterr().out.split())
        assert "canary" not in shown
        assert ("has to open a page and confirm there by" in shown) is not as_json
    assert f'"action": {{"kind": "redirect", "expires_at": "{until.isoformat()}"}}' in shown
    assert await print_link(alone.settings, PAYMENT) == 0
    assert capsys.readouterr().out == f"{URL}\n"
    await told(alone.store, S.CAPTURED, booked(K.CAPTURE, 10_000, "ca_1"))
    assert await print_link(alone.settings, PAYMENT) == 1
    assert "no page at which the payer" in capsys.readouterr().err


async def test_what_is_captured_and_not_booked_yet_is_read_again_soon(alone: Home) -> None:
    store = alone.store
    await held(store, S.CAPTURED, captured=Captured.AT_ONCE)
    claims = claims_of(store)
    view = await store.payments.view(PAYMENT)
    soon = due(view, store.clock.now())
    assert soon.until is None or soon.until < store.clock.now() + timedelta(minutes=1)
    with pytest.raises(OverBound):
        await admitted(store, REFUND, 1_000, "r1")
    await told(store, S.CAPTURED, booked(K.CAPTURE, 10_000, "ca_1"))
    await admitted(store, REFUND, 1_000, "r1")
    assert [each.amount for each in await claims.episodes(PAYMENT)] == [euro(1_000)]


async def test_a_credit_transfer_is_shown_as_before(
    alone: Home, capsys: pytest.CaptureFixture[str]
) -> None:
    await alone.store.accept()
    await show_payment(alone.settings, PAYMENT, with_exchanges=False, as_json=False)
    shown = capsys.readouterr().out
    assert "payer" not in shown
    assert "Since (UTC)" not in shown
    [row] = alone.run("show", PAYMENT, "--json").rows
    assert (row["captures"], row["reversals"], row["action"]) == ([], [], None)
