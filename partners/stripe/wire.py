"""Stripe's JSON in its spelling: strict in what we read, tolerant of the rest."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar

from pydantic import ConfigDict

from domain.money import Money
from partners.kit.wire import Wire
from partners.stripe.amounts import NoSuchAmount, from_stripe

#: Texts for people may be long; only their beginning is kept.
_TEXT_LENGTH_MAX = 300


class _Amount(Wire):
    """An object with an amount."""

    readings: ClassVar[dict[str, str]] = {"amount": "money"}
    amount: int
    currency: str

    @property
    def money(self) -> Money:
        return from_stripe(self.amount, self.currency)


class _Created(_Amount):
    """An object with an amount, and the second in which it was made."""

    readings: ClassVar[dict[str, str]] = {"amount": "money", "created": "at"}
    created: int

    @property
    def at(self) -> datetime:
        return _moment(self.created)


class PaymentError(Wire):
    """Why a payment failed, on its PaymentIntent."""

    what: ClassVar[str] = "last_payment_error"
    type: str
    code: str | None = None
    decline_code: str | None = None
    charge: str | None = None
    message: object = None

    @property
    def word(self) -> str:
        """The most exact of their words."""
        return self.decline_code or self.code or self.type


class Page(Wire):
    """Where the payer acts. Their addresses are longer than other texts."""

    model_config = ConfigDict(str_max_length=4000)
    url: str | None = None
    hosted_verification_url: str | None = None
    arrival_date: int | None = None

    @property
    def address(self) -> str | None:
        return self.url or self.hosted_verification_url

    @property
    def arrives_at(self) -> datetime | None:
        """When the small deposits arrive that the payer has to tell."""
        return None if self.arrival_date is None else _moment(self.arrival_date)


class NextAction(Wire):
    """What the payer has to do."""

    readings: ClassVar[dict[str, str]] = {"verify_with_microdeposits": "arrives_at"}
    type: str
    redirect_to_url: Page | None = None
    verify_with_microdeposits: Page | None = None

    @property
    def page(self) -> Page | None:
        return self.redirect_to_url or self.verify_with_microdeposits

    @property
    def arrives_at(self) -> datetime | None:
        return self.page.arrives_at if self.page else None


class _Offer(Wire):
    status: str


class _Card(Wire):
    capture_before: int | None = None
    multicapture: _Offer | None = None
    incremental_authorization: _Offer | None = None


class _Method(Wire):
    card: _Card | None = None


def _is_available(offer: _Offer | None) -> bool:
    return offer is not None and offer.status == "available"


class Charge(_Created):
    """One attempt to take the money, held or taken."""

    readings: ClassVar[dict[str, str]] = {
        **_Created.readings, "amount_captured": "captured_money",
        "payment_method_details": "held_until",
    }  # fmt: skip
    id: str
    status: str
    amount_captured: int = 0
    payment_method_details: _Method | None = None

    @property
    def captured_money(self) -> Money:
        return from_stripe(self.amount_captured, self.currency)

    @property
    def held_until(self) -> datetime | None:
        """When the hold ends, if it is not captured before."""
        card = self._card
        return _moment(card.capture_before) if card and card.capture_before else None

    @property
    def allows_several_captures(self) -> bool:
        return _is_available(self._card.multicapture if self._card else None)

    @property
    def allows_increments(self) -> bool:
        return _is_available(self._card.incremental_authorization if self._card else None)

    @property
    def _card(self) -> _Card | None:
        return self.payment_method_details.card if self.payment_method_details else None


class PaymentIntent(_Created):
    documented: ClassVar[frozenset[str]] = frozenset(
        {
            "agent_details", "allocated_funds", "amount_details", "amount_to_confirm",
            "application", "application_fee_amount", "automatic_payment_methods", "canceled_at",
            "capture_method", "client_secret", "confirmation_method", "customer",
            "customer_account", "description", "excluded_payment_method_types", "hooks", "invoice",
            "livemode", "managed_payments", "object", "on_behalf_of", "payment_details",
            "payment_method", "payment_method_configuration_details", "payment_method_options",
            "payment_method_types", "presentment_details", "processing", "receipt_email", "review",
            "secret_key_confirmation", "setup_future_usage", "shipping", "source",
            "statement_descriptor", "statement_descriptor_suffix", "transfer_data",
            "transfer_group",
        }
    )  # fmt: skip
    readings: ClassVar[dict[str, str]] = {
        **_Created.readings, "amount_received": "received", "amount_capturable": "capturable",
    }  # fmt: skip
    what: ClassVar[str] = "payment_intent"
    id: str
    status: str
    amount_capturable: int = 0
    amount_received: int = 0
    cancellation_reason: str | None = None
    last_payment_error: PaymentError | None = None
    latest_charge: str | Charge | None = None
    metadata: Mapping[str, str] = {}
    next_action: NextAction | None = None

    @property
    def received(self) -> Money:
        return from_stripe(self.amount_received, self.currency)

    @property
    def capturable(self) -> Money:
        return from_stripe(self.amount_capturable, self.currency)

    @property
    def charge(self) -> Charge | None:
        """The newest charge, if it was asked for."""
        return self.latest_charge if isinstance(self.latest_charge, Charge) else None


class Refund(_Created):
    documented: ClassVar[frozenset[str]] = frozenset(
        {
            "charge", "customer", "customer_account", "description", "destination_details",
            "instructions_email", "next_action", "object", "payment_method", "pending_reason",
            "presentment_details", "reason", "receipt_number", "source_transfer_reversal",
            "transfer_reversal",
        }
    )  # fmt: skip
    id: str
    status: str | None
    payment_intent: str | None = None
    balance_transaction: str | None = None
    failure_balance_transaction: str | None = None
    failure_reason: str | None = None
    metadata: Mapping[str, str] = {}


class BalanceTransaction(_Created):
    """One booking on our balance there. What is taken from it is below zero."""

    what: ClassVar[str] = "balance_transaction"
    id: str
    type: str
    fee: int = 0
    source: str | None = None

    @property
    def fees(self) -> Money | None:
        """Their fee; None if there is none, or if it is finer than ISO 4217 allows."""
        try:
            return from_stripe(self.fee, self.currency) if self.fee else None
        except NoSuchAmount:
            return None


class _Evidence(Wire):
    due_by: int | None = None


class Dispute(_Created):
    documented: ClassVar[frozenset[str]] = frozenset(
        {
            "charge", "enhanced_eligibility_types", "evidence", "is_charge_refundable", "livemode",
            "metadata", "network_reason_code", "object", "payment_method_details",
        }
    )  # fmt: skip
    readings: ClassVar[dict[str, str]] = {**_Created.readings, "evidence_details": "due_by"}
    id: str
    status: str
    reason: str | None = None
    payment_intent: str | None = None
    balance_transactions: tuple[BalanceTransaction, ...] = ()
    evidence_details: _Evidence | None = None

    @property
    def due_by(self) -> datetime | None:
        due_by = self.evidence_details.due_by if self.evidence_details else None
        return _moment(due_by) if due_by else None


class EarlyFraudWarning(Wire):
    what: ClassVar[str] = "early_fraud_warning"
    readings: ClassVar[dict[str, str]] = {"created": "at"}
    id: str
    created: int
    actionable: bool
    fraud_type: str
    payment_intent: str | None = None

    @property
    def at(self) -> datetime:
        return _moment(self.created)


class Payout(_Created):
    documented: ClassVar[frozenset[str]] = frozenset(
        {
            "application_fee", "application_fee_amount", "arrival_date", "description", "livemode",
            "method", "object", "original_payout", "payout_method", "reconciliation_status",
            "reversed_by", "source_type", "statement_descriptor", "trace_id", "type",
            "balance_transaction", "failure_balance_transaction",
        }
    )  # fmt: skip
    id: str
    status: str
    destination: str | None = None
    automatic: bool = False
    failure_code: str | None = None
    failure_message: object = None
    metadata: Mapping[str, str] = {}


class _Funds(_Amount):
    pass


class Balance(Wire):
    available: tuple[_Funds, ...]
    instant_available: tuple[_Funds, ...] = ()


class Listed(Wire):
    """A page of a list, the newest first."""

    what: ClassVar[str] = "list"
    data: tuple[Any, ...]
    has_more: bool


class PaymentIntents(Listed):
    data: tuple[PaymentIntent, ...]


class Refunds(Listed):
    data: tuple[Refund, ...]


class Disputes(Listed):
    data: tuple[Dispute, ...]


class Warnings(Listed):
    data: tuple[EarlyFraudWarning, ...]


class Payouts(Listed):
    data: tuple[Payout, ...]


class Bookings(Listed):
    data: tuple[BalanceTransaction, ...]


class ApiError(Wire):
    type: str
    code: str | None = None
    decline_code: str | None = None
    param: str | None = None
    message: object = None
    payment_intent: PaymentIntent | None = None

    @property
    def word(self) -> str:
        """The most exact of their words."""
        return self.decline_code or self.code or self.type

    @property
    def text(self) -> str:
        return str(self.message or self.word)[:_TEXT_LENGTH_MAX]


class Failure(Wire):
    """The body of an answer that is no success."""

    error: ApiError


class _EventData(Wire):
    object: Mapping[str, Any]


class Event(Wire):
    """A delivery. Of its object only ids are read, since another version may have written it."""

    id: str
    type: str
    livemode: bool
    data: _EventData
    api_version: str | None = None
    account: str | None = None


class ListedEvent(Event):
    """An event in their list, with the second in which it was made."""

    readings: ClassVar[dict[str, str]] = {"created": "at"}
    created: int

    @property
    def at(self) -> datetime:
        return _moment(self.created)


class Events(Listed):
    data: tuple[ListedEvent, ...]


def _moment(seconds: int) -> datetime:
    """Raises ValueError if it is no moment."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError) as error:
        raise ValueError("no moment") from error
