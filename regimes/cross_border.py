"""The rules for payments from bank to bank: over correspondents, or through an RTGS."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from domain.payments.order import ChargeBearer, Order
from regimes import sepa
from regimes.accounts import creditor_iban_refusals
from regimes.addresses import Scheme
from regimes.banks import bank_country, bank_refusals
from regimes.characters import character_refusals
from regimes.limits import amount_refusals, party_refusals, text_refusals
from regimes.refusal import Refusal

#: ISO 20022 Max34Text, limited to the characters that SWIFT's networks carry.
_ACCOUNT: Final = re.compile(r"[A-Za-z0-9 /.,()?:'+-]{1,34}", re.ASCII)


def check_credit_transfer(order: Order, *, on: date) -> tuple[Refusal, ...]:
    """Every reason to refuse an order from bank to bank that is executed on a day."""
    return (
        *amount_refusals(order.instructed_amount),
        # The dates for addresses are those of SWIFT CBPR+ and of the RTGS's HVPS+ guidelines.
        *party_refusals(order, on=on, scheme=Scheme.CROSS_BORDER),
        *text_refusals(order),
        *character_refusals(order),
        *bank_refusals(order),
        *_bank(order),
        *_account(order, on),
        *_charges(order),
    )


def _bank(order: Order) -> list[Refusal]:
    is_named = order.creditor_agent or order.creditor_agent_member or order.creditor_account.iban
    if is_named:
        return []
    text = "is missing; give the BIC of the creditor's bank, or its number in a clearing"
    return [Refusal("RC04", "creditor_agent", text)]


def _account(order: Order, on: date) -> list[Refusal]:
    field, account = "creditor_account", order.creditor_account
    if account.iban is not None:
        return creditor_iban_refusals(account.iban)
    # Regulation (EU) 260/2012, Article 5: a credit transfer in euro within the Union names the
    # account by IBAN. The scheme asks the same of Switzerland and other SEPA countries.
    needs_iban = order.instructed_amount.currency == sepa.CURRENCY and on >= sepa.COUNTRIES.get(
        bank_country(order), date.max
    )
    if needs_iban:
        text = "is not an IBAN, by which euro accounts in SEPA are reached; give the IBAN"
        return [Refusal("AC03", field, text)]
    if not _ACCOUNT.fullmatch(account.number):
        text = "is not 1 to 34 letters, digits and signs that banks' networks carry; ask for it"
        return [Refusal("AC03", field, f"{text} again")]
    return []


def _charges(order: Order) -> list[Refusal]:
    # SLEV means the charges agreed with the partner for the account.
    if order.charge_bearer is not ChargeBearer.CRED:
        return []
    text = "CRED is not offered from bank to bank; use SHAR, or DEBT to pay all charges"
    return [Refusal("BE19", "charge_bearer", text)]
