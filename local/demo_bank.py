"""The demo's app with one user of a bank: access to an account, a payment, and the account's data.

The user is played too: opens the bank's pages and presses their buttons. Every wait asks the store
until a deadline. What is late is shown as it stands, and the checker says what is missing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, TypeVar

from assembly import Assembly
from domain.accounts import Account
from domain.consents.report import ConsentState
from domain.consents.request import ConsentRequest, Permission, User
from domain.lifecycle.report import Action
from domain.money import Money
from domain.party import Party
from domain.payments.intent import Intent
from domain.payments.order import Order, Times
from domain.payments.report import PaymentState
from local.demo_file import DEBTOR_IBAN, iban
from local.demo_payer import press
from local.simulated_partner import SIMULATOR
from regimes.consents import Regime
from starter.consents import ConsentReceipt
from store.account_data import AccountRecord, TransactionRecord, WantedTransactions
from store.records import PaymentRecord

#: The partner that is a bank. The buttons and delays of this module are its simulator's.
PARTNER: Final = "berlin_group"
DELAYS: Final = {"check_after": 0.5, "settle_after": 1}
_LIMIT: Final = timedelta(seconds=130)
_BUTTON: Final = "Approve"
_TENANT: Final = "default"
#: The address of the user, who is there while the app asks (RFC 5737).
_USER_ADDRESS: Final = "203.0.113.7"
_APP: Final = "https://app.test/accounts"
_AMOUNT: Final = Money(minor=47_11, currency="EUR")
_REFERENCE: Final = "RENT-12"
#: The value that the app keeps in the user's browser.
_SESSION: Final = "demo-browser-0123456789"
_LOOK_EVERY_SECONDS: Final = 0.1

T = TypeVar("T")


@dataclass(frozen=True)
class Banked:
    """What came of it.

    Attributes:
        consent: the access to the account; None if it was not granted in time.
        transactions: of the account, as the bank showed them after the payment.
    """

    order: Order
    consent: ConsentReceipt | None
    payment: PaymentRecord
    transactions: tuple[TransactionRecord, ...]

    @property
    def is_over(self) -> bool:
        """Whether all came to its end."""
        return _is_settled(self.payment) and self.consent is not None and self._shows_the_payment

    @property
    def _shows_the_payment(self) -> bool:
        amounts = [each.transaction.amount for each in self.transactions]
        return Money(minor=-_AMOUNT.minor, currency=_AMOUNT.currency) in amounts

    def as_shown(self) -> dict[str, Any]:
        """What our store shows, for the checker."""
        return {
            "order": self.order.end_to_end_id,
            "amount_minor": self.order.instructed_amount.minor,
            "account": self.order.debtor_account.number,
            "creditor": self.order.creditor_account.number,
            "state": self.payment.payment.state,
            "consent": self.consent.consent.state if self.consent else None,
            "transactions": [
                {
                    "amount_minor": each.transaction.amount.minor,
                    "currency": each.transaction.amount.currency,
                    "reference": each.transaction.reference,
                    "text": each.transaction.remittance_information,
                }
                for each in self.transactions
            ],
        }


async def use_bank(assembly: Assembly) -> Banked:
    """Have the user give access and pay, then read the account."""
    order = _order(assembly)
    consent = await _connected(assembly)
    payment = await _paid(assembly, order)
    read = await _read(assembly, consent.consent_id) if consent else ()
    return Banked(order, consent, payment, read)


def _order(assembly: Assembly) -> Order:
    return Order(
        tenant=_TENANT,
        partner=PARTNER,
        partner_account=SIMULATOR,
        instructed_amount=_AMOUNT,
        debtor=Party(name="Paula Payer"),
        debtor_account=Account(iban=DEBTOR_IBAN),
        creditor=Party(name="Lena Landlord"),
        creditor_account=Account(iban=iban("DE", "200500000000004711")),
        end_to_end_id=_REFERENCE,
        remittance_information="Rent for December",
        times=Times(submit_before=assembly.clock.now() + _LIMIT),
    )


async def _connected(assembly: Assembly) -> ConsentReceipt | None:
    """Ask the user for access to the account that pays. None if it is not granted in time."""
    consents = assembly.consents
    asked = await consents.request(
        ConsentRequest(
            tenant=_TENANT,
            partner=PARTNER,
            partner_account=SIMULATOR,
            user=User(user_id="paula", psu_id="paula", ip_address=_USER_ADDRESS),
            permissions=tuple(Permission),
            accounts=(Account(iban=DEBTOR_IBAN),),
            return_url=_APP,
            regime=Regime.PSD2,
        ),
        "demo",
        browser_session=_SESSION,
    )

    async def link() -> Action | None:
        return (await consents.show(asked.consent_id, tenant=_TENANT)).action

    async def active() -> ConsentReceipt | None:
        shown = await consents.show(asked.consent_id, tenant=_TENANT)
        return shown if shown.consent.state is ConsentState.ACTIVE else None

    params = await _pressed(assembly, link)
    if params is None:
        return None
    await consents.answer(params, tenant=_TENANT, browser_session=_SESSION)
    return await _until(assembly, active)


async def _paid(assembly: Assembly, order: Order) -> PaymentRecord:
    """Pay. The user approves amount and payee on the bank's page."""
    orchestrator, deadline = assembly.orchestrator, assembly.clock.now() + _LIMIT
    receipt = await orchestrator.pay(
        order, order.end_to_end_id, intent=Intent.of(order), patience=None
    )
    link = partial(orchestrator.action, receipt.payment_id, tenant=_TENANT)
    await _pressed(assembly, link)
    return await orchestrator.wait(
        receipt.payment_id, _is_settled, tenant=_TENANT, deadline=deadline
    )


def _is_settled(record: PaymentRecord) -> bool:
    return record.payment.state is PaymentState.SETTLED


async def _read(assembly: Assembly, consent_id: str) -> tuple[TransactionRecord, ...]:
    """The transactions of the account, once they are read whole from now on."""
    asked_at = assembly.clock.now()
    await assembly.accounts.refresh(consent_id, tenant=_TENANT, psu_ip_address=_USER_ADDRESS)

    async def read() -> AccountRecord | None:
        found, _ = await assembly.accounts.accounts(tenant=_TENANT, consent_id=consent_id)
        return next((each for each in found if _is_read_since(each.read_at, asked_at)), None)

    account = await _until(assembly, read)
    if account is None:
        return ()
    wanted = WantedTransactions(account.account_id, _TENANT)
    return tuple((await assembly.accounts.transactions(wanted, limit=1000)).records)


def _is_read_since(read_at: datetime | None, since: datetime) -> bool:
    return read_at is not None and read_at >= since


async def _pressed(
    assembly: Assembly, link: Callable[[], Awaitable[Action | None]]
) -> dict[str, str] | None:
    """Have the user press the button once there is a page. None if there was none in time."""
    action = await _until(assembly, link)
    if action is None or action.url is None:
        return None
    return await asyncio.to_thread(press, action.url, _BUTTON)


async def _until(assembly: Assembly, seen: Callable[[], Awaitable[T | None]]) -> T | None:
    """What `seen` finds first; None if it finds nothing until the deadline."""
    deadline = assembly.clock.now() + _LIMIT
    while (found := await seen()) is None and assembly.clock.now() < deadline:
        await asyncio.sleep(_LOOK_EVERY_SECONDS)
    return found
