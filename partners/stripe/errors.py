"""Stripe's error codes: what each proves about the request that it answers.

The list of codes is that of the enum `PaymentIntent.LastPaymentError.code`, which is also the list
of API errors. Source of their meaning: guides "Error codes" and "Error handling".
"""

from __future__ import annotations

from enum import Enum
from typing import Final

from partners.stripe.wire import ApiError


class Proves(Enum):
    """What an answer other than a success proves about its request."""

    REFUSED = "not executed, and never will be"
    DUPLICATE = "our key is used for other parameters"
    TURNED_AWAY = "not executed, if the profile declares the status; the same may be sent again"
    CHANGED = "its object is in another state than the request needs"
    NOTHING = "it may have been executed"


#: A conflict with another request, or too many of them: nothing was executed.
TURNED_AWAY: Final = frozenset({"idempotency_key_in_use", "lock_timeout", "rate_limit"})
#: Our access, which people can mend. They come with 401 or 403.
OUR_ACCESS: Final = frozenset(
    {
        "api_key_expired", "livemode_mismatch", "platform_account_required",
        "platform_api_key_expired", "secret_key_required", "testmode_charges_only",
        "tls_version_unsupported",
    }
)  # fmt: skip
#: A parameter that this PaymentIntent does not take, or that our account may not use.
INVALID_PARAMETER: Final = "payment_intent_invalid_parameter"
#: There is no such object, or no longer.
MISSING: Final = "resource_missing"
#: The object is not as the request needs it, perhaps because an earlier request has worked.
CHANGED: Final = frozenset(
    {
        "charge_already_captured", "charge_already_refunded", "intent_invalid_state",
        "payment_intent_action_required", "payment_intent_unexpected_state",
        "status_transition_invalid",
    }
)  # fmt: skip
#: Checked before anything is executed, or refused by the payer's bank.
REFUSED: Final = frozenset(
    {
        "account_closed", "account_country_invalid_address", "account_information_mismatch",
        "account_invalid", "account_number_invalid", "action_blocked", "amount_too_large",
        "amount_too_small", "anomalous_money_movement_request", "approval_required",
        "authentication_required", "balance_insufficient", "balance_invalid_parameter",
        "bank_account_bad_routing_numbers", "bank_account_declined", "bank_account_restricted",
        "bank_account_unusable", "bank_account_unverified", "bank_account_verification_failed",
        "billing_invalid_mandate", "capture_charge_authorization_expired",
        "capture_unauthorized_payment", "card_decline_rate_limit_exceeded", "card_declined",
        "cardholder_phone_number_required", "charge_disputed", "charge_exceeds_source_limit",
        "charge_exceeds_transaction_limit", "charge_expired_for_capture",
        "charge_invalid_parameter", "charge_not_refundable", "clearing_code_unsupported",
        "country_code_invalid", "country_unsupported", "customer_max_payment_methods",
        "debit_not_authorized", "email_invalid", "expired_card", "incorrect_address",
        "incorrect_cvc", "incorrect_number", "incorrect_zip",
        "india_recurring_payment_mandate_canceled", "instant_payouts_config_disabled",
        "instant_payouts_currency_disabled", "instant_payouts_limit_exceeded",
        "instant_payouts_unsupported", "insufficient_funds", "intent_verification_method_missing",
        "invalid_card_type", "invalid_characters", "invalid_charge_amount", "invalid_cvc",
        "invalid_expiry_month", "invalid_expiry_year", "invalid_mandate_reference_prefix_format",
        "invalid_number", "invalid_source_usage", "missing", "no_account",
        "not_allowed_on_standard_account", "parameter_invalid_empty",
        "parameter_invalid_integer", "parameter_invalid_string_blank",
        "parameter_invalid_string_empty", "parameter_missing", "parameter_unknown",
        "parameters_exclusive", "payment_intent_authentication_failure",
        "payment_intent_incompatible_payment_method", "payment_intent_invalid_parameter",
        "payment_intent_mandate_invalid", "payment_intent_payment_attempt_expired",
        "payment_intent_payment_attempt_failed", "payment_intent_rate_limit_exceeded",
        "payment_method_bank_account_blocked", "payment_method_billing_details_address_missing",
        "payment_method_configuration_failures", "payment_method_currency_mismatch",
        "payment_method_customer_decline", "payment_method_invalid_parameter",
        "payment_method_invalid_parameter_testmode", "payment_method_microdeposit_failed",
        "payment_method_microdeposit_processing_error",
        "payment_method_microdeposit_verification_amounts_invalid",
        "payment_method_microdeposit_verification_amounts_mismatch",
        "payment_method_microdeposit_verification_attempts_exceeded",
        "payment_method_microdeposit_verification_descriptor_code_mismatch",
        "payment_method_microdeposit_verification_timeout", "payment_method_not_available",
        "payment_method_provider_decline", "payment_method_provider_timeout",
        "payment_method_unactivated", "payment_method_unexpected_state",
        "payment_method_unsupported_type", "payouts_limit_exceeded", "payouts_not_allowed",
        "postal_code_invalid", "processing_error", "refer_to_customer",
        "refund_disputed_payment", "request_blocked", "resource_missing",
        "routing_number_invalid", "sepa_unsupported_account", "setup_attempt_failed",
        "state_unsupported", "token_already_used", "token_card_network_invalid", "token_in_use",
        "url_invalid",
    }
)  # fmt: skip
#: Codes of products and requests that we do not use. In an answer to us they are drift.
NOT_MET: Final = frozenset(
    {
        "account_error_country_change_requires_additional_steps",
        "account_token_required_for_v2_account", "acss_debit_session_incomplete",
        "alipay_upgrade_required", "application_fees_not_allowed", "bank_account_exists",
        "bitcoin_upgrade_required", "coupon_expired", "customer_max_subscriptions",
        "customer_session_expired", "customer_tax_location_invalid", "failed_tax_calculation",
        "invalid_tax_location",
        "out_of_inventory", "ownership_declaration_not_allowed",
        "payment_intent_konbini_rejected_confirmation_number",
        "payment_method_bank_account_already_verified", "payout_reconciliation_not_ready",
        "product_inactive", "progressive_onboarding_limit_exceeded", "resource_already_exists",
        "return_intent_already_processed",
        "service_period_coupon_with_metered_tiered_item_unsupported", "shipping_address_invalid",
        "shipping_calculation_failed", "siret_invalid", "sku_inactive",
        "storer_capability_missing", "storer_capability_not_active", "stripe_tax_inactive",
        "tax_id_invalid", "tax_id_prohibited", "taxes_calculation_failed",
        "transfer_source_balance_parameters_mismatch", "transfers_not_allowed",
    }
)  # fmt: skip
#: The same, by what the codes begin with.
NOT_MET_PREFIXES: Final = (
    "financial_account_", "financial_connections_", "forwarding_api_", "invoice_",
    "setup_intent_", "terminal_",
)  # fmt: skip

_OUR_FAULT: Final = frozenset({"invalid_request_error", "card_error"})
_REUSED: Final = "idempotency_error"


def proven(status: int, error: ApiError | None) -> Proves:
    """What an answer between 300 and 499 proves. Without their error body it proves nothing,
    except that a request which was not let in was not executed."""
    if status in (401, 403, 429):
        return Proves.TURNED_AWAY
    if error is None:
        return Proves.NOTHING
    if status == 409:
        return Proves.TURNED_AWAY if error.code in TURNED_AWAY else Proves.NOTHING
    if status not in (400, 402, 404):
        return Proves.NOTHING
    if error.type == _REUSED:
        return Proves.DUPLICATE
    if error.code in CHANGED:
        return Proves.CHANGED
    # Many failed checks have no code, such as a refund of more than is left.
    if error.type in _OUR_FAULT and (error.code is None or error.code in REFUSED):
        return Proves.REFUSED
    return Proves.NOTHING


def drift(path: str, status: int, error: ApiError | None) -> tuple[str, ...]:
    """What is outside the known contract in an answer that proves nothing."""
    if error is None:
        return (f"{path}: {status} with a body that is none of theirs",)
    if error.code is not None and error.code not in CHANGED | REFUSED | TURNED_AWAY | OUR_ACCESS:
        return (f"{path}: {status} with the code {error.code[:80]!r}, which is not known here",)
    return ()
