"""The Berlin Group's OpenAPI file, and whether a request and its reply are what it says."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import yaml

#: One path of the file stands for all services and products.
_PATH = "/v1/payments/"
_PARTS = {"{payment-service}": "payments", "{payment-product}": "[a-z0-9-]+"}


class OpenApi:
    """Version 1.3.11. Most lists of message codes are closed in 1.3.6 for the last time."""

    def __init__(self, specs: Path) -> None:
        folder = specs / "berlin-group"
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        text = (folder / "psd2-api_v1.3.11-2021-10-01v1.yaml").read_text()
        self._document: dict[str, Any] = yaml.load(text, Loader=loader)
        listed = json.loads((folder / "tpp-message-codes.v1.3.6.json").read_text())["codes"]
        schemas = self._document["components"]["schemas"].items()
        newer = {name: each["enum"] for name, each in schemas
                 if name.startswith("MessageCode") and "enum" in each}  # fmt: skip
        self.codes: dict[str, list[str]] = {**listed, **newer}
        # The file lets a code be a category only, where its own examples have codes.
        generic = self._document["components"]["schemas"]["tppMessageGeneric"]
        generic["properties"]["code"] = {"type": "string"}
        self._validator = cache(self._new_validator)

    def enum(self, name: str) -> list[str]:
        found: list[str] = self._document["components"]["schemas"][name]["enum"]
        return found

    def operation(self, method: str, path: str) -> dict[str, Any] | None:
        """The documented operation of a request; None if there is none."""
        for template, methods in self._document["paths"].items():
            pattern = template
            for part, words in _PARTS.items():
                pattern = pattern.replace(part, words)
            pattern = re.sub(r"\{[\w-]+\}", "[^/]+", pattern)
            if re.fullmatch(pattern, path) and method.lower() in methods:
                found: dict[str, Any] = methods[method.lower()]
                return found
        return None

    def headers(self, method: str, path: str) -> dict[str, bool]:
        """The header parameters, in lower case, and whether each is required."""
        operation = self.operation(method, path)
        assert operation is not None, f"{method} {path} is not documented"
        found = (self._resolved(each) for each in operation["parameters"])
        return {
            each["name"].lower(): bool(each.get("required"))
            for each in found
            if each["in"] == "header"
        }

    def errors(self, method: str, path: str, status: int, body: Any) -> list[str]:
        """What is wrong with a reply."""
        operation = self.operation(method, path)
        if operation is None:
            return [f"{method} {path} is not documented"]
        if str(status) not in operation["responses"]:
            return [f"{status} is not documented"]
        content = self._resolved(operation["responses"][str(status)]).get("content")
        if content is None:
            return []  # Nothing is said of the body.
        schema = content["application/json"]["schema"]
        # Of a payment: one of several services, whose schemas overlap.
        first = schema["oneOf"][0] if "oneOf" in schema and method == "GET" else schema
        if method == "PUT" and status == 200:
            first = {"$ref": "#/components/schemas/updatePsuAuthenticationResponse"}
        return self._wrong(json.dumps(first), body)

    def wrong(self, name: str, body: Any) -> list[str]:
        """What is wrong with an object of that schema."""
        return self._wrong(json.dumps({"$ref": f"#/components/schemas/{name}"}), body)

    def _wrong(self, schema: str, body: Any) -> list[str]:
        found = self._validator(schema).iter_errors(body)
        return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in found]

    def _new_validator(self, text: str) -> Any:
        schema, needed = json.loads(text), dict[str, Any]()
        names = _references(schema)
        while names:
            needed |= {name: self._document["components"]["schemas"][name] for name in names}
            names = _references(needed) - set(needed)
        whole = {**schema, "components": {"schemas": needed}}
        return jsonschema_rs.Draft4Validator(whole, validate_formats=True)

    def _resolved(self, found: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in found:
            kind, name = found["$ref"].removeprefix("#/components/").split("/")
            found = self._document["components"][kind][name]
        return found


def _references(schema: Any) -> set[str]:
    text = json.dumps(schema, default=str)
    return set(re.findall(r'"\$ref": "#/components/schemas/([\w.-]+)"', text))
