"""The documented test payment methods, and what happens to a charge of each.

Cards: docs.stripe.com/testing. SEPA debits and ACH debits: the testing sections of
docs.stripe.com/payments/sepa-debit and /payments/ach-direct-debit.
"""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import Any, Self

from simulators.kit.replies import Json
from simulators.stripe.wire import nothing


@dataclass(frozen=True)
class Behaviour:
    """What a payment method does.

    Attributes:
        code: of the refusal; None if charges succeed.
        decline_code: the issuer's reason.
        asks: when the payer has to authenticate: "always", "until_set_up", "on_session" or never.
        then: what follows a successful charge: a dispute, a warning, a failed refund.
        later: seconds beyond the usual that a debit takes.
        blocked: by Radar, before it was sent to the issuer.
        saves: it can be set up although its charges fail.
    """

    code: str | None = None
    decline_code: str | None = None
    asks: str = ""
    then: str = ""
    later: float = 0
    blocked: bool = False
    saves: bool = False

    def kept(self) -> Json:
        return asdict(self)

    @classmethod
    def read(cls, kept: Json) -> Self:
        return cls(**{each.name: kept[each.name] for each in fields(cls) if each.name in kept})


FINE = Behaviour()

#: brand, funding, country, last four digits
_BRANDS = {
    "visa": ("visa", "credit", "US", "4242"),
    "visa_debit": ("visa", "debit", "US", "5556"),
    "mastercard": ("mastercard", "credit", "US", "4444"),
    "mastercard_debit": ("mastercard", "debit", "US", "8210"),
    "mastercard_prepaid": ("mastercard", "prepaid", "US", "5100"),
    "amex": ("amex", "credit", "US", "0005"),
    "discover": ("discover", "credit", "US", "1117"),
    "diners": ("diners", "credit", "US", "0004"),
    "jcb": ("jcb", "credit", "US", "0505"),
    "unionpay": ("unionpay", "credit", "CN", "0005"),
    "de": ("visa", "credit", "DE", "0016"),
    "fr": ("visa", "credit", "FR", "0003"),
    "gb": ("visa", "credit", "GB", "0000"),
    "jp": ("visa", "credit", "JP", "0003"),
    "us": ("visa", "credit", "US", "4242"),
}
_DECLINED = "card_declined"
_CARDS = {
    "chargeDeclined": ("0002", Behaviour(_DECLINED, "generic_decline")),
    "chargeDeclinedInsufficientFunds": ("9995", Behaviour(_DECLINED, "insufficient_funds")),
    "chargeDeclinedLostCard": ("9987", Behaviour(_DECLINED, "lost_card")),
    "chargeDeclinedStolenCard": ("9979", Behaviour(_DECLINED, "stolen_card")),
    "chargeDeclinedFraudulent": ("0019", Behaviour(_DECLINED, "fraudulent")),
    "chargeDeclinedExpiredCard": ("0069", Behaviour("expired_card", "expired_card")),
    "chargeDeclinedIncorrectCvc": ("0127", Behaviour("incorrect_cvc", "incorrect_cvc")),
    "chargeDeclinedProcessingError": ("0119", Behaviour("processing_error", "processing_error")),
    "chargeDeclinedVelocityLimitExceeded": (
        "6975",
        Behaviour(_DECLINED, "card_velocity_exceeded"),
    ),
    "chargeCustomerFail": ("0341", Behaviour(_DECLINED, "generic_decline", saves=True)),
    "radarBlock": ("0101", Behaviour(_DECLINED, "fraudulent", blocked=True)),
    "riskLevelHighest": ("4954", Behaviour(_DECLINED, "fraudulent", blocked=True)),
    "authenticationRequired": ("3184", Behaviour(asks="always")),
    "authenticationRequiredOnSetup": ("3155", Behaviour(asks="until_set_up")),
    "authenticationRequiredSetupForOffSession": ("0446", Behaviour(asks="on_session")),
    "authenticationRequiredChargeDeclinedInsufficientFunds": (
        "3178",
        Behaviour(_DECLINED, "insufficient_funds", asks="always"),
    ),
    "threeDSecure2Required": ("3220", Behaviour(asks="always")),
    "threeDSecureRequired": ("3063", Behaviour(asks="always")),
    "threeDSecureRequiredChargeDeclined": (
        "1629",
        Behaviour(_DECLINED, "generic_decline", asks="always"),
    ),
    "threeDSecureOptional": ("3055", FINE),
    "createDispute": ("0259", Behaviour(then="dispute")),
    "createDisputeProductNotReceived": ("2685", Behaviour(then="dispute_product_not_received")),
    "createDisputeInquiry": ("1976", Behaviour(then="inquiry")),
    "createIssuerFraudRecord": ("5423", Behaviour(then="early_fraud_warning")),
    "createMultipleDisputes": ("0040", Behaviour(then="dispute_twice")),
    "bypassPending": ("0077", Behaviour(then="available")),
    "pendingRefund": ("7726", Behaviour(then="refund_pending")),
    "refundFail": ("5126", Behaviour(then="refund_fails")),
}
_DELAYED = 180.0
_SEPA = {
    "success": ("3201", FINE),
    "successDelayed": ("3204", Behaviour(later=_DELAYED)),
    "failed": ("3202", Behaviour("payment_method_provider_decline", "generic_decline")),
    "failedDelayed": (
        "3205",
        Behaviour("payment_method_provider_decline", "generic_decline", later=_DELAYED),
    ),
    "disputed": ("3203", Behaviour(then="dispute")),
    "exceedsWeeklyVolumeLimit": ("3434", Behaviour("charge_exceeds_source_limit")),
    "exceedsWeeklyTransactionLimit": ("3535", Behaviour("charge_exceeds_transaction_limit")),
    "insufficientFunds": ("2222", Behaviour("insufficient_funds", "insufficient_funds")),
}
_ACH = {
    "success": ("6789", FINE),
    "accountClosed": ("1113", Behaviour("account_closed")),
    "noAccount": ("1116", Behaviour("no_account")),
    "insufficientFunds": ("2227", Behaviour("insufficient_funds", "insufficient_funds")),
    "debitNotAuthorized": ("3335", Behaviour("debit_not_authorized")),
    "invalidCurrency": ("4440", Behaviour("payment_method_provider_decline")),
    "dispute": ("5559", Behaviour(then="dispute")),
    "processing": ("0009", Behaviour(later=float(10**9))),
}

Made = tuple[Json, Behaviour]


def made(token: str) -> Made | None:
    """The fields of a new payment method for a test token; None if it is not one."""
    if found := re.fullmatch(r"pm_usBankAccount_(\w+)", token):
        return _of_ach(found[1])
    if found := re.fullmatch(r"pm_(\w+)_([a-z]{2})", token):
        behaviour = _SEPA.get(found[1])
        if behaviour is not None:
            return sepa(found[2].upper(), behaviour[0]), behaviour[1]
    if found := re.fullmatch(r"pm_card_(\w+)", token):
        return _of_card(found[1])
    return None


def _of_card(name: str) -> Made | None:
    if name in _BRANDS:
        return _card(*_BRANDS[name]), FINE
    known = _CARDS.get(name.removeprefix("visa_"))
    if known is None:
        return None
    return _card("visa", "credit", "US", known[0]), known[1]


def _of_ach(name: str) -> Made | None:
    known = _ACH.get(name)
    return None if known is None else (ach(known[0]), known[1])


def _card(brand: str, funding: str, country: str, last4: str) -> Json:
    card = {
        "brand": brand,
        "checks": {**nothing("address_line1_check address_postal_code_check"), "cvc_check": "pass"},
        "country": country,
        "display_brand": brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": f"print{brand}{last4}",
        "funding": funding,
        "generated_from": None,
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return {"type": "card", "card": card}


def sepa(country: str, last4: str) -> Json:
    debit = {
        "bank_code": "19043",
        "branch_code": "",
        "country": country,
        "fingerprint": f"print{country}{last4}",
        "generated_from": {"charge": None, "setup_attempt": None},
        "last4": last4,
    }
    return {"type": "sepa_debit", "sepa_debit": debit}


def ach(last4: str) -> Json:
    account = {
        "account_holder_type": "individual",
        "account_type": "checking",
        "bank_name": "STRIPE TEST BANK",
        "financial_connections_account": None,
        "fingerprint": f"print{last4}",
        "last4": last4,
        "networks": {"preferred": "ach", "supported": ["ach"]},
        "routing_number": "110000000",
        "status_details": None,
    }
    return {"type": "us_bank_account", "us_bank_account": account}


def details(method: Json, **also: Any) -> Json:
    """How a charge shows its payment method."""
    kind = method["type"]
    left_out = (
        "display_brand", "generated_from", "networks", "three_d_secure_usage", "status_details",
        "financial_connections_account",
    )  # fmt: skip
    shown = {name: value for name, value in method[kind].items() if name not in left_out}
    return {"type": kind, kind: {**shown, **also}}


def of_iban(iban: str) -> Behaviour:
    """The behaviour of a test IBAN, by its last digits."""
    return next((each for last4, each in _SEPA.values() if iban.endswith(last4)), FINE)
