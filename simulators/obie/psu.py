"""The pages on which a PSU chooses accounts, and approves or rejects a consent."""

from __future__ import annotations

import json
from html import escape
from urllib.parse import urlencode

from simulators.kit.replies import Reply, Row
from simulators.obie import wire
from simulators.obie.book import ACCESS
from simulators.obie.consents import debtor_of

PATH = "/psu/{id}"


def page(session: Row, client: Row, consent: Row, accounts: list[Row], wrong: str = "") -> Reply:
    """What is asked, the accounts to choose from, and the buttons Approve and Reject."""
    is_access = consent["kind"] == ACCESS
    again = is_access and consent["status"] != "AWAU"
    told = _access(consent) if is_access else _payment(consent)
    chosen = json.loads(consent["accounts"])
    wanted = debtor_of(consent)
    offered = [row for row in accounts if wanted in (None, row["identification"])]
    listed = "".join(
        _choice(row, is_access=is_access, checked=row["id"] in chosen if chosen else nth == 0)
        for nth, row in enumerate(offered)
    )
    heading = "Pay?" if not is_access else "Renew access?" if again else "Give access?"
    problem = f"<p role=alert>{escape(wrong)}</p>" if wrong else ""
    body = (
        f"<p>{escape(client['name'])} asks. {heading}</p>{problem}<dl>{told}</dl>"
        f'<form method="post" action="/psu/{session["id"]}">'
        f"<fieldset><legend>Your accounts</legend>{listed}</fieldset>"
        '<button name="choice" value="approve">Approve</button>'
        '<button name="choice" value="reject" formnovalidate>Reject</button></form>'
    )
    return html(400 if wrong else 200, body)


def over() -> Reply:
    return html(410, "<p>This confirmation is over. You can close this page.</p>")


def refused(text: str) -> Reply:
    """For a request that must not lead back: the client or its address is unknown."""
    return html(400, f"<p>The request is not valid: {escape(text)}.</p>")


def back(session: Row, parameters: dict[str, str]) -> Reply:
    """Lead the PSU back to the TPP, in the query, or for the hybrid flow in the fragment."""
    mark = "#" if "id_token" in session["response_type"] else "?"
    if mark == "?" and "?" in session["redirect_uri"]:
        mark = "&"
    return moved(f"{session['redirect_uri']}{mark}{urlencode(parameters)}")


def moved(url: str) -> Reply:
    reply = html(303, f'<a href="{escape(url)}">Continue</a>')
    reply.headers |= {"location": url, "cache-control": "no-store"}
    return reply


def html(status: int, body: str) -> Reply:
    text = f"<!doctype html><title>Bank</title><h1>Bank (simulated)</h1>{body}"
    return Reply(status, text.encode(), "text/html; charset=utf-8")


def _payment(consent: Row) -> str:
    initiation = json.loads(consent["body"])["Data"]["Initiation"]
    creditor = initiation["CreditorAccount"]
    return _rows({
        "Amount": f"{wire.amount(consent['amount_minor'])} GBP",
        "Payee": creditor["Name"],
        "Account of the payee": creditor["Identification"],
    })  # fmt: skip


def _access(consent: Row) -> str:
    data = json.loads(consent["body"])["Data"]
    until = wire.shown_at(consent["expires_at"]) if consent["expires_at"] else "no end"
    return _rows({"Data": ", ".join(data["Permissions"]), "Until": until})


def _choice(account: Row, *, is_access: bool, checked: bool) -> str:
    kind = "checkbox" if is_access else "radio"
    mark = " checked" if checked else ""
    shown = f"{account['nickname']} {account['identification']}"
    return (
        f'<label><input type="{kind}" name="account" value="{account["id"]}"{mark}> '
        f"{escape(shown)}</label><br>"
    )


def _rows(rows: dict[str, str]) -> str:
    return "".join(f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in rows.items())
