"""Paths, headers and bodies of our requests, and what cannot be done with an order."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from email.utils import format_datetime
from typing import Any, Final
from urllib.parse import quote

from domain.payments.order import Order, Rail
from domain.payments.report import PaymentState, Report, Source
from partners.berlin_group.account import BerlinGroupAccount
from partners.kit.content import Content, json_object

PAYMENT: Final = "authorisations"
CANCELLATION: Final = "cancellation-authorisations"
#: OpenAPI file, schema `paymentInitiation_json`.
_LENGTHS: Final = {
    "creditorName": 70,
    "debtorName": 70,
    "ultimateDebtor": 70,
    "endToEndIdentification": 35,
    "instructionIdentification": 35,
    "remittanceInformationUnstructured": 140,
}
_NO_ID: Final = "NOTPROVIDED"

#: Every field of an order: where it goes. A new field of `Order` needs a line in one of these.
CARRIED: Final = frozenset(
    {
        "instructed_amount", "debtor", "debtor_account", "ultimate_debtor", "creditor",
        "creditor_account", "creditor_agent", "end_to_end_id", "instruction_id",
        "remittance_information", "creditor_reference", "purpose",
    }
)  # fmt: skip
#: Fields that decide where and when it is sent, or that every SEPA payment has alike.
IMPLIED: Final = frozenset(
    {"tenant", "partner", "partner_account", "rail", "direction", "times", "charge_bearer"}
)
#: Fields that the bank cannot be told. An order that has one is refused.
REFUSED: Final = {
    "collection": "only credit transfers are initiated here; use a partner that collects",
    "on_behalf_of": "the payer is the owner of the debtor account; leave it out",
    "creditor_agent_member": "a SEPA payment names the bank by its BIC; give creditor_agent",
    "creditor_agent_country": "a SEPA payment names the bank by its BIC; give creditor_agent",
    "category_purpose": "the bank takes none; leave it out",
    "uetr": "the bank gives its own; leave it out",
}


def payments(account: BerlinGroupAccount) -> str:
    return f"/v1/payments/{account.product}"


def path_of(account: BerlinGroupAccount, payment_id: str | None, *parts: str) -> str:
    """The path of a payment, or of something below it."""
    named = (quote(part, safe="") for part in (payment_id or "", *parts))
    return "/".join((payments(account), *named))


def below(path: str, part: str) -> str:
    """The path of something below another path."""
    return f"{path}/{quote(part, safe='')}"


def request_id(key: str) -> str:
    """Our key as the UUID that `X-Request-ID` has to be."""
    return str(uuid.UUID(hex=key))


def headers(
    account: BerlinGroupAccount, now: datetime, *, key: str | None = None, for_psu: bool = False
) -> Mapping[str, str]:
    """Those of one request.

    Args:
        key: identifies the call; without one it gets an id of its own.
        for_psu: the payer acts on what this request begins.
    """
    given = {"x-request-id": request_id(key) if key else str(uuid.uuid4())}
    if account.dialect.sends_date:
        given["date"] = format_datetime(now, usegmt=True)
    if for_psu or account.dialect.sends_address_of_psu:
        given["psu-ip-address"] = account.our_ip_address
    if for_psu:
        is_redirect = account.sca == "redirect"
        given |= {
            "tpp-redirect-preferred": str(is_redirect).lower(),
            "tpp-decoupled-preferred": str(not is_redirect).lower(),
            "tpp-redirect-uri": account.redirect_uri,
            "tpp-nok-redirect-uri": account.refused_redirect_uri or account.redirect_uri,
        }
        if account.psu_id is not None:
            given["psu-id"] = account.psu_id.get_secret_value()
    return given


def payment_body(order: Order, account: BerlinGroupAccount) -> Content:
    """The body of an initiation."""
    return json_object(_fields(order, account))


def _fields(order: Order, account: BerlinGroupAccount) -> dict[str, Any]:
    amount = order.instructed_amount
    fields: dict[str, Any] = {
        "instructedAmount": {"currency": amount.currency, "amount": amount.to_wire()},
        "debtorAccount": {"iban": order.debtor_account.iban},
        "debtorName": order.debtor.name,
        "creditorAccount": {"iban": order.creditor_account.iban},
        "creditorName": order.creditor.name,
        "endToEndIdentification": None if order.end_to_end_id == _NO_ID else order.end_to_end_id,
        "instructionIdentification": order.instruction_id,
        "ultimateDebtor": order.ultimate_debtor.name if order.ultimate_debtor else None,
        "creditorAgent": order.creditor_agent,
        "purposeCode": order.purpose,
    }
    if order.creditor_reference:
        fields["remittanceInformationStructured"] = {"reference": order.creditor_reference}
    else:
        fields["remittanceInformationUnstructured"] = order.remittance_information or None
    address = order.creditor.address
    if address is not None and address.country and account.dialect.needs_creditor_address:
        fields["creditorAddress"] = {
            name: value
            for name, value in {
                "streetName": address.street_name,
                "buildingNumber": address.building_number,
                "townName": address.town_name,
                "postCode": address.post_code,
                "country": address.country,
            }.items()
            if value
        }
    return {name: value for name, value in fields.items() if value is not None}


def unfit(order: Order, account: BerlinGroupAccount) -> str:
    """Why the bank can never execute the order; empty if it can."""
    for name, remedy in REFUSED.items():
        if getattr(order, name) is not None:
            return f"{name}: {remedy}"
    if order.rail is not Rail.SEPA_CREDIT_TRANSFER:
        return f"rail: {order.rail} is not offered here; use {Rail.SEPA_CREDIT_TRANSFER}"
    if order.instructed_amount.currency != "EUR":
        return f"instructed_amount: {order.instructed_amount.currency} is not EUR; SEPA pays EUR"
    for name in ("debtor_account", "creditor_account"):
        if getattr(order, name).iban is None:
            return f"{name}: it has no IBAN; a SEPA payment needs one"
    if order.creditor_reference and order.remittance_information:
        return "creditor_reference: a SEPA payment takes it or remittance_information, not both"
    country = order.creditor.address and order.creditor.address.country
    if account.dialect.needs_creditor_address and not country:
        return f"creditor.address: {account.aspsp} needs it, with the country at least"
    fields = _fields(order, account)
    for name, longest in _LENGTHS.items():
        if len(fields.get(name, "")) > longest:
            return f"{name}: it has more than {longest} characters; shorten it"
    return ""


def unfit_report(instruction_id: str, why: str, as_of: datetime) -> Report:
    """The report of an order that can never be prepared."""
    return Report(
        instruction_id=instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED,
        partner_status="not possible there",
        status_reason="NARR",
        reason=why,
    )
