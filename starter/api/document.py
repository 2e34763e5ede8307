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
    "list_increments", "capture_collection", "increment_collection", "refund_collection",
    "confirm_collection", "cancel_collection",
)  # fmt: skip
_CONSENT: Final = ("get_consent", "get_consent_action", "renew_consent", "revoke_consent")
_ENDPOINT: Final = (
    "get_webhook_endpoint", "update_webhook_endpoint", "list_webhook_deliveries",
    "test_webhook_endpoint", "resend_webhook_events", "rotate_webhook_secret",
    "disable_webhook_endpoint", "enable_webhook_endpoint",
)  # fmt: skip
_DELIVERY: Final = ("get_webhook_delivery", "resend_webhook_delivery")
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
    "increment_collection": _CLAIMED,
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
    "create_consent": _of(*_CONSENT, consent_id="/id"),
    "list_consents": _of(*_CONSENT, consent_id="/data/0/id"),
    "list_accounts": {
        **_of("get_account", "list_transactions", account_id="/data/0/id"),
        **_of("list_accounts", after="/next_cursor"),
    },
    "create_webhook_endpoint": _of(*_ENDPOINT, endpoint_id="/id"),
    "list_webhook_endpoints": _of(*_ENDPOINT, endpoint_id="/data/0/id"),
    "test_webhook_endpoint": _of(*_DELIVERY, delivery_id="/id"),
    "list_webhook_deliveries": _of(*_DELIVERY, delivery_id="/data/0/id"),
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
        """The methods of an address, by the document.

        An address that is there word by word comes before those that have parameters (OpenAPI
        3.1, "Path Templating Matching").
        """
        paths = self.openapi()["paths"]
        items = (
            [paths[path]]
            if path in paths
            else [item for template, item in paths.items() if compile_path(template)[0].match(path)]
        )
        return {method.upper() for item in items for method in item}


def _mend(operation: dict[str, Any]) -> None:
    links = {
        target: {"operationId": target, "parameters": dict(parameters)}
        for target, parameters in LINKS.get(operation["operationId"], {}).items()
    }
    for status, response in operation["responses"].items():
        for media_type, content in list(response.get("content", {}).items()):
            if content.get("schema") != {"$ref": _PROBLEM}:
                continue
            response["content"] = {MEDIA_TYPE: content}
            if media_type == "text/html":
                # A page says itself what is wrong; what is refused before the page is a problem.
                response["content"][media_type] = {"schema": {"type": "string"}}
        if links and status.startswith("2"):
            response["links"] = links
