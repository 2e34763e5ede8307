"""Currencycloud's JSON in their spelling. They write numbers as strings."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from domain.money import Money
from partners.kit.wire import Unusable, Wire, read


class Payment(Wire):
    """Definition `Payment` of the reference."""

    readings: ClassVar[dict[str, str]] = {"amount": "money", "payment_date": "day"}
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


class Transaction(Wire):
    """Definition `Transaction` of the reference: one booking on our account with them."""

    readings: ClassVar[dict[str, str]] = {"amount": "money"}
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


class Balance(Wire):
    """Definition `Balance` of the reference: what we have there in one currency."""

    readings: ClassVar[dict[str, str]] = {"amount": "money"}

    amount: str
    currency: str

    @property
    def money(self) -> Money:
        """Negative if the account owes."""
        found = Money.from_wire(self.amount.removeprefix("-"), self.currency)
        sign = -1 if self.amount.startswith("-") else 1
        return Money(minor=sign * found.minor, currency=found.currency)


class Beneficiary(Wire):
    """Definition `Beneficiary` of the reference: the fields that identify it."""

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


class Pagination(Wire):
    """Definition `Pagination` of the reference: the only numbers that are not strings."""

    total_entries: int
    next_page: int


class _PaymentsPage(Wire):
    what: ClassVar[str] = "payments"
    payments: tuple[Payment, ...]
    pagination: Pagination


class ListedPayment(Wire):
    """The fields of a `Payment` that identify it. A list also has payments that others made."""

    what: ClassVar[str] = "payment"
    readings: ClassVar[dict[str, str]] = {"created_at": "created"}

    id: str
    unique_request_id: str | None
    created_at: str

    @property
    def created(self) -> datetime:
        """Raises ValueError if the moment has no offset from UTC."""
        found = datetime.fromisoformat(self.created_at)
        if found.tzinfo is None:
            raise ValueError("no offset from UTC")
        return found


class _ListPage(Wire):
    what: ClassVar[str] = "payments"
    payments: tuple[ListedPayment, ...]
    pagination: Pagination


class _TransactionsPage(Wire):
    what: ClassVar[str] = "transactions"
    transactions: tuple[Transaction, ...]
    pagination: Pagination


class _BeneficiariesPage(Wire):
    what: ClassVar[str] = "beneficiaries"
    beneficiaries: tuple[Beneficiary, ...]


class _RequiredDetails(Wire):
    what: ClassVar[str] = "beneficiary_required_details"
    details: tuple[dict[str, str | None], ...]


class _RequiredField(Wire):
    name: str
    validation_rule: str


class _PayerRequirement(Wire):
    payer_entity_type: str
    payment_type: str
    required_fields: tuple[_RequiredField, ...]


class _PayerRequirements(Wire):
    what: ClassVar[str] = "payer_required_details"
    details: tuple[_PayerRequirement, ...]


class _Token(Wire):
    what: ClassVar[str] = "authentication"
    auth_token: str


def read_payment(body: str) -> Payment | Unusable:
    return read(Payment, body)


def read_payments(body: str) -> tuple[tuple[Payment, ...], Pagination] | Unusable:
    page = read(_PaymentsPage, body)
    return page if isinstance(page, Unusable) else (page.payments, page.pagination)


def read_list(body: str) -> tuple[tuple[ListedPayment, ...], Pagination] | Unusable:
    """A page of payments, whoever made them: of each only its id, its key and its creation."""
    page = read(_ListPage, body)
    return page if isinstance(page, Unusable) else (page.payments, page.pagination)


def read_balance(body: str) -> Balance | Unusable:
    return read(Balance, body)


def read_transactions(body: str) -> tuple[tuple[Transaction, ...], Pagination] | Unusable:
    page = read(_TransactionsPage, body)
    return page if isinstance(page, Unusable) else (page.transactions, page.pagination)


def read_beneficiary(body: str) -> Beneficiary | Unusable:
    return read(Beneficiary, body)


def read_beneficiaries(body: str) -> tuple[Beneficiary, ...] | Unusable:
    page = read(_BeneficiariesPage, body)
    return page if isinstance(page, Unusable) else page.beneficiaries


def read_required_details(body: str) -> tuple[dict[str, str], ...] | Unusable:
    """The alternatives of a corridor: each a table of field names and their rules."""
    found = read(_RequiredDetails, body)
    if isinstance(found, Unusable):
        return found
    return tuple(
        {name: rule for name, rule in each.items() if rule is not None} for each in found.details
    )


def read_payer_requirements(body: str) -> tuple[dict[str, str], ...] | Unusable:
    """What is required of payers, in the same shape."""
    found = read(_PayerRequirements, body)
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
    token = read(_Token, body)
    if isinstance(token, Unusable):
        return token
    # The token goes into a header, where anything but letters and digits could break the request.
    plain = token.auth_token.isascii() and token.auth_token.isalnum()
    return token.auth_token if plain else Unusable(("authentication.auth_token: not a plain word",))
