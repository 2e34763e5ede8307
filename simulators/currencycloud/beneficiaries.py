"""Beneficiaries: checked against the corridor's requirements, stored for ever, searched."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from simulators.currencycloud import corridors, wire
from simulators.currencycloud.accounts import Accounts
from simulators.currencycloud.book import Book
from simulators.currencycloud.search import PAGING, Search, only_known
from simulators.currencycloud.wire import BENEFICIARY_TEXTS, Refusal, refuse
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.replies import Json

_NOT_VALID = "beneficiary_not_valid"
_NOT_SEARCHED = "beneficiary_find_failed"

_LISTS = ("beneficiary_address", "bank_address", "payment_types")
_VALIDATE = (
    "bank_country",
    "currency",
    "bank_name",
    "on_behalf_of",
    *BENEFICIARY_TEXTS,
    *_LISTS,
    *(f"{name}[]" for name in _LISTS),
)
_CREATE = (*_VALIDATE, "name", "bank_account_holder_name", "default_beneficiary")
_FIND_IN_DETAILS = (
    "beneficiary_country",
    "account_number",
    "bic_swift",
    "bank_name",
    "bank_account_type",
    "beneficiary_entity_type",
    "beneficiary_company_name",
    "beneficiary_first_name",
    "beneficiary_last_name",
    "beneficiary_city",
    "beneficiary_postcode",
    "beneficiary_state_or_province",
    "beneficiary_date_of_birth",
)
_FIND = (
    "on_behalf_of",
    "name",
    "bank_account_holder_name",
    "currency",
    "iban",
    "beneficiary_external_reference",
    "scope",
    *_FIND_IN_DETAILS,
    *PAGING,
)
_ORDERS = {
    "created_at": "created_at",
    "name": "name",
    "bank_account_holder_name": "bank_account_holder_name",
    "currency": "currency",
}

_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?")
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}")
_COUNTRY = re.compile(r"[A-Z]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")


def iban_is_valid(iban: str) -> bool:
    """ISO 13616: country, two check digits, and a remainder of 1 modulo 97 (ISO 7064)."""
    if _IBAN.fullmatch(iban) is None:
        return False
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1


class Beneficiaries:
    def __init__(self, book: Book, accounts: Accounts) -> None:
        self._book = book
        self._accounts = accounts

    def validate(self, account_id: str, fields: Mapping[str, str], lists: Lists) -> Json:
        """Check a beneficiary without making it.

        Raises:
            Refusal: 400, with everything that is wrong with its details.
        """
        only_known(fields, _VALIDATE, _NOT_VALID)
        self._accounts.acting(account_id, fields, _NOT_VALID)
        details = _details(fields, lists)
        _check(fields, ("bank_country", "currency"), details)
        return wire.beneficiary_details(details)

    def create(
        self, account_id: str, fields: Mapping[str, str], lists: Lists, now: datetime
    ) -> Json:
        """Make a beneficiary.

        Raises:
            Refusal: 400, with everything that is wrong with its details.
        """
        only_known(fields, _CREATE, _NOT_VALID)
        account = self._accounts.acting(account_id, fields, _NOT_VALID)
        details = _details(fields, lists)
        _check(fields, ("name", "bank_account_holder_name", "bank_country", "currency"), details)
        beneficiary: dict[str, Any] = {
            "id": new_id(),
            "account_id": account["id"],
            "contact_id": account["contact_id"],
            "name": fields["name"],
            "bank_account_holder_name": fields["bank_account_holder_name"],
            "currency": fields["currency"],
            "iban": details.get("iban"),
            "external_reference": fields.get("beneficiary_external_reference"),
            "details": json.dumps(details),
            "created_at": stamp(now),
        }
        self._book.insert("beneficiaries", **beneficiary)
        return _shown(beneficiary)

    def read(self, account_id: str, beneficiary_id: str, fields: Mapping[str, str]) -> Json:
        """Read a beneficiary.

        Raises:
            Refusal: 404, it does not exist or belongs to another account.
        """
        only_known(fields, ("on_behalf_of",), "beneficiary_not_found")
        account = self._accounts.acting(account_id, fields, "beneficiary_not_found")
        sql = "SELECT * FROM beneficiaries WHERE id = ? AND account_id = ?"
        found = self._book.row(sql, beneficiary_id, account["id"])
        if found is None:
            code, message = "beneficiary_not_found", "Beneficiary was not found for this id"
            raise refuse(404, code, "id", code, message)
        return _shown(found)

    def find(self, account_id: str, fields: Mapping[str, str]) -> Json:
        only_known(fields, _FIND, _NOT_SEARCHED)
        account = self._accounts.acting(account_id, fields, _NOT_SEARCHED)
        search = Search(self._book, "beneficiaries", fields, _NOT_SEARCHED)
        search.scope(self._accounts, account["id"])
        search.equal("name", "bank_account_holder_name", "currency", "iban")
        if "beneficiary_external_reference" in fields:
            search.where("external_reference = ?", fields["beneficiary_external_reference"])
        for name in _FIND_IN_DETAILS:
            if name in fields:
                search.where(f"json_extract(details, '$.{name}') = ?", fields[name])
        rows, pagination = search.page(_ORDERS)
        return wire.page("beneficiaries", [_shown(row) for row in rows], pagination)


Lists = Mapping[str, list[str]]


def _shown(row: Mapping[str, Any]) -> Json:
    return wire.beneficiary({**row, "details": json.loads(row["details"])})


def _details(fields: Mapping[str, str], lists: Lists) -> dict[str, Any]:
    """The details as sent, with IBAN and BIC without spaces and lists named without brackets."""
    details: dict[str, Any] = {
        name: fields[name]
        for name in (*BENEFICIARY_TEXTS, "bank_name", "bank_country", "currency")
        if name in fields
    }
    for name in ("iban", "bic_swift"):
        if name in details:
            details[name] = details[name].replace(" ", "")
    for name in _LISTS:
        values = lists.get(f"{name}[]") or lists.get(name)
        if values:
            details[name] = values
    return details


def _check(
    fields: Mapping[str, str], required: tuple[str, ...], details: Mapping[str, Any]
) -> None:
    reasons: list[tuple[str, str, str, Json]] = [
        (name, f"{name}_is_required", f"{name} is required", {})
        for name in required
        if not fields.get(name)
    ]

    def wrong(name: str, code: str, message: str) -> None:
        reasons.append((name, code, message, {}))

    country, currency = fields.get("bank_country", ""), fields.get("currency", "")
    if country and _COUNTRY.fullmatch(country) is None:
        wrong("bank_country", "bank_country_is_in_invalid_format", "bank_country is invalid")
    if currency and _CURRENCY.fullmatch(currency) is None:
        wrong("currency", "currency_is_in_invalid_format", "currency is in invalid format")
    iban = fields.get("iban", "").replace(" ", "")
    if iban and not iban_is_valid(iban):
        wrong("iban", "iban_is_invalid", "IBAN is in invalid format")
    bic = fields.get("bic_swift", "").replace(" ", "")
    if bic and _BIC.fullmatch(bic) is None:
        wrong("bic_swift", "bic_swift_is_invalid", "BIC/Swift is in invalid format")
    if currency == "EUR" and not iban:
        wrong("iban", "iban_is_missing", "IBAN is missing")
    if country == "GB" and currency == "GBP":
        if not fields.get("account_number"):
            wrong("account_number", "account_number_is_missing", "Account number is missing")
        if "sort_code" not in (
            fields.get("routing_code_type_1"),
            fields.get("routing_code_type_2"),
        ):
            wrong("routing_code", "sort_code_is_missing", "Sort code is missing")
    if len(fields.get("beneficiary_external_reference", "")) > 255:
        name = "beneficiary_external_reference"
        message = f"{name} can not be longer than 255 character(s)"
        wrong(name, f"{name}_is_too_long", message)
    # Without a payment type, no corridor is checked: so it is in recordings of their clients.
    if not reasons and (types := details.get("payment_types")):
        reasons += corridors.objections(details, types)
    if reasons:
        raise Refusal(400, _NOT_VALID, *reasons)
