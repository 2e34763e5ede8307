"""The OpenAPI document: what FastAPI writes, with the media type of problems, and with links.

A link says which value of an answer names the object of another request. So a generated client
knows how to go on, and a judge that only reads the document can follow an object through its life.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from fastapi import FastAPI
from starlette.routing import compile_path

from starter.api.problems import MEDIA_TYPE, ProblemBody

Links = Mapping[str, Mapping[str, str]]

_PROBLEM: Final = f"#/components/schemas/{ProblemBody.__name__}"


def _of(*operations: str, **parameters: str) -> Links:
    """Links to these operations; parameters as JSON pointers into the answer."""
    given = {name: f"$response.body#{place}" for name, place in parameters.items()}
    return dict.fromkeys(operations, given)


_COLLECTION: Final = (
    "get_collection", "get_collection_action", "list_captures", "list_reversals",
    "capture_collection", "refund_collection", "confirm_collection", "cancel_collection",
)  # fmt: skip
_CLAIMED: Final = _of(*_COLLECTION, payment_id="/collection/id")

#: By the operation whose answer has them.
LINKS: Final[Mapping[str, Links]] = {
    "create_payment": _of("get_payment", "get_payment_action", "cancel_payment", payment_id="/id"),
    "list_payments": {
        **_of("get_payment", "cancel_payment", payment_id="/data/0/id"),
        **_of("list_payments", after="/next_cursor"),
    },
    "cancel_payment": _of("get_payment", payment_id="/payment/id"),
    "create_collection": _of(*_COLLECTION, payment_id="/id"),
    "list_collections": {
        **_of(*_COLLECTION, payment_id="/data/0/id"),
        **_of("list_collections", after="/next_cursor"),
    },
    "capture_collection": _CLAIMED,
    "refund_collection": _CLAIMED,
    "confirm_collection": _CLAIMED,
    "cancel_collection": _of("get_collection", payment_id="/payment/id"),
    "create_file": _of("get_file", message_id="/id", file_key="/file_key"),
    "list_files": _of("get_file", message_id="/data/0/id", file_key="/data/0/file_key"),
    "list_events": {
        **_of("get_event", event_id="/data/0/id"),
        **_of("list_events", after="/next_cursor"),
    },
    "list_tasks": _of("get_task", task_id="/data/0/id"),
}


class Documented(FastAPI):
    """The application, whose document has what FastAPI does not write."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            document = super().openapi()
            for item in document["paths"].values():
                for operation in item.values():
                    _mend(operation)
        return super().openapi()

    def methods_at(self, path: str) -> set[str]:
        """The methods of an address, by the document."""
        return {
            method.upper()
            for template, item in self.openapi()["paths"].items()
            if compile_path(template)[0].match(path)
            for method in item
        }


def _mend(operation: dict[str, Any]) -> None:
    links = {
        target: {"operationId": target, "parameters": dict(parameters)}
        for target, parameters in LINKS.get(operation["operationId"], {}).items()
    }
    for status, response in operation["responses"].items():
        content = response.get("content", {})
        if content.get("application/json", {}).get("schema") == {"$ref": _PROBLEM}:
            response["content"] = {MEDIA_TYPE: content["application/json"]}
        if links and status.startswith("2"):
            response["links"] = links
