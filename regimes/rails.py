"""The rail that a payment takes, and the rules of each rail.

A line of a file names a service level, a currency and a bank, and the rail is derived from them
once, when the file is read (decision 0013).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import date
from typing import Final, NamedTuple, Protocol

from domain.card_numbers import fields_with, has_card_number, shows_card_number
from domain.payments.order import ChargeBearer, Order, Rail
from regimes import cross_border, domestic, sepa
from regimes.banks import bank_advice
from regimes.characters import character_advice
from regimes.refusal import Advice, Refusal

#: ISO 20022 ExternalServiceLevel1Code: codes that ask for the cheapest rail.
NOT_URGENT: Final = frozenset({"NURG", "NUGP"})
#: From the same list: through an RTGS, with same-day value, or tracked from bank to bank.
URGENT: Final = frozenset({"URGP", "SDVA", "G001"})
SEPA: Final = "SEPA"
SERVICE_LEVELS: Final = NOT_URGENT | URGENT | {SEPA}


_DEARER: Final = "sent from bank to bank, with charges"


class _Check(Protocol):
    def __call__(self, order: Order, *, on: date) -> tuple[Refusal, ...]: ...


#: The rails that collect, each with its currency if it has only one: euro by EPC016-06, dollars by
#: the Nacha Operating Rules.
COLLECTING: Final[Mapping[Rail, str | None]] = {
    Rail.CARD: None,
    Rail.SEPA_DIRECT_DEBIT: sepa.CURRENCY,
    Rail.ACH_DEBIT: "USD",
}


def _check_collection(order: Order, *, on: date) -> tuple[Refusal, ...]:
    """The partner knows the payer by a token, so there are no rules about accounts and texts.

    PCI DSS, requirement 3: a card number that never enters needs no protection.
    """
    if order.collection is None:
        text = f"is {order.rail}, which only collects; choose a rail for credit transfers"
        return (Refusal("AG03", "rail", text),)
    refusals = [
        Refusal("CH16", field, "may be a card number; give the partner's token instead")
        for field in fields_with(order, has_card_number, leave_out={"uetr"})
    ]
    if order.instructed_amount.minor <= 0:
        refusals.append(Refusal("AM01", "instructed_amount", "is not above zero"))
    currency = order.instructed_amount.currency
    if currency != (COLLECTING[order.rail] or currency):
        text = f"is in {currency}; {order.rail} collects {COLLECTING[order.rail]} only"
        refusals.append(Refusal("AM03", "instructed_amount", text))
    return tuple(refusals)


_CHECKS: Final[Mapping[Rail, _Check]] = {
    Rail.SEPA_CREDIT_TRANSFER: sepa.check_credit_transfer,
    Rail.DOMESTIC: domestic.check_credit_transfer,
    Rail.CROSS_BORDER: cross_border.check_credit_transfer,
    **dict.fromkeys(COLLECTING, _check_collection),
}


def check_credit_transfer(order: Order, *, on: date) -> tuple[Refusal, ...]:
    """Every reason for the order's rail to refuse it on a day. Fields are the order's fields."""
    refusals = _CHECKS[order.rail](order, on=on)
    return refusals if order.rail in COLLECTING else (*refusals, *_card_numbers(order))


#: Fields of a credit transfer whose digits have a meaning of their own: numbers of accounts and of
#: banks, and references that end in the check digit of card numbers (as in Sweden and Norway).
_NUMBERS: Final = frozenset(
    {"debtor_account", "creditor_account", "creditor_agent_member", "creditor_reference", "uetr"}
)


def _card_numbers(order: Order) -> tuple[Refusal, ...]:
    return tuple(
        Refusal("CH16", field, "shows a card number; leave it out, or give its last four digits")
        for field in fields_with(order, shows_card_number, leave_out=_NUMBERS)
    )


def advice_on(order: Order) -> list[Advice]:
    """What the payer should know about an order that its rail takes. Fields are the order's."""
    return [*bank_advice(order), *character_advice(order)]


class Destination(NamedTuple):
    """Where a payment goes, as far as the rail depends on it."""

    currency: str
    country: str
    """The country of the creditor's account; "" if nothing tells it."""
    has_iban: bool
    clearing_system: str
    """The clearing system of the creditor bank's number, if one is given; else ""."""


class Way(NamedTuple):
    """The rail that is taken, and a notice for a payer who may have expected another."""

    rail: Rail
    notice: str = ""


def way_to(
    destination: Destination, service_levels: Collection[str], *, is_high: bool = False
) -> Way:
    """The rail that is asked for, or else the cheapest one that reaches the creditor.

    Euros take SEPA, unless the country is known and SEPA does not reach it. Other currencies take
    their local clearing, if the creditor's bank is in it and is named as the clearing requires.
    Everything else, and everything urgent, goes from bank to bank.

    Args:
        destination: where the payment goes.
        service_levels: the codes of the line.
        is_high: InstrPrty HIGH, which no clearing of small payments supports.
    """
    levels = set(service_levels)
    if SEPA in levels:
        return Way(Rail.SEPA_CREDIT_TRANSFER)
    if levels & URGENT:
        return Way(Rail.CROSS_BORDER)
    currency, country, has_iban, system = destination
    if currency in (sepa.CURRENCY, ""):
        if not country or country in sepa.COUNTRIES:
            return Way(Rail.SEPA_CREDIT_TRANSFER)
        return Way(Rail.CROSS_BORDER, f"SEPA does not reach {country}: {_DEARER}")
    clearing = domestic.CLEARINGS.get(currency)
    if is_high or clearing is None or country != clearing.country:
        return Way(Rail.CROSS_BORDER)
    is_named = system == clearing.system if clearing.system else bool(clearing.account)
    if has_iban or is_named:
        return Way(Rail.DOMESTIC)
    wanted = f"no number in {clearing.system}" if clearing.system else "no IBAN"
    return Way(Rail.CROSS_BORDER, f"{wanted} leads to the local clearing: {_DEARER}")


class Charges(NamedTuple):
    """Who bears the charges, and a notice for a payer who asked for something else or nothing."""

    bearer: ChargeBearer
    notice: str = ""


#: By rail, the charges that we send for a code in a file ("" for none). Other codes are refused.
_CHARGES: Final[Mapping[Rail, Mapping[str, Charges]]] = {
    Rail.SEPA_CREDIT_TRANSFER: {
        "": Charges(ChargeBearer.SLEV),
        "SLEV": Charges(ChargeBearer.SLEV),
        "SHAR": Charges(ChargeBearer.SLEV, "in SEPA each side pays its own: sent as SLEV"),
    },
    Rail.DOMESTIC: {
        "": Charges(ChargeBearer.SLEV),
        "SLEV": Charges(ChargeBearer.SLEV),
        "SHAR": Charges(
            ChargeBearer.SLEV, "in a local clearing each side pays its own: sent as SLEV"
        ),
    },
    Rail.CROSS_BORDER: {
        "": Charges(ChargeBearer.SHAR, "nobody is named to bear the charges: sent as SHAR"),
        "SHAR": Charges(ChargeBearer.SHAR),
        "SLEV": Charges(ChargeBearer.SLEV),
        "DEBT": Charges(ChargeBearer.DEBT),
    },
}
CHARGES_POSSIBLE: Final = {
    Rail.SEPA_CREDIT_TRANSFER: "is not possible in SEPA, each side pays its own charges; use SLEV",
    Rail.DOMESTIC: "is not possible in a local clearing, each side pays its own charges; use SLEV",
    Rail.CROSS_BORDER: "is not possible from bank to bank; use SHAR, or DEBT to pay them all",
}


def charges_asked(rail: Rail, code: str) -> Charges | None:
    """Who bears the charges, by a file's ChrgBr ("" if it has none); None: it is not possible."""
    return _CHARGES[rail].get(code)
