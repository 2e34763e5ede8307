"""Prints accounts and transactions as tables, or as one JSON object each.

Numbers of accounts are masked here, as everywhere on a terminal: screens are shared and recorded.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime, timedelta

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.account_data.transactions import Booking
from domain.lifecycle.resource import UnknownResource
from domain.plain_text import plain
from settings import Settings
from store.account_data import (
    AccountRecord,
    TransactionRecord,
    TransactionsFound,
    WantedTransactions,
)
from terminal.commanding import AS_WISHED, NOTHING_RECORDED, say_refused
from terminal.screen import Screen


async def list_accounts(
    settings: Settings,
    tenant: str | None,
    consent_id: str | None,
    *,
    refresh: bool,
    limit: int,
    as_json: bool,
) -> int:
    """Print the accounts that match. Returns the exit code."""
    async with assembled(settings) as assembly:
        if refresh and consent_id is not None:
            try:
                await assembly.accounts.refresh(consent_id, tenant=tenant)
            except UnknownResource:
                say_refused(
                    "no accounts are read with such a consent; `finality consents` shows the "
                    "consents, and accounts are read once one is active"
                )
                return NOTHING_RECORDED
        found, more = await assembly.accounts.accounts(
            tenant=tenant, consent_id=consent_id, limit=limit
        )
        now = assembly.clock.now()
    if as_json:
        for each in found:
            print(json.dumps(account_object(each)))
    elif found:
        Screen().print(_accounts(found, now))
    else:
        Screen().print("No accounts.")
    if more:
        _say_cut(f"these are {limit} of the accounts that match; --limit shows more")
    return AS_WISHED


async def list_transactions(
    settings: Settings, wanted: WantedTransactions, *, limit: int, as_json: bool
) -> int:
    """Print the newest transactions that match. Returns the exit code."""
    async with assembled(settings) as assembly:
        try:
            found = await assembly.accounts.transactions(wanted, limit=limit)
        except UnknownResource:
            say_refused("there is no such account; `finality accounts` shows the accounts")
            return NOTHING_RECORDED
        now = assembly.clock.now()
    if as_json:
        for each in found.records:
            print(json.dumps(transaction_object(each)))
    else:
        _print_transactions(found, now)
    if found.is_cut:
        _say_cut(f"these are the newest {limit} that match, and there are more; --limit shows more")
    if found.account.why:
        _say_cut(_failing(found.account))
    return AS_WISHED


def _say_cut(text: str) -> None:
    sys.stderr.write(f"finality: {text}\n")


def _failing(record: AccountRecord) -> str:
    since = f"{record.failed_since:%Y-%m-%d %H:%M} UTC" if record.failed_since else "now"
    return f"the bank has brought nothing new since {since}: {plain(record.why)}"


def _accounts(found: list[AccountRecord], now: datetime) -> Table:
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    shown.add_column("Account", no_wrap=True)
    shown.add_column("Number", no_wrap=True)
    shown.add_column("Name")
    shown.add_column("Bank")
    shown.add_column("Balance", no_wrap=True, justify="right")
    shown.add_column("As of", no_wrap=True)
    for each in found:
        balance = each.balances[0] if each.balances else None
        shown.add_row(
            each.account_id,
            f"…{each.ends}",
            Text(plain(each.account.name)),
            f"{each.partner}/{each.partner_account}",
            f"{balance.amount} {balance.kind}" if balance else "",
            _state(each, now),
        )
    return shown


def _state(record: AccountRecord, now: datetime) -> Text:
    if record.erased_at is not None:
        return Text(f"erased on {record.erased_at:%Y-%m-%d}")
    if record.erase_at is not None:
        return Text(f"not read any more; erased on {record.erase_at:%Y-%m-%d}", style="yellow")
    read_at = record.balances_read_at or record.read_at
    return Text(_age(read_at, now), style="yellow" if record.why else "")


def _age(read_at: datetime | None, now: datetime) -> str:
    """How old what was read is, in the largest unit that says something."""
    if read_at is None:
        return "not read yet"
    age = max(now - read_at, timedelta(0))
    for unit, length in (("days", timedelta(days=1)), ("hours", timedelta(hours=1))):
        if age >= 2 * length:
            return f"{age // length} {unit} old"
    return f"{age // timedelta(minutes=1)} minutes old"


def _print_transactions(found: TransactionsFound, now: datetime) -> None:
    screen = Screen()
    if not found.records:
        screen.print("No transactions.")
    else:
        shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
        shown.add_column("Day", no_wrap=True)
        shown.add_column("Amount", no_wrap=True, justify="right")
        shown.add_column("Counterparty")
        shown.add_column("Text")
        shown.add_column("", no_wrap=True)
        for each in found.records:
            line = each.transaction
            shown.add_row(
                each.day.isoformat(),
                str(line.amount),
                Text(plain(line.counterparty)),
                Text(plain(line.remittance_information)),
                _booking(each),
            )
        screen.print(shown)
    screen.print(f"The list is {_age(found.account.read_at, now)}."
                 if found.account.read_at else "The account was not read yet.")  # fmt: skip


def _booking(record: TransactionRecord) -> Text:
    if record.transaction.booking is Booking.BOOKED:
        return Text("")
    if record.became is not None:
        return Text("pending, then booked")
    return Text("pending, then gone" if record.gone_at else "pending", style="yellow")


def account_object(record: AccountRecord) -> dict[str, object]:
    """The JSON object of an account."""
    account = record.account
    return {
        "account_id": record.account_id,
        "tenant": record.tenant,
        "consent_id": record.consent_id,
        "partner": record.partner,
        "partner_account": record.partner_account,
        "number": f"…{record.ends}",
        "currency": account.currency,
        "name": account.name,
        "balances": [
            {
                "kind": each.kind.value,
                "amount_minor": each.amount.minor,
                "currency": each.amount.currency,
                "day": each.day.isoformat() if each.day else None,
            }
            for each in record.balances
        ],
        "balances_read_at": _iso(record.balances_read_at),
        "transactions_read_at": _iso(record.read_at),
        "failing_since": _iso(record.failed_since),
        "failing_why": record.why or None,
        "is_linked": record.is_linked,
        "erase_at": _iso(record.erase_at),
        "erased_at": _iso(record.erased_at),
        "drift": list(record.drift),
    }


def transaction_object(record: TransactionRecord) -> dict[str, object]:
    """The JSON object of a transaction."""
    line = record.transaction
    account = line.counterparty_account
    return {
        "transaction_id": record.transaction_id,
        "account_id": record.account_id,
        "booking": line.booking.value,
        "amount_minor": line.amount.minor,
        "currency": line.amount.currency,
        "day": record.day.isoformat(),
        "booked_on": line.booked_on.isoformat() if line.booked_on else None,
        "valued_on": line.valued_on.isoformat() if line.valued_on else None,
        "counterparty": line.counterparty,
        "counterparty_account": account.masked if account else None,
        "remittance_information": line.remittance_information,
        "end_to_end_id": line.end_to_end_id or None,
        "code": line.code or None,
        "became": record.became,
        "gone_at": _iso(record.gone_at),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at is not None else None
