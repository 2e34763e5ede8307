"""What may happen to a payment or a consent, and the faults that only this bank has."""

from __future__ import annotations

INTERVENTIONS = (
    "psu_approves",
    "psu_refuses",
    "reject",
    "review",
    "release",
    "credit",
    # Of a consent. `take_out` needs an `account`, and `shorten` a day: `until`.
    "psu_revokes",
    "expire",
    "take_out",
    "shorten",
)
#: The reply shows another amount than the order, another creditor account, or another `scaStatus`
#: or `consentStatus`: its `word`.
OWN_FAULTS = ("another_amount", "another_creditor", "says_sca", "says_consent")
