"""Errors in Stripe's words, and the reading of form fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from simulators.kit.replies import Json, Refusal, Reply

REQUEST = "invalid_request_error"
IDEMPOTENCY = "idempotency_error"
API = "api_error"
CARD = "card_error"

_STEP = re.compile(r"\[([^\]]*)\]")
_MOST = {"metadata": 500, "idempotency_key": 255}


class Invalid(Refusal):
    """A request that was refused before it was executed, so that its key keeps nothing."""


def error(kind: str, message: str, **also: Any) -> Json:
    """An error body without the fields that are None."""
    told = {name: value for name, value in also.items() if value is not None}
    if "code" in told:
        page = str(told["code"]).replace("_", "-")
        told["doc_url"] = f"https://stripe.com/docs/error-codes/{page}"
    return {"error": {"type": kind, "message": message, **told}}


def invalid(message: str, *, status: int = 400, **also: Any) -> Invalid:
    return Invalid(status, error(REQUEST, message, **also))


def missing_object(kind: str, object_id: str, param: str = "id") -> Invalid:
    message = f"No such {kind}: '{object_id}'"
    return invalid(message, status=404, code="resource_missing", param=param)


def conflict(message: str, code: str, **also: Any) -> Refusal:
    """A refusal because of the object's state, found while the request was executed."""
    return Refusal(400, error(REQUEST, message, code=code, **also))


def unauthorised(message: str) -> Invalid:
    return Invalid(401, error(REQUEST, message))


def words(fault: str, param: Mapping[str, Any]) -> Reply:
    """The error of a fault; `refused` and a cached 500 name every field of theirs."""
    status, body = {
        "internal_error": (500, error(API, "An unknown error occurred.")),
        "unauthorised": (401, error(REQUEST, "Invalid API Key provided: sk_****")),
        "rate_limited": (429, error(REQUEST, "Too many requests.", code="rate_limit")),
        "service_unavailable": (503, error(API, "Stripe is unavailable for a moment.")),
        "duplicate_word": (400, error(IDEMPOTENCY, "The key was used with other parameters.")),
        "lock_timeout": (429, error(REQUEST, "Another request holds it.", code="lock_timeout")),
        "key_in_use": (
            409,
            error(IDEMPOTENCY, "A request with this key runs.", code="idempotency_key_in_use"),
        ),
        "refused": (int(param.get("status", 402)), error(str(param.get("type", CARD)), "Refused.")),
    }[fault]
    told = {name: param[name] for name in param if name not in ("status", "type", "should_retry")}
    if fault == "refused":
        body["error"] |= told
    headers = {}
    if "should_retry" in param:
        headers["Stripe-Should-Retry"] = str(param["should_retry"]).lower()
    return Reply(status, body, headers=headers)


# Form fields


def nested(lists: Mapping[str, Sequence[str]]) -> Json:
    """Fields such as `a[b][c]=1` and `a[]=1` as objects and lists."""
    fields: Json = {}
    for name, values in lists.items():
        steps = [name.split("[", 1)[0], *_STEP.findall(name)]
        is_list = steps[-1] == "" and len(steps) > 1
        place = fields
        for step in steps[: -2 if is_list else -1]:
            place = place.setdefault(step, {})
            if not isinstance(place, dict):
                raise invalid(f"Invalid object: {name}", param=name)
        place[steps[-2] if is_list else steps[-1]] = list(values) if is_list else values[-1]
    return {name: _listed(value) for name, value in fields.items()}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    parts = {name: _listed(part) for name, part in value.items()}
    is_list = bool(parts) and all(name.isdigit() for name in parts)
    return [parts[name] for name in sorted(parts, key=int)] if is_list else parts


def only(params: Json, allowed: str) -> None:
    """Refuse parameters that the endpoint does not have."""
    known = {"expand", *allowed.split()}
    for name in params:
        if name not in known:
            message = f"Received unknown parameter: {name}"
            raise invalid(message, code="parameter_unknown", param=name)


def text(params: Json, name: str, *, among: Sequence[str] = ()) -> str | None:
    """A field's text. None if it is absent or empty, which unsets it."""
    value = params.get(name)
    if value in (None, ""):
        return None
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {name}", param=name)
    if among and value not in among:
        raise invalid(f"Invalid {name}: must be one of {', '.join(among)}", param=name)
    return value


def whole(params: Json, name: str) -> int | None:
    value = text(params, name)
    if value is None:
        return None
    if not re.fullmatch(r"-?\d{1,15}", value):
        message = f"Invalid integer: {value}"
        raise invalid(message, code="parameter_invalid_integer", param=name)
    return int(value)


def flag(params: Json, name: str) -> bool:
    return text(params, name, among=("true", "false")) == "true"


def needed(params: Json, *names: str) -> None:
    for name in names:
        if params.get(name) in (None, ""):
            message = f"Missing required param: {name}."
            raise invalid(message, code="parameter_missing", param=name)


def metadata(known: Mapping[str, str], params: Json) -> dict[str, str]:
    """The known metadata with the changes of a request; an empty value removes its key."""
    asked = params.get("metadata", {})
    if asked == "":
        return {}
    if not isinstance(asked, dict) or not all(isinstance(each, str) for each in asked.values()):
        raise invalid("Invalid object: metadata", param="metadata")
    if any(len(name) > 40 or len(value) > _MOST["metadata"] for name, value in asked.items()):
        raise invalid("Metadata keys have 40 characters, values 500.", param="metadata")
    return {name: value for name, value in {**known, **asked}.items() if value}


def nothing(template: str) -> Json:
    """An object whose fields are all null."""
    return dict.fromkeys(template.split())
