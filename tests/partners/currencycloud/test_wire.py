"""What is declared of their objects is read, and what is not read is never required."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from partners.currencycloud import wire
from partners.kit.wire import Unusable, Wire

FOLDER = Path(wire.__file__).parent
MODELS = sorted(
    (
        model
        for model in vars(wire).values()
        if isinstance(model, type) and issubclass(model, Wire) and model is not Wire
    ),
    key=lambda model: model.__name__,
)


def _read_anywhere() -> set[str]:
    """Every attribute that some module of the folder reads."""
    return {
        node.attr
        for file in FOLDER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)
    }


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_declared_field_is_read(model: type[Wire]) -> None:
    assert set(model.model_fields) <= _read_anywhere(), "declare only what is read"


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_what_is_documented_and_not_read_is_not_declared(model: type[Wire]) -> None:
    assert not set(model.model_fields) & model.documented


def test_an_answer_with_only_what_is_read_is_read() -> None:
    beneficiary = '{"id": "b", "bank_account_holder_name": "C", "currency": "EUR"}'
    assert isinstance(wire.read_beneficiary(beneficiary), wire.Beneficiary)
    assert wire.read_beneficiaries(f'{{"beneficiaries": [{beneficiary}]}}') != ()
    payment = '{"id": "p", "status": "completed", "amount": "1.00", "currency": "EUR"}'
    found = wire.read_payment(payment)
    assert isinstance(found, wire.Payment)
    assert found.drift == ()
    page = f'{{"payments": [{payment}], "pagination": {{"total_entries": 1, "next_page": -1}}}}'
    assert not isinstance(wire.read_payments(page), Unusable)
