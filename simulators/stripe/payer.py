"""The page on which the payer authenticates, and the link to it."""

from __future__ import annotations

from html import escape
from urllib.parse import parse_qsl, urlencode, urlsplit

from simulators.kit.replies import Json, Reply
from simulators.stripe.ids import new_id
from simulators.stripe.objects import Thing

#: Where the page is.
PATH = "/authenticate/{id}"


def next_action(intent: Thing, address: str) -> Json:
    """Send the payer to the page; without a return URL only Stripe's own scripts can ask."""
    intent.hidden["attempt"] = new_id("attempt")
    return_url = intent.hidden.get("return_url")
    if return_url is None:
        return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect"}}
    path = PATH.format(id=intent.id)
    url = f"{address}{path}?{urlencode({'attempt': intent.hidden['attempt']})}"
    return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}


def is_current(intent: Thing, attempt: object) -> bool:
    return intent.status == "requires_action" and intent.hidden.get("attempt") == attempt


def page(intent: Thing) -> Reply:
    """Two buttons: complete the authentication, or fail it."""
    asked = ""
    if "amount" in intent.body:
        asked = f"<p>{intent['amount']} {escape(intent['currency'])} (minor units)</p>"
    buttons = "".join(
        f'<button name="outcome" value="{outcome}">{label}</button>'
        for outcome, label in (("complete", "Complete"), ("fail", "Fail"))
    )
    return _html(200, f"{asked}<form method=post>{buttons}</form>")


def over() -> Reply:
    """The payer came back to a page that is used up or replaced."""
    return _html(410, "<p>This authentication is over. You can close this page.</p>")


def back(intent: Thing) -> Reply:
    """Lead the payer back to the shop."""
    url = intent.hidden.get("return_url")
    if url is None:
        return _html(200, "<p>You can close this page.</p>")
    name = intent.kind
    is_failed = intent.status == "requires_payment_method"
    told = [
        (name, intent.id),
        (f"{name}_client_secret", intent["client_secret"]),
        ("redirect_status", "failed" if is_failed else "succeeded"),
    ]
    parts = urlsplit(url)
    target = parts._replace(query=urlencode([*parse_qsl(parts.query), *told])).geturl()
    reply = _html(303, f'<a href="{escape(target)}">Continue</a>')
    reply.headers["location"] = target
    return reply


def _html(status: int, body: str) -> Reply:
    text = f"<!doctype html><title>Authentication</title><h1>Authentication (simulated)</h1>{body}"
    return Reply(status, text.encode(), "text/html; charset=utf-8")
