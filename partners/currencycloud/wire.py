"""Currencycloud's JSON in their spelling: strict in the fields we read, tolerant of all others.

A field is declared only if our code reads it, and required only if we can do nothing without it.
So a field that we do not read can be missing or new without stopping a payment.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, ClassVar, Final, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from domain.money import Money, MoneyError
from transport.json_text import NotJson, UnsafeJson, parse

_TEXT_LENGTH_MAX: Final = 500
#: Named unknown fields per object; the others are only counted.
_DRIFT_MAX: Final = 10


@dataclass(frozen=True)
class Unusable:
    """An answer outside the contract. `drift` says where, and quotes no value."""

    drift: tuple[str, ...]


class _Object(BaseModel):
    """The base of their objects.

    They write numbers as strings; another type in a field that we read is drift. So is a text far
    longer than their reference allows, because it would be stored and copied into every history.
    """

    model_config = ConfigDict(
        strict=True, frozen=True, extra="allow", str_max_length=_TEXT_LENGTH_MAX
    )
    #: Documented fields that we do not use.
    documented: ClassVar[frozenset[str]] = frozenset()
    what: ClassVar[str] = ""

    @property
    def drift(self) -> tuple[str, ...]:
        """Undocumented fields: tolerated and reported."""
        unknown = sorted(set(self.model_extra or {}) - self.documented)
        more = len(unknown) - _DRIFT_MAX
        named = tuple(f"{self.what}.{name[:80]}: unknown field" for name in unknown[:_DRIFT_MAX])
        return (*named, f"{self.what}: {more} more unknown fields") if more > 0 else named


class Payment(_Object):
    """Definition `Payment` of the reference."""

    what: ClassVar[str] = "payment"
    documented: ClassVar[frozenset[str]] = frozenset(
        {
            "charge_type",
            "created_at",
            "creator_contact_id",
            "estimated_arrival",
            "fee_amount",
            "fee_currency",
            "invoice_date",
            "invoice_number",
            "last_updater_contact_id",
            "payer_details_source",
            "payer_id",
            "payment_group_id",
            "purpose_code",
            "reason",
            "reference",
            "short_reference",
            "transferred_at",
            "ultimate_beneficiary_name",
            "updated_at",
        }
    )

    id: str
    status: str
    amount: str
    currency: str
    beneficiary_id: str | None = None
    payment_date: str | None = None
    unique_request_id: str | None = None
    payment_type: str | None = None
    review_status: str | None = None
    conversion_id: str | None = None
    failure_reason: str | None = None
    failure_returned_amount: str | None = None
    authorisation_steps_required: object = None
    """A string here and a number in one kind of notification; only shown to people."""

    @property
    def money(self) -> Money:
        return Money.from_wire(self.amount, self.currency)

    @property
    def day(self) -> date | None:
        return date.fromisoformat(self.payment_date[:10]) if self.payment_date else None


class Transaction(_Object):
    """Definition `Transaction` of the reference: one booking on our account with them."""

    what: ClassVar[str] = "transaction"
    documented: ClassVar[frozenset[str]] = frozenset({"related_entity_type"})

    id: str
    amount: str
    currency: str
    type: str
    action: str
    status: str
    related_entity_id: str
    created_at: str
    completed_at: str | None = None

    @property
    def money(self) -> Money:
        return Money.from_wire(self.amount, self.currency)


class Balance(_Object):
    """Definition `Balance` of the reference: what we have there in one currency."""

    what: ClassVar[str] = "balance"

    amount: str
    currency: str

    @property
    def money(self) -> Money:
        """Negative if the account owes."""
        found = Money.from_wire(self.amount.removeprefix("-"), self.currency)
        sign = -1 if self.amount.startswith("-") else 1
        return Money(minor=sign * found.minor, currency=found.currency)


class Beneficiary(_Object):
    """Definition `Beneficiary` of the reference: the fields that identify it."""

    what: ClassVar[str] = "beneficiary"

    id: str
    bank_account_holder_name: str
    currency: str
    iban: str | None = None
    account_number: str | None = None
    bic_swift: str | None = None
    bank_country: str | None = None
    routing_code_type_1: str | None = None
    routing_code_value_1: str | None = None
    routing_code_type_2: str | None = None
    routing_code_value_2: str | None = None
    beneficiary_entity_type: str | None = None

    @property
    def routing_codes(self) -> dict[str, str]:
        """The bank's routing codes by type; their order has no meaning."""
        pairs = (
            (self.routing_code_type_1, self.routing_code_value_1),
            (self.routing_code_type_2, self.routing_code_value_2),
        )
        return {kind: (value or "").replace("-", "") for kind, value in pairs if kind}


class Pagination(_Object):
    """Definition `Pagination` of the reference: the only numbers that are not strings."""

    what: ClassVar[str] = "pagination"

    total_entries: int
    next_page: int


class _PaymentsPage(_Object):
    what: ClassVar[str] = "payments"
    payments: tuple[Payment, ...]
    pagination: Pagination


class ListedPayment(_Object):
    """The fields of a `Payment` that identify it. A list also has payments that others made."""

    what: ClassVar[str] = "payment"

    id: str
    unique_request_id: str | None
    created_at: str

    @property
    def created(self) -> datetime:
        return datetime.fromisoformat(self.created_at)


class _ListPage(_Object):
    what: ClassVar[str] = "payments"
    payments: tuple[ListedPayment, ...]
    pagination: Pagination


class _TransactionsPage(_Object):
    what: ClassVar[str] = "transactions"
    transactions: tuple[Transaction, ...]
    pagination: Pagination


class _BeneficiariesPage(_Object):
    what: ClassVar[str] = "beneficiaries"
    beneficiaries: tuple[Beneficiary, ...]


class _RequiredDetails(_Object):
    what: ClassVar[str] = "beneficiary_required_details"
    details: tuple[dict[str, str | None], ...]


class _RequiredField(_Object):
    name: str
    validation_rule: str


class _PayerRequirement(_Object):
    payer_entity_type: str
    payment_type: str
    required_fields: tuple[_RequiredField, ...]


class _PayerRequirements(_Object):
    what: ClassVar[str] = "payer_required_details"
    details: tuple[_PayerRequirement, ...]


class _Token(_Object):
    what: ClassVar[str] = "authentication"
    auth_token: str


_Page = TypeVar("_Page", bound=_Object)


def read_payment(body: str) -> Payment | Unusable:
    found = _read(Payment, body)
    return _checked(found) if isinstance(found, Payment) else found


def read_payments(body: str) -> tuple[tuple[Payment, ...], Pagination] | Unusable:
    page = _read(_PaymentsPage, body)
    if isinstance(page, Unusable):
        return page
    for each in page.payments:
        if isinstance(checked := _checked(each), Unusable):
            return checked
    return page.payments, page.pagination


def read_list(body: str) -> tuple[tuple[ListedPayment, ...], Pagination] | Unusable:
    """A page of payments, whoever made them: of each only its id, its key and its creation."""
    page = _read(_ListPage, body)
    if isinstance(page, Unusable):
        return page
    try:
        is_dated = all(each.created.tzinfo is not None for each in page.payments)
    except ValueError:
        is_dated = False
    if not is_dated:
        return Unusable(("payment.created_at: not a moment",))
    return page.payments, page.pagination


def read_balance(body: str) -> Balance | Unusable:
    found = _read(Balance, body)
    return _checked(found) if isinstance(found, Balance) else found


def read_transactions(body: str) -> tuple[tuple[Transaction, ...], Pagination] | Unusable:
    page = _read(_TransactionsPage, body)
    if isinstance(page, Unusable):
        return page
    for each in page.transactions:
        if isinstance(checked := _checked(each), Unusable):
            return checked
    return page.transactions, page.pagination


def read_beneficiary(body: str) -> Beneficiary | Unusable:
    return _read(Beneficiary, body)


def read_beneficiaries(body: str) -> tuple[Beneficiary, ...] | Unusable:
    page = _read(_BeneficiariesPage, body)
    return page if isinstance(page, Unusable) else page.beneficiaries


def read_required_details(body: str) -> tuple[dict[str, str], ...] | Unusable:
    """The alternatives of a corridor: each a table of field names and their rules."""
    found = _read(_RequiredDetails, body)
    if isinstance(found, Unusable):
        return found
    return tuple(
        {name: rule for name, rule in each.items() if rule is not None} for each in found.details
    )


def read_payer_requirements(body: str) -> tuple[dict[str, str], ...] | Unusable:
    """What is required of payers, in the same shape."""
    found = _read(_PayerRequirements, body)
    if isinstance(found, Unusable):
        return found
    return tuple(
        {
            "payment_type": each.payment_type,
            "payer_entity_type": each.payer_entity_type,
            **{field.name: field.validation_rule for field in each.required_fields},
        }
        for each in found.details
    )


def read_token(body: str) -> str | Unusable:
    token = _read(_Token, body)
    if isinstance(token, Unusable):
        return token
    # The token goes into a header, where anything but letters and digits could break the request.
    plain = token.auth_token.isascii() and token.auth_token.isalnum()
    return token.auth_token if plain else Unusable(("authentication.auth_token: not a plain word",))


def _read(model: type[_Page], body: str) -> _Page | Unusable:
    try:
        parse(body)
        return model.model_validate_json(body)
    except (NotJson, UnsafeJson) as error:
        return Unusable((f"{model.what}: {error}",))
    except ValidationError as error:
        return Unusable(
            tuple(
                ".".join((model.what, *map(str, each["loc"]))) + f": {each['type']}"
                for each in error.errors(include_input=False, include_url=False)[:_DRIFT_MAX]
            )
        )


_Checked = TypeVar("_Checked", Payment, Transaction, Balance)


def _checked(found: _Checked) -> _Checked | Unusable:
    """Check once that amount and day can be read, so that `money` and `day` cannot raise later."""
    problems: list[str] = []
    attempts: list[tuple[str, Any]] = [("amount", lambda: found.money)]
    if isinstance(found, Payment):
        attempts.append(("payment_date", lambda: found.day))
    for name, read in attempts:
        try:
            read()
        except (MoneyError, ValueError):
            problems.append(f"{found.what}.{name}: not readable")
    return Unusable(tuple(problems)) if problems else found
