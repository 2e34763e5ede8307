"""The codes of `tppMessages`: what each proves about the request that it answers.

The lists are those of the OpenAPI file 1.3.6, the last one that closes them: `MessageCode401_PIS`
and its kin. Their meaning is in the Implementation Guidelines, "Message Codes".
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from partners.berlin_group import wire
from partners.kit.wire import Unusable, read


class Proves(Enum):
    """What an answer other than a success proves about its request."""

    REFUSED = "not executed, and never will be"
    TURNED_AWAY = "not executed, if the profile declares the status; the same may be sent again"
    CHANGED = "its object is in another state than the request needs"
    NOTHING = "it may have been executed"


#: Our certificate, token, signature or the payer's login: 401. People can mend it.
OUR_ACCESS: Final = frozenset(
    {
        "CERTIFICATE_INVALID", "ROLE_INVALID", "CERTIFICATE_EXPIRED", "CERTIFICATE_BLOCKED",
        "CERTIFICATE_REVOKE", "CERTIFICATE_MISSING", "SIGNATURE_INVALID", "SIGNATURE_MISSING",
        "CORPORATE_ID_INVALID", "PSU_CREDENTIALS_INVALID", "CONSENT_INVALID", "CONSENT_EXPIRED",
        "TOKEN_UNKNOWN", "TOKEN_INVALID", "TOKEN_EXPIRED", "REQUIRED_KID_MISSING",
    }
)  # fmt: skip
#: 429: too many requests.
TURNED_AWAY: Final = frozenset({"ACCESS_EXCEEDED"})
#: 409: the payment is not in a state for this.
CHANGED: Final = frozenset({"STATUS_INVALID"})
#: Checked before anything is executed: 400, 403, 404, 405, 406.
REFUSED: Final = frozenset(
    {
        "FORMAT_ERROR", "PARAMETER_NOT_CONSISTENT", "PARAMETER_NOT_SUPPORTED", "SERVICE_INVALID",
        "RESOURCE_UNKNOWN", "RESOURCE_EXPIRED", "RESOURCE_BLOCKED", "TIMESTAMP_INVALID",
        "PERIOD_INVALID", "SCA_METHOD_UNKNOWN", "SCA_INVALID", "CONSENT_UNKNOWN", "PAYMENT_FAILED",
        "EXECUTION_DATE_INVALID", "SERVICE_BLOCKED", "PRODUCT_INVALID", "PRODUCT_UNKNOWN",
        "CANCELLATION_INVALID", "REQUESTED_FORMATS_INVALID", "FUNDS_NOT_AVAILABLE",
        "SESSIONS_NOT_SUPPORTED",
    }
)  # fmt: skip
#: Notes beside a success.
NOTES: Final = frozenset({"WARNING", "BENEFICIARY_WHITELISTING_REQUIRED"})
#: Codes of services that we do not call: funds confirmations, signing baskets.
NOT_MET: Final = frozenset(
    {"CARD_INVALID", "NO_PIIS_ACTIVATION", "REFERENCE_MIX_INVALID", "REFERENCE_STATUS_INVALID"}
)
#: A consent cannot be used any more. Banks differ in which of the two they say.
EXPIRED: Final = "CONSENT_EXPIRED"
CONSENT_OVER: Final = frozenset({EXPIRED, "CONSENT_INVALID"})
#: The bank has no such consent, or keeps it no longer.
NO_SUCH_CONSENT: Final = frozenset({"CONSENT_UNKNOWN", "RESOURCE_UNKNOWN", "RESOURCE_EXPIRED"})

#: ISO 20022 ExternalStatusReason1Code, where a code says the same.
ISO_REASON: Final = {
    "FUNDS_NOT_AVAILABLE": "AM04",
    "EXECUTION_DATE_INVALID": "DT01",
    "FORMAT_ERROR": "FF01",
    "SERVICE_BLOCKED": "AG01",
}
NARRATIVE: Final = "NARR"
_REFUSING: Final = frozenset({400, 403, 404, 405, 406, 415})


def read_errors(body: str) -> tuple[wire.TppMessage, ...]:
    """The errors in a body: `tppMessages`, or the one of a problem (RFC 7807)."""
    failure = read(wire.Failure, body)
    if isinstance(failure, Unusable):
        return ()
    told = tuple(each for each in failure.tpp_messages if each.category != "WARNING")
    if not told and failure.code:
        text = failure.detail or failure.title
        return (wire.TppMessage(category="ERROR", code=failure.code, text=text),)
    return told


def proven(status: int, told: tuple[wire.TppMessage, ...]) -> Proves:
    """What an answer between 300 and 499 proves. Without codes that we know it proves nothing,
    except that a request which was not let in was not executed."""
    if status in (401, 429):
        return Proves.TURNED_AWAY
    codes = {each.code for each in told}
    if status == 409 and codes and codes <= CHANGED:
        return Proves.CHANGED
    if status in _REFUSING and codes and codes <= REFUSED:
        return Proves.REFUSED
    return Proves.NOTHING


def drift(path: str, status: int, told: tuple[wire.TppMessage, ...]) -> tuple[str, ...]:
    """What is outside the known contract in an answer that proves nothing."""
    if not told:
        return (f"{path}: {status} with a body that is none of theirs",)
    known = REFUSED | CHANGED | TURNED_AWAY | OUR_ACCESS
    return tuple(
        f"{path}: {status} with the code {each.code[:80]!r}, which is not known here"
        for each in told
        if each.code not in known
    )
