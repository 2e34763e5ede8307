"""The official OpenAPI files, and whether a reply is what they say."""

from __future__ import annotations

import csv
import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs

_FOLDERS = {"v3.1": "v3.1.11", "v4.0": "v4.0"}
_FILES = {"pisp": "payment-initiation", "aisp": "account-info", "events": "events"}
_URL = re.compile(r"/open-banking/(v[0-9.]+)/((aisp|pisp|events)(/.*)?)")
_JSON = "application/json; charset=utf-8"


class OpenApi:
    """Both versions of the standard, chosen by the path of a request."""

    def __init__(self, specs: Path) -> None:
        self._folder = specs / "obie"
        self._document = cache(self._read)
        self._validator = cache(self._new_validator)

    def operation(self, method: str, path: str) -> tuple[str, str, dict[str, Any]] | None:
        """Folder, file and documented operation of a request; None if there is none."""
        matched = _URL.fullmatch(path)
        if matched is None:
            return None
        version, whole, room, rest = matched.groups()
        below = f"/{whole}" if room == "events" else rest or "/"
        folder, file = _FOLDERS[version], _FILES[room]
        for template, methods in self._document(folder, file)["paths"].items():
            pattern = re.sub(r"\{\w+\}", "[^/]+", template)
            if re.fullmatch(pattern, below) and method.lower() in methods:
                return folder, file, methods[method.lower()]
        return None

    def errors(self, method: str, path: str, answer: httpx.Response) -> list[str]:
        """What is wrong with a reply: its status, its headers, its body."""
        found = self.operation(method, path)
        if found is None:
            return [f"{method} {path} is not documented"]
        folder, file, operation = found
        status = str(answer.status_code)
        if status not in operation["responses"]:
            return [f"{status} is not documented"]
        response = self._resolved(folder, file, operation["responses"][status])
        wrong = [
            f"the header {name} is missing"
            for name, header in response.get("headers", {}).items()
            if header.get("required") and name not in answer.headers
            # The files ask for a signature on every reply; the texts only where one is signed.
            and (name != "x-jws-signature" or "/pisp/" in path) and answer.content
        ]  # fmt: skip
        content = response.get("content")
        if content is None or not answer.content:
            return wrong
        if answer.headers["content-type"] != _JSON:
            wrong.append(f"the content type is {answer.headers['content-type']}")
        return wrong + self._wrong(
            folder, file, json.dumps(content[_JSON]["schema"]), answer.json()
        )

    def enum(self, version: str, file: str, name: str, *path: str) -> list[str]:
        """The values of a list inside a schema."""
        found = self._document(_FOLDERS[version], file)["components"]["schemas"][name]
        for part in path:
            found = found[part]
        listed: list[str] = found["enum"]
        return listed

    def error_codes(self) -> set[tuple[str, str]]:
        """Codes of errors and status reasons, with their names."""
        with (self._folder / "codesets/OB_Internal_Codeset.csv").open(newline="") as file:
            rows = [row for row in csv.reader(file) if row[0] == "OBExternalStatusReason1Code"]
        return {(row[1], row[2]) for row in rows}

    def _wrong(self, folder: str, file: str, schema: str, body: Any) -> list[str]:
        found = self._validator(folder, file, schema).iter_errors(body)
        return [f"{'/'.join(map(str, one.instance_path))}: {one.message}" for one in found]

    def _read(self, folder: str, file: str) -> dict[str, Any]:
        text = (self._folder / folder / f"{file}-openapi.json").read_text()
        document: dict[str, Any] = json.loads(text)
        return document

    def _new_validator(self, folder: str, file: str, text: str) -> Any:
        schemas = self._document(folder, file)["components"]["schemas"]
        schema, needed = json.loads(text), dict[str, Any]()
        names = _references(schema)
        while names:
            needed |= {name: schemas[name] for name in names}
            names = _references(needed) - set(needed)
        whole = {**schema, "components": {"schemas": needed}}
        return jsonschema_rs.Draft4Validator(whole, validate_formats=True)

    def _resolved(self, folder: str, file: str, found: dict[str, Any]) -> dict[str, Any]:
        while "$ref" in found:
            kind, name = found["$ref"].removeprefix("#/components/").split("/")
            found = self._document(folder, file)["components"][kind][name]
        return found


def _references(schema: Any) -> set[str]:
    return set(re.findall(r'"\$ref": "#/components/schemas/([\w.-]+)"', json.dumps(schema)))
