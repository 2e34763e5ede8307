"""The bank's accounts, balances and transactions in our words.

Transactions come by the thousand, so they are not read into models: each field is looked at once,
and a line with one that cannot be read is left out and named as drift.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from types import MappingProxyType
from typing import Any, Final

from domain.account_data.accounts import Balance, BalanceKind, LinkedAccount
from domain.account_data.transactions import Booking, Line, Transaction
from domain.accounts import Account
from domain.money import Money, MoneyError
from partners.berlin_group import data_wire as wire

#: OpenAPI file, schema `balanceType`.
BALANCES: Final[Mapping[str, BalanceKind]] = MappingProxyType(
    {
        "closingBooked": BalanceKind.CLBD,
        "expected": BalanceKind.XPCD,
        "openingBooked": BalanceKind.OPBD,
        "interimAvailable": BalanceKind.ITAV,
        "interimBooked": BalanceKind.ITBD,
        "forwardAvailable": BalanceKind.FWAV,
        "nonInvoiced": BalanceKind.INFO,
    }
)
#: OpenAPI file, `accountDetails`: the currency of an account with several.
_SEVERAL: Final = "XXX"
_TEXT_MAX: Final = 1000
_DRIFT_MAX: Final = 10


def account(shown: wire.AccountDetails) -> LinkedAccount:
    """An account. Without an id of its own it cannot be read, which its drift says."""
    number = shown.iban or shown.bban or shown.masked_pan or shown.msisdn
    return LinkedAccount(
        reference=shown.resource_id or "",
        number=Account(iban=shown.iban, other=None if shown.iban else number) if number else None,
        currency=None if shown.currency == _SEVERAL else shown.currency,
        name=shown.name or shown.display_name or "",
        owner=shown.owner_name or "",
        product=shown.product or "",
        kind=shown.cash_account_type or "",
    )


def balances(shown: wire.Balances) -> tuple[tuple[Balance, ...], tuple[str, ...]]:
    """The balances that can be read, and the drift of the others."""
    found, drift = [], list(shown.drift)
    for place, each in enumerate(shown.balances):
        try:
            amount = money(each.balance_amount.amount, each.balance_amount.currency)
        except MoneyError:
            drift.append(f"balances[{place}].balanceAmount: not readable")
            continue
        kind = BALANCES.get(each.balance_type)
        if kind is None:
            drift.append(f"balanceType: unknown {each.balance_type[:40]!r}")
        found.append(
            Balance(
                kind=kind or BalanceKind.INFO,
                amount=amount,
                day=each.day,
                changed_at=each.changed_at,
                includes_credit=each.credit_limit_included or False,
            )
        )
    return tuple(found), tuple(drift)


def lines(report: Mapping[str, Any]) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    """The lines of an account report, pending ones first, and what could not be read."""
    found: list[Line] = []
    drift: list[str] = []
    for name, booking in (("pending", Booking.PENDING), ("booked", Booking.BOOKED)):
        listed = report.get(name)
        if listed is None:
            continue
        if not isinstance(listed, list):
            drift.append(f"transactions.{name}: not a list")
            continue
        for place, each in enumerate(listed):
            try:
                found.append(Line(_transaction(each, booking), each))
            except (ValueError, TypeError, KeyError, AttributeError):
                drift.append(f"transactions.{name}[{place}]: not readable")
    return tuple(found), tuple(drift[:_DRIFT_MAX])


def _transaction(shown: Mapping[str, Any], booking: Booking) -> Transaction:
    amount = money(shown["transactionAmount"]["amount"], shown["transactionAmount"]["currency"])
    # Who the other one is follows from the sign: the account itself may be named too.
    side = "creditor" if amount.minor < 0 else "debtor"
    return Transaction(
        amount=amount,
        booking=booking,
        # A booked entry keeps its reference. What a bank shows of a pending one often changes.
        reference=_text(shown, "entryReference") or None if booking is Booking.BOOKED else None,
        booked_on=_day(shown, "bookingDate"),
        valued_on=_day(shown, "valueDate"),
        counterparty=_text(shown, f"{side}Name"),
        counterparty_account=_number(shown.get(f"{side}Account")),
        counterparty_agent=_text(shown, f"{side}Agent"),
        remittance_information=_remittance(shown),
        end_to_end_id=_text(shown, "endToEndId"),
        mandate_id=_text(shown, "mandateId"),
        creditor_id=_text(shown, "creditorId"),
        code=_text(shown, "bankTransactionCode"),
        own_code=_text(shown, "proprietaryBankTransactionCode"),
        purpose=_text(shown, "purposeCode"),
    )


def _remittance(shown: Mapping[str, Any]) -> str:
    """What the payer wrote: the unstructured text, or all lines of it, or the structured one."""
    if text := _text(shown, "remittanceInformationUnstructured"):
        return text
    for name in ("remittanceInformationUnstructuredArray", "remittanceInformationStructuredArray"):
        if isinstance(listed := shown.get(name), list):
            return "\n".join(
                each if isinstance(each, str) else _text(each, "reference") for each in listed
            )[:_TEXT_MAX]
    structured = shown.get("remittanceInformationStructured")
    if isinstance(structured, str):
        return structured[:_TEXT_MAX]
    return _text(structured, "reference") if structured else ""


def _number(shown: Any) -> Account | None:
    """An account. A whole card number is never kept."""
    if shown is None:
        return None
    iban = _text(shown, "iban") or None
    other = _text(shown, "bban") or _text(shown, "maskedPan") or _text(shown, "msisdn") or None
    return Account(iban=iban, other=None if iban else other) if iban or other else None


def money(amount: Any, currency: Any) -> Money:
    """A signed amount. Some banks write a number where the specification wants text.

    Raises:
        MoneyError: it is no amount.
    """
    text = str(amount) if isinstance(amount, str | int | float) else ""
    size = Money.from_wire(text.removeprefix("-").removeprefix("+"), str(currency))
    return Money(minor=-size.minor, currency=size.currency) if text.startswith("-") else size


def _text(shown: Mapping[str, Any], name: str) -> str:
    text = shown.get(name)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    return text[:_TEXT_MAX]


def _day(shown: Mapping[str, Any], name: str) -> date | None:
    text = _text(shown, name)
    return date.fromisoformat(text[:10]) if text else None
