"""The same fields, the same bytes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from partners.kit.content import FORM, JSON, form, json_object


def test_a_form_keeps_its_order() -> None:
    assert form({"b": "1 €", "a": ""}) == (b"b=1+%E2%82%AC&a=", FORM)


def test_json_has_one_way_to_be_written() -> None:
    one = json_object({"b": [{"z": 1, "y": "é"}], "a": True})
    other = json_object({"a": True, "b": [{"y": "é", "z": 1}]})
    assert one == other == ('{"a":true,"b":[{"y":"é","z":1}]}'.encode(), JSON)


@pytest.mark.parametrize("value", [1.5, float("nan"), [1.0], {"x": ({"y": 0.1},)}, Decimal("1.0")])
def test_a_number_with_a_point_is_not_written(value: Any) -> None:
    with pytest.raises(TypeError):
        json_object({"amount": value})
