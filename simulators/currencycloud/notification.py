"""The kinds of notification, and the message of each."""

from __future__ import annotations

from datetime import UTC, datetime

from simulators.currencycloud.amounts import to_wire
from simulators.kit.clock import moment
from simulators.kit.replies import Json, Row

READY = "payment_ready_to_send_notification"
RELEASED = "payment_released_notification"
FAILED = "payment_failed_notification"
COMPLIANCE_FAILED = "payment_compliance_failed_notification"
TRANSACTION = "cash_manager_transaction_notification"
#: The kinds that their endpoint resends.
RESENDABLE = (READY, RELEASED, FAILED)


def kind_of(payment: Row) -> str | None:
    """The kind of notification for a payment in this status; None if there is none."""
    match payment["status"]:
        case "ready_to_send":
            return READY
        case "completed":
            # That is its name, but the status in it is `completed`.
            return RELEASED
        case "failed":
            return COMPLIANCE_FAILED if payment["review_status"] == "rejected" else FAILED
        case _:
            return None


def message(kind: str, body: Json) -> Json:
    subject = "cash_manager_transaction" if kind == TRANSACTION else "payment"
    return {"header": {"message_type": subject, "notification_type": kind}, "body": body}


def of_payment(kind: str, row: Row) -> Json:
    """A message about a payment.

    Their guide has two formats of times, and the number of steps both as text and as a number;
    which one is used depends on the kind.
    """
    is_compliance = kind == COMPLIANCE_FAILED

    def time(at: datetime) -> str:
        if is_compliance:
            return at.isoformat(timespec="seconds")
        return at.strftime("%Y-%m-%d %H:%M:%S +0000")

    day = datetime.fromisoformat(row["payment_date"]).replace(tzinfo=UTC)
    sent_at = moment(row["transferred_at"]) if row["transferred_at"] else None
    steps = row["steps_required"]
    body = {
        "id": row["id"],
        "amount": to_wire(row["amount_minor"], row["currency"]),
        "failure_returned_amount": to_wire(row["returned_minor"], row["currency"]),
        "beneficiary_id": row["beneficiary_id"],
        "conversion_id": None,
        "currency": row["currency"],
        "reference": row["reference"],
        "reason": row["reason"],
        "status": row["status"],
        "payment_type": row["payment_type"],
        "payment_date": time(day),
        "transferred_at": time(sent_at) if sent_at else None,
        "authorisation_steps_required": steps if is_compliance else str(steps),
        "creator_contact_id": row["contact_id"],
        "last_updater_contact_id": row["contact_id"],
        "short_reference": row["short_reference"],
        "failure_reason": row["failure_reason"],
        "payment_group_id": None,
        "unique_request_id": row["unique_request_id"],
        "fee_amount": None,
        "fee_currency": None,
    }
    return message(kind, body)
