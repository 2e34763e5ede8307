"""The fingerprint: the same for the same fields, whatever their order, and for nothing else."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from starter.fingerprint import fingerprint

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
