"""Builds faulty replies."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from simulators.kit.faults import Rule
from simulators.kit.replies import Reply, html

#: The status of `unknown_status`, which no partner has.
NOT_A_STATUS = "parked_elsewhere"
#: The partner's words for a fault: see `Partner.words`.
Words = Callable[[str, Mapping[str, Any]], Reply]
#: The default target of redirections, where nothing listens.
NOWHERE = "http://127.0.0.1:9/elsewhere"

_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
#: Faults of the transmission; the reply itself stays as it is.
_ON_THE_WAY = ("reply_lost_after", "cut_mid_body", "drip")


def instead(rule: Rule, words: Words) -> Reply:
    """The reply of a fault that happens instead of the request."""
    match rule.fault:
        case "error_500_before":
            return _error_500(rule, words)
        case "redirect_before":
            return _redirection(rule)
        case "html_502" | "reply_lost_before":
            return html(502, "502 Bad Gateway")
        case fault:
            return words(fault, rule.param)


def spoil(
    rule: Rule, reply: Reply, words: Words, names: Mapping[str, str] = MappingProxyType({})
) -> Reply | None:
    """The reply as the fault changes it; None if the fault does not apply to it.

    Args:
        names: the partner's names of the fields that rules call `id`, `status` and `amount`.
    """
    match rule.fault:
        case "cut_mid_body" if not reply.payload():
            return None  # An answer without a body has no middle.
        case fault if fault in _ON_THE_WAY:
            return reply
        case "error_500_after":
            return _error_500(rule, words)
        case "html_200":
            return html(200, "Welcome")
        case "html_502_after":
            return html(502, "502 Bad Gateway")
        case "redirect_after":
            return _redirection(rule)
        case "wrong_content_type":
            content_type = str(rule.param.get("content_type", "text/plain"))
            return Reply(reply.status, reply.body, content_type)
    if reply.status >= 300 or not isinstance(reply.body, dict):
        return None
    return _spoilt_items(rule, reply, names)


def _spoilt_items(rule: Rule, reply: Reply, names: Mapping[str, str]) -> Reply | None:
    """The object, or every object of the list, with one wrong field.

    A reply that has the field itself is the object, even if it has lists of others.
    """
    usual = "amount" if rule.fault == "number_for_string" else "status"
    asked, status = str(rule.param.get("field", usual)), names.get("status", "status")
    name = names.get(asked, asked)
    spoilt = json.loads(reply.payload())
    lists = (each for each in spoilt.values() if isinstance(each, list))
    items: list[Any] = [spoilt] if name in spoilt else next(lists, [spoilt])
    changed = False
    for item in items:
        if not isinstance(item, dict):
            continue
        if rule.fault == "unknown_status" and status in item:
            item[status] = rule.param.get("status", NOT_A_STATUS)
        elif rule.fault == "missing_field" and name in item:
            del item[name]
        elif rule.fault == "number_for_string" and _is_number(item.get(name)):
            item[name] = json.loads(item[name])
        else:
            continue
        changed = True
    return Reply(reply.status, spoilt) if changed else None


def _is_number(value: Any) -> bool:
    return isinstance(value, str) and _NUMBER.fullmatch(value) is not None


def _error_500(rule: Rule, words: Words) -> Reply:
    if rule.param.get("body") == "html":
        return html(500, "500 Internal Server Error")
    return words("internal_error", {})


def _redirection(rule: Rule) -> Reply:
    status = int(rule.param.get("status", 302))
    reply = html(status, f"{status} Moved")
    reply.headers["location"] = str(rule.param.get("location", NOWHERE))
    return reply
