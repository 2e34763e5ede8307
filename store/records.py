"""A payment as people see it, even if its order cannot be opened."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from domain.payments.order import Order, Times
from domain.payments.payment import Payment
from domain.payments.view import PaymentView
from store.folding import request_of
from store.keyring import Keyring, KeyringError
from store.payment_kind import payment_view
from store.tables.lifecycles import LifecycleRow
from store.tables.payments import PaymentRow


@dataclass(frozen=True)
class PaymentRecord:
    """A payment as shown to people: the account masked, with the order's references."""

    payment_id: str
    tenant: str
    key: str
    partner: str
    partner_account: str
    rail: str
    end_to_end_id: str
    creditor: str
    creditor_account: str
    debtor: str
    debtor_account: str
    created_at: datetime
    updated_at: datetime
    waiting_for: str | None
    silent_since: datetime | None
    """Since when the partner has not answered this payment's steps."""
    times: Times
    view: PaymentView
    sequence: int = 0
    """How many events there are about it."""
    sealed: str | None = None
    """Why the order cannot be opened. Then both parties' names and end-to-end id are empty."""

    @property
    def payment(self) -> Payment:
        return self.view.payment


def opened(keyring: Keyring, found: LifecycleRow) -> Order | KeyringError:
    """The order, or the error why it cannot be opened."""
    try:
        return Order.model_validate_json(request_of(keyring, found))
    except KeyringError as error:
        return error


def record_of(session: Session, found: LifecycleRow, order: Order | KeyringError) -> PaymentRecord:
    """The record of a row.

    If an order cannot be opened, its payment's state is shown all the same, and so are the other
    payments of a list.
    """
    clear = None if isinstance(order, KeyringError) else order
    return PaymentRecord(
        payment_id=found.resource_id,
        tenant=found.tenant,
        key=found.key,
        partner=found.partner,
        partner_account=found.partner_account,
        rail=found.rail,
        end_to_end_id=clear.end_to_end_id if clear else "",
        creditor=clear.creditor.name if clear else "",
        creditor_account=session.get_one(PaymentRow, found.resource_id).creditor_masked,
        debtor=clear.debtor.name if clear else "",
        debtor_account=clear.debtor_account.masked if clear else "",
        created_at=found.created_at,
        updated_at=found.updated_at,
        waiting_for=found.waiting_for,
        silent_since=found.silent_since,
        times=clear.times if clear else _clear_times(found),
        view=payment_view(session, found),
        sequence=found.events,
        sealed=None if clear else str(order),
    )


def _clear_times(found: LifecycleRow) -> Times:
    """The order's times, as far as they are stored in the clear."""
    return Times(
        submit_before=found.submit_before,
        submit_from=found.submit_from,
        execute_by=found.execute_by,
    )
