"""Collections in a store, as if a partner had held or taken their money, and claims on them."""

from __future__ import annotations

from typing import Any

from domain.accounts import Account
from domain.ids import claim_id
from domain.lifecycle.answers import Answered, Submitted
from domain.lifecycle.heard import heard_of_send
from domain.lifecycle.profile import InstructionKind
from domain.money import Money
from domain.party import Party
from domain.payments.order import Captured, Collection, Direction, Order, Rail
from domain.payments.payment import Payment
from domain.payments.report import Movement, PaymentState
from store.claims import Claims
from store.folding import Folding
from store.payment_kind import payments_alone
from tests.fakes import order
from tests.store.books import PAYMENT, Store, accepted, exchange, report
from tests.store.test_claims import HELD, collecting


def claims_of(store: Store) -> Claims:
    return Claims(store.database, Folding(store.keyring, payments_alone()))


def euro(minor: int) -> Money:
    return Money(minor=minor, currency="EUR")


def collection(store: Store, captured: Captured = Captured.LATER) -> Order:
    """A hundred euro from a card, at the store's own time."""
    return order(
        store.clock.now(),
        minor=10_000,
        direction=Direction.INCOMING,
        rail=Rail.CARD,
        debtor=Party(name="Paula Payer"),
        debtor_account=Account(other="cus_0123456789"),
        collection=Collection(payment_method="pm_1", captured=captured),
    )


async def held(
    store: Store,
    state: PaymentState = PaymentState.AUTHORISED,
    *more: Movement,
    captured: Captured = Captured.LATER,
    **fields: Any,
) -> None:
    """The partner holds the money for us, or is in another state."""
    await store.accept(of=collection(store, captured), as_of=collecting())
    await store.begin()
    told = accepted(store.clock.now(), state=state, movements=(HELD, *more), **fields)
    await store.sent(told)


async def told(store: Store, state: PaymentState, *movements: Movement, **fields: Any) -> Payment:
    """A later read brings this."""
    now = store.clock.now()
    news = report(now, state, movements=(HELD, *movements), **fields)
    return (await store.read(Answered(news, exchange(now)))).payment


async def admitted(store: Store, kind: InstructionKind, minor: int, key: str) -> None:
    """Claim an amount."""
    now = store.clock.now()
    await claims_of(store).admit(
        PAYMENT, kind, key=key, amount=euro(minor), by="terminal/ann", now=now
    )


async def answered(
    store: Store, kind: InstructionKind, key: str, answer: Submitted | None = None
) -> None:
    """Send a claim; by default the partner accepts it, under an id of its own."""
    its, now = claim_id(PAYMENT, kind, key), store.clock.now()
    turn = await store.begin(its)
    done = accepted(now, state=None, reference=f"at-{key}", instruction=its, partner_status="ok")
    heard = heard_of_send(PAYMENT, its, 1, answer or done, now, nonce=turn.nonce)
    await store.book.record(heard)
