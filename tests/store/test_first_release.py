"""What the first release wrote is read and gone on with by today's code.

`first_release.json` has rows of every table, written by that release's own code.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Column,
    Label,
    LargeBinary,
    MetaData,
    Table,
    column,
    inspect,
    literal_column,
    select,
    table,
)
from sqlalchemy.types import NullType, TypeEngine
from sqlmodel import Session

from domain.ids import instruction_id
from domain.lifecycle.answers import Answered
from domain.lifecycle.profile import InstructionKind
from domain.lifecycle.resource import Certainty
from domain.lifecycle.sending import Move
from domain.payments.report import PaymentState, Source
from store import schema
from store.columns import Moment
from store.files import Files, FileTaken
from store.finding import ANYTHING
from store.logins import Logins
from store.tasks import Tasks
from store.timeline import EntryKind, Timelines
from tests.clock import SteppedClock
from tests.fakes import CREDITOR_NAME
from tests.store.books import KEYRING, Store, exchange, opened, report

ROWS: dict[str, list[dict[str, Any]]] = json.loads(
    (Path(__file__).parent / "first_release.json").read_text()
)


def _value(plain: Any) -> Any:
    match plain:
        case {"at": text}:
            return datetime.fromisoformat(text)
        case {"bytes": text}:
            return base64.b64decode(text)
        case _:
            return plain


def _table(name: str) -> Table:
    """The columns there were, each with a type that both databases keep alike."""
    kinds: dict[type, TypeEngine[Any]] = {datetime: Moment(), bytes: LargeBinary()}
    values = [(key, type(_value(plain))) for row in ROWS[name] for key, plain in row.items()]
    kept = {key: kinds.get(kind) for key, kind in values if kind in kinds}
    names = dict.fromkeys(key for key, _ in values)
    return Table(name, MetaData(), *(Column(key, kept.get(key, NullType())) for key in names))


@pytest.fixture
def store(bare: Path | str, clock: SteppedClock) -> Iterator[Store]:
    """A database of the first release with its rows, brought up to date."""
    database = opened(bare)
    schema.migrate(database, "0001")

    def fill(session: Session) -> None:
        tables = set(inspect(session.connection()).get_table_names()) - {"alembic_version"}
        assert set(ROWS) == tables, "some table of the first release has no rows"
        for name, rows in ROWS.items():
            for row in rows:
                values = {key: _value(plain) for key, plain in row.items()}
                session.connection().execute(_table(name).insert().values(values))

    database.write_now(fill)
    database.close()
    made = Store(bare, clock)
    clock.step(timedelta(minutes=10))
    yield made
    made.close()


def test_every_row_is_there_as_it_was_written(store: Store) -> None:
    assert schema.version(store.database) == schema.HEAD
    for name, rows in ROWS.items():
        assert rows, f"{name} is empty"
        expected = [{key: _value(plain) for key, plain in row.items()} for row in rows]
        kept = _kept(store, name)
        assert sorted(kept, key=str) == sorted(expected, key=str)


#: The names that tables and columns of the first release have today.
_TODAY = {
    "payments": "lifecycles",
    "payment_id": "resource_id",
    "order_sealed": "request_sealed",
    "payment_json": "folded_json",
}
#: The columns that are in other tables today: what only payments have, and references.
_ELSEWHERE = {
    "payments": {"amount_minor": "", "currency": "", "creditor_masked": "",
                 "end_to_end_hash": "end_to_end"},
    "instructions": {"partner_reference": "object"},
}  # fmt: skip


def _kept(store: Store, name: str) -> list[dict[str, Any]]:
    elsewhere = _ELSEWHERE.get(name, {})
    was = _table(name)
    now = table(_TODAY.get(name, name), *(
        column(_today(name, c.name), c.type) for c in was.columns if c.name not in elsewhere
    ))  # fmt: skip
    shown = [
        now.c[_today(name, c.name)].label(c.name)
        if c.name not in elsewhere
        else _elsewhere(name, c.name, elsewhere[c.name])
        for c in was.columns
    ]
    found = store.rows(lambda s: s.connection().execute(select(*shown).select_from(now)).all())
    return [dict(row._mapping) for row in found]


def _today(of: str, name: str) -> str:
    return name if of == "movements" else _TODAY.get(name, name)


def _elsewhere(of: str, name: str, kind: str) -> Label[Any]:
    """The column's value in the table where it is today."""
    if not kind:
        found = f"SELECT {name} FROM payments WHERE payment_id = resource_id"
    else:
        of_it = "resource_id" if of == "payments" else "instruction_id"
        found = (
            f"SELECT reference FROM partner_references AS r WHERE r.kind = '{kind}' "
            f"AND r.{of_it} = {_TODAY.get(of, of)}.{of_it}"
        )
    return literal_column(f"({found})").label(name)


async def test_payments_are_shown_as_they_stood(store: Store) -> None:
    found = await store.payments.find(ANYTHING, limit=100)
    records = {record.payment_id: record for record in found.records}
    stood = {row["payment_id"]: (row["state"], row["certainty"]) for row in ROWS["payments"]}
    assert {
        payment_id: (record.payment.state.value, record.payment.certainty.value)
        for payment_id, record in records.items()
    } == stood
    assert {record.creditor for record in records.values()} == {CREDITOR_NAME}
    kinds = {entry.kind for entry in await Timelines(store.database, KEYRING).of("pay_doubt")}
    assert {EntryKind.STATE, EntryKind.ATTEMPT, EntryKind.LOOKUP, EntryKind.TASK} <= kinds
    exchanges = await Timelines(store.database, KEYRING).exchanges("pay_settled")
    assert exchanges[-1].response == '{"status": "completed"}'


async def test_no_send_of_the_first_release_is_repeated(store: Store) -> None:
    moves = {}
    for payment_id in (row["payment_id"] for row in ROWS["payments"]):
        instruction = instruction_id(payment_id, InstructionKind.PAY)
        moves[payment_id] = (await store.book.begin(instruction, store.clock.now())).move
    assert moves["pay_settled"] is Move.STORED
    assert moves["pay_doubt"] is Move.LOOK_UP
    assert moves["pay_open"] is Move.LOOK_UP
    assert moves["pay_refused"] is Move.NOTHING
    assert moves["pay_new"] not in (Move.LOOK_UP, Move.STORED)


async def test_its_payments_go_on(store: Store, clock: SteppedClock) -> None:
    instruction = instruction_id("pay_new", InstructionKind.PAY)
    await store.check(instruction)
    assert (await store.begin(instruction)).move is Move.SEND
    told = report(clock.now(), PaymentState.SETTLED, reference="ref-settled", source=Source.READ,
                  instruction=instruction_id("pay_settled", InstructionKind.PAY))  # fmt: skip
    view = await store.read(Answered(told, exchange(clock.now())), payment_id="pay_settled")
    assert (view.payment.state, view.payment.certainty) == (PaymentState.SETTLED, Certainty.SENT)
    commanded = await store.commands.cancel(
        "pay_doubt", command_id="c", by="shop", why="", now=clock.now()
    )
    assert commanded.view.cancel_asked


async def test_its_keys_files_logins_and_questions_hold(store: Store, clock: SteppedClock) -> None:
    fingerprint = next(r["fingerprint"] for r in ROWS["payments"] if r["key"] == "settled")
    known = await store.payments.known("shop", "settled", fingerprint)
    assert known is not None
    assert known.view.payment_id == "pay_settled"
    with pytest.raises(FileTaken):
        await Files(store.database).take(
            ["shop"], file_key="file-1", fingerprint="g", message_id="MSG-1", now=clock.now()
        )
    logins = Logins(store.database, KEYRING, clock, "bank")
    assert await logins.token("me@shop", "credentials-hash") == "token-of-the-first-release"
    (task,) = await Tasks(store.database).open(limit=9)
    assert task.payment_id == "pay_doubt"
    assert (await store.reading("pay_settled/pay/1")).inbox_through == 1
