"""The form of a payment: its fields and their possible values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime

from simulators.currencycloud.amounts import to_minor
from simulators.currencycloud.search import one_of
from simulators.currencycloud.wire import PAYMENT_TEXTS, Refusal, refuse
from simulators.kit.replies import Json

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
NOT_CREATED = "payment_create_failed"
CHARGE_TYPES = ("ours", "shared")

_NO_AMOUNT: tuple[str, str, str, Json] = (
    "amount",
    "amount_type_is_wrong",
    "amount should be of numeric type",
    {"type": "numeric"},
)
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_INVOICE_NUMBER = re.compile(r"[0-9A-Za-z]{1,30}")
_DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")


def check_complete(fields: Mapping[str, str]) -> None:
    """Check that all required fields are there.

    Raises:
        Refusal: 400, with all missing fields.
    """
    reasons: list[tuple[str, str, str, Json]] = []
    for name in REQUIRED:
        if not fields.get(name):
            reasons.append((name, f"{name}_is_required", f"{name} is required", {}))
            if name == "amount":
                reasons.append(_NO_AMOUNT)
    if reasons:
        raise Refusal(400, NOT_CREATED, *reasons)


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
        raise Refusal(400, error_code, _NO_AMOUNT)
    return minor


def payment_type(fields: Mapping[str, str]) -> str:
    """The payment type of a new payment.

    Raises:
        Refusal: 400, with a code that only creation has.
    """
    value = fields.get("payment_type", "regular")
    if value not in ("priority", "regular"):
        raise refuse(400, NOT_CREATED, "type", "invalid_type", "Invalid Payment type")
    return value


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


def check_extras(fields: Mapping[str, str], error_code: str) -> None:
    """Check the optional fields.

    Raises:
        Refusal: 400, with the first wrong field.
    """

    def wrong(name: str, code: str, message: str) -> Refusal:
        return refuse(400, error_code, name, code, message)

    if "conversion_id" in fields:
        # There are no conversions here.
        raise wrong("conversion_id", "invalid_conversion_id", "Conversion could not be found")
    if fields.get("charge_type", "ours") not in CHARGE_TYPES:
        choice = ", ".join(CHARGE_TYPES)
        if error_code == NOT_CREATED:
            message = f"Invalid banking_charges supplied, must be in range [{choice}]"
            raise wrong("charge_type", "invalid_charge_type", message)
        one_of(fields, "charge_type", CHARGE_TYPES, error_code)
    one_of(fields, "payer_entity_type", ("individual", "company"), error_code)
    if "fee_amount" in fields and _DECIMAL.fullmatch(fields["fee_amount"]) is None:
        message = "fee_amount should be of numeric type"
        raise wrong("fee_amount", "fee_amount_type_is_wrong", message)
    if "fee_currency" in fields and _CURRENCY.fullmatch(fields["fee_currency"]) is None:
        code = "fee_currency_is_in_invalid_format"
        message = "fee_currency is not a valid ISO 4217 currency code"
        raise wrong("fee_currency", code, message)
    _check_invoice(fields, wrong)


def _check_invoice(fields: Mapping[str, str], wrong: Callable[[str, str, str], Refusal]) -> None:
    """Invoice number and date have to come together."""
    number, day = fields.get("invoice_number"), fields.get("invoice_date")
    if number is None and day is not None:
        message = f"Invoice number is missing for provided invoice date {day}"
        raise wrong("invoice_number", "invoice_number_missing", message)
    if number is not None and day is None:
        message = f"Invoice date is missing for provided invoice number {number}"
        raise wrong("invoice_date", "invoice_date_missing", message)
    if number is not None and _INVOICE_NUMBER.fullmatch(number) is None:
        message = (
            "Invoice number can only contain alphanumeric characters and must be 30 characters"
            " or less"
        )
        raise wrong("invoice_number", "invoice_number_parameter_invalid", message)
    if day is not None and _DAY.fullmatch(day) is None:
        message = "Invoice date must follow YYYY-MM-DD format"
        raise wrong("invoice_date", "invalid_invoice_date", message)
