"""What is sent. These are plain dictionaries whose fields a type checker knows.

Amounts are integers in minor units. Moments are aware `datetime`s, or texts of ISO 8601.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Required, TypedDict


class MoneyFields(TypedDict):
    """1250 EUR is 12.50 euro."""

    minor: int
    currency: str


class AccountFields(TypedDict, total=False):
    """An account by its IBAN or, if it has none, by another number."""

    iban: str
    other: str
    currency: str


class TimesFields(TypedDict, total=False):
    """Until when it may be sent, and when it is to be executed."""

    submit_before: datetime | str
    requested_execution_date: date | str
    execute_by: datetime | str


class _Ordered(TypedDict, total=False):
    instructed_amount: Required[MoneyFields]
    partner: str
    partner_account: str
    end_to_end_id: str
    remittance_information: str
    times: TimesFields
    rail: str
    acknowledge_duplicate_of: list[str]


class PaymentOrder(_Ordered, total=False):
    """A credit transfer. Parties have at least a `name`; docs/api.md has every field."""

    debtor: Required[Mapping[str, Any]]
    debtor_account: Required[AccountFields]
    ultimate_debtor: Mapping[str, Any]
    creditor: Required[Mapping[str, Any]]
    creditor_account: Required[AccountFields]
    creditor_agent: str
    creditor_agent_member: Mapping[str, Any]
    creditor_agent_country: str
    instruction_id: str
    uetr: str
    creditor_reference: str
    charge_bearer: str
    browser_session: str
    purpose: str
    category_purpose: str


class CollectionOrder(_Ordered, total=False):
    """Money to be pulled from a payer, whom the partner knows by a token."""

    payment_method: str
    mandate: str
    customer: str
    captured: str
    off_session: bool
    saves: bool
    return_url: str
    statement_descriptor: str
    debtor_name: str


class Filters(TypedDict, total=False):
    """The filters of payments and collections. Each one that is given has to match."""

    state: str
    certainty: str
    partner: str
    key: str
    end_to_end_id: str
    partner_reference: str
    created_from: datetime | str
    created_before: datetime | str


def written(body: Mapping[str, Any]) -> bytes:
    """The body of a request as JSON.

    Raises:
        ValueError: a moment is naive, or a number is NaN or infinite.
        TypeError: a value is none of JSON, a date or a moment.
    """
    return json.dumps(body, allow_nan=False, default=text_of, separators=(",", ":")).encode()


def text_of(value: Any) -> str:
    """A date or a moment as the API has it.

    Raises:
        ValueError: the moment is naive.
        TypeError: it is something else.
    """
    if isinstance(value, datetime):
        if value.utcoffset() is None:
            raise ValueError(f"{value.isoformat()} has no offset; give an aware moment")
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a {type(value).__name__} cannot be sent; give numbers in minor units, texts")
