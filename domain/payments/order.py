"""The order: what a caller asked us to pay. It never changes during the payment's life."""

from __future__ import annotations

from datetime import date, datetime
from enum import StrEnum
from typing import Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from domain.accounts import Account, ClearingMember
from domain.money import Money
from domain.party import Party


class Direction(StrEnum):
    """Which way the money goes, seen from our account with the partner."""

    OUTGOING = "outgoing"
    INCOMING = "incoming"


class Rail(StrEnum):
    """The clearing that a payment takes; regimes and watches depend on it."""

    SEPA_CREDIT_TRANSFER = "sepa_credit_transfer"
    DOMESTIC = "domestic"
    """The local clearing of the currency's country: Faster Payments, ACH and the like."""
    CROSS_BORDER = "cross_border"
    """From bank to bank, over correspondents or an RTGS: dearer, with charges to agree on."""
    CARD = "card"
    """A card scheme; for collections only."""
    SEPA_DIRECT_DEBIT = "sepa_direct_debit"
    """A debit of the payer's account in euro, by a mandate; for collections only."""
    ACH_DEBIT = "ach_debit"
    """A debit of the payer's account in the United States; for collections only."""


class ChargeBearer(StrEnum):
    """ISO 20022 ChargeBearerType1Code."""

    DEBT = "DEBT"
    CRED = "CRED"
    SHAR = "SHAR"
    SLEV = "SLEV"


class Captured(StrEnum):
    """When a collection takes the money that its authorisation holds."""

    AT_ONCE = "at_once"
    LATER = "later"
    """By CAPTURE instructions, each for some or all of it."""


class Collection(BaseModel):
    """How the money of a collection is pulled from the payer.

    At least one of the three references is given. Each is the partner's own id of what the payer
    agreed to. Never give a number that can be used elsewhere, such as a card number.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    payment_method: str | None = None
    mandate: str | None = None
    customer: str | None = None
    captured: Captured = Captured.AT_ONCE
    # Left out if they say nothing, as orders of earlier releases do.
    off_session: bool = Field(default=False, exclude_if=lambda value: not value)
    """The payer is not there to confirm anything now."""
    saves: bool = Field(default=False, exclude_if=lambda value: not value)
    """The payer agrees that the payment method is saved with the customer, to be used again while
    the payer is not there."""
    return_url: str | None = Field(default=None, exclude_if=lambda value: not value)
    """Where the payer goes on after a page of the partner or of a bank."""
    statement_descriptor: str | None = Field(default=None, exclude_if=lambda value: not value)
    """What the payer reads on a statement."""

    @model_validator(mode="after")
    def _refers(self) -> Self:
        if not (self.payment_method or self.mandate or self.customer):
            raise ValueError(
                "a collection names nothing to pull the money from; give payment_method, mandate "
                "or customer"
            )
        return self


class Times(BaseModel):
    """Until when an order may be sent, and when it is to be executed.

    `submit_before` and `execute_by` are moments; a requested execution date is a day in the
    calendar of the rail. A late order is not paid late. Times that the payer leaves open are set
    when the order is accepted, and never change after that.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    submit_before: AwareDatetime | None = None
    """None until the order is accepted, if the payer gives none."""
    submit_from: AwareDatetime | None = None
    """Nothing is sent before. Set if we hold the date ourselves, or if the payer asked for it."""
    requested_execution_date: date | None = None
    """The day that we request from the partner: once accepted, a business day of the rail."""
    wished_execution_date: date | None = None
    """The day that the payer asked for, if we moved it to the next business day."""
    execute_by: AwareDatetime | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        before = self.submit_before
        if before and self.execute_by and self.execute_by < before:
            raise ValueError("execute_by lies before submit_before; make it the same or later")
        if before and self.submit_from and self.submit_from >= before:
            raise ValueError("submit_from does not lie before submit_before; make it earlier")
        return self


class Order(BaseModel):
    """A credit transfer to be made or, with `collection`, money to be pulled from the payer.

    The debtor pays and the creditor is paid in both. In a collection the creditor is ours:
    `creditor_account` is credited, and `debtor_account` is what the payer is known by.

    `end_to_end_id` is the bank's reference (35 characters), never a key: two salaries may
    share it. `partner_account` names one of our accounts with the partner, from settings.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    tenant: str
    partner: str
    partner_account: str
    rail: Rail = Rail.SEPA_CREDIT_TRANSFER
    direction: Direction = Direction.OUTGOING
    instructed_amount: Money
    debtor: Party
    debtor_account: Account
    ultimate_debtor: Party | None = Field(
        default=None, description="who owes it, where that is not who holds the account"
    )
    creditor: Party
    creditor_account: Account
    creditor_agent: str | None = Field(default=None, description="BIC")
    creditor_agent_member: ClearingMember | None = None
    creditor_agent_country: str | None = Field(
        default=None, description="ISO 3166; where neither IBAN, BIC nor clearing system tell it"
    )
    end_to_end_id: str = "NOTPROVIDED"
    instruction_id: str | None = None
    uetr: str | None = None
    remittance_information: str = ""
    creditor_reference: str | None = Field(
        default=None, description="the creditor's own number for it, such as one of ISO 11649"
    )
    charge_bearer: ChargeBearer = ChargeBearer.SLEV
    purpose: str | None = None
    category_purpose: str | None = None
    on_behalf_of: str | None = None
    times: Times
    collection: Collection | None = None

    @model_validator(mode="after")
    def _collections_are_incoming(self) -> Self:
        if self.collection is not None and self.direction is not Direction.INCOMING:
            raise ValueError("direction is outgoing, and a collection is incoming; change one")
        return self

    @property
    def submit_before(self) -> datetime:
        """Until when the order may be sent.

        Raises:
            ValueError: no deadline is set, because the order was not accepted yet.
        """
        if self.times.submit_before is None:
            raise ValueError("the order was not accepted yet, so its last moment is open")
        return self.times.submit_before
