"""Operators: who may sign, and whether a signature is valid.

An operator is a row with a public key. Signatures are verified with the keys in the store, so
nothing that the caller of a command can set (environment, settings, files) makes anybody an
operator. After the first enrolment the rows change only by two operators' signatures. Operators as
settings with secrets were refused: one environment could then be two people
(docs/decisions/0021).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import and_, func, not_
from sqlmodel import Session, col, select

from domain.explained import Explained
from domain.lifecycle.statement import (
    CHANGED_WITHIN,
    SIGNED_WITHIN,
    Signed,
    Statement,
    StatementKind,
    digest,
)
from store.locks import hold
from store.tables.people import OperatorRow, RefusalRow, SignatureRow

#: Signatures needed to find a payment not executed, and to change the operators.
SIGNATURES_NEEDED: Final = 2
#: Upkeep halts under this name, so no operator may have it.
UPKEEP: Final = "upkeep"
#: What a refused sign-in to the console is recorded to be about.
SIGNING_IN: Final = "console"
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,49}")
_CHANGES: Final = (StatementKind.ADD, StatementKind.REMOVE, StatementKind.CHANGE_KEY)
#: The lock that separates changes of the operators from each other, and from signed decisions.
OPERATORS: Final = "operators"
#: The first refusals cause no wait. After them each refusal doubles the wait, up to the longest.
_FREE_REFUSALS: Final = 3
_FIRST_WAIT: Final = timedelta(seconds=10)
_LONGEST_WAIT: Final = timedelta(minutes=5)
_FORGIVEN_AFTER: Final = timedelta(hours=1)
_CLOCKS_APART: Final = timedelta(minutes=1)
_KEPT_LENGTH_MAX: Final = 100
_IS_SIGN_IN: Final = and_(
    col(RefusalRow.kind) == StatementKind.ACKNOWLEDGE, col(RefusalRow.subject) == SIGNING_IN
)


class NotSigned(Explained, ValueError):
    """A signature that is not accepted. Nothing but the refusal is recorded."""

    is_slowed = False
    """Whether the reason is withheld, because others were refused just before."""


class _Slowed(NotSigned):
    is_slowed = True


class OperatorsFixed(Explained, ValueError):
    """The operators cannot be changed in this way. Nothing was changed."""


@dataclass(frozen=True)
class PublicKey:
    """A person's name and public key, with a proof that they hold the private key."""

    name: str
    key: bytes
    proof: bytes


@dataclass(frozen=True)
class Operator:
    """Somebody who may sign."""

    name: str
    key: bytes
    added_at: datetime
    added_by: str

    @property
    def fingerprint(self) -> str:
        """The key's fingerprint, for people to compare and to note elsewhere."""
        return fingerprint(self.key)


@dataclass(frozen=True)
class Refusal:
    """A signature that was not accepted. `claimed` is the name that was given, without proof."""

    claimed: str
    kind: str
    subject: str
    why: str
    first_at: datetime
    last_at: datetime
    times: int


@dataclass(frozen=True)
class RefusedSignIns:
    """How often sign-ins to the console were refused, and the last time."""

    times: int
    last_at: datetime
    last_claimed: str
    """The name that was given last, without proof."""


def fingerprint(key: bytes) -> str:
    """The fingerprint of a public key, for people to compare."""
    return digest(key)[:32]


def spelt(name: str) -> str:
    """A name as it is stored: without surrounding blanks, in small letters.

    Raises:
        OperatorsFixed: it is not a valid name.
    """
    kept = name.strip().casefold()
    if not _NAME.fullmatch(kept):
        raise OperatorsFixed(
            f"{name!r} is not a valid name of an operator; use letters, digits, '.', '_' and '-'"
        )
    return kept


def possession(name: str, key: bytes) -> bytes:
    """The text that a person signs with a new key, to prove that they hold it."""
    return f"finality operator key 1\n{name}\n{key.hex()}".encode()


# Signatures


def verified(session: Session, signed: Signed, now: datetime) -> OperatorRow:
    """Verify a signature with the key in the store, and store it. Returns the operator's row.

    It is called in the transaction that does what was signed.

    Raises:
        NotSigned: there is no such operator, the signature is not by their key or not of this text,
            it was signed too long ago or in the future, or too many were refused just before.
    """
    statement = signed.statement
    hold(session, OPERATORS, shared=True)
    row = require_operator(session, signed, now)
    within = CHANGED_WITHIN if statement.kind in _CHANGES else SIGNED_WITHIN
    if not -_CLOCKS_APART <= now - statement.at <= within:
        raise NotSigned(
            f"{statement.by!r} signed at {statement.at:%Y-%m-%d %H:%M:%S} UTC, but it is now "
            f"{now:%Y-%m-%d %H:%M:%S} UTC; check this machine's clock, and sign again"
        )
    statement_hash = digest(statement.text.encode())
    if session.get(SignatureRow, statement_hash) is None:
        session.add(
            SignatureRow(
                statement_hash=statement_hash,
                kind=statement.kind,
                subject=statement.subject,
                command_id=statement.command_id,
                by=row.name,
                public_key=row.public_key,
                statement=statement.text,
                signature=signed.signature,
                recorded_at=now,
            )
        )
    return row


def require_operator(session: Session, signed: Signed, now: datetime) -> OperatorRow:
    """Verify a signature with the key in the store. Returns the operator's row; stores nothing.

    Only wrong signatures are slowed; otherwise a stranger could keep an operator from a halt.

    Raises:
        NotSigned: there is no such operator, the signature is not by their key or not of this text,
            or too many were refused just before.
    """
    statement = signed.statement
    row = active_row(session, statement.by)
    if row is not None and is_signature(row.public_key, statement.text, signed.signature):
        return row
    _require_not_slowed(session, statement, now)
    raise not_by(statement.by)


def not_by(name: str) -> NotSigned:
    """The refusal of a key that is not an operator's."""
    return NotSigned(
        f"the signature is not by the key of an operator {name!r}; "
        "`finality operator list` shows the operators and the fingerprints of their keys"
    )


def is_signature(key: bytes, text: str, signature: bytes) -> bool:
    """Whether this is the key's signature of this text."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, text.encode())
    except (InvalidSignature, ValueError):
        return False
    return True


def standing(session: Session, kind: StatementKind, subject: str) -> list[SignatureRow]:
    """Signatures about a subject that count now, the oldest first. One person may have several.

    Each is verified again with the operator's present key. A signature does not count if its
    operator was removed, or has another key since.
    """
    rows = session.exec(
        select(SignatureRow)
        .where(SignatureRow.kind == kind, SignatureRow.subject == subject)
        .order_by(col(SignatureRow.recorded_at), SignatureRow.by, SignatureRow.statement_hash)
    )
    return [row for row in rows if _counts(session, row)]


@dataclass(frozen=True)
class Kept:
    """A stored signature, with what is needed to verify it later."""

    statement: str
    signature: bytes
    key: bytes
    flaw: str
    """Why it does not verify; empty if it does."""

    @property
    def said(self) -> Statement:
        return Statement.read(self.statement)


def kept(session: Session, subject: str) -> list[Kept]:
    """Every stored signature about a subject, the oldest first, verified again."""
    rows = session.exec(
        select(SignatureRow)
        .where(SignatureRow.subject == subject)
        .order_by(col(SignatureRow.recorded_at), SignatureRow.by, SignatureRow.statement_hash)
    )
    return [
        Kept(row.statement, bytes(row.signature), bytes(row.public_key), _flaw(session, row))
        for row in rows
    ]


def _flaw(session: Session, row: SignatureRow) -> str:
    operator = session.get(OperatorRow, bytes(row.public_key).hex())
    if operator is None or operator.name != row.by:
        return f"the key was never {row.by!r}'s"
    if not is_signature(row.public_key, row.statement, row.signature):
        return "the signature does not match the text"
    return ""


def people(rows: Sequence[SignatureRow]) -> set[bytes]:
    """The different people behind these signatures. A person is a key, whatever the name."""
    return {bytes(row.public_key) for row in rows}


def _counts(session: Session, row: SignatureRow) -> bool:
    operator = active_row(session, row.by)
    return operator is not None and is_signature(operator.public_key, row.statement, row.signature)


def active_row(session: Session, name: str) -> OperatorRow | None:
    """The row of the active operator of this name; None if there is none."""
    return session.exec(
        select(OperatorRow).where(OperatorRow.name == name, col(OperatorRow.removed_at).is_(None))
    ).one_or_none()


# Operators


def active(session: Session) -> list[Operator]:
    """The operators who may sign, sorted by name."""
    rows = session.exec(
        select(OperatorRow)
        .where(col(OperatorRow.removed_at).is_(None))
        .order_by(col(OperatorRow.name))
    )
    return [Operator(row.name, bytes(row.public_key), row.added_at, row.added_by) for row in rows]


def known_operators(session: Session) -> str:
    """A digest of who may sign. A change that was signed before the operators changed is void."""
    listed = "\n".join(f"{one.name} {one.key.hex()}" for one in active(session))
    return digest(listed.encode())[:32]


# Refusals


def note_refusal(session: Session, statement: Statement, why: NotSigned, now: datetime) -> None:
    """Store who claimed to sign what and why it was refused, but not the signature.

    A try during a wait is only counted, in the row of the refusal before it, and does not make the
    wait longer: otherwise one wrong key file in a script would keep its owner waiting for ever.
    """
    claimed, subject = statement.by[:_KEPT_LENGTH_MAX], statement.subject[:_KEPT_LENGTH_MAX]
    if why.is_slowed and (last := _last_refusals(session, statement, now)):
        last[0].times += 1
        last[0].last_at = now
        session.add(last[0])
        return
    session.add(
        RefusalRow(
            claimed=claimed, kind=statement.kind, subject=subject, why=str(why),
            first_at=now, last_at=now, times=1,
        )
    )  # fmt: skip


def refusals(
    session: Session, *, since: datetime | None = None, subject: str | None = None, limit: int = 100
) -> list[Refusal]:
    """Refused signatures, the newest first.

    Sign-ins are left out: strangers can make many, which would hide the signatures.
    """
    rows = select(RefusalRow).order_by(col(RefusalRow.number).desc()).limit(limit)
    rows = rows.where(not_(_IS_SIGN_IN))
    if since is not None:
        rows = rows.where(RefusalRow.last_at >= since)
    if subject is not None:
        rows = rows.where(RefusalRow.subject == subject)
    return [
        Refusal(row.claimed, row.kind, row.subject, row.why, row.first_at, row.last_at, row.times)
        for row in session.exec(rows)
    ]


def refused_sign_ins(session: Session, *, since: datetime) -> RefusedSignIns | None:
    """How often sign-ins were refused since a moment; None if there was none."""
    told = (_IS_SIGN_IN, col(RefusalRow.last_at) >= since)
    last = session.exec(
        select(RefusalRow).where(*told).order_by(col(RefusalRow.number).desc()).limit(1)
    ).one_or_none()
    if last is None:
        return None
    times = session.exec(select(func.sum(RefusalRow.times)).where(*told)).one()
    return RefusedSignIns(int(times or 0), last.last_at, last.claimed)


def _last_refusals(session: Session, statement: Statement, now: datetime) -> Sequence[RefusalRow]:
    """Refusals that slow this statement: of the same name or subject, the newest first."""
    return session.exec(
        select(RefusalRow)
        .where(
            (col(RefusalRow.claimed) == statement.by[:_KEPT_LENGTH_MAX])
            | (col(RefusalRow.subject) == statement.subject[:_KEPT_LENGTH_MAX])
        )
        .where(RefusalRow.first_at > now - _FORGIVEN_AFTER)
        .order_by(col(RefusalRow.number).desc())
        .limit(20)
    ).all()


def _require_not_slowed(session: Session, statement: Statement, now: datetime) -> None:
    found = _last_refusals(session, statement, now)
    excess = len(found) - _FREE_REFUSALS
    if excess < 0:
        return
    until = found[0].first_at + min(_FIRST_WAIT * 2**excess, _LONGEST_WAIT)
    if now < until:
        raise _Slowed(
            f"{len(found)} signatures by {statement.by!r} or about {statement.subject!r} were "
            f"refused within an hour; try again after {until:%H:%M:%S} UTC"
        )
