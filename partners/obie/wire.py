"""The bank's JSON, as in the OpenAPI files of both versions: strict in what we read, tolerant of
the rest."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_pascal

from domain.money import Money
from partners.kit.wire import Wire

#: Where both versions may answer with a request of ours: its fields are ours to know.
_OF_INITIATION = frozenset(
    {
        "InstructionIdentification", "EndToEndIdentification", "LocalInstrument", "DebtorAccount",
        "CreditorAgent", "CreditorPostalAddress", "UltimateCreditor", "UltimateDebtor",
        "RegulatoryReporting", "RemittanceInformation", "SupplementaryData",
    }
)  # fmt: skip
_ENVELOPE = frozenset({"Links", "Meta", "Risk"})


class Bank(Wire):
    """The base of all: their names are in Pascal case."""

    model_config = ConfigDict(alias_generator=to_pascal, populate_by_name=True)


class Fault(Bank):
    documented = frozenset({"Url"})
    code: str = Field(alias="ErrorCode")
    message: str | None = None
    path: str | None = None


class Failure(Bank):
    """An error: `OBErrorResponse1`."""

    documented = frozenset({"Code", "Id", "Message"})
    errors: tuple[Fault, ...]


class Amount(Bank):
    readings: ClassVar[dict[str, str]] = {"Amount": "money"}
    amount: str
    currency: str

    @property
    def money(self) -> Money:
        return Money.from_wire(self.amount, self.currency)


class AccountReference(Bank):
    documented = frozenset({"Name", "SecondaryIdentification", "Proxy"})
    scheme_name: str
    identification: str


class Initiation(Bank):
    documented = _OF_INITIATION
    instructed_amount: Amount
    creditor_account: AccountReference


class Reason(Bank):
    """Of v4.0.1: why something has its status."""

    documented = frozenset({"Path"})
    code: str | None = Field(alias="StatusReasonCode", default=None)
    text: str | None = Field(alias="StatusReasonDescription", default=None)


class ConsentData(Bank):
    what = "consent"
    documented = frozenset(
        {
            "CreationDateTime", "StatusUpdateDateTime", "ReadRefundAccount", "CutOffDateTime",
            "ExpectedExecutionDateTime", "ExpectedSettlementDateTime", "Charges", "Authorisation",
            "SCASupportData", "Debtor",
        }
    )  # fmt: skip
    consent_id: str = Field(min_length=1, max_length=128)
    status: str
    status_reason: tuple[Reason, ...] = ()
    initiation: Initiation


class PaymentConsent(Bank):
    what = "consent"
    documented = _ENVELOPE
    data: ConsentData


class MultiAuthorisation(Bank):
    documented = frozenset(
        {"NumberRequired", "NumberReceived", "LastUpdateDateTime", "ExpirationDateTime"}
    )
    status: str


class PaymentData(Bank):
    what = "payment"
    documented = frozenset(
        {
            "CreationDateTime", "StatusUpdateDateTime", "ExpectedExecutionDateTime",
            "ExpectedSettlementDateTime", "Refund", "Charges", "Debtor",
        }
    )  # fmt: skip
    domestic_payment_id: str = Field(min_length=1, max_length=40)
    consent_id: str
    status: str
    status_reason: tuple[Reason, ...] = ()
    initiation: Initiation
    multi_authorisation: MultiAuthorisation | None = None


class Payment(Bank):
    documented = _ENVELOPE
    data: PaymentData


class FundsResult(Bank):
    documented = frozenset({"FundsAvailableDateTime"})
    funds_available: bool


class FundsData(Bank):
    documented = frozenset({"SupplementaryData"})
    funds_available_result: FundsResult | None = None


class Funds(Bank):
    documented = _ENVELOPE
    data: FundsData


class AccessData(Bank):
    """Of an account access consent."""

    what = "access"
    documented = frozenset(
        {
            "CreationDateTime", "StatusUpdateDateTime", "TransactionFromDateTime",
            "TransactionToDateTime",
        }
    )  # fmt: skip
    readings: ClassVar[dict[str, str]] = {"ExpirationDateTime": "until"}
    consent_id: str = Field(min_length=1, max_length=128)
    status: str
    status_reason: tuple[Reason, ...] = ()
    permissions: tuple[str, ...] = ()
    expiration_date_time: str | None = None

    @property
    def until(self) -> datetime | None:
        text = self.expiration_date_time
        return None if text is None else datetime.fromisoformat(text)


class Access(Bank):
    documented = _ENVELOPE
    data: AccessData


class Token(Wire):
    """The token endpoint's answer (RFC 6749, 5.1)."""

    model_config = ConfigDict(str_max_length=16_384)
    documented = frozenset({"scope", "refresh_token_expires_in", "consent_id"})
    access_token: str = Field(min_length=1)
    token_type: str
    expires_in: int | None = None
    refresh_token: str = ""
    id_token: str = ""


class TokenRefusal(Wire):
    """RFC 6749, 5.2."""

    documented = frozenset({"error_uri"})
    error: str
    error_description: str = ""


class Server(Wire):
    """The authorisation server's metadata (RFC 8414), of which we read little."""

    model_config = ConfigDict(extra="ignore", str_max_length=16_384)
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    mtls_endpoint_aliases: dict[str, str] = Field(default_factory=dict)


class Keys(Wire):
    """A key set (RFC 7517)."""

    model_config = ConfigDict(extra="ignore", str_max_length=16_384)
    keys: tuple[dict[str, Any], ...]
