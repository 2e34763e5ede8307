"""What may happen to a consent or a payment, and the faults that only this bank has."""

from __future__ import annotations

#: Of a payment.
PAYMENT_INTERVENTIONS = (
    "reject",
    "block",
    "review",
    "release",
    "settle",
    "without_posting",
    "credit",
)
#: Of a consent. `shorten` takes `seconds` from now, `unlink` an `account`.
CONSENT_INTERVENTIONS = ("revoke", "reauthenticate", "shorten", "unlink")
#: The reply says another amount or payee than the order; its signature is of other bytes, is
#: missing, or names a key that is not published; the answer of the authorisation endpoint has
#: another state or issuer, or none.
OWN_FAULTS = (
    "another_amount",
    "another_creditor",
    "breaks_signature",
    "drops_signature",
    "foreign_signature",
    "foreign_state",
    "foreign_issuer",
    "drops_issuer",
)
