"""The forms of our requests, and what Stripe cannot do with an order."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import quote

from domain.money import Money
from domain.payments.order import Captured, Order, Rail
from partners.stripe import words
from partners.stripe.account import StripeAccount, compact
from partners.stripe.amounts import NoSuchAmount, check_charge, check_payout, to_stripe

INTENTS: Final = "/v1/payment_intents"
PAYOUTS: Final = "/v1/payouts"
REFUNDS: Final = "/v1/refunds"
BALANCE: Final = "/v1/balance"
#: Reference, `statement_descriptor`: 5 to 22 characters, at least one letter, none of these.
_DESCRIPTOR: Final = re.compile(r"(?=.*[A-Za-z])[^<>\\'\"*\x00-\x1f\x7f-\uffff]{5,22}")
#: Reference, `description`: shown to the payer in some e-mails.
_DESCRIPTION_LENGTH_MAX: Final = 500
#: A payout takes one of these, whichever is the bank account's own.
_PAYOUT_RAILS: Final = (Rail.SEPA_CREDIT_TRANSFER, Rail.DOMESTIC)


def path_of(collection: str, object_id: str | None, action: str = "") -> str:
    """The path of an object, or of something that is done with it."""
    return f"{collection}/{quote(object_id or '', safe='')}{action}"


def amount_fields(amount: Money) -> dict[str, str]:
    """An amount, in Stripe's units."""
    return {"amount": str(to_stripe(amount)), "currency": amount.currency.lower()}


def ours(key: str) -> dict[str, str]:
    """The metadata by which an object is found and known to be ours."""
    return {f"metadata[{words.OUR_KEY}]": key}


def capture_mark(key: str) -> str:
    """The name in a PaymentIntent's metadata that a capture leaves; at most 40 characters."""
    return f"capture_{key}"


def increment_mark(key: str) -> str:
    """The name in a PaymentIntent's metadata that an increment leaves; at most 40 characters."""
    return f"hold_{key}"


def asks_features(order: Order) -> bool:
    """Whether more is asked of the card than to hold or to take the amount once."""
    return order.collection is not None and order.collection.captured is Captured.LATER


def intent_form(order: Order, key: str, *, features: bool = True) -> dict[str, str]:
    """POST /v1/payment_intents: an intent that is not confirmed, so it moves nothing.

    Args:
        features: ask for several captures and increments, if the card allows them. Stripe refuses
            that to accounts that it has not enabled for them, whatever the card.
    """
    collection = order.collection
    assert collection is not None, "only collections have an intent"
    later = collection.captured is Captured.LATER
    fields = {
        **amount_fields(order.instructed_amount),
        "payment_method_types[]": words.METHODS[order.rail],
        "payment_method": collection.payment_method or "",
        "capture_method": "manual" if later else "automatic",
        **ours(key),
    }
    if features and asks_features(order):
        # Guide "Multicapture": without it the first capture releases the rest.
        fields["payment_method_options[card][request_multicapture]"] = "if_available"
        # Guide "Increment an authorization": it has to be asked for before the money is held.
        fields["payment_method_options[card][request_incremental_authorization]"] = "if_available"
    if collection.customer:
        fields["customer"] = collection.customer
    if collection.saves:
        # Guide "Save and reuse": the payer's bank is told now, and may ask the payer now.
        fields["setup_future_usage"] = "off_session"
    if order.remittance_information:
        fields["description"] = order.remittance_information[:_DESCRIPTION_LENGTH_MAX]
    if collection.statement_descriptor:
        # Reference: a card's statement takes a suffix to our own name only.
        suffix = "_suffix" if order.rail is Rail.CARD else ""
        fields[f"statement_descriptor{suffix}"] = collection.statement_descriptor
    return fields


def confirm_form(order: Order) -> dict[str, str]:
    """POST /v1/payment_intents/{id}/confirm: the instruction that moves the money."""
    collection = order.collection
    assert collection is not None, "only collections are confirmed"
    fields = {}
    if collection.off_session:
        fields["off_session"] = "true"
    if collection.mandate:
        fields["mandate"] = collection.mandate
    if collection.return_url:
        fields["return_url"] = collection.return_url
    return fields


def confirm_again_form(order: Order) -> dict[str, str]:
    """The same for an intent that was declined without the payer, now that the payer is there.

    After the decline the intent names no means of payment any more.
    """
    collection = order.collection
    assert collection is not None, "only collections are confirmed"
    return {
        "payment_method": collection.payment_method or "",
        "return_url": collection.return_url or "",
    }


def payout_form(order: Order, key: str, destination: str, *, is_instant: bool) -> dict[str, str]:
    """POST /v1/payouts, to one of our own bank accounts."""
    fields = {
        **amount_fields(order.instructed_amount),
        "destination": destination,
        "method": "instant" if is_instant else "standard",
        **ours(key),
    }
    if order.remittance_information:
        fields["description"] = order.remittance_information[:_DESCRIPTION_LENGTH_MAX]
    return fields


def destination_of(order: Order, account: StripeAccount) -> str | None:
    """The id of our bank account that the order pays; None if it is not ours."""
    wanted = compact(order.creditor_account.number)
    ours = account.payout_accounts.items()
    return next((its for its, one in ours if compact(one.get_secret_value()) == wanted), None)


def unfit(order: Order, account: StripeAccount) -> str:
    """Why Stripe can never execute the order; empty if it can."""
    try:
        to_stripe(order.instructed_amount)
        check = check_payout if order.collection is None else check_charge
        check(order.instructed_amount)
    except NoSuchAmount as error:
        return f"instructed_amount: {error}"
    if order.on_behalf_of is not None:
        return "on_behalf_of: connected accounts are not supported; leave it out"
    if order.collection is None:
        return _no_payout(order, account)
    return _no_collection(order)


def _no_payout(order: Order, account: StripeAccount) -> str:
    if order.rail not in _PAYOUT_RAILS:
        return f"rail: is {order.rail}, and payouts go by {', '.join(_PAYOUT_RAILS)}"
    if destination_of(order, account) is None:
        return (
            "creditor_account: Stripe pays out to our own bank accounts only; give one of those "
            "in the setting payout_accounts"
        )
    return ""


def _no_collection(order: Order) -> str:
    collection = order.collection
    assert collection is not None
    if order.rail not in words.METHODS:
        return f"rail: is {order.rail}, and Stripe collects by {', '.join(words.METHODS)}"
    if not collection.payment_method:
        return "collection.payment_method: is missing; give the id of a saved one (`pm_…`)"
    if collection.captured is Captured.LATER and order.rail is not Rail.CARD:
        return f"collection.captured: a {order.rail} holds nothing; collect it at once"
    if collection.saves and order.rail is not Rail.CARD:
        return f"collection.saves: a {order.rail} is saved with its mandate already; leave it out"
    if collection.saves and not collection.customer:
        return (
            "collection.customer: is missing; a payment method is saved with a customer (`cus_…`)"
        )
    if collection.saves and collection.off_session:
        return "collection.saves: needs a payer who is there to agree; leave out off_session"
    descriptor = collection.statement_descriptor
    if descriptor and not _DESCRIPTOR.fullmatch(descriptor):
        return (
            "collection.statement_descriptor: is not 5 to 22 plain characters with a letter among "
            "them and none of < > \\ ' \" *"
        )
    if collection.return_url and not collection.return_url.startswith("https://"):
        return "collection.return_url: does not begin with https://"
    return ""
