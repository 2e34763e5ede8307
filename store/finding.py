"""Finding payments by what people know: a reference, a file, a creditor, an amount, a day.

The database filters by the columns that are stored in the clear. The creditor's name and full
account number are sealed, so they are compared after the order is opened. One search opens a
limited number of orders.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, select

from domain.accounts import Account, AccountError, check_iban
from domain.ids import end_to_end_hash
from domain.money import Money
from domain.payments.intent import normalised
from domain.payments.order import Order
from store.keyring import KeyringError
from store.tables import FileLineRow, FileRow, PaymentRow

#: How many payments one search looks at and opens at most.
OPENED_MAX: Final = 20_000
_PAGE: Final = 500


@dataclass(frozen=True)
class Wanted:
    """The criteria of a search. None matches every payment.

    Attributes:
        message_id: message id of the file that the payment came with.
        creditor: the account number as it stands in the order, or part of the creditor's name.
            Letter case, accents, spaces and punctuation do not count.
        day: the day the payment was recorded, in UTC.
    """

    state: str | None = None
    tenant: str | None = None
    partner: str | None = None
    end_to_end_id: str | None = None
    message_id: str | None = None
    creditor: str | None = None
    amount: Money | None = None
    day: date | None = None


#: Matches every payment.
ANYTHING: Final = Wanted()


def matching(session: Session, wanted: Wanted, *, page: int = _PAGE) -> Iterator[PaymentRow]:
    """Rows whose clear columns match, the newest first, read in pages."""
    rows = (
        select(PaymentRow)
        .where(*_clauses(session, wanted))
        .order_by(col(PaymentRow.created_at).desc(), col(PaymentRow.payment_id))
        .limit(page)
    )
    start = 0
    while found := session.exec(rows.offset(start)).all():
        yield from found
        if len(found) < page:
            return
        start += page


def fits(wanted: Wanted, order: Order | KeyringError) -> bool:
    """Whether an opened order matches the creditor; an order that cannot be opened does not."""
    if wanted.creditor is None:
        return True
    if isinstance(order, KeyringError):
        return False
    text = normalised(wanted.creditor)
    return text == normalised(order.creditor_account.number) or text in normalised(
        order.creditor.name
    )


def _clauses(session: Session, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
    for column, value in (
        (PaymentRow.state, wanted.state),
        (PaymentRow.tenant, wanted.tenant),
        (PaymentRow.partner, wanted.partner),
    ):
        if value is not None:
            yield col(column) == value
    if wanted.amount is not None:
        yield col(PaymentRow.amount_minor) == wanted.amount.minor
        yield col(PaymentRow.currency) == wanted.amount.currency
    if wanted.day is not None:
        begin = datetime.combine(wanted.day, time(), UTC)
        yield col(PaymentRow.created_at) >= begin
        yield col(PaymentRow.created_at) < begin + timedelta(days=1)
    if wanted.end_to_end_id is not None:
        # The hash includes the tenant, so that equal references of two tenants differ.
        tenants = [wanted.tenant] if wanted.tenant else session.exec(_TENANTS).all()
        hashes = [end_to_end_hash(tenant, wanted.end_to_end_id) for tenant in tenants]
        yield col(PaymentRow.end_to_end_hash).in_(hashes)
    if wanted.message_id is not None:
        yield _of_file(wanted.message_id)
    if masked := _masked(wanted.creditor):
        yield col(PaymentRow.creditor_masked) == masked


_TENANTS: Final = select(PaymentRow.tenant).distinct()


def _of_file(message_id: str) -> ColumnElement[bool]:
    return exists().where(
        col(FileRow.message_id) == message_id,
        col(FileLineRow.tenant) == FileRow.tenant,
        col(FileLineRow.file_key) == FileRow.file_key,
        col(PaymentRow.tenant) == FileLineRow.tenant,
        col(PaymentRow.key) == FileLineRow.payment_key,
    )


def _masked(creditor: str | None) -> str | None:
    """The creditor as the masked column shows it, if an IBAN was given; None otherwise."""
    if creditor is None:
        return None
    try:
        return Account(iban=check_iban(creditor)).masked
    except AccountError:
        return None
