"""Captures, refunds, increments and confirmations: each claims its amount when it is admitted.

That is one transaction, which holds the payment's lock. So two claims that each fit the bound, and
do not fit it together, can never both be admitted. Judging the bound when the claim is sent was
refused: by then the app has been told that it was admitted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlmodel import Session, col, select

from domain.ids import claim_id
from domain.lifecycle.kinds import Bound, kind_of
from domain.lifecycle.profile import InstructionKind, LookupKind, Profile
from domain.money import Money
from domain.payments.aftermath import left_to_claim
from domain.payments.episodes import Claim, Episode, episodes
from domain.payments.holds import possible_hold, proven_hold
from domain.payments.order import Captured, Collection
from domain.payments.payment import Instruction, Payment
from domain.payments.report import Action, ActionKind
from domain.payments.states import STATES
from domain.payments.view import PaymentView
from store.actions import action_of
from store.books import profile_of
from store.clocks import agreed
from store.database import Database
from store.folding import Folding, reports_of
from store.forgotten import remember
from store.page import page_of
from store.payment_kind import payment_view
from store.payments import row as resource_row
from store.tables.claims import ClaimRow
from store.tables.lifecycles import InstructionRow, LifecycleRow

#: A claim that could not be sent within this time expires, and its amount is free again.
_SENT_WITHIN: Final = timedelta(days=1)


class ClaimReused(ValueError):
    """The key stands for another amount of this payment. Nothing was done."""


class CannotClaim(ValueError):
    """The payment does not allow the claim as it now stands. Nothing was recorded."""


class OverBound(CannotClaim):
    """The amount is more than is left. Nothing was recorded."""

    def __init__(
        self, kind: InstructionKind, amount: Money, left: Money, unproven: Money | None = None
    ) -> None:
        """`unproven`: what increments may add later; None if none is under way."""
        what = f"amount: a {kind} of {amount} is more than is left ({left}); give at most that"
        waits = f", or wait until the increment of {unproven} is proven" if unproven else ""
        super().__init__(f"{what}{waits}")
        self.left = left


@dataclass(frozen=True)
class Claimed:
    """The reply to a claim: its instruction, and the payment as it now stands."""

    instruction: Instruction
    view: PaymentView
    is_new: bool
    """False if the key was known, so nothing new was claimed."""


class Claims:
    """Admits claims: (payment, kind, key) is unique, so a repeat claims nothing."""

    def __init__(self, database: Database, folding: Folding) -> None:
        self._database = database
        self._folding = folding

    async def admit(
        self,
        payment_id: str,
        kind: InstructionKind,
        *,
        key: str,
        amount: Money,
        by: str,
        now: datetime,
    ) -> Claimed:
        """Claim the amount under the caller's key, or return the claim that the key stands for.

        Raises:
            UnknownPayment, ClocksApart.
            ClaimReused: the key stands for another amount.
            CannotClaim: the partner, the order or the payment's state does not allow it.
            OverBound: less is left than the amount.
        """

        def transaction(session: Session) -> Claimed:
            row, at = resource_row(session, payment_id), agreed(session, now)
            new = claim_id(payment_id, kind, key)
            if (known := session.get(ClaimRow, new)) is not None:
                if (known.amount_minor, known.currency) != (amount.minor, amount.currency):
                    claimed = Money(minor=known.amount_minor, currency=known.currency)
                    raise ClaimReused(
                        f"key: {key!r} stands for the {kind} of {claimed} of {payment_id}; give "
                        "that amount to see its outcome, or use a new key"
                    )
                return _claimed(payment_view(session, row), new, is_new=False)
            view = self._folding.refold(session, row, at)
            self._require(row, view, kind, amount)
            left = left_to_claim(kind, view.payment, view.instructions)
            if left is not None and amount.minor > left.minor:
                unproven = _unproven(kind, view)
                raise OverBound(kind, amount, left, unproven)
            instruction = InstructionRow(
                instruction_id=new,
                resource_id=payment_id,
                kind=kind,
                partner=row.partner,
                partner_account=row.partner_account,
                submit_before=at + _SENT_WITHIN,
            )
            page_of(session, payment_id).add(instruction)
            session.flush()
            session.add(
                ClaimRow(
                    instruction_id=new,
                    payment_id=payment_id,
                    key=key,
                    amount_minor=amount.minor,
                    currency=amount.currency,
                    by=by,
                    claimed_at=at,
                )
            )
            session.flush()
            remember(session, row, instruction, at)
            row.reads = 0
            return _claimed(self._folding.refold(session, row, at), new, is_new=True)

        return await self._database.write(transaction)

    async def action(self, payment_id: str) -> Action | None:
        """What the payer has to do now, with the address at which to do it; None: nothing.

        While the payment is frozen, no address is given.

        Raises:
            UnknownPayment: no such payment.
            KeyringError: the address cannot be opened.
        """

        def query(session: Session) -> Action | None:
            payment = Payment.model_validate_json(resource_row(session, payment_id).folded_json)
            return action_of(session, self._folding.keyring, payment_id, payment)

        return await self._database.read(query)

    async def episodes(self, payment_id: str) -> tuple[Episode, ...]:
        """All claims and reversals of the payment, each with its state and its dates.

        Raises:
            UnknownPayment: no such payment.
        """

        def query(session: Session) -> tuple[Episode, ...]:
            view = payment_view(session, resource_row(session, payment_id))
            rows = session.exec(select(ClaimRow).where(col(ClaimRow.payment_id) == payment_id))
            claims = [Claim(r.instruction_id, r.key, r.by, r.claimed_at) for r in rows]
            if not claims and not view.payment.reversals:
                return ()
            reports: Sequence[Any] = reports_of(session, payment_id)
            return episodes(view.payment, view.instructions, claims, reports)

        return await self._database.read(query)

    def _require(
        self, row: LifecycleRow, view: PaymentView, kind: InstructionKind, amount: Money
    ) -> None:
        payment, state = view.payment, STATES[view.payment.state]
        currency = payment.amounts.instructed.currency
        profile = profile_of(row)
        if kind not in profile.operations:
            raise CannotClaim(
                f"partner: {row.partner} offers no {kind} for this payment; ask {row.partner} "
                "itself, if it has to be done"
            )
        if amount.minor <= 0 or amount.currency != currency:
            raise CannotClaim(f"amount: is {amount}; give one above zero, in {currency}")
        if payment.is_frozen:
            raise CannotClaim(
                "state: a question about the payment is open, and until an operator answers it no "
                f"{kind} is possible; `finality tasks` shows the question"
            )
        if kind_of(kind).reverses:
            if not state.refunds:
                yet = "" if state.ends else " yet"
                instead = "; cancel it instead" if state.cancellable else ""
                raise CannotClaim(
                    f"state: the payment is {state.name}, so nothing can be refunded{yet}{instead}"
                )
        elif row.cancel_asked_at is not None:
            raise CannotClaim(
                f"state: a cancel was asked for, so no {kind} is possible; `finality show "
                f"{row.resource_id}` shows what became of it"
            )
        elif kind_of(kind).claims is Bound.INSTRUCTED:
            if not state.confirms:
                raise CannotClaim(
                    f"state: the payment is {state.name}, so there is nothing for the payer to "
                    "confirm"
                )
            _require_payer_was_away(self._folding.request(row).collection, payment, amount)
        else:
            if kind_of(kind).raises:
                _require_uncaptured(view)
            elif not state.captures:
                raise CannotClaim(
                    f"state: the payment is {state.name}; a capture is possible only while an "
                    "amount is reserved"
                )
            collection = self._folding.request(row).collection
            if collection is None or collection.captured is not Captured.LATER:
                raise CannotClaim(
                    "captured: the order says that the whole amount is captured at once, so "
                    "nothing is left to capture"
                )
        _require_others_done(profile, view, kind)


def _require_payer_was_away(collection: Collection | None, payment: Payment, amount: Money) -> None:
    """Require an order that was declined because nobody was there to confirm it."""
    if collection is None or not collection.off_session:
        raise CannotClaim("off_session: the payer was there, so the partner already asks the payer")
    if not collection.return_url:
        raise CannotClaim(
            "return_url: the order has none, so the payer could not come back; collect again with "
            "one, after this payment is cancelled"
        )
    if payment.action is not None and payment.action.kind is not ActionKind.CONFIRM:
        raise CannotClaim("state: the payer has a page to confirm on already; show its link")
    if amount != payment.amounts.instructed:
        raise CannotClaim(f"amount: is not the whole order ({payment.amounts.instructed})")


def _require_uncaptured(view: PaymentView) -> None:
    """Require a hold of which nothing was captured, and of which nobody has asked for a capture."""
    state = STATES[view.payment.state]
    if not state.increments:
        raise CannotClaim(
            f"state: the payment is {state.name}; more can be held only while the whole amount is "
            "reserved, and none of it is captured"
        )
    if any(i.kind == InstructionKind.CAPTURE and not i.is_undone for i in view.instructions):
        raise CannotClaim(
            "state: a capture was asked for, and after a capture no more can be held; collect the "
            "rest with a new collection"
        )


def _unproven(kind: InstructionKind, view: PaymentView) -> Money | None:
    """What increments may add to the hold that a capture is bounded by; None if nothing."""
    if kind_of(kind).claims is not Bound.AUTHORISED:
        return None
    instructed, authorised = view.payment.amounts.instructed, view.payment.amounts.authorised
    most = possible_hold(instructed, view.instructions)
    proven = min(proven_hold(instructed, view.instructions).minor, authorised.minor)
    if most == instructed or most.minor == proven:
        return None
    return most.model_copy(update={"minor": most.minor - proven})


def _require_others_done(profile: Profile, view: PaymentView, kind: InstructionKind) -> None:
    """If only the parent object shows what was executed, one of a kind is in doubt at a time.

    Increments are asked for one after another at every partner: each raises the hold that the one
    before has left.
    """
    is_alone = profile.operation(kind).lookup.kind is LookupKind.PARENT or kind_of(kind).raises
    if not is_alone:
        return
    if any(each.kind == kind and each.is_open for each in view.instructions):
        raise CannotClaim(f"state: another {kind} is under way; wait for its outcome")


def _claimed(view: PaymentView, instruction_id: str, *, is_new: bool) -> Claimed:
    own = next(each for each in view.instructions if each.instruction_id == instruction_id)
    return Claimed(own, view, is_new)
