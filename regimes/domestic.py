"""The rules of the currencies' local clearings: banks, accounts and amounts that they reach."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final, NamedTuple

from domain.money import Money
from domain.payments.order import ChargeBearer, Order
from regimes.accounts import creditor_iban_refusals
from regimes.banks import bank_country, bank_refusals
from regimes.dated import Dated
from regimes.limits import amount_refusals, party_refusals, text_refusals
from regimes.refusal import Refusal


class Clearing(NamedTuple):
    """The local clearing of a currency."""

    country: str
    system: str = ""
    """The system of its banks' numbers; "" if the account number alone leads to the bank."""
    account: str = ""
    """A pattern for account numbers that are no IBAN; "" if all accounts have an IBAN."""
    account_words: str = ""
    amount_max: Dated[int | None] = Dated({date.min: None})
    """The largest amount in minor units; None: no limit is known."""


_IBAN_COUNTRIES: Final = {
    "AED": "AE", "CHF": "CH", "CZK": "CZ", "DKK": "DK", "HUF": "HU", "ILS": "IL", "NOK": "NO",
    "PLN": "PL", "RON": "RO", "SEK": "SE", "TRY": "TR",
}  # fmt: skip

#: By currency. A currency that is not listed goes over correspondents.
CLEARINGS: Final[Mapping[str, Clearing]] = {
    **{currency: Clearing(country) for currency, country in _IBAN_COUNTRIES.items()},
    "AUD": Clearing("AU", "AUBSB", r"[A-Z0-9]{1,9}", "up to 9 letters and digits"),
    "CAD": Clearing("CA", "CACPA", r"\d{7,12}", "7 to 12 digits"),
    "CNY": Clearing("CN", "CNAPS", r"\d{1,34}", "digits"),
    # Pay.UK, Faster Payment System: the limit of a payment is a million pounds since that day. It
    # was a quarter of a million before.
    "GBP": Clearing(
        "GB", "GBDSC", r"\d{8}", "8 digits",
        Dated({date.min: 25_000_000, date(2022, 2, 7): 100_000_000}),
    ),
    "HKD": Clearing("HK", "HKNCC", r"[A-Z0-9]{6,12}", "6 to 12 letters and digits"),
    "INR": Clearing("IN", "INFSC", r"[A-Z0-9]{6,18}", "6 to 18 letters and digits"),
    "JPY": Clearing("JP", "JPZGN", r"\d{7}", "7 digits"),
    "MXN": Clearing("MX", "", r"\d{18}", "18 digits, the CLABE"),
    "NZD": Clearing("NZ", "NZNCC", r"\d{7,10}", "7 to 10 digits"),
    "SGD": Clearing("SG", "SGIBG", r"\d{5,14}", "5 to 14 digits"),
    "THB": Clearing("TH", "THCBC", r"\d{10,12}", "10 to 12 digits"),
    # Nacha Operating Rules: an entry's amount has ten digits, its account number 17 characters.
    "USD": Clearing(
        "US", "USABA", r"[A-Z0-9]{1,17}", "up to 17 letters and digits",
        Dated({date.min: 9_999_999_999}),
    ),
    "ZAR": Clearing("ZA", "ZANCC", r"\d{7,13}", "7 to 13 digits"),
}  # fmt: skip


def check_credit_transfer(order: Order, *, on: date) -> tuple[Refusal, ...]:
    """Every reason for the local clearing to refuse an order that is executed on a day."""
    currency = order.instructed_amount.currency
    common = [
        *amount_refusals(order.instructed_amount),
        # No date for addresses is known that holds for all clearings. A partner may ask for more.
        *party_refusals(order, on=on, scheme=None),
        *text_refusals(order),
        *bank_refusals(order),
        *_charges(order),
    ]
    clearing = CLEARINGS.get(currency)
    if clearing is None:
        text = f"is in {currency}, which no local clearing known here pays; ask for cross-border"
        return (Refusal("AM03", "instructed_amount", text), *common)
    country = bank_country(order)
    if country != clearing.country:
        where = country or "a country that nothing tells"
        text = (
            f"is in {where}, the local clearing of {currency} is in {clearing.country}; ask for a "
            "cross-border payment, as with SvcLvl URGP in a file"
        )
        return (Refusal("AG03", "creditor_account", text), *common)
    return (*common, *_limit(order.instructed_amount, clearing, on), *_account(order, clearing))


def _charges(order: Order) -> list[Refusal]:
    if order.charge_bearer in (ChargeBearer.SLEV, ChargeBearer.SHAR):
        return []
    text = f"{order.charge_bearer} is not possible in a local clearing; each side pays its own"
    return [Refusal("BE19", "charge_bearer", f"{text}: SLEV")]


def _limit(amount: Money, clearing: Clearing, on: date) -> list[Refusal]:
    most = clearing.amount_max.on(on)
    if most is None or amount.minor <= most:
        return []
    limit = Money(minor=most, currency=amount.currency)
    text = f"is over the clearing's limit of {limit}; split it, or ask for a cross-border payment"
    return [Refusal("AM13", "instructed_amount", text)]


def _account(order: Order, clearing: Clearing) -> list[Refusal]:
    field, account = "creditor_account", order.creditor_account
    if account.iban is not None:
        return creditor_iban_refusals(account.iban)
    if not clearing.account:
        text = f"is not an IBAN, by which accounts in {clearing.country} are reached; give the IBAN"
        return [Refusal("AC03", field, text)]
    refusals = []
    plain = re.sub(r"[ -]", "", account.number).upper()
    if not re.fullmatch(clearing.account, plain, re.ASCII):
        text = f"is not an account in {clearing.country}, which has {clearing.account_words}"
        refusals.append(Refusal("AC03", field, f"{text}; ask the creditor to repeat it"))
    member = order.creditor_agent_member
    if clearing.system and (member is None or member.system != clearing.system):
        text = f"needs the bank's number in {clearing.system}; give it"
        refusals.append(Refusal("RC10", "creditor_agent_member", text))
    return refusals
