"""What an app does with any bank: access to accounts, their data, a renewal, the end, a payment.

It is written once. What a bank needs is in `Bank`, as data; nothing here asks which bank it is.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from assembly import Assembly
from domain.consents.report import ConsentState
from domain.consents.request import ConsentRequest, Permission, User
from domain.lifecycle.report import Action
from domain.payments.display import Funds, display
from domain.payments.intent import Intent
from domain.payments.order import Order
from domain.payments.report import PaymentState
from starter.consents import ConsentReceipt, InvalidCallback
from store.account_data import AccountRecord, TransactionsFound, WantedTransactions
from store.records import PaymentRecord
from tests.journeys.browser import Browser
from tests.polling import eventually

TENANT: Final = "default"
SESSION: Final = "the-browser-of-one-user-0123456789"
#: The user's own address, sent while the user is there.
_ADDRESS: Final = "203.0.113.7"
_APPROVE: Final = "Approve"
_SECONDS: Final = 240


@dataclass(frozen=True)
class Bank:
    """One of our accesses to a bank, as data."""

    name: str
    partner: str
    partner_account: str
    regime: str
    order: Callable[[str], Order]
    """a payment from the user's account, by its end-to-end id"""
    book: Callable[[], Awaitable[dict[str, list[dict[str, object]]]]]
    """the bank's own book"""


@dataclass
class App:
    """An app and one of its users."""

    assembly: Assembly
    browser: Browser
    visited: set[str] = field(default_factory=set)

    async def connect(self, bank: Bank) -> ConsentReceipt:
        """Ask the user for access to accounts, until it is active."""
        request = ConsentRequest(
            tenant=TENANT,
            partner=bank.partner,
            partner_account=bank.partner_account,
            user=User(user_id=bank.name, psu_id=bank.name, ip_address=_ADDRESS),
            permissions=tuple(Permission),
            return_url=self.browser.home,
            regime=bank.regime,
        )
        asked = await self.assembly.consents.request(request, bank.name, browser_session=SESSION)
        return await self.active(asked.consent_id)

    async def renew(self, consent_id: str) -> ConsentReceipt:
        """Have the user confirm the access again, wherever the receipt leads."""
        renewed = await self.assembly.consents.renew(
            consent_id, "renewal", tenant=TENANT, by="app", browser_session=SESSION
        )
        return await self.active(renewed.consent_id)

    async def active(self, consent_id: str) -> ConsentReceipt:
        """The consent once it is active. As long as there is a page, the user goes there."""

        async def seen() -> ConsentReceipt | None:
            shown = await self.assembly.consents.show(consent_id, tenant=TENANT)
            for params in await self._approved(shown.action):
                await self.assembly.consents.answer(params, tenant=TENANT, browser_session=SESSION)
            return shown if shown.consent.state is ConsentState.ACTIVE else None

        return await eventually(seen, f"{consent_id} is active", _SECONDS, every=0.1)

    async def granted(self, consent_id: str) -> list[str]:
        """How the accounts of the grant end, once the bank has shown what was granted."""

        async def seen() -> list[str] | None:
            shown = await self.assembly.consents.show(consent_id, tenant=TENANT)
            return [each.ends for each in shown.consent.grant.accounts or ()]

        return await eventually(seen, f"{consent_id}: what was granted", _SECONDS, every=0.1)

    async def ended(self, consent_id: str, state: ConsentState) -> ConsentReceipt:
        async def seen() -> ConsentReceipt | None:
            shown = await self.assembly.consents.show(consent_id, tenant=TENANT)
            return shown if shown.consent.state is state else None

        return await eventually(seen, f"{consent_id} is {state}", _SECONDS, every=0.1)

    async def accounts(self, consent_id: str) -> list[AccountRecord]:
        """The accounts that the user gave access to, once all are read whole from now on."""
        asked_at = datetime.now(UTC)
        await self.assembly.accounts.refresh(consent_id, tenant=TENANT, psu_ip_address=_ADDRESS)

        async def seen() -> list[AccountRecord] | None:
            found, _ = await self.assembly.accounts.accounts(tenant=TENANT, consent_id=consent_id)
            read = [at for each in found for at in (each.read_at, each.balances_read_at)]
            return found if all(at is not None and at >= asked_at for at in read) else None

        return await eventually(seen, f"{consent_id}: its accounts", _SECONDS, every=0.1)

    async def transactions(self, account: AccountRecord) -> TransactionsFound:
        wanted = WantedTransactions(account.account_id, TENANT)
        return await self.assembly.accounts.transactions(wanted, limit=1000)

    async def pay(self, order: Order) -> PaymentRecord:
        """Pay, with the user's approval at the bank, until it is settled."""
        orchestrator = self.assembly.orchestrator
        receipt = await orchestrator.pay(
            order, order.end_to_end_id, intent=Intent.of(order), browser_session=SESSION
        )
        sees = (
            str(order.instructed_amount.to_wire()), order.creditor.name,
            order.creditor_account.number,
        )  # fmt: skip

        async def seen() -> PaymentRecord | None:
            action = await orchestrator.action(receipt.payment_id, tenant=TENANT)
            for params in await self._approved(action, sees):
                # A bank may lead the payer back with nothing to hand over.
                with suppress(InvalidCallback):
                    await self.assembly.approver.answer(
                        params, tenant=TENANT, browser_session=SESSION
                    )
            record = await orchestrator.get(receipt.payment_id, tenant=TENANT)
            return record if record.payment.state is PaymentState.SETTLED else None

        return await eventually(seen, f"{receipt.payment_id} is settled", _SECONDS, every=0.1)

    async def _approved(
        self, action: Action | None, sees: Sequence[str] = ()
    ) -> list[dict[str, str]]:
        """What the user brings back from the page of an action, if there is one to visit."""
        if action is None or action.url is None or action.url in self.visited:
            return []
        self.visited.add(action.url)
        return [await self.browser.press(action.url, _APPROVE, sees=sees)]


async def life(app: App, bank: Bank) -> None:
    """Everything that the user and the app do at one bank."""
    first = await app.connect(bank)
    assert first.display.may_read
    before = await app.accounts(first.consent_id)
    await _is_complete(app, before)
    granted = await app.granted(first.consent_id)
    assert sorted(granted) == sorted(each.ends for each in before)

    renewed = await app.renew(first.consent_id)
    after = await app.accounts(renewed.consent_id)
    # Whether or not the consent is another one: the user's accounts go on.
    assert [each.account_id for each in after] == [each.account_id for each in before]

    paid = await app.pay(order := bank.order(f"SCRIPT-{bank.name}"))
    assert display(paid.payment).funds is Funds.DEBIT
    amount = order.instructed_amount.minor
    book = await bank.book()
    at_bank = [each["status"] for each in book["payments"] if each["amount_minor"] == amount]
    assert at_bank == ["ACSC"], "one payment, settled at the debtor's side"

    await app.assembly.consents.revoke(renewed.consent_id, "end", tenant=TENANT, by="app")
    ended = await app.ended(renewed.consent_id, ConsentState.REVOKED_BY_US)
    assert not ended.display.may_read
    kept, _ = await app.assembly.accounts.accounts(tenant=TENANT, consent_id=renewed.consent_id)
    assert all(each.erase_at and not each.is_linked for each in kept)


async def _is_complete(app: App, accounts: list[AccountRecord]) -> None:
    """Each account has its number, balances, and transactions of both directions."""
    assert accounts
    for account in accounts:
        assert account.account.number is not None
        assert account.balances
        assert (account.failed_since, account.drift) == (None, ())
        found = await app.transactions(account)
        amounts = [each.transaction.amount for each in found.records]
        assert {each.currency for each in amounts} == {account.account.currency}
        assert {each.minor < 0 for each in amounts} == {True, False}
        assert all(each.transaction.booked_on for each in found.records)
