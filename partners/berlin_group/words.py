"""The words of the OpenAPI file 1.3.11 and ours, as tables. An unknown word is never guessed."""

from __future__ import annotations

from enum import Enum
from typing import Final

from domain.consents.report import ConsentState
from domain.payments.report import PaymentState

_S = PaymentState
_C = ConsentState

CANCELLED: Final = "CANC"
REJECTED: Final = "RJCT"
PARTLY: Final = "PATC"
#: Schema `transactionStatus`. The description of each word is in the file.
STATES: Final[dict[str, PaymentState]] = {
    # Received. Until somebody has authorised it, the payer has to act; see `sca.py`.
    "RCVD": _S.AWAITING_USER,
    # Partially authorised: another of several payers has to act.
    PARTLY: _S.AWAITING_USER,
    "PDNG": _S.AWAITING_PARTNER,
    "ACTC": _S.ACCEPTED,
    "ACCP": _S.ACCEPTED,
    "ACFC": _S.ACCEPTED,
    # "A change will be made, such as date or remittance not sent". The amount is compared anyway.
    "ACWC": _S.ACCEPTED,
    "ACSP": _S.PROCESSING,
    # Accepted without being posted to the creditor's account: it has left the debtor's bank.
    "ACWP": _S.PROCESSING,
    # Settled on the debtor's side; "not for financial information". Returns are still normal.
    "ACSC": _S.SETTLED,
    # Settled on the creditor's account.
    "ACCC": _S.FINAL,
    REJECTED: _S.REJECTED,
    CANCELLED: _S.CANCELLED,
}
#: Words of bulk payments, which we never initiate. From a single payment they are drift.
NOT_MET: Final = frozenset({"PART"})
#: Until one of these words changes, the payer's authorisation decides.
BEFORE_SCA: Final = frozenset({"RCVD", PARTLY})
#: Nothing is executed yet: the payment, or its cancellation, may still wait for the payer.
CANCELLABLE: Final = frozenset({"PDNG", "ACTC", "ACCP", "ACFC", "ACWC"})


#: Schema `consentStatus`, in lower case: some banks write it in upper case. "The ASPSP might add
#: further codes": those are not known here.
CONSENT_STATES: Final[dict[str, ConsentState]] = {
    "received": _C.AWAITING_USER,
    "partiallyauthorised": _C.PARTIALLY_AUTHORISED,
    "valid": _C.ACTIVE,
    "rejected": _C.REJECTED,
    "revokedbypsu": _C.REVOKED_BY_USER,
    "expired": _C.EXPIRED,
    "terminatedbytpp": _C.REVOKED_BY_US,
}
#: Until one of these changes, the authorisations say whose turn it is.
BEFORE_CONSENT: Final = frozenset({_C.AWAITING_USER, _C.PARTIALLY_AUTHORISED})
ENDED_CONSENT: Final = frozenset(CONSENT_STATES.values()) - BEFORE_CONSENT - {_C.ACTIVE}


def consent_state(word: str) -> ConsentState | None:
    """Our state for a `consentStatus`; None if the word is not known."""
    return CONSENT_STATES.get(word.lower())


class Sca(Enum):
    """What an authorisation waits for."""

    PAYER = "the payer"
    CODE = "a code that only we were given"
    NOBODY = "nobody: it is done"
    FAILED = "nobody: it has failed"


#: Schema `scaStatus`.
SCA: Final = {
    "received": Sca.PAYER,
    "psuIdentified": Sca.PAYER,
    "psuAuthenticated": Sca.PAYER,
    "scaMethodSelected": Sca.PAYER,
    "started": Sca.PAYER,
    # The bank led the payer back with a confirmation code that we would have to hand over.
    "unconfirmed": Sca.CODE,
    "finalised": Sca.NOBODY,
    "exempted": Sca.NOBODY,
    "failed": Sca.FAILED,
}
#: Header `ASPSP-SCA-Approach`.
REDIRECT: Final = "REDIRECT"
DECOUPLED: Final = "DECOUPLED"
EMBEDDED: Final = "EMBEDDED"
APPROACHES: Final = frozenset({REDIRECT, DECOUPLED, EMBEDDED})
