"""Accepting orders: each is recorded once under its key, and checked for being a duplicate.

Many orders are accepted in one transaction, because a commit costs more than a row. The locks are
taken first, all keys and then all intents, each group in one order, so two callers never deadlock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from sqlalchemy import bindparam
from sqlmodel import Session, SQLModel, col, select

from domain.ids import end_to_end_hash, instruction_id
from domain.lifecycle.kind import next_step
from domain.lifecycle.next_step import Labels, NextStep, Owed
from domain.lifecycle.profile import InstructionKind, Profile
from domain.payments.intent import Acknowledgement, Intent, PossibleDuplicate, require_acknowledged
from domain.payments.order import Order
from domain.payments.view import KIND, PaymentView
from store.callbacks import new_callback
from store.clocks import agreed
from store.folding import Folding, request_context
from store.forgotten import remember, shown_among
from store.halts import is_halted
from store.intents import Compared, hashes_of, require_operator
from store.keyring import Keyring
from store.keys import require_proven
from store.kind import StoredKind
from store.locks import hold
from store.parts import in_parts
from store.payment_kind import payment_view
from store.references import ReferenceKind, refer
from store.tables.lifecycles import InstructionRow, LifecycleRow
from store.tables.payments import PaymentRow

FINGERPRINT_VERSION: Final = 1


class KeyReused(ValueError):
    """The key belongs to another order. Nothing was done."""

    def __init__(self, key: str, payment_id: str) -> None:
        super().__init__(
            f"key {key!r} was used for another order (payment {payment_id}); "
            "use a new key for a new order, or send the same order again"
        )
        self.payment_id = payment_id


class Given(NamedTuple):
    """An order to be recorded, with its key, its fingerprint and the intent to compare."""

    order: Order
    key: str
    fingerprint: str
    payment_id: str
    profile: Profile
    intent: Intent
    acknowledged: Acknowledgement
    browser_session: str = ""
    """What the app keeps in the payer's browser, if the payer approves before the send; empty:
    the payer may come back in any browser."""


@dataclass(frozen=True)
class Acceptance:
    """The payment under a key as it now stands; `is_new` if this call created it."""

    view: PaymentView
    is_new: bool
    first: NextStep | None = None
    """The first step of a new payment, if one is due at once: its run need not ask for it."""


class Accepting:
    """Records orders. The caller runs the transaction."""

    def __init__(self, keyring: Keyring, folding: Folding) -> None:
        self._keyring = keyring
        self._folding = folding

    def transaction(
        self, many: Sequence[Given], now: datetime
    ) -> Callable[[Session], list[Acceptance | PossibleDuplicate]]:
        """The transaction that accepts these orders; see `Payments.accept_many`."""
        hashes = [hashes_of(one.intent, self._keyring) for one in many]

        def transaction(session: Session) -> list[Acceptance | PossibleDuplicate]:
            require_proven(session, self._keyring, now)
            # Keys before intents: otherwise a call that is repeated at once would be reported as
            # a duplicate of itself. All keys before any intent, so that callers never deadlock.
            hold(session, *(f"key/{one.order.tenant}/{one.key}" for one in many))
            known = known_rows(session, [(one.order.tenant, one.key) for one in many])
            new = [
                (one.intent, own)
                for one, own in zip(many, hashes, strict=True)
                if (one.order.tenant, one.key) not in known
            ]
            hold(session, *{name for _, own in new for name in own})
            at = agreed(session, now) if new else now
            call = _Call(session, self._keyring, self._folding, known, Compared(session, new, at))
            judged = [call.judge(one, own, at) for one, own in zip(many, hashes, strict=True)]
            call.store(at)
            kind = self._folding.kind
            return [
                one.acceptance(kind(one.row), at) if isinstance(one, _New) else one
                for one in judged
            ]

        return transaction


@dataclass
class _New:
    """A payment that this call records."""

    row: LifecycleRow
    of_payment: PaymentRow
    paying: InstructionRow
    end_to_end: str
    """The hash of its end-to-end id."""
    others: list[SQLModel]
    view: PaymentView

    def acceptance(self, kind: StoredKind, at: datetime) -> Acceptance:
        """The answer to its caller, once it is stored."""
        first = next_step(kind, self.view, at, leaves_after=None)
        if first.due.owed is not Owed.INSTRUCT:
            return Acceptance(self.view, is_new=True)
        labels = Labels(
            kind=self.row.kind,
            tenant=self.row.tenant,
            partner=self.row.partner,
            rail=self.row.rail,
            end_to_end_hash=self.end_to_end,
        )
        return Acceptance(self.view, is_new=True, first=first.model_copy(update={"labels": labels}))


class _Call:
    """The orders of one call, in the transaction that records them.

    All are judged before any is stored, because one statement for a thousand rows costs far less
    than a thousand statements.
    """

    def __init__(
        self,
        session: Session,
        keyring: Keyring,
        folding: Folding,
        known: Mapping[tuple[str, str], LifecycleRow],
        compared: Compared,
    ) -> None:
        self._session = session
        self._keyring = keyring
        self._folding = folding
        self._known = known
        self._compared = compared
        self._new: dict[tuple[str, str], _New] = {}
        self._halted: dict[tuple[str, str, str], bool] = {}

    def judge(
        self, given: Given, hashes: Sequence[str], at: datetime
    ) -> _New | Acceptance | PossibleDuplicate:
        """What becomes of one order. Its key and its hashes are locked."""
        order, payment_id = given.order, given.payment_id
        name = (order.tenant, given.key)
        if found := self._known.get(name):
            return _accepted(self._session, found, given.fingerprint)
        if twin := self._new.get(name):  # One call may contain the same key twice.
            _require_same(twin.row, given.fingerprint)
            return Acceptance(twin.view, is_new=False)
        if given.acknowledged.operator is not None:
            require_operator(self._session, given.acknowledged, order, payment_id, at)
        earlier = self._compared.earlier(given.intent, hashes)
        try:
            require_acknowledged(earlier, given.acknowledged)
        except PossibleDuplicate as duplicate:
            return duplicate
        row = self._new_row(given, at)
        of_payment = PaymentRow(
            payment_id=payment_id,
            amount_minor=order.instructed_amount.minor,
            currency=order.instructed_amount.currency,
            creditor_masked=order.creditor_account.masked,
            intent_hash=hashes[0],
            intent_batch=given.intent.batch,
            acknowledged=",".join(one.payment_id for one in earlier) or None,
            acknowledged_by=given.acknowledged.operator if earlier else None,
        )
        paying = InstructionRow(
            instruction_id=instruction_id(payment_id, InstructionKind.PAY),
            resource_id=payment_id,
            kind=InstructionKind.PAY,
            partner=order.partner,
            partner_account=order.partner_account,
        )
        view, others = self._folding.begin(row, order, paying, at, halted=self._is_halted(row))
        if (first := given.profile.payer_first) is not None:
            session, issuer = given.browser_session, first.issuer
            others.append(
                new_callback(self._keyring, paying, browser_session=session, issuer=issuer, now=at)
            )
        self._compared.add(row, of_payment)
        end_to_end = end_to_end_hash(order.tenant, order.end_to_end_id)
        new = self._new[name] = _New(row, of_payment, paying, end_to_end, others, view)
        return new

    def store(self, at: datetime) -> None:
        """Store what is new. What a database that was set back has sent of it counts as sent."""
        new = self._new.values()
        for rows in (
            [one.row for one in new],
            [one.of_payment for one in new],
            [one.paying for one in new],
            [row for one in new for row in one.others],
        ):
            self._session.add_all(rows)
            self._session.flush()
        named = [(one.paying, one.end_to_end) for one in new]
        refer(self._session, ReferenceKind.END_TO_END, named)
        shown = shown_among(self._session, [(one.row, one.paying) for one in new])
        for one in new:
            if one.row.resource_id in shown:
                remember(self._session, one.row, one.paying, at)
                one.view = self._folding.refold(self._session, one.row, at)

    def _is_halted(self, row: LifecycleRow) -> bool:
        scope = (row.partner, row.tenant, row.rail)
        if scope not in self._halted:
            self._halted[scope] = is_halted(self._session, row)
        return self._halted[scope]

    def _new_row(self, given: Given, at: datetime) -> LifecycleRow:
        order, payment_id = given.order, given.payment_id
        sealed = self._keyring.seal(order.model_dump_json().encode(), request_context(payment_id))
        return LifecycleRow(
            resource_id=payment_id,
            kind=KIND,
            tenant=order.tenant,
            key=given.key,
            fingerprint=given.fingerprint,
            fingerprint_version=FINGERPRINT_VERSION,
            partner=order.partner,
            partner_account=order.partner_account,
            rail=order.rail,
            request_sealed=sealed,
            profile_json=given.profile.model_dump_json(),
            submit_before=order.submit_before,
            submit_from=order.times.submit_from,
            execute_by=order.times.execute_by,
            # The fold sets these before the row is stored.
            state="",
            certainty="",
            folded_json="",
            evidence_hash="",
            created_at=at,
            updated_at=at,
        )


def accepted_under(
    session: Session, tenant: str, keys: Sequence[tuple[str, str]]
) -> list[Acceptance | None]:
    """The payments that were accepted under these keys; None for a key that is new.

    Args:
        keys: each with its fingerprint.

    Raises:
        KeyReused: one of the keys stands for another order.
    """
    known = known_rows(session, [(tenant, key) for key, _ in keys])
    return [
        _accepted(session, known[tenant, key], fingerprint) if (tenant, key) in known else None
        for key, fingerprint in keys
    ]


def known_rows(
    session: Session, names: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], LifecycleRow]:
    """The payments under those (tenant, key) that are known."""
    keys_of: dict[str, list[str]] = {}
    for tenant, key in names:
        keys_of.setdefault(tenant, []).append(key)
    return {
        (tenant, found.key): found
        for tenant, keys in keys_of.items()
        for some in in_parts(keys)
        for found in session.exec(_UNDER_KEYS, params={"tenant": tenant, "keys": some})
    }


_UNDER_KEYS: Final = select(LifecycleRow).where(
    LifecycleRow.tenant == bindparam("tenant"),
    col(LifecycleRow.key).in_(bindparam("keys", expanding=True)),
)


def _accepted(session: Session, found: LifecycleRow, fingerprint: str) -> Acceptance:
    _require_same(found, fingerprint)
    return Acceptance(payment_view(session, found), is_new=False)


def _require_same(found: LifecycleRow, fingerprint: str) -> None:
    if found.fingerprint != fingerprint:
        raise KeyReused(found.key, found.resource_id)
