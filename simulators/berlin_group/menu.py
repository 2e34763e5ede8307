"""What may happen to a payment, and the faults that only this bank has."""

from __future__ import annotations

INTERVENTIONS = (
    "psu_approves",
    "psu_refuses",
    "reject",
    "review",
    "release",
    "credit",
)
#: The reply shows another amount than the order, another creditor account, or another `scaStatus`:
#: its `word`.
OWN_FAULTS = ("another_amount", "another_creditor", "says_sca")
