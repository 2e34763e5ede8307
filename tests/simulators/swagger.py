"""Currencycloud's Swagger, and whether a reply is what it says."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

#: Their own examples, in the Swagger and as files, have a boolean and numbers where its types say
#: text: here the examples are right.
_TYPES_OF_EXAMPLES = {
    "updated": "boolean",
    "auth_steps_taken": "integer",
    "auth_steps_required": "integer",
}
_CORRECTED = "PaymentAuthorisation"


class Swagger:
    def __init__(self, specs: Path) -> None:
        text = (specs / "currencycloud" / "reference.yaml").read_text()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._document: dict[str, Any] = yaml.load(text, Loader=loader)
        self._validator = cache(self._new_validator)

    def definition(self, name: str) -> dict[str, Any]:
        """As published."""
        found: dict[str, Any] = self._document["definitions"][name]
        return found

    def operations(self) -> list[tuple[str, str]]:
        """Method in capitals, and path."""
        return [
            (method.upper(), path)
            for path, methods in self._document["paths"].items()
            for method in methods
        ]

    def operation(self, method: str, path: str) -> str | None:
        """The path as documented, of a request's path below /v2; None where there is none."""
        for known, template in sorted(self.operations(), key=lambda each: "{" in each[1]):
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if known == method and re.fullmatch(pattern, path):
                return template
        return None

    def refusals(self, path: str, method: str) -> list[tuple[int, str, str]]:
        """Every documented refusal: status, code, and the field it belongs to."""
        responses = self._document["paths"][path][method]["responses"]
        return [
            (int(status), error["code"], error.get("category", "base"))
            for status, response in responses.items()
            for error in response.get("x-errors", [])
        ]

    def errors(self, path: str, method: str, status: int, body: Any) -> list[str]:
        """What is wrong with a reply."""
        validator = self._validator(path, method, status)
        if validator is None:
            return []
        return [error.message for error in validator.iter_errors(_without_nulls(body))]

    def _new_validator(self, path: str, method: str, status: int) -> Any:
        """Of that response's schema; Swagger 2 definitions nearly are JSON Schema."""
        responses = {
            str(code): one
            for code, one in self._document["paths"][path][method]["responses"].items()
        }
        # A status they do not list is one of their `default`, which says nothing of the body.
        schema = (responses.get(str(status)) or responses["default"]).get("schema")
        if schema is None:
            return None
        # Only what it needs: some definitions have types that no JSON Schema knows.
        needed: dict[str, Any] = {}
        names = _references(schema)
        while names:
            needed |= {name: self._corrected(name) for name in names}
            names = _references(needed) - set(needed)
        schema = {**schema, "definitions": needed}
        return jsonschema_rs.Draft4Validator(schema, validate_formats=True)

    def _corrected(self, name: str) -> dict[str, Any]:
        definition = self.definition(name)
        if name != _CORRECTED:
            return definition
        corrections = {field: {"type": kind} for field, kind in _TYPES_OF_EXAMPLES.items()}
        return {**definition, "properties": {**definition["properties"], **corrections}}


def _references(schema: Any) -> set[str]:
    """The names of the definitions it points to."""
    text = json.dumps(schema, default=str)
    return set(re.findall(r'"\$ref": "#/definitions/(\w+)"', text))


def _without_nulls(value: Any) -> Any:
    """As their own replies have to be read: null, and "" for a date, mean there is none."""
    if isinstance(value, dict):
        kept = {name: part for name, part in value.items() if part is not None and part != ""}
        return {name: _without_nulls(part) for name, part in kept.items()}
    return [_without_nulls(part) for part in value] if isinstance(value, list) else value
