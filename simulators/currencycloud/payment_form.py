"""The form of a payment: which fields it has, and what they may say."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime

from simulators.currencycloud.amounts import to_minor
from simulators.currencycloud.search import one_of
from simulators.currencycloud.wire import PAYMENT_TEXTS, Json, Refusal, refuse

_TEXT_LENGTH_MAX = 255
REQUIRED = ("currency", "beneficiary_id", "amount", "reason", "reference", "unique_request_id")
_PAYER = (
    "payer_entity_type",
    "payer_company_name",
    "payer_first_name",
    "payer_last_name",
    "payer_city",
    "payer_address",
    "payer_postcode",
    "payer_state_or_province",
    "payer_country",
    "payer_date_of_birth",
    "payer_identification_type",
    "payer_identification_value",
    "payer_ultimate_account_number",
)
EDITABLE = (
    "currency",
    "beneficiary_id",
    "amount",
    "payment_date",
    "reason",
    "payment_type",
    "reference",
    "conversion_id",
    "fee_amount",
    "fee_currency",
    "on_behalf_of",
    *PAYMENT_TEXTS,
    *_PAYER,
)
_INVOICE_NUMBER = re.compile(r"[0-9A-Za-z]{1,30}")
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")


def check_texts(fields: Mapping[str, str], error_code: str) -> None:
    for name in ("reason", "reference", "unique_request_id"):
        if len(fields.get(name, "")) > _TEXT_LENGTH_MAX:
            code = f"{name}_is_too_long"
            message = f"{name} can not be longer than {_TEXT_LENGTH_MAX} character(s)"
            reason = (name, code, message, {"maxlength": _TEXT_LENGTH_MAX})
            raise Refusal(400, error_code, reason)


def amount(fields: Mapping[str, str], currency: str, error_code: str) -> int:
    if len(currency) != 3:
        code, message = "currency_length_is_invalid", "currency should be 3 character(s) long"
        raise refuse(400, error_code, "currency", code, message)
    if not (currency.isascii() and currency.isalpha() and currency.isupper()):
        code, message = "invalid_currency", "You cannot make payments with this currency"
        raise refuse(400, error_code, "currency", code, message)
    try:
        minor = to_minor(fields["amount"], currency)
    except ValueError:
        minor = 0
    if minor == 0:
        message = "amount should be of numeric type"
        reason = ("amount", "amount_type_is_wrong", message, {"type": "numeric"})
        raise Refusal(400, error_code, reason)
    return minor


def payment_type(fields: Mapping[str, str], error_code: str) -> str:
    one_of(fields, "payment_type", ("priority", "regular"), error_code)
    return fields.get("payment_type", "regular")


def payment_date(fields: Mapping[str, str], now: datetime, error_code: str) -> str:
    if "payment_date" not in fields:
        return now.date().isoformat()
    try:
        asked = date.fromisoformat(fields["payment_date"][:10])
    except ValueError:
        asked = date.min
    if asked < now.date():
        code, message = "invalid_payment_date", "The payment date is invalid"
        raise refuse(400, error_code, "payment_date", code, message)
    return asked.isoformat()
