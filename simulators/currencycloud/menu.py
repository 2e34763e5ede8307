"""The names of all faults and interventions."""

from __future__ import annotations

from simulators.kit.menu import COMMON

#: Interventions in a payment, by a rule or by the control endpoint.
INTERVENTIONS = (
    "fail_after_completed",
    "fail_before_release",
    "suspend",
    "resume",
    "unrelease",
    "delete_by_hand",
    "change_amount_by_hand",
    "authorise_by_hand",
    "revive",
)

MENU = (*COMMON, *INTERVENTIONS)
