"""The rules of the SEPA credit transfer scheme."""

from __future__ import annotations

from datetime import date, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from domain.accounts import AccountError
from domain.money import Money
from domain.payments.order import ChargeBearer, Order
from regimes.accounts import check_account
from regimes.addresses import Scheme
from regimes.banks import bank_refusals, other_country
from regimes.calendars import CutOff
from regimes.characters import character_refusals
from regimes.dated import Dated
from regimes.limits import amount_refusals, party_refusals, text_refusals
from regimes.refusal import Refusal

# EPC125-05, SEPA Credit Transfer Rulebook, and EPC132-08, its customer-to-PSP implementation
# guidelines: currency, amount, lengths and charges.
CURRENCY: Final = "EUR"
AMOUNT_MAX: Final = Money(minor=99_999_999_999, currency=CURRENCY)
NAME_LENGTH_MAX: Final = 70

#: Our own choice: every bank sets its own cut-off, and the scheme only asks for it to be published.
#: TARGET took customers' payments until 17:00 by its calendar of 2019, so this leaves two hours.
CUT_OFF: Final = CutOff(at=time(15, 0), zone=ZoneInfo("Europe/Brussels"))
#: The cut-off by the day of execution. A change adds a line, so that older days keep theirs.
CUT_OFFS: Final = Dated({date.min: CUT_OFF})
#: When TARGET opened for customers' payments, by the same calendar of the ECB.
OPENS: Final = time(7, 0)
#: Our own choice: an order that we hold is sent when people are there to see it.
RELEASE: Final = time(8, 0)
#: Our own choice as well: a date further ahead is treated as a typing mistake.
EXECUTION_AHEAD_MAX: Final = timedelta(days=366)

_SINCE_THE_BEGINNING: Final = (
    "AD AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MT NL NO PL PT "
    "RO SE SI SK SM VA"
)
#: Country of an IBAN to the day from which the scheme reaches it. EPC409-09, list of SEPA scheme
#: countries. Islands and overseas parts use the IBAN of their state.
COUNTRIES: Final = {
    **dict.fromkeys(_SINCE_THE_BEGINNING.split(), date.min),
    **dict.fromkeys(("AL", "MD", "ME", "MK"), date(2025, 10, 5)),
    "RS": date(2026, 5, 5),
}


def check_credit_transfer(order: Order, *, on: date) -> tuple[Refusal, ...]:
    """Every reason for the scheme to refuse an order that is executed on a day.

    Fields are the order's fields. Times and dates are not checked here, because they depend on who
    holds a future date.
    """
    refusals = [
        *_amount(order.instructed_amount),
        *party_refusals(order, on=on, scheme=Scheme.EPC, name_length_max=NAME_LENGTH_MAX),
        *_account(order.debtor_account.iban, "debtor_account", "AC02", on),
        *_account(order.creditor_account.iban, "creditor_account", "AC03", on),
        *text_refusals(order),
        *character_refusals(order),
        *bank_refusals(order),
    ]
    known = {refusal.field for refusal in refusals}
    is_reached = known.isdisjoint({"creditor_account", "creditor_agent"})
    if is_reached and (problem := other_country(order)):
        # Regulation (EU) 260/2012, Article 5: the IBAN is what leads to the account.
        text = f"{problem}; ask the creditor which is right, or leave the BIC out"
        refusals.append(Refusal("RC01", "creditor_agent", text))
    if order.charge_bearer not in (ChargeBearer.SLEV, ChargeBearer.SHAR):
        text = f"{order.charge_bearer} is not possible in SEPA; each side pays its own: SLEV"
        refusals.append(Refusal("BE19", "charge_bearer", text))
    return tuple(refusals)


def _amount(amount: Money) -> list[Refusal]:
    field = "instructed_amount"
    if amount.currency != CURRENCY:
        text = f"is in {amount.currency}; SEPA credit transfers are in {CURRENCY} only"
        return [Refusal("AM03", field, text)]
    if amount.minor > AMOUNT_MAX.minor:
        text = f"is over the scheme's limit of {AMOUNT_MAX}; split it"
        return [Refusal("AM02", field, text)]
    return amount_refusals(amount)


def _account(iban: str | None, field: str, code: str, on: date) -> list[Refusal]:
    if iban is None:
        return [Refusal(code, field, "is not an IBAN; SEPA reaches accounts by IBAN only")]
    try:
        country = check_account(iban)[:2]
    except AccountError as error:
        return [Refusal(code, field, str(error))]
    if on < COUNTRIES.get(country, date.max):
        text = f"is in {country}, which SEPA does not reach on {on}; pay it another way"
        return [Refusal("AG03", field, text)]
    return []
