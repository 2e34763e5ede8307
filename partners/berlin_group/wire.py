"""The bank's JSON, as in the OpenAPI file: strict in what we read, tolerant of the rest."""

from __future__ import annotations

from datetime import date
from typing import ClassVar

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.money import Money
from partners.kit.wire import Wire


class Bank(Wire):
    """The base of all: their names are in camel case."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True)


class TppMessage(Bank):
    documented = frozenset({"path", "_links"})
    category: str = "ERROR"
    code: str
    text: str | None = None


class Failure(Bank):
    """An error: `tppMessages`, or a problem of RFC 7807 with a `code`."""

    documented = frozenset({"_links", "type", "additionalErrors"})
    tpp_messages: tuple[TppMessage, ...] = ()
    code: str | None = None
    title: str | None = None
    detail: str | None = None
    status: int | None = None


class Link(Bank):
    href: str = ""


class Links(Bank):
    """Those that say what the payer has to do. All others are derived from the payment's id."""

    documented = frozenset(
        {
            "self", "status", "scaStatus", "confirmation", "selectAuthenticationMethod",
            "authoriseTransaction", "updatePsuIdentification",
            "startAuthorisationWithEncryptedPsuAuthentication", "updateEncryptedPsuAuthentication",
        }
    )  # fmt: skip
    sca_redirect: Link | None = None
    sca_oauth: Link | None = Field(alias="scaOAuth", default=None)
    start_authorisation: Link | None = None
    start_authorisation_with_psu_identification: Link | None = None
    start_authorisation_with_psu_authentication: Link | None = None
    start_authorisation_with_authentication_method_selection: Link | None = None
    start_authorisation_with_transaction_authorisation: Link | None = None
    update_psu_authentication: Link | None = None

    @property
    def begins_here(self) -> bool:
        """Whether an authorisation has to be started, without any data of the payer."""
        return self.start_authorisation is not None


class Begun(Bank):
    """What says how the payer approves: in the reply to an initiation, or to a start."""

    documented = frozenset(
        {
            "transactionFees", "currencyConversionFee", "currencyConversionFees",
            "estimatedTotalAmount", "estimatedInterbankSettlementAmount",
            "transactionFeeIndicator", "scaMethods", "chosenScaMethod", "challengeData",
            "tppMessages", "authorisationId",
        }
    )  # fmt: skip
    sca_status: str | None = None
    psu_message: str | None = None
    links: Links = Field(alias="_links", default=Links())


class Initiated(Begun):
    what = "payment"
    payment_id: str = Field(min_length=1, max_length=70)
    transaction_status: str


class Cancelling(Begun):
    """The reply 202 to a DELETE."""

    what = "cancellation"
    transaction_status: str


class Amount(Bank):
    readings: ClassVar[dict[str, str]] = {"amount": "money"}
    currency: str
    #: Text by the specification; some banks show a number.
    amount: str | int | float

    @property
    def money(self) -> Money:
        return Money.from_wire(str(self.amount), self.currency)


class AccountReference(Bank):
    documented = frozenset({"other", "cashAccountType"})
    iban: str | None = None
    bban: str | None = None
    pan: str | None = None
    masked_pan: str | None = None
    msisdn: str | None = None
    currency: str | None = None

    @property
    def number(self) -> str:
        """The account's number, of whatever kind."""
        named = (self.iban, self.bban, self.masked_pan, self.pan, self.msisdn)
        return next((each for each in named if each), "").replace(" ", "").upper()


class Payment(Bank):
    """A payment as a read shows it."""

    documented = frozenset(
        {
            "endToEndIdentification", "instructionIdentification", "debtorName", "debtorAccount",
            "ultimateDebtor", "creditorAgent", "creditorAgentName", "creditorName",
            "creditorAddress", "creditorId", "ultimateCreditor", "purposeCode", "chargeBearer",
            "remittanceInformationUnstructured", "remittanceInformationUnstructuredArray",
            "remittanceInformationStructured", "remittanceInformationStructuredArray",
            "tppMessages", "_links",
        }
    )  # fmt: skip
    readings: ClassVar[dict[str, str]] = {"requestedExecutionDate": "day"}
    instructed_amount: Amount
    creditor_account: AccountReference
    transaction_status: str | None = None
    requested_execution_date: str | None = None

    @property
    def day(self) -> date | None:
        text = self.requested_execution_date
        return None if text is None else date.fromisoformat(text)


class Status(Bank):
    documented = frozenset({"_links"})
    transaction_status: str
    funds_available: bool | None = None
    psu_message: str | None = None
    tpp_messages: tuple[TppMessage, ...] = ()


class Authorisations(Bank):
    authorisation_ids: tuple[str, ...]


class ScaStatus(Bank):
    documented = frozenset({"psuMessage", "trustedBeneficiaryFlag", "_links", "tppMessages"})
    sca_status: str


class ConsentMade(Begun):
    what = "consent"
    consent_id: str = Field(min_length=1, max_length=200)
    consent_status: str


class ConsentStatus(Bank):
    documented = frozenset({"psuMessage"})
    consent_status: str


class Access(Bank):
    """What a consent gives access to. A list that is there, even empty, names a service."""

    documented = frozenset(
        {
            "additionalInformation", "availableAccounts", "availableAccountsWithBalance",
            "restrictedTo",
        }
    )  # fmt: skip
    accounts: tuple[AccountReference, ...] | None = None
    balances: tuple[AccountReference, ...] | None = None
    transactions: tuple[AccountReference, ...] | None = None
    all_psd2: str | None = Field(alias="allPsd2", default=None)

    @property
    def lists(self) -> tuple[tuple[AccountReference, ...] | None, ...]:
        return self.accounts, self.balances, self.transactions


class Consent(Bank):
    """A consent as a read shows it."""

    documented = frozenset({"recurringIndicator", "lastActionDate", "_links"})
    readings: ClassVar[dict[str, str]] = {"validUntil": "last_day"}
    access: Access = Access()
    consent_status: str
    valid_until: str | None = None
    frequency_per_day: int | None = None

    @property
    def last_day(self) -> date | None:
        return None if self.valid_until is None else date.fromisoformat(self.valid_until)
