"""A kind of lifecycle as the store knows it: one that also keeps rows of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from sqlmodel import Session

from domain.lifecycle.change import Change
from domain.lifecycle.kind import LifecycleKind
from domain.lifecycle.report import Report
from store.keyring import Keyring
from store.tables.lifecycles import InstructionRow, LifecycleRow

#: A view, subject or folded state, whose type depends on the row's kind.
OfItsKind: TypeAlias = Any


class StoredKind(LifecycleKind, Protocol):
    """A kind with tables of its own."""

    def keep(
        self, session: Session, row: LifecycleRow, reports: Sequence[Report], before: str
    ) -> Sequence[Change]:
        """Write what only this kind stores, from all reports.

        Args:
            before: the folded state as it was before, as JSON; `row` has the new one.

        Returns:
            What changed besides state, certainty and tasks. Each change becomes an event.
        """

    def beside(
        self, session: Session, keyring: Keyring, instruction: InstructionRow
    ) -> Mapping[str, Any]:
        """What only this kind's own tables tell an adapter about an instruction."""


#: The kinds that a process knows, by name. Assembly gives them to the store.
StoredKinds = Mapping[str, StoredKind]


class UnknownKind(LookupError):
    """A row's kind is not known to this process."""


def kind_of_row(kinds: StoredKinds, row: LifecycleRow) -> StoredKind:
    """The kind of a row.

    Raises:
        UnknownKind: this process does not know it.
    """
    try:
        return kinds[row.kind]
    except KeyError:
        raise UnknownKind(
            f"{row.resource_id} is of the kind {row.kind!r}, which this process does not know; run "
            "it with a release that knows it"
        ) from None
