"""The bank's accounts, balances and transactions in our words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from domain.account_data.accounts import Balance, BalanceKind, LinkedAccount
from domain.account_data.transactions import Booking, Line, Transaction
from domain.accounts import Account
from domain.card_numbers import hide_card_numbers, shows_card_number
from domain.money import Money, MoneyError
from partners.berlin_group import data_wire as wire
from partners.kit.lines import TEXT_MAX, day_of, read_lines, text_of, words_of
from transport.redaction import masked

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


def account(shown: wire.AccountDetails) -> LinkedAccount:
    """An account. Without an id of its own it cannot be read, which its drift says."""
    number = shown.iban or shown.bban or _masked(shown.masked_pan) or shown.msisdn
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
        some, odd = read_lines(
            report.get(name), f"transactions.{name}", partial(_transaction, booking=booking)
        )
        found += some
        drift += odd
    return tuple(found), tuple(drift)


def _transaction(shown: Mapping[str, Any], booking: Booking) -> Transaction:
    amount = money(shown["transactionAmount"]["amount"], shown["transactionAmount"]["currency"])
    # Who the other one is follows from the sign: the account itself may be named too.
    side = "creditor" if amount.minor < 0 else "debtor"
    return Transaction(
        amount=amount,
        booking=booking,
        # A booked entry keeps its reference. What a bank shows of a pending one often changes.
        reference=text_of(shown, "entryReference") or None if booking is Booking.BOOKED else None,
        booked_on=day_of(shown, "bookingDate"),
        valued_on=day_of(shown, "valueDate"),
        counterparty=words_of(shown, f"{side}Name"),
        counterparty_account=_number(shown.get(f"{side}Account")),
        counterparty_agent=text_of(shown, f"{side}Agent"),
        remittance_information=hide_card_numbers(_remittance(shown), masked),
        end_to_end_id=text_of(shown, "endToEndId"),
        mandate_id=text_of(shown, "mandateId"),
        creditor_id=text_of(shown, "creditorId"),
        code=text_of(shown, "bankTransactionCode"),
        own_code=text_of(shown, "proprietaryBankTransactionCode"),
        purpose=text_of(shown, "purposeCode"),
    )


def _remittance(shown: Mapping[str, Any]) -> str:
    """What the payer wrote: the unstructured text, or all lines of it, or the structured one."""
    if text := text_of(shown, "remittanceInformationUnstructured"):
        return text
    for name in ("remittanceInformationUnstructuredArray", "remittanceInformationStructuredArray"):
        if isinstance(listed := shown.get(name), list):
            return "\n".join(
                each if isinstance(each, str) else text_of(each, "reference") for each in listed
            )[:TEXT_MAX]
    structured = shown.get("remittanceInformationStructured")
    if isinstance(structured, str):
        return structured[:TEXT_MAX]
    return text_of(structured, "reference") if structured else ""


def _number(shown: Any) -> Account | None:
    """An account. A whole card number is never kept."""
    if shown is None:
        return None
    iban = text_of(shown, "iban") or None
    pan = _masked(text_of(shown, "maskedPan"))
    other = text_of(shown, "bban") or pan or text_of(shown, "msisdn") or None
    return Account(iban=iban, other=None if iban else other) if iban or other else None


def _masked(pan: str | None) -> str | None:
    """A card number that the bank masked; None if it did not."""
    return None if not pan or shows_card_number(pan) else pan


def money(amount: Any, currency: Any) -> Money:
    """A signed amount. Some banks write a number where the specification wants text.

    Raises:
        MoneyError: it is no amount.
    """
    text = str(amount) if isinstance(amount, str | int | float) else ""
    size = Money.from_wire(text.removeprefix("-").removeprefix("+"), str(currency))
    return Money(minor=-size.minor, currency=size.currency) if text.startswith("-") else size
