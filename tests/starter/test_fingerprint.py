"""The fingerprint: the same for the same fields, whatever their order, and for nothing else."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.accounts import Account
from domain.money import Money
from domain.party import Party, PostalAddress
from domain.payments.order import Order, Times
from starter.fingerprint import fields_of, fingerprint, fingerprint_of_many

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text("aé€\n", max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc", max_size=3), inner),
    max_leaves=8,
)
fields = st.dictionaries(st.text("abcdef", min_size=1, max_size=4), values, max_size=5)


def test_it_is_the_hash_of_the_canonical_form() -> None:
    # RFC 8785: sorted names, no blanks, characters as they are and the shortest escapes.
    canonical = '{"a":[1,true,null],"b":{"c":"€ \\n\\" \\u0001"}}'
    received = {"b": {"c": '€ \n" \x01'}, "a": [1, True, None]}
    assert fingerprint(received) == hashlib.sha256(canonical.encode()).hexdigest()


@given(fields)
def test_the_order_of_fields_does_not_matter(received: dict[str, Any]) -> None:
    turned = dict(reversed(list(received.items())))
    assert fingerprint(turned) == fingerprint(received)


@given(fields, fields)
def test_other_fields_have_another_fingerprint(one: dict[str, Any], two: dict[str, Any]) -> None:
    assert (fingerprint(one) == fingerprint(two)) == (repr(_sorted(one)) == repr(_sorted(two)))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("received", [{"a": 1.0}, {"a": [{"b": 0.1}]}, {"a": (float("nan"),)}])
def test_a_float_is_refused_wherever_it_is(received: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="minor units"):
        fingerprint(received)


def test_one_and_true_and_text_differ() -> None:
    assert len({fingerprint({"a": value}) for value in (1, True, "1", [1], None)}) == 5


def test_an_order_as_the_first_version_knew_it_has_its_fingerprint_still() -> None:
    """Or a key of then, given again, would look like one for another order."""
    order = Order(
        tenant="shop",
        partner="currencycloud",
        partner_account="main",
        instructed_amount=Money(minor=1250, currency="EUR"),
        debtor=Party(name="We GmbH"),
        debtor_account=Account(iban="DE89370400440532013000"),
        creditor=Party(
            name="Jan de Vries", address=PostalAddress(town_name="Utrecht", country="NL")
        ),
        creditor_account=Account(iban="NL91ABNA0417164300"),
        end_to_end_id="INVOICE-4711",
        remittance_information="Invoice 4711",
        times=Times(submit_before=datetime(2030, 1, 31, 16, tzinfo=UTC)),
    )
    assert fingerprint(fields_of(order)) == (
        "5fa7fbb6eb11f6ae0e08783836805751f9f778454b96418bf7449cb77bef80d9"
    )
    with_number = order.model_copy(update={"creditor_reference": "RF18539007547034"})
    assert fingerprint(fields_of(with_number)) != fingerprint(fields_of(order))


@given(st.lists(st.dictionaries(st.text(max_size=5), st.integers() | st.text()), max_size=4))
def test_many_objects_have_the_fingerprint_of_the_list_of_them(items: list[dict[str, Any]]) -> None:
    assert fingerprint_of_many("lines", iter(items)) == fingerprint({"lines": items})
