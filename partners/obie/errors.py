"""The error codes of both versions: what each proves about the request that it answers.

v4.0.1 has the codes of the list `OBErrorResponseError1Code`; v3.1.11 has the names beside them. The
list gives the HTTP status and the meaning of each.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from partners.kit.wire import Unusable, read
from partners.obie import wire


class Proves(Enum):
    """What an answer other than a success proves about its request."""

    REFUSED = "not executed, and never will be"
    TURNED_AWAY = "not executed; the same may be sent again"
    APPROVAL = "the payer's approval does not cover it, or was used"
    NOTHING = "it may have been executed"


#: Each code of v4.0.1 with its name in v3.1.11; None: the version does not have it.
NAMES: Final[dict[str, str | None]] = {
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
    "U013": "UK.OBIE.Rules.DuplicateReference",
    "U014": None,
    "U015": "UK.OBIE.Signature.Invalid",
    "U016": "UK.OBIE.Signature.InvalidClaim",
    "U017": "UK.OBIE.Signature.MissingClaim",
    "U018": "UK.OBIE.Signature.Malformed",
    "U019": "UK.OBIE.Signature.Missing",
    "U020": "UK.OBIE.Signature.Unexpected",
    "U021": "UK.OBIE.Unsupported.AccountIdentifier",
    "U022": "UK.OBIE.Unsupported.AccountSecondaryIdentifier",
    "U023": "UK.OBIE.Unsupported.Currency",
    "U024": None,
    "U025": "UK.OBIE.Unsupported.Frequency",
    "U026": "UK.OBIE.Unsupported.LocalInstrument",
    "U027": "UK.OBIE.Unsupported.Scheme",
    "U028": "UK.OBIE.Reauthenticate",
    "U029": None,
}
_CODES: Final = {name: code for code, name in NAMES.items() if name}

#: Checked before anything is executed, and always refused again: 400.
REFUSED: Final = frozenset(
    {
        "U001", "U002", "U003", "U004", "U005", "U006", "U007", "U008", "U010", "U012", "U015",
        "U016", "U017", "U018", "U019", "U020", "U021", "U022", "U023", "U026", "U027",
    }
)  # fmt: skip
#: About the consent: a payment may have been submitted with it. A look-up tells (400, 403).
APPROVAL: Final = frozenset({"U009", "U028"})
#: 5xx and 409: something may exist already.
UNCLEAR: Final = frozenset({"U000", "U029"})
#: In a read: the object is not there (400, not 404).
NOT_FOUND: Final = frozenset({"U011"})
#: Of services that we do not call: funds checks of card issuers, recurring payments, events.
NOT_MET: Final = frozenset({"U013", "U014", "U024", "U025"})

#: ISO 20022 ExternalStatusReason1Code, where a code says the same.
ISO_REASON: Final = {"U003": "DT01", "U012": "CUTA", "U021": "AC01", "U023": "AM03"}
NARRATIVE: Final = "NARR"
#: RFC 6749, 5.2: the token endpoint refused what it was given, and would refuse it again.
OAUTH_REFUSALS: Final = frozenset(
    {
        "invalid_client", "invalid_grant", "invalid_request", "invalid_scope",
        "unauthorized_client", "unsupported_grant_type",
    }
)  # fmt: skip


def read_errors(body: str) -> tuple[wire.Fault, ...]:
    """The errors in a body, by the codes of v4.0.1; a code of neither version stays as it is."""
    failure = read(wire.Failure, body)
    if isinstance(failure, Unusable):
        return ()
    return tuple(
        each.model_copy(update={"code": _CODES.get(each.code, each.code)})
        for each in failure.errors
    )


def proven(status: int, told: tuple[wire.Fault, ...]) -> Proves:
    """What an answer between 300 and 499 proves. Without codes that we know it proves nothing,
    except that a request which was not let in was not executed."""
    if status in (401, 429):
        return Proves.TURNED_AWAY
    codes = {each.code for each in told}
    if status in (400, 403) and codes & APPROVAL and codes <= REFUSED | APPROVAL:
        return Proves.APPROVAL
    if status == 400 and codes and codes <= REFUSED:
        return Proves.REFUSED
    return Proves.NOTHING


def drift(path: str, status: int, told: tuple[wire.Fault, ...]) -> tuple[str, ...]:
    """What is outside the known contract in an answer that proves nothing."""
    if not told:
        return (f"{path}: {status} with a body that is none of theirs",)
    return tuple(
        f"{path}: {status} with the code {each.code[:80]!r}, which is not known here"
        for each in told
        if each.code not in NAMES
    )
