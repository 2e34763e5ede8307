"""A planted bug replaces something of the product. If that has moved, the bug would change nothing.

Only `make proof-long` plants all of them, so this asks of each whether its place is still there.
"""

from __future__ import annotations

import ast
import inspect
from textwrap import dedent
from typing import Any

import pytest

from tests.proof.planted.registry import BUGS


@pytest.mark.parametrize("name", BUGS)
def test_what_a_planted_bug_replaces_is_still_there(name: str) -> None:
    plant = BUGS[name].plant
    (function,) = ast.parse(dedent(inspect.getsource(plant))).body
    assert isinstance(function, ast.FunctionDef)
    names: dict[str, Any] = dict(plant.__globals__)
    for statement in function.body:
        replaced = _replaced(statement)
        for place in replaced:
            owner = eval(ast.unparse(place.value), names)
            fields = getattr(owner, "__annotations__", {})
            assert hasattr(owner, place.attr) or place.attr in fields, ast.unparse(place)
        if not replaced and not isinstance(statement, ast.Expr):
            exec(ast.unparse(statement), names)


def _replaced(statement: ast.stmt) -> list[ast.Attribute]:
    """The attributes that the statement assigns to."""
    match statement:
        case ast.Assign(targets=targets):
            return [target for target in targets if isinstance(target, ast.Attribute)]
        case ast.AnnAssign(target=ast.Attribute() as target):
            return [target]
    return []
