"""Paths, headers and bodies of our requests, and what cannot be done with an order."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from domain.accounts import Account, ClearingMember
from domain.payments.order import Order, Rail
from domain.payments.report import PaymentState, Report, Source
from partners.kit.content import Content, json_object
from partners.obie.account import ObieAccount
from partners.obie.tokens import new_id

PISP: Final = "pisp"
CONSENTS: Final = "domestic-payment-consents"
PAYMENTS: Final = "domestic-payments"
_SORT_CODE: Final = "UK.OBIE.SortCodeAccountNumber"
_IBAN: Final = "UK.OBIE.IBAN"
#: ISO 20022 ExternalClearingSystemIdentification1Code: a British sort code.
_UK_CLEARING: Final = "GBDSC"
_SORT_CODE_DIGITS: Final = re.compile(r"\d{6}", re.ASCII)
_ACCOUNT_DIGITS: Final = re.compile(r"\d{8}", re.ASCII)
_BOTH_DIGITS: Final = re.compile(r"\d{14}", re.ASCII)
_NO_ID: Final = "NOTPROVIDED"
#: OpenAPI files, `OBWriteDomesticConsent4`; Faster Payments carries 31 of the 35 characters of an
#: end-to-end id and 18 of a reference, and cuts off the rest at some banks.
_NAME_MAX: Final = 350
_REFERENCE_MAX: Final = 35
_TEXT_MAX: Final = 140
_END_TO_END_MAX: Final = 31

#: Every field of an order: where it goes. A new field of `Order` needs a line in one of these.
CARRIED: Final = frozenset(
    {
        "instructed_amount", "debtor", "debtor_account", "creditor", "creditor_account",
        "creditor_agent_member", "end_to_end_id", "instruction_id", "remittance_information",
        "creditor_reference",
    }
)  # fmt: skip
#: Fields that decide where and when it is sent, or that every domestic payment has alike.
IMPLIED: Final = frozenset(
    {"tenant", "partner", "partner_account", "rail", "direction", "times", "charge_bearer"}
)
#: Fields that the bank cannot be told. An order that has one is refused.
REFUSED: Final = {
    "collection": "only credit transfers are initiated here; use a partner that collects",
    "on_behalf_of": "the payer is the owner of the debtor account; leave it out",
    "ultimate_debtor": "a domestic payment names none in both versions; leave it out",
    "creditor_agent": "the sort code names the bank; leave it out",
    "creditor_agent_country": "the sort code names the bank; leave it out",
    "purpose": "the bank takes none; leave it out",
    "category_purpose": "the bank takes none; leave it out",
    "uetr": "the bank gives its own; leave it out",
}


def consents(account: ObieAccount, *parts: str) -> str:
    """The path of payments' consents, or of something below."""
    return account.path(PISP, CONSENTS, *(quote(part, safe="") for part in parts))


def payments(account: ObieAccount, *parts: str) -> str:
    """The path of payments, or of something below."""
    return account.path(PISP, PAYMENTS, *(quote(part, safe="") for part in parts))


def headers(*, key: str = "") -> Mapping[str, str]:
    """Those of one request; with a key, of one that counts once."""
    given = {"x-fapi-interaction-id": new_id(), "accept": "application/json"}
    return {**given, "x-idempotency-key": key} if key else given


def consent_key(key: str) -> str:
    """The key of a payment's consent, which is not the payment's own: 40 characters at most."""
    return f"{key}-consent"


def consent_body(order: Order, account: ObieAccount, key: str) -> Content:
    """The body of a payment's consent. The payment has the same `Initiation` and `Risk`."""
    data = {"Initiation": _initiation(order, account, key), "ReadRefundAccount": "No"}
    return json_object({"Data": data, "Risk": _risk()})


def payment_body(order: Order, account: ObieAccount, key: str, consent_id: str) -> Content:
    data = {"ConsentId": consent_id, "Initiation": _initiation(order, account, key)}
    return json_object({"Data": data, "Risk": _risk()})


def creditor_number(order: Order) -> str:
    """The creditor's account as the bank writes it, to be compared with what was authorised."""
    reference = _creditor(order)
    return reference[1] if reference else ""


def unfit(order: Order, account: ObieAccount) -> str:
    """Why the bank can never execute the order; empty if it can."""
    for name, remedy in REFUSED.items():
        if getattr(order, name) is not None:
            return f"{name}: {remedy}"
    if order.rail is not Rail.DOMESTIC:
        return f"rail: {order.rail} is not offered here; use {Rail.DOMESTIC}"
    if order.instructed_amount.currency != "GBP":
        return (
            f"instructed_amount: {order.instructed_amount.currency} is not GBP; domestic pays GBP"
        )
    if _creditor(order) is None:
        return (
            "creditor_account: give 8 digits with the sort code (GBDSC) as creditor_agent_member, "
            "14 digits with the sort code first, or an IBAN"
        )
    if _reference(order.debtor_account, None) is None:
        return "debtor_account: give 14 digits, the sort code first, or an IBAN"
    if len(order.creditor.name) > _NAME_MAX:
        return f"creditor.name: it has more than {_NAME_MAX} characters; shorten it"
    if len(order.end_to_end_id) > _END_TO_END_MAX:
        return f"end_to_end_id: Faster Payments carries {_END_TO_END_MAX} characters; shorten it"
    if len(order.creditor_reference or "") > _REFERENCE_MAX:
        return f"creditor_reference: it has more than {_REFERENCE_MAX} characters; shorten it"
    if len(order.remittance_information) > _TEXT_MAX:
        return f"remittance_information: it has more than {_TEXT_MAX} characters; shorten it"
    return ""


def unfit_report(instruction_id: str, why: str, as_of: Any, reason: str = "NARR") -> Report:
    """The report of an order that can never be prepared."""
    return Report(
        instruction_id=instruction_id,
        source=Source.REPLY,
        as_of=as_of,
        state=PaymentState.REJECTED,
        partner_status="not possible there",
        status_reason=reason,
        reason=why,
    )


def _initiation(order: Order, account: ObieAccount, key: str) -> dict[str, Any]:
    amount = order.instructed_amount
    creditor, debtor = _creditor(order), _reference(order.debtor_account, None)
    assert creditor is not None, "an unfit order is refused"
    assert debtor is not None, "an unfit order is refused"
    # Both ids are mandatory. The key is the payment's own, and says nothing to anybody else.
    has_own = order.end_to_end_id != _NO_ID
    fields: dict[str, Any] = {
        "InstructionIdentification": order.instruction_id or key,
        "EndToEndIdentification": order.end_to_end_id if has_own else key[:_END_TO_END_MAX],
        "InstructedAmount": {"Amount": amount.to_wire(), "Currency": amount.currency},
        "DebtorAccount": _account(debtor, order.debtor.name),
        "CreditorAccount": _account(creditor, order.creditor.name),
    }
    if remittance := _remittance(order, account):
        fields["RemittanceInformation"] = remittance
    return fields


def _remittance(order: Order, account: ObieAccount) -> dict[str, Any]:
    """v4 has lists where v3 has one text of each kind."""
    text, reference = order.remittance_information, order.creditor_reference
    found: dict[str, Any] = {}
    if account.is_v3:
        if text:
            found["Unstructured"] = text
        if reference:
            found["Reference"] = reference
        return found
    if text:
        found["Unstructured"] = [text]
    if reference:
        found["Structured"] = [{"CreditorReferenceInformation": {"Reference": reference}}]
    return found


def _risk() -> dict[str, Any]:
    return {"PaymentContextCode": "TransferToThirdParty"}


def _creditor(order: Order) -> tuple[str, str] | None:
    return _reference(order.creditor_account, order.creditor_agent_member)


def _reference(account: Account, bank: ClearingMember | None) -> tuple[str, str] | None:
    """Scheme and number of an account; None if it has none that the bank takes."""
    if account.iban is not None:
        return (_IBAN, account.iban) if bank is None else None
    number = account.number.replace(" ", "").replace("-", "")
    if bank is None:
        return (_SORT_CODE, number) if _BOTH_DIGITS.fullmatch(number) else None
    sort_code = bank.number.replace("-", "").replace(" ", "")
    is_british = bank.system == _UK_CLEARING and _SORT_CODE_DIGITS.fullmatch(sort_code)
    if is_british and _ACCOUNT_DIGITS.fullmatch(number):
        return _SORT_CODE, sort_code + number
    return None


def _account(reference: tuple[str, str], name: str) -> dict[str, str]:
    scheme, number = reference
    return {"SchemeName": scheme, "Identification": number, "Name": name}
