"""`finality show`: what a payment waits for and why, what is over, and all of it for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlmodel import Session

from domain.ids import instruction_id
from domain.lifecycle.profile import IdempotencyKind, InstructionKind, LookupKind, Quota
from domain.payments.report import PaymentState
from store.file_lines import FileHeader, FileLines, KeptLine
from store.files import Files
from store.folding import Folding
from store.tables.lifecycles import LifecycleRow
from store.turns import ReadTurns
from tests.fakes import profile
from tests.store.books import PAYMENT, PAYMENTS, Store, accepted, in_doubt
from tests.store.moments import SECOND, contradicted, held, told_that
from tests.terminal.homes import Home, home

S = PaymentState
#: One turn a minute in each line.
QUOTA = Quota(requests=10, window=timedelta(minutes=1), reads=2)


@pytest.fixture
def alone(tmp_path: Path) -> Iterator[Home]:
    with home(tmp_path) as made:
        yield made


async def _at_the_partner(store: Store, payment_id: str) -> None:
    limited = profile().model_copy(update={"quota": QUOTA, "read_pause": SECOND})
    await store.accept(payment_id, payment_id=payment_id, as_of=limited)
    instruction = instruction_id(payment_id, InstructionKind.PAY)
    await store.begin(instruction)
    now = store.clock.now()
    told = accepted(now, reference=f"at-{payment_id}", instruction=instruction)
    await store.sent(told, payment_id=payment_id)


async def _as_line_of_a_file(store: Store, key: str) -> None:
    now = store.clock.now()
    await Files(store.database).take(
        ["shop"], file_key="f", fingerprint="p", message_id="MSG-1", now=now
    )
    line = KeptLine(
        position=7, payment_information_id="B", end_to_end_id="END-7", instruction_id="", uetr="",
        amount_minor=12_345, currency="EUR", payment_key=key,
    )  # fmt: skip
    header = FileHeader(
        initiating_party="I", version="v", created_at=None, count=1, control_sum=Decimal(1)
    )
    files = FileLines(store.database, store.keyring)
    await files.keep("shop", "f", message_id="MSG-1", header=header, lines=[line])


async def test_it_names_a_turn_in_the_quota_and_the_next_look(alone: Home) -> None:
    store = alone.store
    turns = ReadTurns(store.database, Folding(store.keyring, PAYMENTS))
    for number in range(3):
        await _at_the_partner(store, f"pay_{number}")
    now = store.clock.step(SECOND)
    views = [await turns.take(f"pay_{number}", "us", QUOTA, now) for number in range(3)]
    assert views[2] is not None
    assert views[2].read_turn is not None
    ran = alone.run("show", "pay_2")
    assert ran.code == 0, ran.err
    shown = ran.out
    at = f"{views[2].read_turn.at:%Y-%m-%d %H:%M:%S} UTC"
    assert f"its turn in the partner's quota; next look at {at}" in shown
    [said] = alone.run("show", "pay_2", "--json").rows
    assert "its turn in the partner's quota" in said["waits_for"]
    assert datetime.fromisoformat(said["next_look_at"]) == views[2].read_turn.at


@pytest.mark.parametrize("by_people", [True, False])
async def test_a_finding_that_is_over_is_shown_as_over(alone: Home, by_people: bool) -> None:
    store = alone.store
    if by_people:
        await contradicted(store)
    else:
        await held(store)
        await told_that(store, S.SETTLED)
        await told_that(store, S.PROCESSING)
    before = " ".join(alone.run("show", PAYMENT).out.split())
    assert " finding contradiction: " in before
    if by_people:
        signed = alone.signed("resolve", PAYMENT, "executed", "--by", "alice", "--why", "seen")
        assert signed.code == 0, signed.err
    else:
        await told_that(store, S.SETTLED)
    by = "people decided" if by_people else "a later word of the partner"
    after = " ".join(alone.run("show", PAYMENT).out.split())
    assert " finding contradiction: " not in after
    assert " was found contradiction: " in after
    assert f"(over: {by})" in after
    assert "We are checking" not in after
    [said] = alone.run("show", PAYMENT, "--json").rows
    assert [one for one in said["findings"] if one["is_open"]] == []
    assert [(one["kind"], one["closed_by"]) for one in said["closed_findings"]] == [
        ("contradiction", by)
    ]


async def test_it_says_why_the_last_step_came_to_nothing(alone: Home) -> None:
    await alone.store.accept()
    refused = alone.store.clock.now() - timedelta(minutes=1)
    text = "the login was refused"

    def postponed(session: Session) -> None:
        row = session.get_one(LifecycleRow, PAYMENT)
        row.not_before, row.waiting_for = refused, text
        session.add(row)

    await alone.store.database.write(postponed)
    shown = " ".join(alone.run("show", PAYMENT).out.split())
    assert "next look now" in shown
    assert f"held up by {text}" in shown


async def test_as_an_object_it_has_times_key_file_and_line(alone: Home) -> None:
    store = alone.store
    await store.accept("the key")
    await _as_line_of_a_file(store, "the key")
    await store.begin()
    await store.sent(in_doubt())
    [said] = alone.run("show", PAYMENT, "--json").rows
    assert (said["payment_id"], said["key"]) == (PAYMENT, "the key")
    assert (said["file"], said["line"]) == ("MSG-1", 7)
    assert (said["state"], said["certainty"]) == ("submitting", "unknown")
    assert datetime.fromisoformat(said["next_look_at"]) > datetime.fromisoformat(said["created_at"])
    assert {"at", "kind", "text", "times", "last_at"} == set(said["timeline"][0])
    assert "exchanges" not in said
    [said] = alone.run("show", PAYMENT, "--exchanges", "--json").rows
    assert isinstance(said["exchanges"], list)
    [listed] = alone.run("list", "--json").rows
    assert (listed["file"], listed["line"]) == ("MSG-1", 7)
    assert listed.items() <= said.items(), "the same fields mean the same"
    assert "MSG-1, line 7" in alone.run("show", PAYMENT).out
    [line] = alone.run("file", "show", "MSG-1", "--json").rows
    assert (line["file"], line["line"], line["key"]) == ("MSG-1", 7, "the key")
    assert line["created_at"] == said["created_at"]
    [status] = alone.run("file", "status", "MSG-1", "--json").rows
    assert (status["file"], status["transaction_status"]) == ("MSG-1", "PDNG")
    assert status["lines_by_status"] == {"PDNG": 1}


async def test_every_field_for_scripts_is_documented(alone: Home) -> None:
    store = alone.store
    await store.accept("the key", as_of=profile(IdempotencyKind.NONE, LookupKind.NONE))
    await _as_line_of_a_file(store, "the key")
    await store.begin()
    await store.sent(in_doubt())
    assert alone.signed("halt", "--by", "alice", "--why", "audit").code == 0
    text = Path("docs/operations.md").read_text()
    table = text.partition("## Output for scripts")[2].partition("\n## ")[0]
    documented = set(re.findall(r"`([a-z_]+)`", table))
    for command in (
        ("list",), ("show", PAYMENT, "--exchanges"), ("tasks",), ("halts",), ("file", "list"),
        ("file", "show", "MSG-1"), ("file", "status", "MSG-1"),
    ):  # fmt: skip
        [row] = alone.run(*command, "--json").rows
        assert set(row) <= documented, command


async def test_doctor_prints_an_object_for_each_check(alone: Home) -> None:
    ran = alone.run("doctor", "--json")
    assert ran.code == 1
    assert {frozenset(row) for row in ran.rows} == {
        frozenset({"at", "check", "is_well", "found", "remedy"})
    }
    wrong = [row for row in ran.rows if not row["is_well"]]
    assert wrong
    assert all(row["remedy"] for row in wrong)
    assert {row["remedy"] for row in ran.rows if row["is_well"]} == {None}
