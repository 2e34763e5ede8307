"""Enrolling and removing operators: the first ones together, later changes by two signatures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, select

from domain.lifecycle.statement import CHANGED_WITHIN, Signed, Statement, StatementKind
from store.locks import hold
from store.operators import (
    OPERATORS,
    SIGNATURES_NEEDED,
    UPKEEP,
    OperatorsFixed,
    PublicKey,
    active,
    active_row,
    is_signature,
    known_operators,
    people,
    possession,
    spelt,
    standing,
    verified,
)
from store.tables.people import OperatorRow


def enrol(session: Session, keys: Sequence[PublicKey], now: datetime) -> None:
    """Enrol the first operators together. This happens once; later changes take two of them.

    Raises:
        OperatorsFixed: operators were enrolled before, fewer than two are named, two share a name
            or a key, or a key does not prove that its owner holds it.
    """
    hold(session, OPERATORS)
    if session.exec(select(OperatorRow.name).limit(1)).first() is not None:
        raise OperatorsFixed(
            "the first operators are enrolled already; two of them can add another one with "
            "`finality operator add`"
        )
    if len(keys) < SIGNATURES_NEEDED:
        raise OperatorsFixed(
            f"the first enrolment needs at least {SIGNATURES_NEEDED} operators; three are better, "
            "since two still have to sign after one of them has lost their key"
        )
    for key in keys:
        _add(session, key, now, "the first enrolment")
        session.flush()


def change(
    session: Session, signed: Signed, now: datetime, key: PublicKey | None = None
) -> list[str]:
    """Record one signature for a change of the operators. The second one makes the change.

    Args:
        key: the new key; None to remove an operator.

    Returns:
        Who has signed. If fewer than `SIGNATURES_NEEDED`, others have to sign the same change.

    Raises:
        NotSigned: as `verified`.
        OperatorsFixed: the change is not possible, or the operators changed since it was signed.
    """
    statement = signed.statement
    hold(session, OPERATORS)
    verified(session, signed, now)
    if statement.about != known_operators(session):
        raise OperatorsFixed(
            "the operators have changed since this was signed; check `finality operator list`, and "
            "sign again"
        )
    if (key.key.hex() if key else "") != statement.content:
        raise OperatorsFixed("the signature is about another key than the one given")
    _require_possible(session, statement, key)
    session.flush()
    agreeing = [
        row
        for row in standing(session, statement.kind, statement.subject)
        if _says_the_same(Statement.read(row.statement), statement, now)
    ]
    names = sorted({row.by for row in agreeing})
    if len(people(agreeing)) >= SIGNATURES_NEEDED:
        _make(session, statement, key, now, " and ".join(names))
    return names


def _says_the_same(one: Statement, other: Statement, now: datetime) -> bool:
    return (
        (one.kind, one.subject, one.content, one.about)
        == (other.kind, other.subject, other.content, other.about)
    ) and now - one.at <= CHANGED_WITHIN


def _require_possible(session: Session, statement: Statement, key: PublicKey | None) -> None:
    known = active_row(session, statement.subject)
    if statement.kind is StatementKind.ADD:
        if known is not None:
            raise OperatorsFixed(f"{statement.subject!r} is an operator already")
    elif known is None:
        raise OperatorsFixed(f"there is no operator {statement.subject!r}")
    if key is not None:
        if key.name != statement.subject:
            raise OperatorsFixed(f"the key is {key.name!r}'s, not {statement.subject!r}'s")
        _require_new(session, key)
    elif len(active(session)) <= SIGNATURES_NEEDED:
        raise OperatorsFixed(
            f"fewer than {SIGNATURES_NEEDED} operators would be left, and they could not sign any "
            "further change; add another operator first"
        )


def _make(
    session: Session, statement: Statement, key: PublicKey | None, now: datetime, by: str
) -> None:
    known = active_row(session, statement.subject)
    if known is not None:
        known.removed_at, known.removed_by = now, by
        session.add(known)
        session.flush()
    if key is not None:
        _add(session, key, now, by)


def _require_new(session: Session, key: PublicKey) -> None:
    if not is_signature(key.key, possession(key.name, key.key).decode(), key.proof):
        raise OperatorsFixed(
            f"the public key of {key.name!r} comes without proof that {key.name!r} has the private "
            "key; give the .pub file that `finality operator key` wrote"
        )
    if key.name == UPKEEP:
        raise OperatorsFixed(
            f"upkeep itself halts under the name {UPKEEP!r}; choose another name for the operator"
        )
    other = session.get(OperatorRow, key.key.hex())
    if other is not None:
        raise OperatorsFixed(
            f"this key is, or was, {other.name!r}'s: two operators with one key are one person. "
            "Make a new one with `finality operator key`"
        )


def _add(session: Session, key: PublicKey, now: datetime, by: str) -> None:
    _require_new(session, key)
    if active_row(session, spelt(key.name)) is not None:
        raise OperatorsFixed(f"{key.name!r} is named twice; one person has one name")
    session.add(
        OperatorRow(
            key_id=key.key.hex(), name=key.name, public_key=key.key, added_at=now, added_by=by
        )
    )
