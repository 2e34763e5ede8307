"""The paths, the parameters that each of them takes, and the fields that lists are filtered by."""

from __future__ import annotations

from simulators.stripe import payer

_TEXTS = "description metadata"
_CREATE_INTENT = (
    "amount automatic_payment_methods capture_method confirm confirmation_method currency customer"
    " description error_on_requires_action mandate mandate_data metadata off_session payment_method"
    " payment_method_data payment_method_options payment_method_types receipt_email return_url"
    " setup_future_usage shipping statement_descriptor statement_descriptor_suffix use_stripe_sdk"
)
_CONFIRM_INTENT = (
    "capture_method error_on_requires_action mandate mandate_data off_session payment_method"
    " payment_method_data payment_method_options payment_method_types receipt_email return_url"
    " setup_future_usage shipping use_stripe_sdk"
)
_UPDATE_INTENT = (
    "amount capture_method currency customer description metadata payment_method"
    " payment_method_data payment_method_options payment_method_types receipt_email"
    " setup_future_usage shipping statement_descriptor statement_descriptor_suffix"
)
_CAPTURE_INTENT = "amount_to_capture final_capture metadata"
_INCREMENT_INTENT = "amount metadata"
_CREATE_SETUP = (
    "automatic_payment_methods confirm customer description mandate_data metadata payment_method"
    " payment_method_data payment_method_options payment_method_types return_url usage"
    " use_stripe_sdk"
)
_CONFIRM_SETUP = (
    "mandate_data payment_method payment_method_data payment_method_options return_url"
    " use_stripe_sdk"
)
_CREATE_REFUND = "amount charge metadata payment_intent reason"
_CREATE_PAYOUT = (
    "amount currency description destination metadata method source_type statement_descriptor"
)
_UPDATE_DISPUTE = "evidence metadata submit"

#: Kind -> the fields that its list is filtered by, besides the time.
RESOURCES = {
    "payment_intent": "customer",
    "setup_intent": "customer payment_method",
    "charge": "customer payment_intent",
    "refund": "charge payment_intent",
    "dispute": "charge payment_intent",
    "payout": "status destination",
    "balance_transaction": "currency source type",
    "customer": "email",
    "payment_method": "customer type",
    "radar.early_fraud_warning": "charge payment_intent",
    "event": "type",
}
_PATHS = {kind: f"/v1/{kind.replace('.', '/')}s" for kind in RESOURCES}
_CURSORS = "ending_before limit starting_after"
_UNDATED = ("payment_method", "radar.early_fraud_warning")

#: Method, path, name, parameters. The first match counts.
_OWN: tuple[tuple[str, str, str, str], ...] = (
    ("GET", "/v1/payment_intents/search", "search payment_intent", "limit page query"),
    ("GET", "/v1/charges/search", "search charge", "limit page query"),
    ("POST", "/v1/payment_intents", "create_payment_intent", _CREATE_INTENT),
    ("POST", "/v1/payment_intents/{id}", "update_payment_intent", _UPDATE_INTENT),
    ("POST", "/v1/payment_intents/{id}/confirm", "confirm_payment_intent", _CONFIRM_INTENT),
    ("POST", "/v1/payment_intents/{id}/capture", "capture_payment_intent", _CAPTURE_INTENT),
    ("POST", "/v1/payment_intents/{id}/cancel", "cancel_payment_intent", "cancellation_reason"),
    (
        "POST",
        "/v1/payment_intents/{id}/increment_authorization",
        "increment_payment_intent",
        _INCREMENT_INTENT,
    ),
    ("POST", "/v1/setup_intents", "create_setup_intent", _CREATE_SETUP),
    ("POST", "/v1/setup_intents/{id}/confirm", "confirm_setup_intent", _CONFIRM_SETUP),
    ("POST", "/v1/setup_intents/{id}/cancel", "cancel_setup_intent", "cancellation_reason"),
    ("POST", "/v1/charges/{id}", "update charge", _TEXTS),
    ("POST", "/v1/refunds", "create_refund", _CREATE_REFUND),
    ("POST", "/v1/refunds/{id}", "update_refund", "metadata"),
    ("POST", "/v1/refunds/{id}/cancel", "cancel_refund", ""),
    ("POST", "/v1/disputes/{id}", "update_dispute", _UPDATE_DISPUTE),
    ("POST", "/v1/disputes/{id}/close", "close_dispute", ""),
    ("POST", "/v1/payouts", "create_payout", _CREATE_PAYOUT),
    ("POST", "/v1/payouts/{id}", "update_payout", "metadata"),
    ("POST", "/v1/payouts/{id}/cancel", "cancel_payout", ""),
    ("POST", "/v1/customers", "create_customer", f"{_TEXTS} email name phone payment_method"),
    ("POST", "/v1/customers/{id}", "update customer", f"{_TEXTS} email name phone"),
    ("DELETE", "/v1/customers/{id}", "delete_customer", ""),
    (
        "POST",
        "/v1/payment_methods",
        "create_payment_method",
        "billing_details card metadata sepa_debit type us_bank_account",
    ),
    ("GET", "/v1/payment_methods/{id}", "read_payment_method", ""),
    ("POST", "/v1/payment_methods/{id}/attach", "attach_payment_method", "customer"),
    ("POST", "/v1/payment_methods/{id}/detach", "detach_payment_method", ""),
    ("GET", "/v1/mandates/{id}", "read mandate", ""),
    ("GET", "/v1/balance", "balance", ""),
)


def _dated(kind: str) -> str:
    return "" if kind in _UNDATED else "created"


_GENERIC = tuple(
    each
    for kind, path in _PATHS.items()
    for each in (
        ("GET", path, f"list {kind}", f"{_CURSORS} {_dated(kind)} {RESOURCES[kind]}"),
        ("GET", f"{path}/{{id}}", f"read {kind}", ""),
    )
)
_ALL = (*_OWN, *_GENERIC)

ENDPOINTS: tuple[tuple[str, str, str], ...] = (
    *((method, path, name) for method, path, name, _ in _ALL),
    ("GET", payer.PATH, "payer_looks"),
    ("POST", payer.PATH, "payer_answers"),
)
PARAMS = {name: allowed for _, _, name, allowed in _ALL} | {
    "list event": f"{_CURSORS} created type types delivery_success",
    **dict.fromkeys(("read payment_intent", "read setup_intent"), "client_secret"),
}
