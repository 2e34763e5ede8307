"""The names of the faults that any simulator has."""

from __future__ import annotations

#: Faults that happen instead of the request.
BEFORE = (
    "reply_lost_before",
    "error_500_before",
    "unauthorised",
    "rate_limited",
    "service_unavailable",
    "refused",
    "duplicate_word",
    "html_502",
    "redirect_before",
)
#: Faults of the answer to a request that was executed.
AFTER = (
    "reply_lost_after",
    "error_500_after",
    "unknown_status",
    "missing_field",
    "number_for_string",
    "html_200",
    "html_502_after",
    "wrong_content_type",
    "redirect_after",
    "cut_mid_body",
    "drip",
    "hidden_from_find",
    "finds_another",
)
DELAY = "delay"

#: Faults of notifications.
NOTICE_FAULTS = (
    "webhook_dropped",
    "webhook_doubled",
    "webhook_reordered",
    "webhook_delayed",
    "webhook_forged",
    "webhook_stale",
    "webhook_early",
    "webhook_unknown_payment",
)

#: Each simulator adds its interventions.
COMMON = (*BEFORE, *AFTER, DELAY, *NOTICE_FAULTS)
