"""The pages on which a PSU approves or refuses a payment or a consent.

Delegated Regulation (EU) 2018/389, Article 5: the payer is made aware of the amount and the payee
(dynamic link).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from urllib.parse import quote

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
    return _asked(what, rows)


def consent_page(consent: Row, authorisation: Row, accounts: Sequence[Row]) -> Reply:
    """Who may read which accounts until when. The PSU may also choose one account alone."""
    if authorisation["status"] in FINAL:
        return over()
    rows = {
        "To": consent["tpp"] or "a provider without a certificate",
        "Until": consent["valid_until"],
        "Accounts": ", ".join(each["iban"] for each in accounts),
    }
    alone = {
        f"Only {each['iban']}": f"approve&account={quote(each['iban'])}"
        for each in accounts
        if len(accounts) > 1
    }
    return _asked("Let your accounts be read?", rows, alone)


def _asked(what: str, rows: Mapping[str, str], more: Mapping[str, str] | None = None) -> Reply:
    told = "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
    choices = {"Approve": "approve", "Refuse": "refuse", **(more or {})}
    buttons = "".join(
        f'<form method="post" action="?choice={escape(choice)}"><button>{label}</button></form>'
        for label, choice in choices.items()
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
