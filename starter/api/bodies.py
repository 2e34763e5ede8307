"""What callers send. Unknown fields are refused, so that a misspelt one is not left out in silence.

Numbers and booleans have to be ones: a text, or a date as a number of seconds, is refused.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Final

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StrictBool,
    StrictInt,
    field_validator,
)
from pydantic.fields import FieldInfo

from domain.accounts import Account, ClearingMember, check_bic, check_iban
from domain.currencies import DIGITS
from domain.money import Money
from domain.party import Identification, Party, PostalAddress
from domain.payments.order import Captured, ChargeBearer, Collection, Order, Rail, Times
from starter.collecting import collection_order
from starter.consenting import SESSION_LENGTH_MIN

_STRICT: Final = ConfigDict(extra="forbid", hide_input_in_errors=True, frozen=True)
_DATED: Final = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
YEAR_MIN: Final = 1970
YEAR_MAX: Final = 9000
_MINOR_MAX: Final = 10**18 - 1
_ACKNOWLEDGED_MAX: Final = 1000
_LENGTH_MAX: Final = 255


def _text(value: Any) -> Any:
    # A number, also as a text, would be read as seconds since 1970.
    if not (isinstance(value, str) and _DATED.match(value)):
        raise ValueError("give it by ISO 8601, such as 2026-11-30 or 2026-11-30T16:00:00Z")
    return value


def _near(value: date) -> date:
    # Another offset, a delay or a day off would overflow at the ends of the calendar.
    if not YEAR_MIN <= value.year <= YEAR_MAX:
        raise ValueError(f"give a year from {YEAR_MIN} to {YEAR_MAX}")
    return value


def _format(name: str) -> FieldInfo:
    """What kind of text it is, for the OpenAPI document; a validator checks it."""
    extra: dict[str, JsonValue] = {"format": name}
    made: FieldInfo = Field(json_schema_extra=extra)
    return made


Day = Annotated[date, BeforeValidator(_text)]
BrowserSession = Annotated[
    str,
    Field(
        min_length=SESSION_LENGTH_MIN,
        max_length=_LENGTH_MAX,
        description="a random value that you keep in the user's browser session",
    ),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_text), AfterValidator(_near)]


class MoneyBody(BaseModel):
    """An amount in minor units: 1250 EUR is 12.50 euro."""

    model_config = _STRICT

    minor: Annotated[StrictInt, Field(gt=0, le=_MINOR_MAX)]
    currency: Annotated[str, _format("iso-4217")]

    @field_validator("currency")
    @classmethod
    def _known(cls, code: str) -> str:
        if code not in DIGITS:
            raise ValueError(f"{code[:10]!r} is not a payable ISO 4217 code; use one such as EUR")
        return code

    @property
    def money(self) -> Money:
        return Money(minor=self.minor, currency=self.currency)


class AddressBody(PostalAddress):
    model_config = _STRICT


class IdentificationBody(Identification):
    model_config = _STRICT


class PartyBody(Party):
    model_config = _STRICT

    address: AddressBody | None = None
    birth_date: Day | None = None
    identification: IdentificationBody | None = None


class AccountBody(Account):
    """An account by its IBAN or, if it has none, by another number."""

    model_config = _STRICT

    iban: Annotated[str, _format("iban")] | None = None

    @field_validator("iban")
    @classmethod
    def _checked(cls, iban: str | None) -> str | None:
        return None if iban is None else check_iban(iban)


class ClearingMemberBody(ClearingMember):
    model_config = _STRICT


class TimesBody(BaseModel):
    """Until when it may be sent, and when it is to be executed. What is left out is set by us."""

    model_config = _STRICT

    submit_before: Moment | None = None
    requested_execution_date: Annotated[Day, AfterValidator(_near)] | None = None
    execute_by: Moment | None = None

    @property
    def times(self) -> Times:
        return Times(**self.model_dump())


class _Ordered(BaseModel):
    """What every order has."""

    model_config = _STRICT

    instructed_amount: MoneyBody
    partner: str | None = Field(
        default=None, description="with partner_account: the account to use, if several fit"
    )
    partner_account: str | None = None
    end_to_end_id: str = "NOTPROVIDED"
    remittance_information: str = ""
    times: TimesBody = TimesBody()
    acknowledge_duplicate_of: list[str] = Field(
        default_factory=list,
        max_length=_ACKNOWLEDGED_MAX,
        description="ids of the payments that it seems to repeat, if it is meant besides them",
    )


class PaymentBody(_Ordered):
    """A credit transfer to be made."""

    rail: Rail = Rail.SEPA_CREDIT_TRANSFER
    debtor: PartyBody
    debtor_account: AccountBody
    ultimate_debtor: PartyBody | None = None
    creditor: PartyBody
    creditor_account: AccountBody
    creditor_agent: Annotated[str, _format("bic")] | None = None
    creditor_agent_member: ClearingMemberBody | None = None
    creditor_agent_country: str | None = None
    instruction_id: str | None = None
    uetr: str | None = None
    creditor_reference: str | None = None
    charge_bearer: ChargeBearer = ChargeBearer.SLEV
    purpose: str | None = None
    category_purpose: str | None = None
    browser_session: BrowserSession | None = Field(
        default=None,
        description="where the payer approves at the bank before the payment is sent: the callback "
        "counts only with this value; null: from any browser",
        repr=False,
    )

    @field_validator("creditor_agent")
    @classmethod
    def _checked(cls, bic: str | None) -> str | None:
        return None if bic is None else check_bic(bic)

    def order(
        self, tenant: str, partner: str, account: str, on_behalf_of: str | None = None
    ) -> Order:
        """The order through one of our accounts.

        Raises:
            ValidationError: two of its fields exclude each other.
        """
        given = self.model_dump(
            exclude={
                "partner", "partner_account", "acknowledge_duplicate_of", "browser_session"
            }
        )  # fmt: skip
        return Order(
            tenant=tenant,
            partner=partner,
            partner_account=account,
            on_behalf_of=on_behalf_of,
            **given,
        )


class CollectionBody(_Ordered):
    """Money to be pulled from a payer, whom the partner knows by a token."""

    rail: Rail = Rail.CARD
    payment_method: str | None = None
    mandate: str | None = None
    customer: str | None = None
    captured: Captured = Captured.AT_ONCE
    off_session: StrictBool = False
    saves: StrictBool = False
    return_url: str | None = None
    statement_descriptor: str | None = None
    debtor_name: str | None = None

    def order(self, tenant: str, partner: str, account: str) -> Order:
        """The order through one of our accounts.

        Raises:
            ValidationError: nothing names the payer, or two fields exclude each other.
        """
        names = (
            "payment_method", "mandate", "customer", "captured", "off_session", "saves",
            "return_url", "statement_descriptor",
        )  # fmt: skip
        return collection_order(
            Collection(**self.model_dump(include=set(names))),
            self.instructed_amount.money,
            tenant=tenant,
            partner=partner,
            account=account,
            rail=self.rail,
            debtor=self.debtor_name,
            end_to_end_id=self.end_to_end_id,
            remittance=self.remittance_information,
            times=self.times.times,
        )


class ClaimBody(BaseModel):
    """How much to capture or refund, or by how much the hold grows."""

    model_config = _STRICT

    amount: MoneyBody


class CancelBody(BaseModel):
    """Why it is cancelled, in one line for the timeline; no account number."""

    model_config = _STRICT

    why: str = ""
