"""The pages on which a PSU approves or refuses, with what is to be paid: the dynamic link.

Delegated Regulation (EU) 2018/389, Article 5: the payer is made aware of the amount and the payee.
"""

from __future__ import annotations

from html import escape

from simulators.berlin_group.authorisations import CANCELLATION, FINAL
from simulators.kit.replies import Reply, Row

PATH = "/psu/{id}"


def page(payment: Row, authorisation: Row) -> Reply:
    """Amount and payee, with the buttons Approve and Refuse. A PSU may also just leave."""
    if authorisation["status"] in FINAL:
        return over()
    what = "Cancel this payment?" if authorisation["kind"] == CANCELLATION else "Pay?"
    euros, cents = divmod(payment["amount_minor"], 100)
    rows = {
        "Amount": f"{euros}.{cents:02} {payment['currency']}",
        "Payee": payment["creditor_name"],
        "Account of the payee": payment["creditor_iban"],
        "Your account": payment["debtor_iban"],
    }
    told = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    buttons = "".join(
        f'<form method="post" action="?choice={choice}"><button>{label}</button></form>'
        for choice, label in (("approve", "Approve"), ("refuse", "Refuse"))
    )
    return _html(200, f"<p>{what}</p><dl>{told}</dl>{buttons}")


def over() -> Reply:
    return _html(410, "<p>This confirmation is over. You can close this page.</p>")


def back(authorisation: Row, *, is_approved: bool) -> Reply:
    """Lead the PSU back to the TPP."""
    url = authorisation["redirect_uri" if is_approved else "nok_uri"]
    url = url or authorisation["redirect_uri"]
    if not url:
        return _html(200, "<p>You can close this page.</p>")
    reply = _html(303, f'<a href="{escape(url)}">Continue</a>')
    reply.headers["location"] = url
    return reply


def _html(status: int, body: str) -> Reply:
    text = f"<!doctype html><title>Bank</title><h1>Bank (simulated)</h1>{body}"
    return Reply(status, text.encode(), "text/html; charset=utf-8")
