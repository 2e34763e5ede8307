"""A PaymentIntent whose hold is raised before it is taken."""

from __future__ import annotations

from tests.simulators.stripe.conftest import Shop
from tests.simulators.stripe.test_intents import MULTIPLE

RISING = {"payment_method_options[card][request_incremental_authorization]": "if_available"}


def test_more_is_held_where_it_was_agreed(shop: Shop) -> None:
    held = shop.pay(capture_method="manual", **RISING)
    raise_it = f"payment_intents/{held['id']}/increment_authorization"
    assert shop.refused(raise_it, amount=2000)["code"] == "invalid_charge_amount"
    risen = shop.done(raise_it, amount=2600)
    assert (risen["amount"], risen["amount_capturable"]) == (2600, 2600)
    charge = shop.read(held)["latest_charge"]
    assert charge["amount"] == 2600
    assert charge["payment_method_details"]["card"]["amount_authorized"] == 2600
    assert "charge.updated" in shop.events(charge["id"])
    assert shop.done(f"payment_intents/{held['id']}/capture")["amount_received"] == 2600
    assert shop.refused(raise_it, amount=3000)["code"] == "payment_intent_unexpected_state"
    fixed = shop.pay(capture_method="manual")
    refused = shop.refused(f"payment_intents/{fixed['id']}/increment_authorization", amount=2600)
    assert refused["code"] == "payment_intent_unexpected_state"


def test_a_hold_of_which_a_part_was_taken_is_not_raised(shop: Shop) -> None:
    held = shop.pay(capture_method="manual", **RISING, **MULTIPLE)
    shop.done(f"payment_intents/{held['id']}/capture", amount_to_capture=500, final_capture="false")
    refused = shop.refused(f"payment_intents/{held['id']}/increment_authorization", amount=2600)
    assert refused["code"] == "payment_intent_unexpected_state"


def test_a_declined_increment_leaves_the_hold_and_counts_among_ten(shop: Shop) -> None:
    held = shop.pay(capture_method="manual", **RISING)
    raise_it = f"payment_intents/{held['id']}/increment_authorization"
    shop.apply("decline_increments", held, decline_code="insufficient_funds")
    for key in ("once", "once", "again"):
        error = shop.post(raise_it, key=key, amount=2600, **{"metadata[a]": "b"})
        assert (error.status_code, error.json()["error"]["code"]) == (402, "card_declined")
        assert error.json()["error"]["decline_code"] == "insufficient_funds"
    same = shop.read(held)
    assert (same["amount"], same["amount_capturable"], same["metadata"]) == (2000, 2000, {})
    assert same["latest_charge"]["amount"] == 2000
    shop.apply("decline_increments", held, decline_code="")
    for more in range(1, 9):
        assert shop.done(raise_it, amount=2000 + more)["amount"] == 2000 + more
    assert shop.refused(raise_it, amount=3000)["code"] == "payment_intent_unexpected_state"
    assert shop.done(f"payment_intents/{held['id']}/capture")["amount_received"] == 2008
