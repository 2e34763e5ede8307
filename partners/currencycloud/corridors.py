"""What a corridor requires of the beneficiary, by their reference, and whether an order has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from domain.clock import Clock
from domain.lifecycle.answers import Unprepared
from domain.payments.order import ChargeBearer, Order, Rail
from partners.currencycloud import creditors, refusals, wire
from partners.currencycloud.requirements import Requirements, Unfit, lacking
from partners.kit.calls import Calls

_DETAILS: Final = "/v2/reference/beneficiary_required_details"

#: Their reference and their beneficiary form name these fields differently; the reference's names:
_ACCOUNT: Final = "acct_number"
_ROUTING_TYPES: Final = frozenset(
    {
        "aba",
        "bank_code",
        "branch_code",
        "bsb_code",
        "clabe",
        "cnaps",
        "ifsc",
        "institution_no",
        "sort_code",
    }
)
#: Their required field -> the field of our order that fills it, named in the refusal.
_TOLD_BY: Final[Mapping[str, str]] = {
    _ACCOUNT: "creditor_account",
    "iban": "creditor_account",
    "clabe": "creditor_account",
    "bic_swift": "creditor_agent",
    "beneficiary_entity_type": "creditor.kind",
    "beneficiary_company_name": "creditor.name",
    "beneficiary_first_name": "creditor.name",
    "beneficiary_last_name": "creditor.name",
    "beneficiary_address": "creditor.address.street_name",
    "beneficiary_city": "creditor.address.town_name",
    "beneficiary_country": "creditor.address.country",
    "beneficiary_postcode": "creditor.address.post_code",
    "beneficiary_state_or_province": "creditor.address.country_sub_division",
    "beneficiary_date_of_birth": "creditor.birth_date",
    **dict.fromkeys(_ROUTING_TYPES - {"clabe"}, "creditor_agent_member"),
}

#: Where `purpose_code` is mandatory (reference, POST /payments/create): local payments in these
#: currencies, ...
_PURPOSE_OF_LOCAL: Final = frozenset({"INR", "MYR"})
#: ... SWIFT payments in this one, ...
_PURPOSE_OF_SWIFT: Final = frozenset({"CNY"})
#: ... and SWIFT payments in any currency to banks in Bahrain and the United Arab Emirates.
_PURPOSE_COUNTRIES: Final = frozenset({"AE", "BH"})

#: Charge bearer -> their `charge_type`, for SWIFT payments only. "" leaves the choice to the
#: account's agreement, which is the meaning of SLEV.
_CHARGES: Final[Mapping[ChargeBearer, str]] = {
    ChargeBearer.DEBT: "ours",
    ChargeBearer.SHAR: "shared",
    ChargeBearer.SLEV: "",
}
_LOCAL_CHARGES: Final = frozenset({ChargeBearer.SHAR, ChargeBearer.SLEV})


class Corridors:
    """What they require of a beneficiary, by currency and country."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._requirements = Requirements(calls, clock, _DETAILS, wire.read_required_details)

    async def unfit(self, order: Order) -> Unfit | Unprepared | None:
        """Why the creditor cannot be paid over this corridor; None if it can.

        `Unprepared`: the corridor's requirements could not be read.
        """
        alternatives = await self._requirements.of(_question(order))
        if isinstance(alternatives, (Unfit, Unprepared)):
            return alternatives
        return unfit_for(order, alternatives)


def unfit_for(order: Order, alternatives: Iterable[Mapping[str, str]]) -> Unfit | None:
    """What the order lacks of the nearest alternative of the corridor; None if it satisfies one."""
    payment_type = creditors.PAYMENT_TYPE[order.rail]
    missing = lacking(alternatives, payment_type, _given(order))
    if missing == []:
        return None
    corridor = f"{order.instructed_amount.currency} to {creditors.bank_country(order)}"
    if missing is None:
        return Unfit("AG03", f"the partner makes no {payment_type} payments in {corridor}")
    told = "; ".join(
        f"{_TOLD_BY.get(name, 'creditor')}: {name} is {problem}" for name, problem in missing
    )
    return Unfit(
        _code(missing[0][0]), f"{payment_type} payments in {corridor} ask for more: {told}"
    )


def charge_type(order: Order) -> str | Unfit:
    """Their `charge_type`; "" if the field is left out."""
    bearer = order.charge_bearer
    if order.rail is not Rail.CROSS_BORDER:
        if order.rail is Rail.DOMESTIC and bearer not in _LOCAL_CHARGES:
            return Unfit("BE19", f"charge_bearer: {bearer} is not possible locally; use SLEV")
        return ""
    known = _CHARGES.get(bearer)
    if known is None:
        return Unfit(
            "BE19", f"charge_bearer: the partner does not offer {bearer}; use SHAR or DEBT"
        )
    return known


def purpose_code(order: Order) -> str | Unfit:
    """Their `purpose_code`, if the corridor demands one; otherwise ""."""
    currency = order.instructed_amount.currency
    is_needed = (order.rail is Rail.DOMESTIC and currency in _PURPOSE_OF_LOCAL) or (
        order.rail is Rail.CROSS_BORDER
        and (currency in _PURPOSE_OF_SWIFT or creditors.bank_country(order) in _PURPOSE_COUNTRIES)
    )
    if not is_needed:
        return ""
    if order.purpose is None:
        where = f"{currency} to {creditors.bank_country(order)}"
        return Unfit("CH21", f"purpose: payments in {where} need a purpose code of the partner's")
    return order.purpose


def _question(order: Order) -> dict[str, str]:
    address = order.creditor.address
    country = creditors.bank_country(order)
    query = {
        "currency": order.instructed_amount.currency,
        "bank_account_country": country,
        # Mandatory. If the creditor has no address, the bank's country is the nearest value.
        "beneficiary_country": (address.country if address else None) or country,
    }
    return query | ({"on_behalf_of": order.on_behalf_of} if order.on_behalf_of else {})


def _given(order: Order) -> dict[str, str]:
    """The order's fields under the names of their reference."""
    fields = creditors.bank_details(order)
    given = {name: value for name, value in fields.items() if name in _TOLD_BY}
    if number := fields.get("account_number"):
        given[_ACCOUNT] = number
    for place in ("1", "2"):
        if kind := fields.get(f"routing_code_type_{place}"):
            given[kind] = fields[f"routing_code_value_{place}"]
    return given


def _code(name: str) -> str:
    if name == _ACCOUNT:
        return "AC03"
    if name in _ROUTING_TYPES:
        return "RC10"
    return refusals.BENEFICIARY_FIELD.get(name, "RR03")
