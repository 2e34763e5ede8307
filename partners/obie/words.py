"""The words of both versions and ours, as tables. An unknown word is never guessed.

v3.1.11 spells statuses out; v4.0.1 uses the codes of ISO 20022. A payment that was made in one
version may be read in the other, so every table has both.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from domain.consents.report import ConsentState
from domain.payments.report import PaymentState

_S = PaymentState
_C = ConsentState


class Approval(Enum):
    """How a payment's consent stands."""

    WAITS = "the payer has not approved it yet"
    APPROVED = "the payer has approved it, and nothing was submitted with it"
    USED = "a payment was submitted with it"
    REFUSED = "the payer or the bank refused it"


#: `OBWriteDomesticConsentResponse5.Data.Status`.
APPROVALS: Final = {
    "AwaitingAuthorisation": Approval.WAITS,
    "AWAU": Approval.WAITS,
    "Authorised": Approval.APPROVED,
    "AUTH": Approval.APPROVED,
    "Consumed": Approval.USED,
    "COND": Approval.USED,
    "Rejected": Approval.REFUSED,
    "RJCT": Approval.REFUSED,
}

#: `OBWriteDomesticResponse5.Data.Status`.
STATES: Final[dict[str, PaymentState]] = {
    # v3 has one word for what is received and for what is held for checks.
    "Pending": _S.AWAITING_PARTNER,
    "AcceptedSettlementInProcess": _S.PROCESSING,
    # Settled on the debtor's account; "not for financial information".
    "AcceptedSettlementCompleted": _S.SETTLED,
    # Settled, and not posted to the creditor's account yet.
    "AcceptedWithoutPosting": _S.SETTLED,
    "AcceptedCreditSettlementCompleted": _S.FINAL,
    "Rejected": _S.REJECTED,
    "RCVD": _S.ACCEPTED,
    "PDNG": _S.AWAITING_PARTNER,
    # Partially authorised: another of several payers has to act.
    "PATC": _S.AWAITING_USER,
    "ACTC": _S.ACCEPTED,
    "ACCP": _S.ACCEPTED,
    "ACFC": _S.ACCEPTED,
    # "A change will be made, such as date or remittance not sent". The amount is compared anyway.
    "ACWC": _S.ACCEPTED,
    "ACSP": _S.PROCESSING,
    "ACSC": _S.SETTLED,
    "ACWP": _S.SETTLED,
    "ACCC": _S.FINAL,
    # After ACWP: "blocked, for example, funds will neither be posted to the Creditor's account, nor
    # be returned to the Debtor". Coming after SETTLED it is a contradiction, so people are asked.
    "BLCK": _S.AWAITING_PARTNER,
    "RJCT": _S.REJECTED,
}
#: The words of v4.0.1, which are ISO 20022's own.
ISO: Final = frozenset(word for word in STATES if word.isupper())

#: `Data.MultiAuthorisation.Status`: whether others still have to approve.
OTHERS_WAITED_FOR: Final = {
    "AwaitingFurtherAuthorisation": True,
    "AWAF": True,
    "Authorised": False,
    "AUTH": False,
    "Rejected": False,
    "RJCT": False,
}

#: `OBReadConsentResponse1.Data.Status`.
CONSENTS: Final[dict[str, ConsentState]] = {
    "AwaitingAuthorisation": _C.AWAITING_USER,
    "AWAU": _C.AWAITING_USER,
    "Authorised": _C.ACTIVE,
    "AUTH": _C.ACTIVE,
    "Rejected": _C.REJECTED,
    "RJCT": _C.REJECTED,
    # Withdrawn by the user at the bank. What we end ourselves is deleted, and has no status.
    "Revoked": _C.REVOKED_BY_USER,
    "CANC": _C.REVOKED_BY_USER,
    "EXPD": _C.EXPIRED,
}
