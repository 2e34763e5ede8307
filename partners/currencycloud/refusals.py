"""Their error codes: what each proves about a request, and the ISO 20022 reason that fits it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import Enum
from typing import Final

from partners.currencycloud.error_bodies import Refusal


class Proves(Enum):
    """What an answer other than a success proves about its request."""

    REFUSED = "not executed, and never will be"
    DUPLICATE = "our key is used"
    TURNED_AWAY = "not executed, if the profile declares the status; the same may be sent again"
    NOTHING = "it may have been executed"


#: Codes documented for POST /payments/create with 400 -> ExternalStatusReason1Code. They check
#: all of these before they make a payment.
PAYMENT_REFUSED: Final[Mapping[str, str]] = {
    # The account it is paid from.
    "contact_not_found": "AC02",
    "on_behalf_of_self": "AC02",
    # Who pays.
    "payer_entity_type_not_in_range": "RR02",
    "payer_details_are_missing": "RR02",
    "payer_entity_type_is_missing": "RR02",
    "payer_company_name_is_missing": "BE08",
    "payer_first_name_is_missing": "BE08",
    "payer_last_name_is_missing": "BE08",
    "payer_city_is_missing": "BE07",
    "payer_state_or_province_is_missing": "BE07",
    "payer_postcode_is_missing": "BE07",
    "unsupported_payer_country_code": "BE10",
    "payer_date_of_birth_type_is_wrong": "BE16",
    "payer_date_of_birth_is_incorrect": "BE16",
    "payer_date_of_birth_is_earlier": "BE16",
    "payer_date_of_birth_is_after": "BE16",
    "identification_type_is_missing": "BE16",
    "identification_type_is_invalid": "BE16",
    "identification_value_is_missing": "BE16",
    "identification_value_is_invalid": "BE16",
    "payer_details_not_allowed": "CH17",
    # Who is paid.
    "beneficiary_id_is_not_valid_uuid": "AC03",
    "beneficiary_id_is_required": "AC03",
    "invalid_beneficiary_id": "AC03",
    "unsupported_beneficiary_country_code": "BE11",
    "beneficiary_date_of_birth_type_is_wrong": "BE17",
    "beneficiary_date_of_birth_is_incorrect": "BE17",
    "beneficiary_date_of_birth_is_earlier": "BE17",
    "beneficiary_date_of_birth_is_after": "BE17",
    # What is paid, and when.
    "currency_length_is_invalid": "AM11",
    "currency_is_required": "AM11",
    "invalid_currency": "AM03",
    "payment_above_limit": "AM02",
    "invalid_payment_date": "DT01",
    "payment_date_is_too_early": "DT01",
    "invalid_conversion_id": "NARR",
    "conversion_is_already_settled": "NARR",
    # How.
    "invalid_type": "FF03",
    "charge_type_not_available": "BE19",
    "invalid_charge_type": "BE19",
    "on_behalf_of_charge_type_not_available": "BE19",
    "fee_amount_type_is_wrong": "CH16",
    "fee_currency_is_in_invalid_format": "CH16",
    "invalid_fee_amount_format": "CH20",
    # What goes with it.
    "reference_is_too_long": "RR07",
    "incorrect_purpose_code": "FF07",
    "invoice_number_parameter_invalid": "CH16",
    "invoice_number_missing": "CH21",
    "invalid_invoice_date": "CH16",
    "invoice_date_missing": "CH21",
    # The form.
    "field_contains_invalid_characters": "RR10",
    "field_is_too_long": "CH16",
    "invalid_extra_parameters": "CH17",
    "request_contains_blocked_fields": "CH17",
    "unique_request_id_is_required": "CH21",
}

#: "The account is currently not permitted to create payments": a later try may succeed.
OUR_ACCESS: Final[Mapping[str, str]] = {"unsupported_account": "AG01"}

#: Field named in a refusal of beneficiaries/validate or /create -> the same code list.
BENEFICIARY_FIELD: Final[Mapping[str, str]] = {
    "account_number": "AC03",
    "iban": "AC03",
    "bank_account_type": "AC14",
    "bank_account_holder_name": "BE21",
    "name": "BE21",
    "beneficiary_company_name": "BE21",
    "beneficiary_first_name": "BE21",
    "beneficiary_last_name": "BE21",
    "bank_country": "AG06",
    "bank_name": "RC04",
    "bank_address": "RC04",
    "bic_swift": "RC07",
    "routing_code": "RC10",
    "routing_code_type_1": "RC10",
    "routing_code_type_2": "RC10",
    "routing_code_value_1": "RC10",
    "routing_code_value_2": "RC10",
    "beneficiary": "RR03",
    "beneficiary_address": "BE04",
    "beneficiary_city": "BE04",
    "beneficiary_postcode": "BE04",
    "beneficiary_state_or_province": "BE04",
    "beneficiary_country": "BE11",
    "beneficiary_entity_type": "BE17",
    "beneficiary_date_of_birth": "BE17",
    "beneficiary_identification_type": "BE17",
    "beneficiary_identification_value": "BE17",
    "currency": "AC11",
    "payment_types": "FF03",
    "email": "BE18",
    "beneficiary_external_reference": "CH16",
    "default_beneficiary": "CH16",
    "on_behalf_of": "AC02",
    "base": "NARR",
}

#: They say only that the beneficiary was not made; a later try may succeed.
NOT_MADE: Final = frozenset({"beneficiary_create_failed", "beneficiary_update_failed"})

#: Their usual words for a form that failed validation. Corridors add fields that are not
#: documented, and every field's codes have one of these forms.
_TURNED_DOWN: Final = re.compile(
    r"(invalid|incorrect|unsupported)_\w+"
    r"|\w+_(is|are)_(required|missing|invalid|incorrect|not_supported|not_valid_uuid)"
    r"|\w+_is_(in_invalid_format|too_(long|short|small|early))"
    r"|\w+_(type_is_wrong|length_is_invalid|not_in_range|not_valid|not_found)"
)
_NARRATIVE: Final = "NARR"


def of_payment(status: int, refusal: Refusal | None) -> Proves:
    """What an answer to POST /payments/create proves.

    An undocumented status, body or code proves nothing. The exceptions are codes that contain
    "duplicate" or have the usual form of a failed validation (`_TURNED_DOWN`).
    """
    if status in (401, 429):
        return Proves.TURNED_AWAY
    if refusal is None:
        return Proves.NOTHING
    if status == 403:
        # The order is valid and our permissions can be mended, so it is tried again.
        return Proves.TURNED_AWAY
    if status not in (400, 404):
        return Proves.NOTHING
    if any("duplicate" in code for code in refusal.codes):
        # Undocumented words for it count too: the lookup that follows can do no harm.
        return Proves.DUPLICATE
    if refusal.codes & set(OUR_ACCESS):
        return Proves.TURNED_AWAY
    codes = [code for _, code in refusal.reasons] or [refusal.code]
    if any(code in PAYMENT_REFUSED or _TURNED_DOWN.fullmatch(code) for code in codes):
        return Proves.REFUSED
    return Proves.NOTHING


def of_deletion(status: int, refusal: Refusal | None) -> Proves:
    """What an answer to POST /payments/{id}/delete proves about the deletion.

    "Too late" has no documented code. A deletion cannot happen twice, so every 400 with their
    error body counts as a refusal, except "not found": the payment may be gone because it was
    deleted.
    """
    if status in (401, 429):
        return Proves.TURNED_AWAY
    if refusal is None:
        return Proves.NOTHING
    if status == 403:
        return Proves.TURNED_AWAY
    if status != 400 or "payment_not_found" in refusal.codes:
        return Proves.NOTHING
    return Proves.REFUSED


def of_beneficiary(status: int | None, refusal: Refusal | None) -> Proves:
    """What an answer to beneficiaries/validate or /create proves.

    No money moves here, so every answer but a clear refusal is tried again until the order's time
    is over.
    """
    if refusal is None or status != 400:
        return Proves.TURNED_AWAY
    codes = [code for _, code in refusal.reasons] or [refusal.code]
    return Proves.TURNED_AWAY if set(codes) <= NOT_MADE else Proves.REFUSED


def reason_code(refusal: Refusal) -> str:
    """ExternalStatusReason1Code of a refusal; NARR if only the text gives the reason."""
    for field, code in (*refusal.reasons, ("", refusal.code)):
        known = PAYMENT_REFUSED.get(code) or OUR_ACCESS.get(code) or BENEFICIARY_FIELD.get(field)
        if known and known != _NARRATIVE:
            return known
    return _NARRATIVE


def undocumented(refusal: Refusal) -> tuple[str, ...]:
    """Codes of payments/create that the reference does not list, as drift for a person to see."""
    known = {*PAYMENT_REFUSED, *OUR_ACCESS}
    return tuple(
        f"payments/create: unknown code {code[:80]}"
        for code in sorted({code for _, code in refusal.reasons} - known)
    )
