"""The versions of the standard as data, and how banks differ inside a version.

The book keeps the words of v4.0, which are the ISO 20022 codes; a version is how they are said.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

#: Error codes of v4.0 with their names in v3.1, from the code list OBExternalStatusReason1Code.
ERRORS = {
    "U000": "UK.OBIE.UnexpectedError",
    "U001": "UK.OBIE.Field.Expected",
    "U002": "UK.OBIE.Field.Invalid",
    "U003": "UK.OBIE.Field.InvalidDate",
    "U004": "UK.OBIE.Field.Missing",
    "U005": "UK.OBIE.Field.Unexpected",
    "U006": "UK.OBIE.Header.Invalid",
    "U007": "UK.OBIE.Header.Missing",
    "U008": "UK.OBIE.Resource.ConsentMismatch",
    "U009": "UK.OBIE.Resource.InvalidConsentStatus",
    "U010": "UK.OBIE.Resource.InvalidFormat",
    "U011": "UK.OBIE.Resource.NotFound",
    "U012": "UK.OBIE.Rules.AfterCutOffDateTime",
    "U015": "UK.OBIE.Signature.Invalid",
    "U016": "UK.OBIE.Signature.InvalidClaim",
    "U017": "UK.OBIE.Signature.MissingClaim",
    "U018": "UK.OBIE.Signature.Malformed",
    "U019": "UK.OBIE.Signature.Missing",
    "U021": "UK.OBIE.Unsupported.AccountIdentifier",
    "U023": "UK.OBIE.Unsupported.Currency",
    "U026": "UK.OBIE.Unsupported.LocalInstrument",
    "U027": "UK.OBIE.Unsupported.Scheme",
    "U028": "UK.OBIE.Reauthenticate",
    "U029": "UK.OBIE.Rules.ResourceAlreadyExists",
}


@dataclass(frozen=True)
class Version:
    """How one version of the standard says things.

    Attributes:
        path: the version's part of the path.
        words: consent and payment statuses of v4.0, where this version has another word.
        errors: error codes of v4.0, where this version has another word.
        detail_words: statuses of `payment-details`, which v3.1 keeps finer than the payment's own.
        codes_only: an error body needs neither `Code` nor `Message`; an expired token is answered
            with a body; a status has its reasons.
        changed_body: status and code for another body under a key that was used.
        balance, booked, pending, credit_transfer: code words of account data; the last is a bank
            transaction code with its subcode.
    """

    name: str
    path: str
    words: Mapping[str, str] = field(default_factory=dict)
    errors: Mapping[str, str] = field(default_factory=dict)
    detail_words: Mapping[str, str] = field(default_factory=dict)
    codes_only: bool = False
    changed_body: tuple[int, str] = (400, "U006")
    balance: str = "InterimAvailable"
    booked: str = "Booked"
    pending: str = "Pending"
    credit_transfer: tuple[str, str] = ("IssuedCreditTransfer", "DomesticCreditTransfer")

    def word(self, status: str) -> str:
        return self.words.get(status, status)

    def error(self, code: str) -> str:
        return self.errors.get(code, code)


V3 = Version(
    name="v3.1.11",
    path="v3.1",
    words={
        "AWAU": "AwaitingAuthorisation",
        "AUTH": "Authorised",
        "RJCT": "Rejected",
        "COND": "Consumed",
        "CANC": "Revoked",
        # v3.1 has no word for an account consent that has expired; `ExpirationDateTime` says it.
        "EXPD": "Authorised",
        "AWAF": "AwaitingFurtherAuthorisation",
        "RCVD": "Pending",
        "PDNG": "Pending",
        "PATC": "Pending",
        "ACSP": "AcceptedSettlementInProcess",
        "ACSC": "AcceptedSettlementCompleted",
        "ACWP": "AcceptedWithoutPosting",
        "ACCC": "AcceptedCreditSettlementCompleted",
        "BLCK": "Rejected",
    },
    errors=ERRORS,
    detail_words={
        "RCVD": "Received",
        "PDNG": "Pending",
        "PATC": "Pending",
        "ACSP": "AcceptedSettlementInProcess",
        "ACSC": "AcceptedSettlementCompleted",
        "ACWP": "AcceptedWithoutPosting",
        "ACCC": "AcceptedCreditSettlementCompleted",
        "BLCK": "Rejected",
        "RJCT": "Rejected",
    },
)
V4 = Version(
    name="v4.0",
    path="v4.0",
    codes_only=True,
    changed_body=(409, "U029"),
    balance="ITAV",
    booked="BOOK",
    pending="PDNG",
    credit_transfer=("ICDT", "DMCT"),
)
VERSIONS = {version.path: version for version in (V3, V4)}


@dataclass(frozen=True)
class Dialect:
    """How a bank differs from others that speak the same version.

    Attributes:
        versions: what it serves, by the part of the path.
        unencoded: message signatures have `b64: false`, as up to version 3.1.3.
        wants_request_object: the authorisation endpoint takes signed request objects only, as FAPI
            Advanced says.
        reports_settlement: False: a payment stays ACSP for ever, as at many banks.
        has_details: False: `payment-details` and `events`, which are optional, answer 404.
    """

    versions: tuple[str, ...] = tuple(VERSIONS)
    unencoded: bool = False
    wants_request_object: bool = False
    reports_settlement: bool = True
    has_details: bool = True


DIALECTS = {
    "standard": Dialect(),
    "v3.1.11": Dialect(versions=(V3.path,)),
    "v4.0": Dialect(versions=(V4.path,)),
    "unencoded": Dialect(versions=(V3.path,), unencoded=True),
    "fapi": Dialect(versions=(V4.path,), wants_request_object=True),
    "terse": Dialect(reports_settlement=False, has_details=False),
}
