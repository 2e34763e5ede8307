"""`/v1/accounts`: the accounts of the tenant's users, as their banks last showed them.

A key needs the scope `accounts` for it: payment programs have no use for what users bought.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from domain.account_data.accounts import BalanceKind
from domain.account_data.transactions import Booking
from domain.lifecycle.resource import UnknownResource
from domain.money import Money
from starter.accounts import InvalidAddress
from starter.api.callers import PAGE_MAX, ReadsAccounts
from starter.api.cursors import account_place, of_accounts, of_transactions, transaction_place
from starter.api.parts import Parts
from starter.api.problems import FieldError, invalid, not_found
from store.account_data import AccountRecord, TransactionRecord, WantedTransactions

_AccountId = Annotated[str, Path(max_length=100)]


class BalanceAnswer(BaseModel):
    """One balance; negative if the account is overdrawn."""

    kind: BalanceKind
    """ISO 20022 ExternalBalanceType1Code."""
    amount: Money
    day: date | None
    changed_at: datetime | None
    includes_credit: bool


class AccountAnswer(BaseModel):
    """An account, with the age of what is known of it."""

    id: str
    object: Literal["account"] = "account"
    consent_id: str
    partner: str
    partner_account: str
    number: str | None
    """The IBAN, or another number if it has none; null once its data is erased."""
    currency: str | None
    name: str
    owner: str
    product: str
    kind: str
    balances: list[BalanceAnswer]
    balances_read_at: datetime | None
    """When the balances were last read. They are as of then."""
    transactions_read_at: datetime | None
    """When the last reading of all transactions began."""
    failing_since: datetime | None
    """Since when the bank brings nothing new; null if all is well."""
    failing_why: str | None
    is_linked: bool
    """Whether the consent still covers it. If not, it is not read any more."""
    erase_at: datetime | None
    erased_at: datetime | None


class AccountsAnswer(BaseModel):
    """A page of accounts."""

    data: list[AccountAnswer]
    next_cursor: str | None


class TransactionAnswer(BaseModel):
    """A transaction of an account."""

    id: str
    object: Literal["transaction"] = "transaction"
    account_id: str
    booking: Booking
    amount: Money
    """Negative if the account paid."""
    day: date
    """By which it is listed: that of booking, else of value, else of its first reading."""
    booked_on: date | None
    valued_on: date | None
    counterparty: str
    counterparty_account: str | None
    counterparty_agent: str
    remittance_information: str
    end_to_end_id: str
    mandate_id: str
    creditor_id: str
    code: str
    """ISO 20022 bank transaction code."""
    own_code: str
    """The bank's own code."""
    purpose: str
    bank_reference: str | None
    became: str | None
    """Of a pending one: the id of the booked one that it has become."""
    gone_at: datetime | None
    """Of a pending one: since when the bank does not list it any more."""


class TransactionsAnswer(BaseModel):
    """A page of transactions, the newest first."""

    data: list[TransactionAnswer]
    next_cursor: str | None
    read_at: datetime | None
    """When the last reading of all transactions began: they are as of then."""


class RefreshBody(BaseModel):
    """Whose accounts are to be read now."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    consent_id: Annotated[str, Field(max_length=100)]
    psu_ip_address: Annotated[str, Field(max_length=45)] | None = None
    """The address of the user, only while the user is there and asks for it. Then the readings of
    the next minutes do not count against the bank's daily limit."""


class RefreshAnswer(BaseModel):
    """The reading is due. Its outcome shows in `balances_read_at` and `transactions_read_at`."""

    consent_id: str
    is_begun: bool
    """False if no worker could be notified; it is read as soon as one can."""


class AccountsQuery(BaseModel):
    """Which accounts; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    consent_id: str | None = None
    after: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 20


class TransactionsQuery(BaseModel):
    """Which transactions; an unknown parameter is refused."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    booking: Booking | None = None
    days_from: Annotated[date | None, Field(alias="from", description="the first day")] = None
    days_to: Annotated[
        date | None, Field(alias="to", description="the last day, which is included")
    ] = None
    with_gone: bool = Field(
        default=False, description="also pending ones that were booked or have vanished"
    )
    after: str | None = Field(default=None, description="`next_cursor` of the page before")
    limit: Annotated[int, Field(ge=1, le=PAGE_MAX)] = 50


def account_data(parts: Parts) -> APIRouter:
    """The routes of accounts."""
    router = APIRouter(prefix="/v1/accounts", tags=["accounts"])

    @router.get("", operation_id="list_accounts")
    async def listed(
        caller: ReadsAccounts, query: Annotated[AccountsQuery, Query()]
    ) -> AccountsAnswer:
        """The accounts of the tenant's users, with their balances."""
        found, more = await parts.accounts.accounts(
            tenant=caller.tenant,
            consent_id=query.consent_id,
            after=account_place(query.after),
            limit=query.limit,
        )
        return AccountsAnswer(
            data=list(map(_account, found)),
            next_cursor=of_accounts(found[-1].account_id) if more else None,
        )

    @router.post("/refresh", status_code=202, operation_id="refresh_accounts")
    async def refresh(body: RefreshBody, caller: ReadsAccounts) -> RefreshAnswer:
        """Have the accounts of a consent read as soon as the bank allows."""
        try:
            begun = await parts.accounts.refresh(
                body.consent_id, tenant=caller.tenant, psu_ip_address=body.psu_ip_address
            )
        except InvalidAddress as error:
            field, _, text = str(error).partition(": ")
            raise invalid([FieldError(pointer=f"/{field}", detail=text)]) from None
        except UnknownResource:
            raise not_found("consent", body.consent_id) from None
        return RefreshAnswer(consent_id=body.consent_id, is_begun=begun)

    @router.get("/{account_id}", operation_id="get_account")
    async def get(account_id: _AccountId, caller: ReadsAccounts) -> AccountAnswer:
        """One account, with its balances."""
        try:
            return _account(await parts.accounts.account(account_id, tenant=caller.tenant))
        except UnknownResource:
            raise not_found("account", account_id) from None

    @router.get("/{account_id}/transactions", operation_id="list_transactions")
    async def transactions(
        account_id: _AccountId,
        caller: ReadsAccounts,
        query: Annotated[TransactionsQuery, Query()],
    ) -> TransactionsAnswer:
        """The transactions of an account, the newest first."""
        wanted = WantedTransactions(
            account_id,
            caller.tenant,
            after=transaction_place(query.after),
            **query.model_dump(exclude={"after", "limit"}),
        )
        try:
            found = await parts.accounts.transactions(wanted, limit=query.limit)
        except UnknownResource:
            raise not_found("account", account_id) from None
        return TransactionsAnswer(
            data=list(map(_transaction, found.records)),
            next_cursor=of_transactions(found.records[-1].place) if found.is_cut else None,
            read_at=found.account.read_at,
        )

    return router


def _account(record: AccountRecord) -> AccountAnswer:
    account = record.account
    return AccountAnswer(
        id=record.account_id,
        consent_id=record.consent_id,
        partner=record.partner,
        partner_account=record.partner_account,
        number=account.number.number if account.number else None,
        currency=account.currency,
        name=account.name,
        owner=account.owner,
        product=account.product,
        kind=account.kind,
        balances=[
            BalanceAnswer(
                kind=each.kind,
                amount=each.amount,
                day=each.day,
                changed_at=each.changed_at,
                includes_credit=each.includes_credit,
            )
            for each in record.balances
        ],
        balances_read_at=record.balances_read_at,
        transactions_read_at=record.read_at,
        failing_since=record.failed_since,
        failing_why=record.why or None,
        is_linked=record.is_linked,
        erase_at=record.erase_at,
        erased_at=record.erased_at,
    )


def _transaction(record: TransactionRecord) -> TransactionAnswer:
    shown = record.transaction
    account = shown.counterparty_account
    return TransactionAnswer(
        id=record.transaction_id,
        account_id=record.account_id,
        booking=shown.booking,
        amount=shown.amount,
        day=record.day,
        booked_on=shown.booked_on,
        valued_on=shown.valued_on,
        counterparty=shown.counterparty,
        counterparty_account=account.number if account else None,
        counterparty_agent=shown.counterparty_agent,
        remittance_information=shown.remittance_information,
        end_to_end_id=shown.end_to_end_id,
        mandate_id=shown.mandate_id,
        creditor_id=shown.creditor_id,
        code=shown.code,
        own_code=shown.own_code,
        purpose=shown.purpose,
        bank_reference=shown.reference,
        became=record.became,
        gone_at=record.gone_at,
    )
