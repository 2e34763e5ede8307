"""People who sign in tests: each has a key of their own, always the same one."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlmodel import Session

from domain.lifecycle.statement import Signed, Statement, StatementKind, digest
from starter.signing import OperatorKey, sign
from store.commands import Commanded, Commands
from store.database import Database
from store.enrolment import enrol
from store.operators import active
from store.payments import row as resource_row
from store.signatures import known_now

NAMES: Final = ("alice", "bob", "carol")


def person(name: str, *, key_of: str | None = None) -> OperatorKey:
    """Somebody with a key; `key_of` gives them another one's."""
    seed = hashlib.sha256(f"only for tests: {key_of or name}".encode()).digest()
    return OperatorKey(name, Ed25519PrivateKey.from_private_bytes(seed))


ALICE, BOB, CAROL = (person(name) for name in NAMES)


def enrolled(database: Database, now: datetime, *names: str) -> None:
    """Have these be the operators of a store that has none."""

    def transaction(session: Session) -> None:
        if not active(session):
            enrol(session, [person(name).public for name in names or NAMES], now)

    database.write_now(transaction)


def signed(
    database: Database,
    kind: StatementKind,
    payment_id: str,
    command_id: str,
    *,
    by: str,
    why: str,
    now: datetime,
    content: str = "",
) -> Signed:
    """What somebody signs about a payment as it stands."""

    def query(session: Session) -> tuple[str, str]:
        row = resource_row(session, payment_id)
        return row.tenant, known_now(session, row)

    tenant, about = database.read_now(query)
    statement = Statement(kind, by, now, payment_id, tenant, command_id, why, content, about)
    return sign(statement, person(by))


async def executed(
    commands: Commands,
    payment_id: str,
    *,
    command_id: str,
    by: str,
    why: str,
    now: datetime,
    reference: str | None = None,
) -> Commanded:
    """Somebody signs that it was executed; operators are enrolled if there are none."""
    enrolled(commands._database, now)
    said = signed(
        commands._database, StatementKind.EXECUTED, payment_id, command_id,
        by=by, why=why, now=now, content=reference or "",
    )  # fmt: skip
    return await commands.executed(payment_id, signed=said, now=now, reference=reference)


async def abandon(
    commands: Commands, payment_id: str, *, command_id: str, by: str, why: str, now: datetime
) -> Commanded:
    """The same, that nothing more is wanted of it."""
    enrolled(commands._database, now)
    said = signed(
        commands._database, StatementKind.ABANDON, payment_id, command_id, by=by, why=why, now=now
    )
    return await commands.abandon(payment_id, signed=said, now=now)


async def not_executed(
    commands: Commands,
    payment_id: str,
    *,
    command_id: str,
    by: str,
    why: str,
    evidence: bytes,
    now: datetime,
) -> Commanded:
    """The same, that it was not executed: one of two signatures."""
    enrolled(commands._database, now)
    said = signed(
        commands._database, StatementKind.NOT_EXECUTED, payment_id, command_id,
        by=by, why=why, now=now, content=digest(evidence),
    )  # fmt: skip
    return await commands.not_executed(payment_id, signed=said, evidence=evidence, now=now)


def stating(key: Path, rounds: int = 2048, salt: bytes = b"s" * 16) -> str:
    """The text of a key file that chooses its own key derivation."""
    head, pem = key.read_text().split("scrypt: ", 1)
    der = base64.b64decode("".join(pem.splitlines()[2:-1]))
    stated = rounds.to_bytes(-(-(rounds.bit_length() + 1) // 8), "big")
    before, after = der[3:].split(b"\x02\x02\x08\x00", 1)
    whole = _longer(before, b"\x02" + bytes([len(stated)]) + stated + after, len(stated) - 2)
    encoded = base64.encodebytes(whole).decode()
    return (
        f"{head}scrypt: {base64.b64encode(salt).decode()}\n-----BEGIN ENCRYPTED PRIVATE KEY-----\n"
        f"{encoded}-----END ENCRYPTED PRIVATE KEY-----\n"
    )


def _longer(before: bytes, after: bytes, by: int) -> bytes:
    """The DER of the key with each length around the rounds corrected."""
    opened = bytearray(before)
    for place in (1, 14, 16, 29):
        opened[place] += by
    content = bytes(opened) + after
    return b"\x30\x81" + bytes([len(content)]) + content
