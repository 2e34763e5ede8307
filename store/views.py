"""A payment as its workflow sees it, built from rows."""

from __future__ import annotations

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain.order import Rail
from domain.payment import Instruction, Payment
from domain.view import PaymentView
from store.books import instructions_of, profile_of
from store.halts import is_halted
from store.inbox import news_at
from store.tables import PaymentRow


def view_of(
    session: Session, found: PaymentRow, instructions: tuple[Instruction, ...] | None = None
) -> PaymentView:
    """What the workflow may see of a payment.

    Args:
        instructions: as they stand in this transaction, where they were just looked up.
    """
    profile = profile_of(found)
    news = news_at(session, found.payment_id)
    return PaymentView(
        tenant=found.tenant,
        payment_id=found.payment_id,
        partner=found.partner,
        rail=Rail(found.rail),
        end_to_end_hash=found.end_to_end_hash,
        submit_before=found.submit_before,
        profile=profile,
        instructions=instructions_of(session, found) if instructions is None else instructions,
        payment=Payment.model_validate_json(found.payment_json),
        last_asked_at=found.last_asked_at,
        reads=found.reads,
        halted=is_halted(session, found),
        cancel_asked=found.cancel_asked_at is not None,
        execute_by=found.execute_by,
        crowd=_crowd(session, found) if profile.quota else 1,
        not_before=found.not_before,
        waiting_for=found.waiting_for,
        has_news=news is not None,
        news_at=news,
    )


def _crowd(session: Session, found: PaymentRow) -> int:
    """Open payments that share the account's quota, and this one."""
    others = select(func.count()).where(
        PaymentRow.partner == found.partner,
        PaymentRow.partner_account == found.partner_account,
        PaymentRow.payment_id != found.payment_id,
        col(PaymentRow.is_over).is_(False),
    )
    return 1 + session.exec(others).one()
