"""What each corridor requires of a beneficiary and a payer. The README says which rows are ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from simulators.currencycloud.wire import Refusal, refuse
from simulators.kit.replies import Json

Alternative = dict[str, str]

_TEXT = "^.{1,255}"
_COUNTRY = "^[A-z]{2}$"
_IBAN = "([A-Z0-9]\\s*){15,34}"
_BIC = "^[0-9A-Z]{8}$|^[0-9A-Z]{11}$"
_PERSON = {
    "beneficiary_entity_type": "individual",
    "beneficiary_first_name": "^([^0-9]{1,255})$",
    "beneficiary_last_name": "^([^0-9]{1,255})$",
}
_COMPANY = {
    "beneficiary_entity_type": "company",
    "beneficiary_company_name": "^(?!\\d+$).{1,255}$",
}
_ADDRESS = {
    "beneficiary_address": _TEXT,
    "beneficiary_city": _TEXT,
    "beneficiary_country": _COUNTRY,
}
_US_ADDRESS = {
    **_ADDRESS,
    "beneficiary_postcode": _TEXT,
    "beneficiary_state_or_province": _TEXT,
}
_KIND_ONLY = ({"beneficiary_entity_type": "individual"}, {"beneficiary_entity_type": "company"})

ROUTING_TYPES = (
    "aba",
    "bank_code",
    "branch_code",
    "bsb_code",
    "clabe",
    "cnaps",
    "ifsc",
    "institution_no",
    "sort_code",
)
#: Required field -> the name under which the documentation has a code if it is missing.
_MISSING = {
    "acct_number": "account_number",
    "iban": "iban",
    "bic_swift": "bic_swift",
    "beneficiary_entity_type": "beneficiary_entity_type",
    "beneficiary_company_name": "beneficiary_company_name",
    "beneficiary_first_name": "beneficiary_first_name",
    "beneficiary_last_name": "beneficiary_last_name",
    "beneficiary_postcode": "beneficiary_postcode",
    "beneficiary_state_or_province": "beneficiary_state_or_province",
}


def _of(payment_type: str, bank: Alternative, *people: Alternative) -> list[Alternative]:
    """One alternative for each kind of beneficiary."""
    return [{"payment_type": payment_type, **each, **bank} for each in people]


def _swift(bank: Alternative) -> list[Alternative]:
    people = (_PERSON | _ADDRESS, _COMPANY | _ADDRESS)
    return _of("priority", bank | {"bic_swift": _BIC}, *people)


_BY_IBAN = {"iban": _IBAN}
_BY_NUMBER = {"acct_number": "^[0-9A-Z]{1,50}$"}


def _local(account: str, *people: Alternative, **routing: str) -> list[Alternative]:
    return _of("regular", {"acct_number": account, **routing}, *people)


_NAMED = (_PERSON, _COMPANY)
_GB_PRIORITY = {"acct_number": "^\\d{8}$", "sort_code": "^\\d{6}$"}

#: (currency, the bank's country) -> the alternatives.
CORRIDORS: Mapping[tuple[str, str], Sequence[Alternative]] = {
    ("GBP", "GB"): [
        *_of("priority", _GB_PRIORITY, _PERSON | _ADDRESS, _COMPANY | _ADDRESS),
        *_swift(_BY_IBAN),
        *_local("^\\d{8}$", *_KIND_ONLY, sort_code="^\\d{6}$"),
    ],
    ("USD", "US"): [
        *_local("^\\d{1,17}$", _PERSON | _US_ADDRESS, _COMPANY | _US_ADDRESS, aba="^[0-9A-Z]{9}$"),
        *_swift(_BY_NUMBER),
    ],
    ("AUD", "AU"): [
        *_local("^[0-9A-Z]{1,9}$", *_NAMED, bsb_code="^\\d{6}$"),
        *_swift(_BY_NUMBER),
    ],
    ("CAD", "CA"): [
        *_local(
            "^\\d{7,12}$",
            _PERSON | _ADDRESS,
            _COMPANY | _ADDRESS,
            institution_no="^\\d{3}$",
            branch_code="^\\d{5}$",
        ),
        *_swift(_BY_NUMBER),
    ],
    ("INR", "IN"): _local(
        "^[0-9A-Z]{6,18}$", _PERSON | _ADDRESS, _COMPANY | _ADDRESS, ifsc="^[A-Z]{4}0[A-Z0-9]{6}$"
    ),
    ("CNY", "CN"): [
        *_local("^\\d{1,34}$", _COMPANY | _ADDRESS, cnaps="^\\d{12}$"),
        *_swift(_BY_NUMBER),
    ],
    ("MXN", "MX"): _local("^\\d{18}$", *_NAMED, clabe="^\\d{18}$"),
    ("HKD", "HK"): [
        *_local("^[0-9A-Z]{6,12}$", *_NAMED, bank_code="^\\d{3}$", branch_code="^\\d{3}$"),
        *_swift(_BY_NUMBER),
    ],
    ("SGD", "SG"): [
        *_local("^\\d{5,14}$", *_NAMED, bank_code="^\\d{4}$", branch_code="^\\d{3}$"),
        *_swift(_BY_NUMBER),
    ],
    ("JPY", "JP"): _swift(_BY_NUMBER),
    ("CHF", "CH"): [*_of("regular", _BY_IBAN, *_NAMED), *_swift(_BY_IBAN)],
    ("KWD", "KW"): _swift(_BY_IBAN),
    ("USD", "AE"): _swift(_BY_IBAN),
}
#: All other corridors: SWIFT to an IBAN or an account number.
_ELSEWHERE = (*_swift(_BY_IBAN), *_swift(_BY_NUMBER))
#: Euros go over SEPA to an IBAN; the kind of creditor does not matter.
_EURO = ({"payment_type": "regular", "iban": _IBAN}, *_ELSEWHERE)

_PAYER_TEXTS = ("payer_city", "payer_address")


def alternatives(currency: str, country: str) -> Sequence[Alternative]:
    """Lists of fields; a beneficiary has to satisfy one of them."""
    return CORRIDORS.get((currency, country), _EURO if currency == "EUR" else _ELSEWHERE)


def required_details(fields: Mapping[str, str]) -> Json:
    """The answer of `reference/beneficiary_required_details`.

    Raises:
        Refusal: 400, a malformed country or currency.
    """
    code = "get_beneficiary_requirements_failed"
    for name, shape in (
        ("bank_account_country", "[A-Z]{2}"),
        ("currency", "[A-Z]{3}"),
        ("beneficiary_country", "[A-Z]{2}"),
    ):
        value = fields.get(name)
        is_optional = name == "beneficiary_country" and value is None
        if not is_optional and re.fullmatch(shape, value or "") is None:
            message = f"{name} is not valid"
            raise refuse(400, code, name, f"{name}_is_in_invalid_format", message)
    found = alternatives(fields["currency"], fields["bank_account_country"])
    return {"details": [dict(each) for each in found]}


def payer_required_details(fields: Mapping[str, str]) -> Json:
    """The answer of `reference/payer_required_details`.

    Raises:
        Refusal: 400, no country, a malformed one, or an unknown kind or payment type.
    """
    code = "get_payer_requirements_failed"
    country = fields.get("payer_country")
    if not country:
        missing = "payer_country_is_required"
        raise refuse(400, code, "payer_country", missing, "payer_country is required")
    if re.fullmatch("[A-Z]{2}", country) is None:
        wrong = "payer_country_is_in_invalid_format"
        message = "payer_country is not a valid ISO 3166-1 Alpha-2 country code"
        raise refuse(400, code, "payer_country", wrong, message)
    asked = {
        "payer_entity_type": ("company", "individual"),
        "payment_type": ("priority", "regular"),
    }
    for name, words in asked.items():
        if name in fields and fields[name] not in words:
            message = f"{name} should be in range: {', '.join(words)}"
            raise refuse(400, code, name, f"{name}_not_in_range", message)
    found = [
        each
        for each in _payers()
        if all(fields.get(name, each[name]) == each[name] for name in asked)
    ]
    return {"details": found}


def _payers() -> Iterator[Json]:
    for payment_type in ("priority", "regular"):
        for kind in ("company", "individual"):
            names = ["payer_company_name"]
            if kind == "individual":
                names = ["payer_first_name", "payer_last_name", "payer_date_of_birth"]
            elif payment_type == "priority":
                names.append("payer_identification_value")
            rules = [{"name": "payer_country", "validation_rule": _COUNTRY}]
            rules += [{"name": each, "validation_rule": _TEXT} for each in (*_PAYER_TEXTS, *names)]
            payer: Json = {
                "payer_entity_type": kind,
                "payment_type": payment_type,
                "required_fields": rules,
            }
            if "payer_identification_value" in names:
                payer["payer_identification_type"] = "incorporation_number"
            yield payer


def objections(
    details: Mapping[str, object], payment_types: Sequence[str]
) -> list[tuple[str, str, str, Json]]:
    """Why the beneficiary cannot be paid by these payment types, by the nearest alternative."""
    given = _given(details)
    found: list[tuple[str, str, str, Json]] = []
    for payment_type in payment_types:
        lists = [
            each
            for each in alternatives(given.get("currency", ""), given.get("bank_country", ""))
            if each["payment_type"] == payment_type
        ]
        if not lists:
            message = "Payment type is not supported for given parameters"
            found.append(("payment_types", "payment_type_is_not_supported", message, {}))
            continue
        lacking = min((_lacking(each, given) for each in lists), key=len)
        found += [_objection(name, given) for name in lacking]
    return list({reason[1]: reason for reason in found}.values())


def check_payment(
    fields: Mapping[str, str], payment_type: str, beneficiary: Mapping[str, object], error: str
) -> None:
    """Check a payment against its corridor.

    Raises:
        Refusal: 400, this beneficiary cannot be paid in that way.
    """
    types = beneficiary.get("payment_types")
    if isinstance(types, list) and payment_type not in types:
        raise refuse(400, error, "type", "invalid_type", "Invalid Payment type")
    if "charge_type" in fields and payment_type == "regular":
        code = "charge_type_not_available"
        message = "Charge type is not available for regular payments"
        raise refuse(400, error, "charge_type", code, message)
    currency, country = fields.get("currency", ""), beneficiary.get("bank_country")
    needs_purpose = (
        currency in ("INR", "MYR")
        if payment_type == "regular"
        else currency == "CNY" or country in ("AE", "BH")
    )
    if needs_purpose and not fields.get("purpose_code"):
        code, message = "incorrect_purpose_code", "Purpose code is incorrect"
        raise refuse(400, error, "purpose_code", code, message)
    if "on_behalf_of" in fields and any(name.startswith("payer_") for name in fields):
        code, message = "payer_details_not_allowed", "Payer details are not allowed"
        raise refuse(400, error, "payer_details", code, message)
    _check_payer(fields, error)


def _check_payer(fields: Mapping[str, str], error: str) -> None:
    if not any(name.startswith("payer_") for name in fields):
        return
    kind = fields.get("payer_entity_type")
    names = ["payer_entity_type", "payer_city"]
    if kind == "company":
        names.append("payer_company_name")
    elif kind == "individual":
        names += ["payer_first_name", "payer_last_name"]
    missing = [name for name in names if not fields.get(name)]
    if missing:
        reasons: list[tuple[str, str, str, Json]] = [
            (name, f"{name}_is_missing", f"{name} is missing", {}) for name in missing
        ]
        raise Refusal(400, error, *reasons)


def _given(details: Mapping[str, object]) -> dict[str, str]:
    given = {name: value for name, value in details.items() if isinstance(value, str) and value}
    address = details.get("beneficiary_address")
    if isinstance(address, list) and address:
        given["beneficiary_address"] = str(address[0])
    if "account_number" in given:
        given["acct_number"] = given["account_number"]
    for place in ("1", "2"):
        if kind := given.get(f"routing_code_type_{place}"):
            given[kind] = given.get(f"routing_code_value_{place}", "")
    return given


def _lacking(alternative: Alternative, given: Mapping[str, str]) -> list[str]:
    def satisfies(name: str, rule: str) -> bool:
        value = given.get(name, "")
        if name == "beneficiary_entity_type":
            return value == rule
        return bool(value) and re.search(rule, value) is not None

    rules = {name: rule for name, rule in alternative.items() if name != "payment_type"}
    return [name for name, rule in rules.items() if not satisfies(name, rule)]


def _objection(name: str, given: Mapping[str, str]) -> tuple[str, str, str, Json]:
    if name in ROUTING_TYPES:
        problem = "invalid" if name in given else "missing"
        return "routing_code", f"{name}_is_{problem}", f"{name} is {problem}", {}
    field = _MISSING.get(name)
    if field is None:
        message = f"Following beneficiary details are missing: {name}"
        return "beneficiary", "beneficiary_details_are_missing", message, {}
    problem = "invalid" if name in given else "missing"
    return field, f"{field}_is_{problem}", f"{field} is {problem}", {}
