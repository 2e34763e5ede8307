"""The payment endpoints: create once, find, read, change, delete, authorise."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from simulators.currencycloud import corridors, payment_form, wire
from simulators.currencycloud.accounts import Accounts, is_uuid
from simulators.currencycloud.amounts import to_wire
from simulators.currencycloud.approvals import Approvals
from simulators.currencycloud.book import Book
from simulators.currencycloud.entries import UNRELEASED
from simulators.currencycloud.lifecycle import Lifecycle
from simulators.currencycloud.notices import Notices
from simulators.currencycloud.notification import RESENDABLE
from simulators.currencycloud.payment_form import CHARGE_TYPES, EDITABLE, NOT_CREATED
from simulators.currencycloud.search import PAGING, Search, boolean, one_of, only_known
from simulators.currencycloud.sessions import Person
from simulators.currencycloud.wire import PAYMENT_TEXTS, Refusal, refuse
from simulators.kit.book import new_id
from simulators.kit.clock import stamp
from simulators.kit.replies import Json
from simulators.kit.timers import NotPossible

_NOT_UPDATED = "payment_update_failed"
_NOT_DELETED = "payment_delete_failed"
_NOT_FOUND = "payment_not_found"
_NOT_SEARCHED = "payment_find_failed"
_NOT_AUTHORISED = "payment_authorisation_failed"
_NOT_RESENT = "payment_notification_retry_failed"

_STATUSES = (
    "new",
    "ready_to_send",
    "completed",
    "failed",
    "released",
    "suspended",
    "awaiting_authorisation",
    "submitted",
    "authorised",
    "deleted",
)
# Fields of objects that are not simulated, so a search by them finds nothing.
_NOBODY_HAS = ("conversion_id", "payment_group_id", "bulk_upload_id")
_REVIEW_STATUSES = ("passed", "in_review", "rejected")
_FIND = (
    "on_behalf_of",
    "short_reference",
    "currency",
    "amount",
    "amount_from",
    "amount_to",
    "status",
    "reason",
    "payment_date_from",
    "payment_date_to",
    "transferred_at_from",
    "transferred_at_to",
    "created_at_from",
    "created_at_to",
    "updated_at_from",
    "updated_at_to",
    "beneficiary_id",
    "with_deleted",
    "unique_request_id",
    "scope",
    "review_status",
    "charge_type",
    *_NOBODY_HAS,
    *PAGING,
)
_ORDERS = {
    "created_at": "created_at",
    "updated_at": "updated_at",
    "amount": "amount_minor",
    "currency": "currency",
    "payment_date": "payment_date",
    "short_reference": "short_reference",
    "status": "status",
}
# Consonants only, as in the short references of their recordings.
_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"


class Payments:
    def __init__(
        self,
        book: Book,
        accounts: Accounts,
        lifecycle: Lifecycle,
        approvals: Approvals,
        notices: Notices,
    ) -> None:
        self._book = book
        self._accounts = accounts
        self._lifecycle = lifecycle
        self._approvals = approvals
        self._notices = notices

    def create(self, person: Person, fields: Mapping[str, str], now: datetime) -> Json:
        """Make a payment.

        Raises:
            Refusal: 400; nothing was made, and the request does not use up its key.
        """
        only_known(fields, (*EDITABLE, "unique_request_id"), NOT_CREATED)
        account = self._accounts.acting(person.account_id, fields, NOT_CREATED)
        is_own = account["id"] == person.account_id
        payment_form.check_complete(fields)
        payment_form.check_texts(fields, NOT_CREATED)
        key = fields["unique_request_id"]
        used = "SELECT 1 FROM payments WHERE account_id = ? AND unique_request_id = ?"
        if self._book.row(used, account["id"], key) is not None:
            raise wire.duplicate_request()
        amount_minor = payment_form.amount(fields, fields["currency"], NOT_CREATED)
        found = self._beneficiary(account["id"], fields, fields["currency"], NOT_CREATED)
        payment_form.check_extras(fields, NOT_CREATED)
        payment_type = payment_form.payment_type(fields)
        corridors.check_payment(fields, payment_type, json.loads(found["details"]), NOT_CREATED)
        at = stamp(now)
        payment: dict[str, Any] = {
            "id": new_id(),
            "account_id": account["id"],
            "contact_id": person.contact_id if is_own else account["contact_id"],
            "payer_id": account["payer_id"],
            "unique_request_id": key,
            "short_reference": self._short_reference(now),
            "beneficiary_id": fields["beneficiary_id"],
            "currency": fields["currency"],
            "amount_minor": amount_minor,
            "reference": fields["reference"],
            "reason": fields["reason"],
            "payment_type": payment_type,
            "payment_date": payment_form.payment_date(fields, now, NOT_CREATED),
            "texts": json.dumps({name: fields[name] for name in PAYMENT_TEXTS if name in fields}),
            "status": "new",
            "review_status": "in_review",
            "steps_required": account["authorisation_steps"],
            "created_at": at,
            "updated_at": at,
        }
        self._book.insert("payments", **payment)
        self._lifecycle.begin(payment, now)
        return self._shown(self.by_id(payment["id"]))

    def update(
        self, account_id: str, payment_id: str, fields: Mapping[str, str], now: datetime
    ) -> Json:
        """Change a payment in place, as long as it is not released.

        Raises:
            Refusal: 400 or 404, with the reason.
        """
        only_known(fields, EDITABLE, _NOT_UPDATED)
        _check_id(payment_id, _NOT_UPDATED, "id_is_not_valid_uuid", "id should be in UUID format")
        account = self._accounts.acting(account_id, fields, _NOT_UPDATED, if_unknown=404)
        payment = self._mine(account["id"], payment_id)
        if payment["status"] not in UNRELEASED:
            code = "payment_can_not_be_edited"
            message = "This Payment has already been processed"
            raise refuse(400, _NOT_UPDATED, "can_not_be_edited", code, message)
        payment_form.check_texts(fields, _NOT_UPDATED)
        payment_form.check_extras(fields, _NOT_UPDATED)
        currency = fields.get("currency", payment["currency"])
        beneficiary_id = fields.get("beneficiary_id", payment["beneficiary_id"])
        named = {"beneficiary_id": beneficiary_id}
        self._beneficiary(account["id"], named, currency, _NOT_UPDATED)
        texts = json.loads(payment["texts"])
        texts.update({name: fields[name] for name in PAYMENT_TEXTS if name in fields})
        changed = {
            **{name: fields[name] for name in ("reason", "reference") if name in fields},
            "currency": currency,
            "beneficiary_id": beneficiary_id,
            "texts": json.dumps(texts),
        }
        if "amount" in fields or "currency" in fields:
            as_it_was = to_wire(payment["amount_minor"], payment["currency"])
            asked = {"amount": fields.get("amount", as_it_was)}
            changed["amount_minor"] = payment_form.amount(asked, currency, _NOT_UPDATED)
        if "payment_type" in fields:
            one_of(fields, "payment_type", ("priority", "regular"), _NOT_UPDATED)
            changed["payment_type"] = fields["payment_type"]
        if "payment_date" in fields:
            changed["payment_date"] = payment_form.payment_date(fields, now, _NOT_UPDATED)
        self._book.change("payments", payment_id, **changed, updated_at=stamp(now))
        self._book.note(payment_id, stamp(now), payment["status"], "updated")
        updated = self.by_id(payment_id)
        if "payment_date" in fields and updated["status"] == "ready_to_send":
            self._lifecycle.schedule_release(updated, now)
        return self._shown(updated)

    def delete(
        self, account_id: str, payment_id: str, fields: Mapping[str, str], now: datetime
    ) -> Json:
        """Delete a payment. The answer shows it as it was before, as in their recording.

        Raises:
            Refusal: 404, there is no such payment; 400, it is released or has ended, or the id is
                malformed.
        """
        only_known(fields, ("on_behalf_of",), _NOT_DELETED)
        _check_id(payment_id, _NOT_DELETED, "invalid_id", "ID has invalid format")
        account = self._accounts.acting(account_id, fields, _NOT_DELETED)
        payment = self._mine(account["id"], payment_id)
        if payment["status"] == "deleted":
            raise _no_such_payment()
        try:
            self._lifecycle.delete(payment, now, "deleted")
        except NotPossible:
            code, message = "payment_can_not_be_deleted", "This Payment has already been processed"
            raise refuse(400, _NOT_DELETED, "can_not_be_deleted", code, message) from None
        return self._shown(payment)

    def read(self, account_id: str, payment_id: str, fields: Mapping[str, str]) -> Json:
        only_known(fields, ("on_behalf_of", "with_deleted", "review_status"), _NOT_FOUND)
        _check_id(payment_id, _NOT_FOUND, "invalid_id", "ID has invalid format")
        one_of(fields, "review_status", _REVIEW_STATUSES, _NOT_FOUND)
        account = self._accounts.acting(account_id, fields, _NOT_FOUND, if_unknown=404)
        with_deleted = boolean(fields, "with_deleted", _NOT_FOUND)
        payment = self._mine(account["id"], payment_id)
        if payment["status"] == "deleted" and not with_deleted:
            raise _no_such_payment()
        return {**self._shown(payment), "estimated_arrival": None}

    def find(self, account_id: str, fields: Mapping[str, str]) -> Json:
        only_known(fields, _FIND, _NOT_SEARCHED)
        account = self._accounts.acting(account_id, fields, _NOT_SEARCHED)
        one_of(fields, "status", _STATUSES, _NOT_SEARCHED)
        one_of(fields, "review_status", _REVIEW_STATUSES, _NOT_SEARCHED)
        if len(fields.get("currency", "EUR")) != 3:
            message = "currency has invalid format"
            raise refuse(400, _NOT_SEARCHED, "id", "invalid_currency", message)
        if fields.get("charge_type", "ours") not in CHARGE_TYPES:
            message = f"Invalid banking_charges supplied, must be in range {CHARGE_TYPES}"
            raise refuse(400, _NOT_SEARCHED, "charge_type", "invalid_charge_type", message)
        search = Search(self._book, "payments", fields, _NOT_SEARCHED)
        search.scope(self._accounts, account["id"])
        if not boolean(fields, "with_deleted", _NOT_SEARCHED):
            search.where("status <> 'deleted'")
        search.equal("unique_request_id", "short_reference", "currency", "status", "reason")
        search.equal("beneficiary_id", "review_status")
        if "charge_type" in fields:
            search.where("json_extract(texts, '$.charge_type') = ?", fields["charge_type"])
        if any(name in fields for name in _NOBODY_HAS):
            search.where("0")
        search.between("created_at", "updated_at", "transferred_at")
        search.days("payment_date")
        search.amounts()
        rows, pagination = search.page(_ORDERS)
        return wire.page("payments", [self._shown(row) for row in rows], pagination)

    def authorise(
        self, person: Person, fields: Mapping[str, str], payment_ids: Sequence[str], now: datetime
    ) -> Json:
        """Authorise payments as this person. Payments that the person cannot see are left out."""
        only_known(fields, ("payment_ids[]", "payment_ids", "on_behalf_of"), _NOT_AUTHORISED)
        account = self._accounts.acting(person.account_id, fields, _NOT_AUTHORISED)
        if not payment_ids:
            wrong = ("type_is_wrong", "should be of array type")
            code, message = wrong if "payment_ids" in fields else ("is_required", "is required")
            code, message = f"payment_ids_{code}", f"payment_ids {message}"
            raise refuse(400, _NOT_AUTHORISED, "id", code, message)
        seen = self._accounts.in_scope(account["id"], "all")
        return {
            "authorisations": [
                self._authorise(payment, person, now)
                for payment_id in payment_ids
                if (payment := self._row(payment_id)) is not None and payment["account_id"] in seen
            ]
        }

    def _authorise(self, payment: Mapping[str, Any], person: Person, now: datetime) -> Json:
        objection = self._approvals.objection(payment, person.contact_id)
        if objection is None and self._approvals.approve(payment, person.contact_id, now):
            self._lifecycle.authorised(payment, now)
        payment = self.by_id(payment["id"])
        return wire.authorisation(payment, self._approvals.taken(payment), objection)

    def retry_notification(
        self, account_id: str, payment_id: str, fields: Mapping[str, str], now: datetime
    ) -> Json:
        """Resend the last notification of a type; if there was none, make one of the present."""
        only_known(fields, ("notification_type", "on_behalf_of"), _NOT_RESENT)
        _check_id(payment_id, _NOT_RESENT, "id_is_not_valid_uuid", "id should be in UUID format")
        account = self._accounts.acting(account_id, fields, _NOT_RESENT)
        wanted = {"notification_type": fields.get("notification_type", "")}
        one_of(wanted, "notification_type", RESENDABLE, _NOT_RESENT)
        payment = self._mine(account["id"], payment_id)
        self._notices.resend(payment["id"], wanted["notification_type"], now)
        return {}

    def by_id(self, payment_id: str) -> dict[str, Any]:
        """The payment, whichever account has it.

        Raises:
            Refusal: 404, there is no such payment.
        """
        found = self._row(payment_id)
        if found is None:
            raise _no_such_payment()
        return found

    def by_key(self, unique_request_id: str) -> dict[str, Any] | None:
        return self._book.row(
            "SELECT * FROM payments WHERE unique_request_id = ? ORDER BY seq", unique_request_id
        )

    def another(self, payment_ids: list[str], account_id: str) -> Json | None:
        """A payment of the account other than these; None if there is none."""
        marks = ", ".join("?" * len(payment_ids))
        found = self._book.row(
            f"SELECT * FROM payments WHERE id NOT IN ({marks}) AND account_id = ?"
            " ORDER BY seq DESC LIMIT 1",
            *payment_ids,
            account_id,
        )
        return None if found is None else self._shown(found)

    def _row(self, payment_id: str) -> dict[str, Any] | None:
        return self._book.row("SELECT * FROM payments WHERE id = ?", payment_id)

    def _mine(self, account_id: str, payment_id: str) -> dict[str, Any]:
        payment = self.by_id(payment_id)
        if payment["account_id"] != account_id:
            raise _no_such_payment()
        return payment

    def _shown(self, payment: Mapping[str, Any]) -> Json:
        return wire.payment({**payment, "texts": json.loads(payment["texts"])})

    def _beneficiary(
        self, account_id: str, fields: Mapping[str, str], currency: str, error_code: str
    ) -> Mapping[str, Any]:
        name, beneficiary_id = "beneficiary_id", fields["beneficiary_id"]
        if not is_uuid(beneficiary_id):
            code = "beneficiary_id_is_not_valid_uuid"
            raise refuse(400, error_code, name, code, "beneficiary_id should be in UUID format")
        sql = "SELECT * FROM beneficiaries WHERE id = ? AND account_id = ?"
        found = self._book.row(sql, beneficiary_id, account_id)
        if found is None:
            raise refuse(400, error_code, name, "invalid_beneficiary_id", "Unknown beneficiary_id")
        if found["currency"] != currency:
            code = "invalid_beneficiary_currency"
            message = "The Beneficiary has another currency than the Payment"
            raise refuse(400, error_code, "beneficiary_currency", code, message)
        return found

    def _short_reference(self, now: datetime) -> str:
        last = self._book.row("SELECT max(seq) AS last FROM payments")
        number = int((last and last["last"]) or 0) + 1
        letters = ""
        for _ in range(6):
            number, place = divmod(number, len(_LETTERS))
            letters = _LETTERS[place] + letters
        return f"{now:%y%m%d}-{letters}001"


def _no_such_payment() -> Refusal:
    message = "Payment was not found for this id"
    return refuse(404, _NOT_FOUND, "id", "payment_not_found", message)


def _check_id(payment_id: str, error_code: str, code: str, message: str) -> None:
    if not is_uuid(payment_id):
        raise refuse(400, error_code, "id", code, message)
