"""The limits that all rails share: a positive amount, lengths of texts, names and addresses."""

from __future__ import annotations

import re
from datetime import date
from typing import Final

from domain.money import Money
from domain.party import Party
from domain.payments.order import Order
from regimes.addresses import Scheme, address_problem
from regimes.refusal import Refusal

# ISO 20022: Max35Text for identifications; Max140Text for names and for remittance information, of
# which the clearings carry one.
REFERENCE_LENGTH_MAX: Final = 35
NAME_LENGTH_MAX: Final = 140
REMITTANCE_LENGTH_MAX: Final = 140


def amount_refusals(amount: Money) -> list[Refusal]:
    """The amount has to be positive."""
    if amount.minor == 0:
        return [Refusal("AM01", "instructed_amount", "is zero; give the amount to pay")]
    if amount.minor < 0:
        return [Refusal("AM12", "instructed_amount", "is negative; give the amount to pay")]
    return []


def party_refusals(
    order: Order, *, on: date, scheme: Scheme | None, name_length_max: int = NAME_LENGTH_MAX
) -> list[Refusal]:
    """Names and addresses of debtor, ultimate debtor and creditor.

    Args:
        order: the order.
        on: the day of execution.
        scheme: whose dates for structured addresses apply; None: no date is known for the rail.
        name_length_max: the longest name that the rail carries.
    """
    refusals = [
        *_party(order.debtor, "debtor", "BE08", "BE07", on, scheme, name_length_max),
        *_party(order.creditor, "creditor", "BE22", "BE04", on, scheme, name_length_max),
    ]
    if (party := order.ultimate_debtor) is not None:
        # Its address has to meet more than the scheme's rules; see `_originator`.
        refusals += _party(party, "ultimate_debtor", "RR02", "RR02", on, None, name_length_max)
        refusals += _originator(party)
    return refusals


def text_refusals(order: Order) -> list[Refusal]:
    """Remittance information, the creditor's reference, and the payment's own references."""
    refusals = []
    length = len(order.remittance_information)
    if length > REMITTANCE_LENGTH_MAX:
        text = f"has {length} characters; the scheme carries {REMITTANCE_LENGTH_MAX}: shorten it, "
        refusals.append(Refusal("RR07", "remittance_information", f"{text}nothing is cut"))
    if order.creditor_reference is not None:
        refusals += _reference(order.creditor_reference)
        if order.remittance_information:
            text = "appears beside remittance information, but the rail carries only one of the two"
            refusals.append(Refusal("RR07", "creditor_reference", f"{text}; leave one out"))
    for field in ("end_to_end_id", "instruction_id"):
        if len(getattr(order, field) or "") > REFERENCE_LENGTH_MAX:
            text = f"has more than {REFERENCE_LENGTH_MAX} characters; shorten it"
            refusals.append(Refusal("CH16", field, text))
    return refusals


def is_creditor_reference(text: str) -> bool:
    """Whether an RF reference has valid check digits (ISO 11649, ISO 7064 MOD 97-10)."""
    plain = text.replace(" ", "").upper()
    if not (re.fullmatch(r"RF\d\d[A-Z0-9]{1,21}", plain, re.ASCII)):
        return False
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def _reference(text: str) -> list[Refusal]:
    field = "creditor_reference"
    if not text.strip() or len(text) > REFERENCE_LENGTH_MAX:
        said = f"does not have 1 to {REFERENCE_LENGTH_MAX} characters; give the creditor's number"
        return [Refusal("RR09", field, said)]
    if text.upper().startswith("RF") and not is_creditor_reference(text):
        said = "begins with RF, but is not a reference of ISO 11649; ask the creditor to repeat it"
        return [Refusal("RR09", field, said)]
    return []


def _originator(party: Party) -> list[Refusal]:
    """An ultimate debtor needs the details that banks ask of any payer.

    Regulation (EU) 2023/1113, Article 4: a payment carries the payer's address, with its country.
    Our own rule: also the town, and whether the party is a person, since every partner here asks
    for both (the reference of POST /payments/create: `payer_city_is_missing`,
    `payer_entity_type_is_missing`).
    """
    field, address = "ultimate_debtor", party.address
    refusals = []
    if party.kind is None:
        text = "a person or an organisation? Give an identification of the one or the other"
        refusals.append(Refusal("RR02", f"{field}.kind", text))
    if address is None or not (address.town_name and address.country):
        text = "lacks town or country; give both, or leave the ultimate debtor out"
        refusals.append(Refusal("RR02", f"{field}.address", text))
    return refusals


def is_lei(text: str) -> bool:
    """Whether a Legal Entity Identifier has valid check digits (ISO 17442, ISO 7064 MOD 97-10)."""
    if not (len(text) == 20 and text.isascii() and text.isalnum()):
        return False
    return int("".join(str(int(letter, 36)) for letter in text)) % 97 == 1


def _party(
    party: Party,
    field: str,
    missing: str,
    address: str,
    on: date,
    scheme: Scheme | None,
    length_max: int,
) -> list[Refusal]:
    refusals = []
    if not party.name.strip():
        refusals.append(Refusal(missing, f"{field}.name", "is missing; give the name"))
    elif len(party.name) > length_max:
        text = f"has {len(party.name)} characters; the scheme carries {length_max}: shorten it"
        refusals.append(Refusal("BE20", f"{field}.name", text))
    number = party.identification
    if number and number.scheme == "LEI" and not is_lei(number.number):
        text = f"{number.number[:20]!r} is not an LEI: its check digits are wrong; ask for it again"
        refusals.append(Refusal("BE17" if field == "creditor" else "RR02", f"{field}.id", text))
    if party.address and (problem := address_problem(party.address, on=on, scheme=scheme)):
        refusals.append(Refusal(address, f"{field}.address", problem))
    return refusals
