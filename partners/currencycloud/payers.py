"""The payer, if it is not the holder of our account there: the order's ultimate debtor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import Unprepared
from domain.payments.order import Order
from partners.currencycloud import refusals, wire
from partners.currencycloud.creditors import PAYMENT_TYPE
from partners.currencycloud.parties import entity, residence
from partners.currencycloud.requirements import Requirements, Unfit, lacking
from partners.kit.calls import Calls

_DETAILS: Final = "/v2/reference/payer_required_details"
#: Their required field -> the field of our order that fills it, named in the refusal.
_TOLD_BY: Final[Mapping[str, str]] = {
    "payer_entity_type": "ultimate_debtor.kind",
    "payer_company_name": "ultimate_debtor.name",
    "payer_first_name": "ultimate_debtor.name",
    "payer_last_name": "ultimate_debtor.name",
    "payer_address": "ultimate_debtor.address.street_name",
    "payer_city": "ultimate_debtor.address.town_name",
    "payer_country": "ultimate_debtor.address.country",
    "payer_postcode": "ultimate_debtor.address.post_code",
    "payer_state_or_province": "ultimate_debtor.address.country_sub_division",
    "payer_date_of_birth": "ultimate_debtor.birth_date",
    "payer_identification_type": "ultimate_debtor.identification",
    "payer_identification_value": "ultimate_debtor.identification",
}


class Payers:
    """Payer details. Without them, they name the account holder to the creditor's bank."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._requirements = Requirements(calls, clock, _DETAILS, wire.read_payer_requirements)

    async def details(self, order: Order) -> dict[str, str] | Unfit | Unprepared:
        """The payer fields of the payment's form; none if the account holder is the payer."""
        party = order.ultimate_debtor
        if party is None:
            return {}
        if order.on_behalf_of:
            # "Payer details parameters should not be sent if using on_behalf_of."
            why = "ultimate_debtor: the partner names the sub-account's holder; leave it out"
            return Unfit("CH17", why)
        fields = payer_fields(order)
        country = fields.get("payer_country")
        if country is None:
            return Unfit("RR02", "ultimate_debtor.address.country: is missing; give it")
        payment_type = PAYMENT_TYPE[order.rail]
        asked = {
            "payer_country": country,
            "payment_type": payment_type,
            "currency": order.instructed_amount.currency,
        }
        alternatives = await self._requirements.of(asked)
        if isinstance(alternatives, (Unfit, Unprepared)):
            return alternatives
        missing = lacking(alternatives, payment_type, fields)
        if missing is None:
            return Unfit(
                "RR02", f"the partner makes no {payment_type} payments for payers in {country}"
            )
        if missing:
            told = "; ".join(
                f"{_TOLD_BY.get(name, 'ultimate_debtor')}: {name} is {problem}"
                for name, problem in missing
            )
            code = refusals.PAYMENT_REFUSED.get(f"{missing[0][0]}_is_missing", "RR02")
            return Unfit(code, f"the partner asks for more about payers in {country}: {told}")
        return fields


def payer_fields(order: Order) -> dict[str, str]:
    """The payer in their fields; none if the account holder is the payer."""
    party = order.ultimate_debtor
    if party is None:
        return {}
    fields = entity(party, "payer")
    return fields | residence(party.address, "payer") if party.address else fields
