"""The partner's JSON: numbers are strings in most objects, and all errors have the same shape."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from simulators.currencycloud.amounts import to_wire
from simulators.kit import replies as kit
from simulators.kit.clock import moment
from simulators.kit.replies import Json, Row

BENEFICIARY_TEXTS = (
    "email",
    "beneficiary_country",
    "beneficiary_entity_type",
    "beneficiary_company_name",
    "beneficiary_first_name",
    "beneficiary_last_name",
    "beneficiary_city",
    "beneficiary_postcode",
    "beneficiary_state_or_province",
    "beneficiary_date_of_birth",
    "beneficiary_identification_type",
    "beneficiary_identification_value",
    "bank_account_type",
    "account_number",
    "routing_code_type_1",
    "routing_code_value_1",
    "routing_code_type_2",
    "routing_code_value_2",
    "bic_swift",
    "iban",
    "beneficiary_external_reference",
    "business_nature",
    "company_website",
)

PAYMENT_TEXTS = (
    "ultimate_beneficiary_name",
    "purpose_code",
    "charge_type",
    "invoice_number",
    "invoice_date",
)


class Refusal(kit.Refusal):
    """A refusal in the partner's words: a status and its error body."""

    def __init__(self, status: int, error_code: str, *reasons: tuple[str, str, str, Json]) -> None:
        messages: dict[str, list[Json]] = {}
        for name, code, message, params in reasons:
            messages.setdefault(name, []).append(
                {"code": code, "message": message, "params": params}
            )
        super().__init__(status, {"error_code": error_code, "error_messages": messages})
        self.error_code = error_code
        self.reasons = reasons


def refuse(status: int, error_code: str, name: str, code: str, message: str) -> Refusal:
    """A refusal with one reason."""
    return Refusal(status, error_code, (name, code, message, {}))


def unauthorised() -> Refusal:
    """The same answer for a wrong key, an expired token and a locked login."""
    return refuse(
        401,
        "auth_failed",
        "username",
        "invalid_supplied_credentials",
        "Authentication failed with the supplied credentials",
    )


def too_many_requests() -> Refusal:
    return refuse(
        429,
        "too_many_requests",
        "base",
        "too_many_requests",
        "Too many requests have been made to the api. Please refer to the Developer Center"
        " for more information",
    )


def duplicate_request() -> Refusal:
    return refuse(
        400,
        "duplicate_request",
        "duplicate_request",
        "duplicate_request",
        "The unique_request_id provided for this payment has already been used",
    )


def internal_error() -> Refusal:
    return refuse(
        500, "internal_server_error", "base", "internal_server_error", "Internal server error"
    )


def unavailable() -> Refusal:
    return refuse(
        503,
        "service_unavailable",
        "base",
        "service_unavailable",
        "Service is temporarily unavailable",
    )


def refused(param: Mapping[str, Any]) -> Refusal:
    """Any refusal of their documentation, with the words that the rule gives."""
    code = str(param.get("code", "invalid_extra_parameters"))
    reason = (
        str(param.get("field", "base")),
        code,
        str(param.get("message", code)),
        dict(param.get("params", {})),
    )
    return Refusal(int(param.get("status", 400)), str(param.get("error_code", code)), reason)


#: Their words for the faults that every simulator has.
REFUSALS: Mapping[str, Callable[[], Refusal]] = {
    "internal_error": internal_error,
    "unauthorised": unauthorised,
    "rate_limited": too_many_requests,
    "service_unavailable": unavailable,
    "duplicate_word": duplicate_request,
}


def time(at: str | datetime | None) -> str:
    """A moment to the second, with its offset; "" if there is none."""
    if not at:
        return ""
    when = moment(at) if isinstance(at, str) else at
    return when.astimezone(UTC).isoformat(timespec="seconds")


def payment(row: Row) -> Json:
    return {
        "id": row["id"],
        "amount": to_wire(row["amount_minor"], row["currency"]),
        "beneficiary_id": row["beneficiary_id"],
        "currency": row["currency"],
        "reference": row["reference"],
        "reason": row["reason"],
        "status": row["status"],
        "creator_contact_id": row["contact_id"],
        "payment_type": row["payment_type"],
        "payment_date": row["payment_date"],
        "transferred_at": time(row["transferred_at"]),
        "authorisation_steps_required": str(row["steps_required"]),
        "last_updater_contact_id": row["contact_id"],
        "short_reference": row["short_reference"],
        "conversion_id": None,
        "failure_reason": row["failure_reason"],
        "payer_id": row["payer_id"],
        "payer_details_source": "account",
        "created_at": time(row["created_at"]),
        "updated_at": time(row["updated_at"]),
        "payment_group_id": None,
        "unique_request_id": row["unique_request_id"],
        "failure_returned_amount": to_wire(row["returned_minor"], row["currency"]),
        **{name: row["texts"].get(name) for name in PAYMENT_TEXTS},
        "fee_amount": None,
        "fee_currency": None,
        "review_status": row["review_status"],
    }


def authorisation(payment: Row, taken: int, objection: str | None) -> Json:
    """An authorisation, which has real numbers and a real boolean, unlike their other objects."""
    return {
        "payment_id": payment["id"],
        "payment_status": payment["status"],
        "updated": objection is None,
        "error": objection,
        "auth_steps_taken": taken,
        "auth_steps_required": payment["steps_required"],
        "short_reference": payment["short_reference"],
    }


def beneficiary_details(fields: Mapping[str, Any]) -> Json:
    """The part of a beneficiary that `validate` answers with, without making one."""
    return {
        "payment_types": list(fields.get("payment_types") or ["regular"]),
        "bank_country": fields["bank_country"],
        "bank_name": fields.get("bank_name") or "SIMULATED BANK",
        "bank_address": list(fields.get("bank_address") or ["1 Simulated Street"]),
        "currency": fields["currency"],
        "beneficiary_address": list(fields.get("beneficiary_address") or []),
        **{name: fields.get(name) for name in BENEFICIARY_TEXTS},
    }


def beneficiary(row: Row) -> Json:
    return {
        "id": row["id"],
        "bank_account_holder_name": row["bank_account_holder_name"],
        "name": row["name"],
        **beneficiary_details(row["details"]),
        "default_beneficiary": "false",
        "creator_contact_id": row["contact_id"],
        "created_at": time(row["created_at"]),
        "updated_at": time(row["created_at"]),
    }


def balance(row: Row) -> Json:
    return {
        "id": row["id"],
        "account_id": row["account_id"],
        "currency": row["currency"],
        "amount": to_wire(row["amount_minor"], row["currency"]),
        "created_at": time(row["created_at"]),
        "updated_at": time(row["updated_at"]),
    }


def transaction(row: Row) -> Json:
    after = row["balance_minor"]
    return {
        "id": row["id"],
        "balance_id": row["balance_id"],
        "account_id": row["account_id"],
        "currency": row["currency"],
        "amount": to_wire(row["amount_minor"], row["currency"]),
        "balance_amount": None if after is None else to_wire(after, row["currency"]),
        "type": row["type"],
        "related_entity_type": row["related_entity_type"],
        "related_entity_id": row["related_entity_id"],
        "related_entity_short_reference": row["short_reference"],
        "status": row["status"],
        "reason": row["reason"],
        "settles_at": time(row["settles_at"]),
        "created_at": time(row["created_at"]),
        "updated_at": time(row["updated_at"]),
        "completed_at": time(row["completed_at"]),
        "action": row["action"],
    }


def page(name: str, items: Sequence[Json], pagination: Json) -> Json:
    return {name: list(items), "pagination": pagination}
