"""Keeps the lines of one page: those that are new, and what others say that is new."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Final

from sqlalchemy import bindparam, insert, update
from sqlmodel import Session, select

from domain.account_data.transactions import Booking, Line, Transaction
from store.account_pending import Key
from store.tables.account_data import LinkedAccountRow, TransactionRow

_TABLE: Final = TransactionRow.__table__  # type: ignore[attr-defined]


def keep_lines(
    session: Session,
    account: LinkedAccountRow,
    named: Sequence[tuple[tuple[str, ...], Line]],
    sealed: Sequence[bytes],
    today: date,
) -> bool:
    """Insert the lines that are new, and mark the others as seen.

    Lines that are alike are counted. As many are there as stand on one page. On another page they
    are the same again if the bank gives them a reference, or if they are pending: some banks repeat
    those on every page. Others add to those of earlier pages of the listing, and are doubtful.

    Returns:
        Whether it has pending lines that no earlier page of the listing had.
    """
    known = _known(session, account.account_id, (each for names, _ in named for each in names))
    aliases = _aliases(named, known)
    before = {
        identity: sum(row["seen_listing"] == account.listing for row in rows.values())
        for identity, rows in known.items()
    }
    on_page: Counter[tuple[str, str]] = Counter()
    new: dict[Key, dict[str, Any]] = {}
    changed: dict[Key, dict[str, Any]] = {}
    for (names, line), line_sealed in zip(named, sealed, strict=True):
        identity, shown = aliases.get(names[0], names[0]), line.transaction
        rows = known.setdefault(identity, {})
        on_page[identity, shown.booking] += 1
        together = ordinal = on_page[identity, shown.booking]
        if shown.reference is None and shown.booking is Booking.BOOKED:
            ordinal += before.get(identity, 0)
        key, row = Key(identity, ordinal), rows.get(ordinal)
        if row is None:
            made = _new(account, key, shown, line_sealed, today)
            made["is_proven"] = ordinal <= together
            new[key] = rows[ordinal] = made
        elif says := _says(row, shown, line_sealed, account.listing):
            row.update(says)
            if key not in new:
                changed.setdefault(key, {}).update(says)
        first = rows.get(together)
        if first is not None and not first["is_proven"]:
            first["is_proven"] = True
            changed.setdefault(Key(identity, together), {})["is_proven"] = True
    connection = session.connection()
    if new:
        connection.execute(insert(_TABLE), list(new.values()))
    for names_of, many in _alike(account.account_id, changed).items():
        values: dict[str, Any] = {name: bindparam(f"new_{name}") for name in names_of}
        connection.execute(_CHANGE.values(values), many)
    return any(
        booking == Booking.PENDING and not before.get(identity) for identity, booking in on_page
    )


def _alike(
    account_id: str, changed: Mapping[Key, Mapping[str, Any]]
) -> dict[tuple[str, ...], list[dict[str, Any]]]:
    """The changes, those of the same fields together, as parameters of `_CHANGE`."""
    found: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for key, says in changed.items():
        new = {f"new_{name}": value for name, value in says.items()}
        of = {"of_account": account_id, "of_identity": key.identity, "of_ordinal": key.ordinal}
        found.setdefault(tuple(sorted(says)), []).append(of | new)
    return found


_CHANGE: Final = (
    update(_TABLE)
    .where(_TABLE.c.account_id == bindparam("of_account"))
    .where(_TABLE.c.identity == bindparam("of_identity"))
    .where(_TABLE.c.ordinal == bindparam("of_ordinal"))
)
_NAMING: Final = ("account_id", "identity", "ordinal")
#: What is read of known rows: enough to see whether a line says something new.
_LOOKED_AT: Final = (
    *_NAMING, "booking", "booked_on", "valued_on", "seen_listing", "is_proven", "gone_at",
)  # fmt: skip
_AT_ONCE: Final = 400


def _known(
    session: Session, account_id: str, identities: Iterable[str]
) -> dict[str, dict[int, dict[str, Any]]]:
    """What is stored under these identities, by ordinal."""
    found: dict[str, dict[int, dict[str, Any]]] = {}
    wanted = sorted(set(identities))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        rows = session.connection().execute(
            select(*(_TABLE.c[name] for name in _LOOKED_AT))
            .where(_TABLE.c.account_id == account_id)
            .where(_TABLE.c.identity.in_(some))
        )
        for row in rows.mappings():
            found.setdefault(row["identity"], {})[row["ordinal"]] = dict(row)
    return found


def _aliases(
    named: Sequence[tuple[tuple[str, ...], Line]], known: Mapping[str, object]
) -> dict[str, str]:
    """Of identities under today's key, those that are stored under an earlier one."""
    return {
        names[0]: earlier
        for names, _ in named
        if names[0] not in known
        for earlier in names[1:]
        if earlier in known
    }


def _new(
    account: LinkedAccountRow, key: Key, line: Transaction, sealed: bytes, today: date
) -> dict[str, Any]:
    return {
        "account_id": account.account_id,
        "identity": key.identity,
        "ordinal": key.ordinal,
        "booking": line.booking.value,
        "day": line.day or today,
        "booked_on": line.booked_on,
        "valued_on": line.valued_on,
        "amount_minor": line.amount.minor,
        "currency": line.amount.currency,
        "line_sealed": sealed,
        "first_listing": account.listing,
        "seen_listing": account.listing,
        "gone_at": None,
        "became": None,
    }


def _says(row: Mapping[str, Any], line: Transaction, sealed: bytes, listing: int) -> dict[str, Any]:
    """What a line says that is new of a transaction that is known.

    What is booked stays as it was booked: parts of a batch may share a reference, and the bank may
    list them in another order.
    """
    seen: dict[str, Any] = {}
    if row["seen_listing"] != listing or row["gone_at"] is not None:
        seen = {"seen_listing": listing, "gone_at": None}
    if row["booking"] == Booking.BOOKED:
        return seen
    said = (line.booking.value, line.booked_on, line.valued_on)
    if said == (row["booking"], row["booked_on"], row["valued_on"]):
        return seen
    return seen | {
        "booking": line.booking.value,
        "booked_on": line.booked_on,
        "valued_on": line.valued_on,
        "line_sealed": sealed,
        **({"day": line.day} if line.day is not None else {}),
    }
