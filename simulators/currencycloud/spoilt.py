"""Builds faulty replies."""

from __future__ import annotations

import json
import re
from typing import Any

from simulators.currencycloud import wire
from simulators.currencycloud.faults import Rule
from simulators.currencycloud.wire import NOT_A_STATUS, Refusal, Reply

#: The default target of redirections, where nothing listens.
NOWHERE = "http://127.0.0.1:9/elsewhere"

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
#: Faults of the transmission; the reply itself stays as it is.
_ON_THE_WAY = ("reply_lost_after", "cut_mid_body", "drip")


def instead(rule: Rule) -> Reply:
    """The reply of a fault that happens instead of the request."""
    match rule.fault:
        case "error_500_before":
            return _error_500(rule)
        case "unauthorised":
            return wire.unauthorised().reply()
        case "rate_limited":
            return wire.too_many_requests().reply()
        case "service_unavailable":
            return wire.unavailable().reply()
        case "refused":
            return _refused(rule)
        case "duplicate_word":
            return wire.duplicate_request().reply()
        case "redirect_before":
            return _redirection(rule)
        case _:
            return wire.html(502, "502 Bad Gateway")


def spoil(rule: Rule, reply: Reply, another: wire.Json | None) -> Reply | None:
    """The reply as the fault changes it; None if the fault does not apply to it.

    Args:
        another: a payment that the search did not ask for.
    """
    match rule.fault:
        case fault if fault in _ON_THE_WAY:
            return reply
        case "error_500_after":
            return _error_500(rule)
        case "html_200":
            return wire.html(200, "Welcome")
        case "html_502_after":
            return wire.html(502, "502 Bad Gateway")
        case "redirect_after":
            return _redirection(rule)
        case "wrong_content_type":
            content_type = str(rule.param.get("content_type", "text/plain"))
            return Reply(reply.status, reply.body, content_type)
        case "hidden_from_find" | "finds_another":
            return _another_page(reply, another if rule.fault == "finds_another" else None, rule)
    if reply.status != 200 or not isinstance(reply.body, dict):
        return None
    return _spoilt_items(rule, reply)


def _spoilt_items(rule: Rule, reply: Reply) -> Reply | None:
    """The object, or every object of the list, with one wrong field."""
    name = str(rule.param.get("field", "status" if rule.fault == "missing_field" else "amount"))
    spoilt = json.loads(reply.payload())
    items: list[Any] = next((each for each in spoilt.values() if isinstance(each, list)), [spoilt])
    changed = False
    for item in items:
        if not isinstance(item, dict):
            continue
        if rule.fault == "unknown_status" and "status" in item:
            item["status"] = rule.param.get("status", NOT_A_STATUS)
        elif rule.fault == "missing_field" and name in item:
            del item[name]
        elif rule.fault == "number_for_string" and _NUMBER.fullmatch(str(item.get(name))):
            item[name] = json.loads(item[name])
        else:
            continue
        changed = True
    return Reply(reply.status, spoilt) if changed else None


def _error_500(rule: Rule) -> Reply:
    if rule.param.get("body") == "html":
        return wire.html(500, "500 Internal Server Error")
    return wire.internal_error().reply()


def _redirection(rule: Rule) -> Reply:
    status = int(rule.param.get("status", 302))
    reply = wire.html(status, f"{status} Moved")
    reply.headers["location"] = str(rule.param.get("location", NOWHERE))
    return reply


def _refused(rule: Rule) -> Reply:
    """Any refusal of their documentation, with the words that the rule gives."""
    param = rule.param
    code = str(param.get("code", "invalid_extra_parameters"))
    reason = (
        str(param.get("field", "base")),
        code,
        str(param.get("message", code)),
        dict(param.get("params", {})),
    )
    return Refusal(
        int(param.get("status", 400)), str(param.get("error_code", code)), reason
    ).reply()


def _another_page(reply: Reply, another: wire.Json | None, rule: Rule) -> Reply | None:
    """A wrong search result: nothing, or an object that was not asked for."""
    if not isinstance(reply.body, dict) or "pagination" not in reply.body:
        return None
    name = next(iter(reply.body))
    if rule.fault == "finds_another" and (another is None or name != "payments"):
        return None
    if rule.fault == "hidden_from_find" and not reply.body[name]:
        return None
    found = [] if another is None else [another]
    total = len(found)
    pagination = {
        **reply.body["pagination"],
        "total_entries": total,
        "total_pages": total,
        "next_page": -1,
    }
    return Reply(200, wire.page(name, found, pagination))
