"""Four eyes are two people: whose signature counts, for what, and what is kept of the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlmodel import Session, select

from domain.lifecycle.command import Outcome
from domain.lifecycle.statement import Signed, Statement, StatementKind, digest
from starter.operators import Operators
from starter.signing import OperatorKey, sign
from store.commands import CannotResolve, Commanded
from store.enrolment import enrol
from store.operators import (
    NotSigned,
    OperatorsFixed,
    PublicKey,
    active,
    kept,
    refusals,
)
from store.tables.people import SignatureRow
from tests.operators import ALICE, BOB, CAROL, enrolled, person, signed
from tests.store.books import PAYMENT, Store
from tests.store.moments import EVIDENCE, abandon, not_executed, parked

MINUTE = timedelta(minutes=1)


@pytest.fixture
def operators(store: Store) -> Operators:
    enrolled(store.database, store.clock.now())
    return Operators(store.database, store.clock)


def _names(store: Store) -> list[str]:
    return [one.name for one in store.rows(active)]


def _enrol(store: Store, *keys: PublicKey) -> None:
    store.database.write_now(lambda session: enrol(session, keys, store.clock.now()))


def _not_executed(store: Store, command_id: str, *, by: str) -> Signed:
    return signed(
        store.database, StatementKind.NOT_EXECUTED, PAYMENT, command_id,
        by=by, why="asked by telephone", now=store.clock.now(), content=digest(EVIDENCE),
    )  # fmt: skip


async def _record(store: Store, said: Signed) -> Commanded:
    return await store.commands.not_executed(
        said.statement.subject, signed=said, evidence=EVIDENCE, now=store.clock.now()
    )


# Who is an operator


async def test_the_first_operators_are_enrolled_at_once_and_once(store: Store) -> None:
    with pytest.raises(OperatorsFixed, match="at least 2 operators"):
        _enrol(store, ALICE.public)
    _enrol(store, ALICE.public, BOB.public)
    assert _names(store) == ["alice", "bob"]
    with pytest.raises(OperatorsFixed, match="enrolled already"):
        _enrol(store, person("mallory").public, person("eve").public)
    assert _names(store) == ["alice", "bob"]


@pytest.mark.parametrize(
    ("second", "says"),
    [
        (person("bob", key_of="alice").public, "two operators with one key are one person"),
        (person("upkeep").public, "upkeep itself halts under the name"),
        (person("alice", key_of="bob").public, "named twice"),
        (replace(BOB.public, proof=ALICE.public.proof), "without proof"),
        (replace(BOB.public, name="Bob B"), "without proof"),
        (replace(BOB.public, key=CAROL.public.key), "without proof"),
    ],
)
async def test_two_names_for_one_person_are_not_enrolled(
    store: Store, second: PublicKey, says: str
) -> None:
    with pytest.raises(OperatorsFixed, match=says):
        _enrol(store, ALICE.public, second)
    assert _names(store) == []


async def test_another_operator_takes_the_signatures_of_two(
    store: Store, operators: Operators
) -> None:
    dora = person("dora")
    for _ in range(3):  # One person signs as often as they like, and is one.
        assert await operators.add(dora.public, signer=ALICE, why="joins") == ["alice"]
        store.clock.step(MINUTE)
    assert "dora" not in _names(store)
    with pytest.raises(NotSigned):
        await operators.add(dora.public, signer=dora, why="joins")
    assert await operators.add(dora.public, signer=BOB, why="joins") == ["alice", "bob"]
    assert "dora" in _names(store)
    assert {one.added_by for one in await operators.active()} == {
        "the first enrolment", "alice and bob",
    }  # fmt: skip


async def test_two_signatures_for_two_keys_add_nobody(store: Store, operators: Operators) -> None:
    await operators.add(person("dora").public, signer=ALICE, why="joins")
    other = person("dora", key_of="somebody else")
    assert await operators.add(other.public, signer=BOB, why="joins") == ["bob"]
    assert "dora" not in _names(store)


async def test_a_change_signed_about_other_operators_counts_no_more(
    store: Store, operators: Operators
) -> None:
    await operators.remove("carol", signer=ALICE, why="leaves")
    for by in (ALICE, BOB):
        await operators.add(person("dora").public, signer=by, why="joins")
    assert await operators.remove("carol", signer=BOB, why="leaves") == ["bob"]
    assert "carol" in _names(store)


async def test_a_change_waits_seven_days_for_its_second_signature(
    store: Store, operators: Operators
) -> None:
    await operators.remove("carol", signer=ALICE, why="leaves")
    store.clock.step(timedelta(days=8))
    assert await operators.remove("carol", signer=BOB, why="leaves") == ["bob"]


async def test_at_least_two_operators_are_left(store: Store) -> None:
    enrolled(store.database, store.clock.now(), "alice", "bob")
    with pytest.raises(OperatorsFixed, match="add another operator first"):
        await Operators(store.database, store.clock).remove("bob", signer=ALICE, why="leaves")
    assert _names(store) == ["alice", "bob"]


async def test_a_key_is_changed_by_two_and_the_old_one_signs_no_more(
    store: Store, operators: Operators
) -> None:
    await parked(store)
    assert (await not_executed(store, "alice")).command.outcome is Outcome.PROPOSED
    new = person("alice", key_of="alice, second key")
    for by in (BOB, CAROL):
        await operators.change_key(new.public, signer=by, why="lost")
    with pytest.raises(NotSigned):
        await not_executed(store, "alice", "old key")
    # What the lost key proposed counts no more.
    assert (await not_executed(store, "bob")).command.outcome is Outcome.PROPOSED
    with pytest.raises(OperatorsFixed, match="is, or was, 'alice'"):
        await operators.add(person("dora", key_of="alice").public, signer=BOB, why="joins")


# What a signature is good for


@pytest.mark.parametrize(
    "changed",
    [
        {"subject": "pay_2"},
        {"tenant": "another"},
        {"command_id": "n2"},
        {"kind": StatementKind.ABANDON},
        {"why": "something else"},
        {"content": digest(b"another letter")},
        {"about": "0" * 32},
        {"by": "bob"},
    ],
    ids=lambda changed: next(iter(changed)),
)
async def test_a_signature_is_good_for_its_own_text_only(
    store: Store, operators: Operators, changed: dict[str, str]
) -> None:
    """Whoever has it cannot use it for another payment, tenant, command, decision or person."""
    await parked(store)
    await store.accept("k2", payment_id="pay_2")
    said = _not_executed(store, "n1", by="alice")
    forged = replace(said, statement=replace(said.statement, **changed))  # type: ignore[arg-type]
    with pytest.raises(NotSigned):
        await _record(store, forged)
    assert await store.commands.of(PAYMENT) == await store.commands.of("pay_2") == []
    assert (await _record(store, said)).command.outcome is Outcome.PROPOSED


async def test_a_statement_of_one_payment_is_no_statement_of_another(
    store: Store, operators: Operators
) -> None:
    await parked(store)
    await store.accept("k2", payment_id="pay_2")
    said = _not_executed(store, "n1", by="alice")
    with pytest.raises(NotSigned, match="another decision"):
        await store.commands.not_executed(
            "pay_2", signed=said, evidence=EVIDENCE, now=store.clock.now()
        )
    with pytest.raises(NotSigned, match="another decision"):
        await store.commands.executed(PAYMENT, signed=said, now=store.clock.now())


async def test_what_was_signed_about_less_than_is_known_decides_nothing(
    store: Store, operators: Operators
) -> None:
    await store.accept()
    said = signed(
        store.database, StatementKind.ABANDON, PAYMENT, "a1",
        by="alice", why="w", now=store.clock.now(),
    )  # fmt: skip
    await store.begin()
    with pytest.raises(CannotResolve, match=r"more is known about pay_1.*sign again"):
        await store.commands.abandon(PAYMENT, signed=said, now=store.clock.now())


@pytest.mark.parametrize("step", [timedelta(minutes=16), timedelta(minutes=-2)])
async def test_a_signature_is_used_soon_after_it_was_made(
    store: Store, operators: Operators, step: timedelta
) -> None:
    await parked(store)
    said = _not_executed(store, "n1", by="alice")
    store.clock.step(step)
    with pytest.raises(NotSigned, match="sign again"):
        await _record(store, said)


async def test_the_same_key_twice_is_one_person(store: Store, operators: Operators) -> None:
    """Under the same name, and under another name that somebody wrote into a statement."""
    await parked(store)
    await _record(store, _not_executed(store, "n1", by="alice"))
    again = await _record(store, _not_executed(store, "n2", by="alice"))
    assert again.command.outcome is Outcome.PROPOSED
    as_bob = replace(_not_executed(store, "n3", by="alice").statement, by="bob")
    with pytest.raises(NotSigned):
        await _record(store, sign(as_bob, ALICE))


async def test_a_proposal_without_its_signature_does_not_count(
    store: Store, operators: Operators
) -> None:
    """A row that somebody wrote into the database, or altered there, is nobody's signature."""
    await parked(store)
    await not_executed(store, "alice")

    def forge(session: Session) -> None:
        row = session.exec(select(SignatureRow)).one()
        row.signature = bytes(len(row.signature))
        session.add(row)

    store.database.write_now(forge)
    assert (await not_executed(store, "bob")).command.outcome is Outcome.PROPOSED
    flaws = {one.said.by: one.flaw for one in store.rows(lambda s: kept(s, PAYMENT))}
    assert flaws == {"alice": "the signature does not match the text", "bob": ""}


async def test_the_signatures_are_kept_with_the_decision_and_verify_later(
    store: Store, operators: Operators
) -> None:
    await parked(store)
    for by in ("alice", "bob"):
        await not_executed(store, by)
    for signer in (BOB, CAROL):
        await operators.remove("alice", signer=signer, why="left")
    assert _names(store) == ["bob", "carol"]
    found = await operators.kept(PAYMENT)
    assert [(one.said.by, one.said.kind, one.flaw) for one in found] == [
        ("alice", StatementKind.NOT_EXECUTED, ""),
        ("bob", StatementKind.NOT_EXECUTED, ""),
    ]
    assert found[0].key == ALICE.public.key
    assert found[0].said.content == digest(EVIDENCE)


def test_a_statement_is_read_as_it_was_signed(store: Store) -> None:
    said = Statement(
        StatementKind.EXECUTED, "alice", store.clock.now(), PAYMENT, "shop", "e1", "why", "r", "a"
    )
    assert Statement.read(said.text) == said


# What is kept of refused ones


class _WrongPassphrase:
    by = "alice"

    def sign(self, text: bytes) -> bytes:
        raise NotSigned("the passphrase does not open the key")


async def test_a_refused_signature_is_kept_without_anything_secret(
    store: Store, operators: Operators
) -> None:
    await parked(store)
    forged = sign(_not_executed(store, "n1", by="alice").statement, BOB)
    with pytest.raises(NotSigned):
        async with operators.noting(forged.statement):
            await _record(store, forged)
    with pytest.raises(NotSigned):
        await operators.sign(forged.statement, _WrongPassphrase())
    found = await operators.refusals()
    assert [(one.claimed, one.kind, one.subject, one.times) for one in found] == [
        ("alice", "not_executed", PAYMENT, 1)
    ] * 2
    assert "passphrase" in found[0].why
    assert forged.signature not in store.kept()


def _forged(store: Store, command_id: str, *, by: OperatorKey = BOB) -> Signed:
    return sign(_not_executed(store, command_id, by="alice").statement, by)


async def test_refusals_slow_the_next_ones_and_never_for_ever(
    store: Store, operators: Operators
) -> None:
    """Longer with each refusal; tries in a wait are counted, and make it no longer. The operator
    whose name is claimed does not wait: a stranger must not keep them from signing."""
    await parked(store)

    async def refused(says: str) -> None:
        said = _forged(store, "n")
        with pytest.raises(NotSigned, match=says):
            async with operators.noting(said.statement):
                await _record(store, said)

    for _ in range(3):
        await refused("not by the key")
    for _ in range(50):
        await refused("try again after")
    assert [one.times for one in await operators.refusals()] == [51, 1, 1]
    store.clock.step(timedelta(seconds=10))
    await refused("not by the key")
    store.clock.step(timedelta(seconds=10))
    await refused("try again after")
    assert (await not_executed(store, "alice")).command.outcome is Outcome.PROPOSED
    store.clock.step(timedelta(hours=2))
    assert store.rows(lambda session: len(refusals(session))) == 4


async def test_the_same_payment_is_slowed_whatever_name_is_claimed(
    store: Store, operators: Operators
) -> None:
    await parked(store)
    for name in ("alice", "bob", "eve"):
        said = sign(
            replace(_not_executed(store, "n", by="alice").statement, by=name), person("mallory")
        )
        with pytest.raises(NotSigned, match="not by the key"):
            async with operators.noting(said.statement):
                await _record(store, said)
    said = sign(_not_executed(store, "n", by="alice").statement, person("mallory"))
    with pytest.raises(NotSigned, match="try again after"):
        await _record(store, said)
    await abandon(store)
