"""The order's creditor in their fields: account, bank, legal entity, address."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Final

from domain.accounts import ClearingMember
from domain.payments.order import Order, Rail
from partners.currencycloud import wire
from partners.currencycloud.names import same_name
from partners.currencycloud.parties import entity, residence

#: Rail -> their `payment_type`: "regular" is the local bank network, "priority" is SWIFT.
PAYMENT_TYPE: Final[Mapping[Rail, str]] = {
    Rail.SEPA_CREDIT_TRANSFER: "regular",
    Rail.DOMESTIC: "regular",
    Rail.CROSS_BORDER: "priority",
}

_NAME_LENGTH_MAX: Final = 100


def _whole(kind: str) -> Callable[[str], dict[str, str]]:
    return lambda number: {kind: number}


def _bank_and_branch(
    bank: slice, branch: slice, kind: str = "bank_code"
) -> Callable[[str], dict[str, str]]:
    def split(number: str) -> dict[str, str]:
        parts = {kind: number[bank], "branch_code": number[branch]}
        return {name: part for name, part in parts.items() if part}

    return split


#: ISO 20022 ExternalClearingSystemIdentification1Code -> their `routing_code_type`s with the
#: number's parts. `clabe` has no system: it is the account number itself (`_account`).
ROUTING: Final[Mapping[str, Callable[[str], dict[str, str]]]] = {
    "AUBSB": _whole("bsb_code"),
    # 0, institution (3), transit (5).
    "CACPA": _bank_and_branch(slice(1, 4), slice(4, None), "institution_no"),
    "CNAPS": _whole("cnaps"),
    "GBDSC": _whole("sort_code"),
    "HKNCC": _bank_and_branch(slice(0, 3), slice(3, None)),
    "IENCC": _whole("sort_code"),
    "INFSC": _whole("ifsc"),
    "JPZGN": _bank_and_branch(slice(0, 4), slice(4, None)),
    "NZNCC": _bank_and_branch(slice(0, 2), slice(2, None)),
    "SESBA": _whole("bank_code"),
    "SGIBG": _bank_and_branch(slice(0, 4), slice(4, None)),
    "THCBC": _whole("bank_code"),
    "TWNCC": _bank_and_branch(slice(0, 3), slice(3, None)),
    "USABA": _whole("aba"),
    "ZANCC": _whole("branch_code"),
}
_CLABE_COUNTRY: Final = "MX"
_CLABE_LENGTH: Final = 18


def routing_codes(member: ClearingMember | None) -> dict[str, str]:
    """A bank's routing codes by their types; empty if they have none for its clearing system."""
    parts = ROUTING.get(member.system) if member else None
    return parts(member.number) if parts and member else {}


def bank_country(order: Order) -> str:
    """The country of the creditor's account; "" if nothing in the order says it.

    The code of a clearing system begins with its country's code.
    """
    member = order.creditor_agent_member
    return (
        (order.creditor_account.iban or "")[:2]
        or (member.system[:2] if member else "")
        or (order.creditor_agent or "")[4:6]
        or (order.creditor_agent_country or "")
    )


def bank_details(order: Order) -> dict[str, str]:
    """The fields that `beneficiaries/validate` checks.

    For SEPA orders these must not change: existing beneficiaries are found by a hash of them.
    """
    fields = {
        "bank_country": bank_country(order),
        "currency": order.instructed_amount.currency,
        **_account(order),
        "payment_types[]": PAYMENT_TYPE[order.rail],
    }
    if order.creditor_agent:
        fields["bic_swift"] = order.creditor_agent
    fields |= _address(order)
    return (
        fields
        if order.rail is Rail.SEPA_CREDIT_TRANSFER
        else fields | entity(order.creditor, "beneficiary")
    )


def names(order: Order) -> dict[str, str]:
    """The beneficiary's name at Currencycloud, and the account holder's name."""
    name = order.creditor.name
    return {"name": name[:_NAME_LENGTH_MAX], "bank_account_holder_name": name}


def is_account(found: wire.Beneficiary, order: Order) -> bool:
    """Whether the beneficiary has the order's account, which decides where the money goes.

    A person may have changed the beneficiary, so our reference on it proves nothing.
    """
    wanted = bank_details(order)
    is_same = found.currency == order.instructed_amount.currency and _plain(
        found.iban
    ) == wanted.get("iban", "")
    if order.rail is Rail.SEPA_CREDIT_TRANSFER:
        return is_same
    is_bank = not order.creditor_agent or _plain(found.bic_swift) == order.creditor_agent
    return (
        is_same
        and is_bank
        and found.bank_country == wanted["bank_country"]
        and _plain(found.account_number) == wanted.get("account_number", "")
        and found.routing_codes == _routing(order)
        and (found.beneficiary_entity_type or "") == wanted.get("beneficiary_entity_type", "")
    )


def is_named(found: wire.Beneficiary, order: Order) -> bool:
    """Whether the account holder is the creditor by name, as a bank may spell it."""
    return same_name(found.bank_account_holder_name, order.creditor.name)


def as_shown(found: wire.Beneficiary) -> str:
    """All fields that identify the beneficiary, kept to notice when a person changes it."""
    fields = {name: getattr(found, name) for name in type(found).model_fields if name != "id"}
    return json.dumps(fields, sort_keys=True)


def _account(order: Order) -> dict[str, str]:
    if order.creditor_account.iban is not None:
        fields = {"iban": order.creditor_account.iban}
        if order.rail is Rail.SEPA_CREDIT_TRANSFER:
            return fields
    else:
        fields = {"account_number": _plain(order.creditor_account.other)}
    for place, (kind, value) in enumerate(sorted(_routing(order).items()), start=1):
        fields |= {f"routing_code_type_{place}": kind, f"routing_code_value_{place}": value}
    return fields


def _routing(order: Order) -> dict[str, str]:
    number = _plain(order.creditor_account.other)
    if bank_country(order) == _CLABE_COUNTRY and len(number) == _CLABE_LENGTH:
        return {"clabe": number}
    return routing_codes(order.creditor_agent_member)


def _address(order: Order) -> dict[str, str]:
    address = order.creditor.address
    if not address or not address.country:
        return {}
    fields = residence(address, "beneficiary")
    if order.rail is Rail.SEPA_CREDIT_TRANSFER:
        fields.pop("beneficiary_state_or_province", None)
    return fields


def _plain(number: str | None) -> str:
    return (number or "").replace(" ", "").replace("-", "").upper()
