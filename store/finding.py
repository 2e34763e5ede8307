"""Finding payments by what people know: a reference, a file, a creditor, an amount, a day.

The database filters by the columns that are stored in the clear. The creditor's name and full
account number are sealed, so they are compared after the order is opened. One search opens a
limited number of orders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, NamedTuple

from sqlalchemy import ColumnElement, and_, exists, or_, union
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from domain.accounts import Account, AccountError, check_iban
from domain.ids import end_to_end_hash
from domain.money import Money
from domain.payments.intent import normalised
from domain.payments.order import Order
from domain.payments.view import KIND
from store.keyring import KeyringError
from store.tables.lifecycles import LifecycleRow
from store.tables.partners import IS_END_TO_END, IS_OBJECT, ReferenceRow
from store.tables.payments import FileLineRow, FileRow, PaymentRow

#: How many payments one search looks at and opens at most.
OPENED_MAX: Final = 20_000
#: Rows that one query of a search reads at most.
PAGE: Final = 500


class ListPlace(NamedTuple):
    """A payment's place in the list."""

    created_at: datetime
    payment_id: str


@dataclass(frozen=True)
class Wanted:
    """The criteria of a search. None matches every payment.

    Attributes:
        message_id: message id of the file that the payment came with.
        creditor: the account number as it stands in the order, or part of the creditor's name.
            Letter case, accents, spaces and punctuation do not count.
        day: the day the payment was recorded, in UTC.
        key: the caller's own.
        partner_reference: the partner's id of the payment or of anything that belongs to it.
        rails: one of these.
        created_from, created_before: when it was recorded.
        reference: any name of the payment: its id, the caller's key, the partner's id of it or of
            anything that belongs to it, or the EndToEndId.
        oldest_first: the list begins with the oldest payment, not with the newest.
        after: only payments that follow this one in the list.
    """

    state: str | None = None
    tenant: str | None = None
    partner: str | None = None
    end_to_end_id: str | None = None
    message_id: str | None = None
    creditor: str | None = None
    amount: Money | None = None
    day: date | None = None
    certainty: str | None = None
    key: str | None = None
    partner_reference: str | None = None
    rails: frozenset[str] | None = None
    created_from: datetime | None = None
    created_before: datetime | None = None
    reference: str | None = None
    oldest_first: bool = False
    after: ListPlace | None = None


#: Matches every payment.
ANYTHING: Final = Wanted()


def matching(session: Session, wanted: Wanted, *, page: int = PAGE) -> Iterator[LifecycleRow]:
    """Rows whose clear columns match, in the order of the list, read in pages."""
    recorded = col(LifecycleRow.created_at)
    rows = (
        select(LifecycleRow)
        .where(LifecycleRow.kind == KIND, *_clauses(session, wanted))
        .order_by(
            recorded if wanted.oldest_first else recorded.desc(), col(LifecycleRow.resource_id)
        )
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
        (LifecycleRow.state, wanted.state),
        (LifecycleRow.tenant, wanted.tenant),
        (LifecycleRow.partner, wanted.partner),
        (LifecycleRow.certainty, wanted.certainty),
        (LifecycleRow.key, wanted.key),
    ):
        if value is not None:
            yield col(column) == value
    if wanted.amount is not None:
        yield _which(
            col(PaymentRow.amount_minor) == wanted.amount.minor,
            col(PaymentRow.currency) == wanted.amount.currency,
        )
    if wanted.day is not None:
        begin = datetime.combine(wanted.day, time(), UTC)
        yield col(LifecycleRow.created_at) >= begin
        yield col(LifecycleRow.created_at) < begin + timedelta(days=1)
    if wanted.rails is not None:
        yield col(LifecycleRow.rail).in_(sorted(wanted.rails))
    if wanted.created_from is not None:
        yield col(LifecycleRow.created_at) >= wanted.created_from
    if wanted.created_before is not None:
        yield col(LifecycleRow.created_at) < wanted.created_before
    if wanted.after is not None:
        at, payment_id = wanted.after
        recorded = col(LifecycleRow.created_at)
        yield or_(
            recorded > at if wanted.oldest_first else recorded < at,
            and_(recorded == at, col(LifecycleRow.resource_id) > payment_id),
        )
    if wanted.partner_reference is not None:
        yield col(LifecycleRow.resource_id).in_(_known_to_partner_as(wanted.partner_reference))
    if wanted.end_to_end_id is not None:
        tenants = _tenants(session, wanted)
        yield col(LifecycleRow.resource_id).in_(_known_end_to_end_as(wanted.end_to_end_id, tenants))
    if wanted.reference is not None:
        tenants = _tenants(session, wanted)
        name = wanted.reference
        # One query each: with OR between them the database would look at every payment.
        yield col(LifecycleRow.resource_id).in_(
            union(
                select(LifecycleRow.resource_id).where(LifecycleRow.resource_id == name),
                select(LifecycleRow.resource_id).where(
                    col(LifecycleRow.tenant).in_(tenants), LifecycleRow.key == name
                ),
                _known_to_partner_as(name),
                _known_end_to_end_as(name, tenants),
            )
        )
    if wanted.message_id is not None:
        yield _of_file(wanted.message_id)
    if masked := _masked(wanted.creditor):
        yield _which(col(PaymentRow.creditor_masked) == masked)


def _which(*clauses: ColumnElement[bool]) -> ColumnElement[bool]:
    """Selects by columns that only payments have."""
    return exists().where(col(PaymentRow.payment_id) == LifecycleRow.resource_id, *clauses)


def _known_to_partner_as(reference: str) -> SelectOfScalar[str]:
    return select(ReferenceRow.resource_id).where(ReferenceRow.reference == reference, IS_OBJECT)


def _known_end_to_end_as(end_to_end_id: str, tenants: Sequence[str]) -> SelectOfScalar[str]:
    """The hash includes the tenant, so that equal references of two tenants differ."""
    hashes = [end_to_end_hash(tenant, end_to_end_id) for tenant in tenants]
    return select(ReferenceRow.resource_id).where(
        col(ReferenceRow.reference).in_(hashes), IS_END_TO_END
    )


def _tenants(session: Session, wanted: Wanted) -> Sequence[str]:
    return [wanted.tenant] if wanted.tenant else session.exec(_TENANTS).all()


_TENANTS: Final = select(LifecycleRow.tenant).distinct()


def _of_file(message_id: str) -> ColumnElement[bool]:
    return exists().where(
        col(FileRow.message_id) == message_id,
        col(FileLineRow.tenant) == FileRow.tenant,
        col(FileLineRow.file_key) == FileRow.file_key,
        col(LifecycleRow.tenant) == FileLineRow.tenant,
        col(LifecycleRow.key) == FileLineRow.payment_key,
    )


def _masked(creditor: str | None) -> str | None:
    """The creditor as the masked column shows it, if an IBAN was given; None otherwise."""
    if creditor is None:
        return None
    try:
        return Account(iban=check_iban(creditor)).masked
    except AccountError:
        return None
