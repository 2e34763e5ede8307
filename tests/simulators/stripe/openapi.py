"""Stripe's OpenAPI description, and whether a reply is what it says."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

#: The fields whose words were added after the description of 2023, by schema; the words of 2026
#: are in the enums of Stripe's own client.
_NEWER = {
    ("payment_intent", "cancellation_reason"): "_payment_intent.PaymentIntent.cancellation_reason",
    ("dispute", "status"): "_dispute.Dispute.status",
    ("balance_transaction", "type"): "_balance_transaction.BalanceTransaction.type",
    ("dispute_payment_method_details", "type"): "_dispute.Dispute.PaymentMethodDetails.type",
}


class OpenApi:
    def __init__(self, specs: Path) -> None:
        text = (specs / "stripe" / "spec3.2023-09-12.yaml").read_text()
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        self._document: dict[str, Any] = yaml.load(text, Loader=loader)
        self._schemas = self._document["components"]["schemas"]
        listed = json.loads((specs / "stripe" / "enums.2026-07.json").read_text())["enums"]
        self._enums = {
            f"{module}.{name}": words for module in listed for name, words in listed[module].items()
        }
        for (schema, field), name in _NEWER.items():
            self._schemas[schema]["properties"][field]["enum"] = self._enums[name]
        self._validator = cache(self._new_validator)

    def words(self, name: str) -> list[str]:
        """The words of an enum of 2026, named `module.Class.field`."""
        return list(self._enums[name])

    def operation(self, method: str, path: str) -> str | None:
        """The path as documented, of a request's path; None if there is none."""
        for template in sorted(self._document["paths"], key=lambda each: "{" in each):
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if re.fullmatch(pattern, path) and method.lower() in self._document["paths"][template]:
                return str(template)
        return None

    def parameters(self, method: str, template: str) -> set[str]:
        """The names of all parameters in the query or the form."""
        operation = self._document["paths"][template][method.lower()]
        named = {each["name"] for each in operation.get("parameters", []) if each["in"] == "query"}
        content = operation.get("requestBody", {}).get("content", {})
        form = content.get("application/x-www-form-urlencoded", {}).get("schema", {})
        return named | set(form.get("properties", {}))

    def errors(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with a reply."""
        template = self.operation(method, path)
        if template is None:
            return [f"{method} {path} is not documented"]
        operation = self._document["paths"][template][method.lower()]
        response = operation["responses"].get(str(status), operation["responses"]["default"])
        schema = response["content"]["application/json"]["schema"]
        return self._wrong(json.dumps(schema), body)

    def wrong(self, name: str, body: Any) -> list[str]:
        """What is wrong with an object of that schema."""
        return self._wrong(json.dumps({"$ref": f"#/components/schemas/{name}"}), body)

    def _wrong(self, schema: str, body: Any) -> list[str]:
        found = self._validator(schema).iter_errors(body)
        return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in found]

    def _new_validator(self, text: str) -> Any:
        # Only what it needs: the whole description takes seconds to compile.
        schema, needed = json.loads(text), dict[str, Any]()
        names = _references(schema)
        while names:
            needed |= {name: _nullable(self._schemas[name]) for name in names}
            names = _references(needed) - set(needed)
        whole = {**_nullable(schema), "components": {"schemas": needed}}
        return jsonschema_rs.Draft4Validator(whole)


def _references(schema: Any) -> set[str]:
    text = json.dumps(schema, default=str)
    return set(re.findall(r'"\$ref": "#/components/schemas/([\w.]+)"', text))


def _nullable(schema: Any) -> Any:
    """The same in JSON Schema, which says otherwise that something may be null."""
    if isinstance(schema, list):
        return [_nullable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    parts = {name: _nullable(part) for name, part in schema.items() if name != "nullable"}
    return {"anyOf": [parts, {"type": "null"}]} if schema.get("nullable") is True else parts
