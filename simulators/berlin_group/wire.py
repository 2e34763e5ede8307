"""The bank's JSON: errors as `tppMessages`, amounts, and what a request has to have."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from datetime import date
from typing import Any

from simulators.kit.partner import Call
from simulators.kit.replies import Json, Refusal, Reply

_AMOUNT = re.compile(r"[0-9]{1,14}(\.[0-9]{1,3})?", re.ASCII)
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}", re.ASCII)
_CURRENCY = re.compile(r"[A-Z]{3}", re.ASCII)
_ADDRESS_OF_PSU = re.compile(r"[0-9a-fA-F.:]{3,45}", re.ASCII)
#: Products of the specification whose payments are JSON and in euro, with their longest texts.
PRODUCTS = ("sepa-credit-transfers", "instant-sepa-credit-transfers")
_TEXTS = {"creditorName": 70, "remittanceInformationUnstructured": 140,
          "endToEndIdentification": 35}  # fmt: skip
#: Lists of accounts in an access. An empty one: the PSU chooses at the bank.
_ACCESSES = ("accounts", "balances", "transactions")
_WORDS = {
    "internal_error": (500, "INTERNAL_SERVER_ERROR"),
    "unauthorised": (401, "TOKEN_EXPIRED"),
    "rate_limited": (429, "ACCESS_EXCEEDED"),
    "service_unavailable": (503, "SERVICE_UNAVAILABLE"),
    "duplicate_word": (400, "PARAMETER_NOT_CONSISTENT"),
}


def message(code: str, text: str = "", path: str = "", category: str = "ERROR") -> Json:
    """One of `tppMessages`."""
    also = {"path": path} if path else {}
    return {"category": category, "code": code, "text": text or code, **also}


def refusal(status: int, code: str, text: str = "", path: str = "") -> Refusal:
    return Refusal(status, {"tppMessages": [message(code, text, path)]})


def words(fault: str, param: Mapping[str, Any]) -> Reply:
    """For the kit's faults. `refused` takes `status` and `code`."""
    status, code = _WORDS.get(fault) or (int(param.get("status", 400)), str(param.get("code")))
    return refusal(status, code).reply()


def link(href: str) -> Json:
    return {"href": href}


def required_headers(call: Call, *, date: bool, psu: bool) -> None:
    """Raise what a bank answers to a request without a header that it needs.

    Raises:
        Refusal: the text names the header.
    """
    given = call.headers.get("x-request-id", "")
    try:
        uuid.UUID(given)
        is_uuid = len(given) == 36
    except ValueError:
        is_uuid = False
    if not is_uuid:
        raise refusal(400, "FORMAT_ERROR", "X-Request-ID is not a UUID", "X-Request-ID")
    if psu and not _ADDRESS_OF_PSU.fullmatch(call.headers.get("psu-ip-address", "")):
        raise refusal(400, "FORMAT_ERROR", "PSU-IP-Address is missing", "PSU-IP-Address")
    if date and not call.headers.get("date"):
        raise refusal(400, "FORMAT_ERROR", "Date is missing", "Date")


def payment_of(fields: Mapping[str, Any], *, creditor_address: bool) -> Json:
    """The payment in an initiation's body, as a read shows it later.

    Raises:
        Refusal: a field is missing or has another form; the text names it.
    """
    for name in ("debtorAccount", "creditorAccount"):
        account = fields.get(name)
        if not isinstance(account, dict) or not _IBAN.fullmatch(str(account.get("iban", ""))):
            raise refusal(400, "FORMAT_ERROR", f"{name} has no valid iban", name)
    amount = fields.get("instructedAmount")
    if not isinstance(amount, dict) or not isinstance(amount.get("amount"), str):
        raise refusal(400, "FORMAT_ERROR", "instructedAmount is no amount", "instructedAmount")
    if not _AMOUNT.fullmatch(amount["amount"]) or minor_of(amount["amount"]) <= 0:
        raise refusal(400, "FORMAT_ERROR", "the amount is not valid", "instructedAmount.amount")
    if not _CURRENCY.fullmatch(str(amount.get("currency", ""))):
        raise refusal(400, "FORMAT_ERROR", "the currency is not valid", "instructedAmount.currency")
    if amount["currency"] != "EUR":
        text = "this product pays in EUR only"
        raise refusal(400, "PARAMETER_NOT_CONSISTENT", text, "instructedAmount.currency")
    for name, longest in _TEXTS.items():
        value = fields.get(name, "x" if name != "creditorName" else "")
        if not isinstance(value, str) or not 0 < len(value) <= longest:
            text = f"{name} has 1 to {longest} characters"
            raise refusal(400, "FORMAT_ERROR", text, name)
    address = fields.get("creditorAddress")
    if creditor_address and not (isinstance(address, dict) and address.get("country")):
        raise refusal(400, "FORMAT_ERROR", "creditorAddress is missing", "creditorAddress")
    return dict(fields)


def consent_of(fields: Mapping[str, Any], today: date) -> Json:
    """The consent in a request's body.

    Raises:
        Refusal: a field is missing or has another form; the text names it.
    """
    access = fields.get("access")
    known = {*_ACCESSES, "allPsd2"}
    if not isinstance(access, dict) or not access or not known.issuperset(access):
        raise refusal(400, "FORMAT_ERROR", f"access has one of {', '.join(known)}", "access")
    lists = [access[name] for name in _ACCESSES if name in access]
    if not all(isinstance(each, list) for each in lists) or (lists and "allPsd2" in access):
        raise refusal(400, "FORMAT_ERROR", "access has no lists of accounts", "access")
    if any(lists) and not all(lists):
        raise refusal(400, "FORMAT_ERROR", "some lists are empty and some are not", "access")
    for account in (each for listed in lists for each in listed):
        if not isinstance(account, dict) or not _IBAN.fullmatch(str(account.get("iban", ""))):
            raise refusal(400, "FORMAT_ERROR", "an account has no valid iban", "access")
    for name in ("recurringIndicator", "combinedServiceIndicator"):
        if not isinstance(fields.get(name), bool):
            raise refusal(400, "FORMAT_ERROR", f"{name} is no boolean", name)
    per_day = fields.get("frequencyPerDay")
    if not isinstance(per_day, int) or isinstance(per_day, bool) or per_day < 1:
        raise refusal(400, "FORMAT_ERROR", "frequencyPerDay is at least 1", "frequencyPerDay")
    if not fields["recurringIndicator"] and per_day != 1:
        text = "frequencyPerDay is 1 for one access"
        raise refusal(400, "FORMAT_ERROR", text, "frequencyPerDay")
    try:
        until = date.fromisoformat(str(fields.get("validUntil", "")))
    except ValueError:
        raise refusal(400, "FORMAT_ERROR", "validUntil is no day", "validUntil") from None
    if until < today:
        raise refusal(400, "FORMAT_ERROR", "validUntil has passed", "validUntil")
    return dict(fields)


def minor_of(amount: str) -> int:
    """An amount in euro, in cents. A third digit has to be zero."""
    whole, _, fraction = amount.partition(".")
    if fraction[2:].strip("0"):
        raise refusal(400, "FORMAT_ERROR", "EUR has two digits", "instructedAmount.amount")
    return int(whole) * 100 + int(fraction[:2].ljust(2, "0"))
