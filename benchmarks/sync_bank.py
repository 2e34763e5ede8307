"""A bank with one account and as many transactions as one asks for: `sync_bank LINES`.

It prints its address, and serves pages of NextGenPSD2 until it is stopped.
"""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

PAGE: Final = 500
ACCOUNT: Final = "a1"
FIRST: Final = f"/v1/accounts/{ACCOUNT}/transactions?bookingStatus=both&dateFrom=2026-01-01"
_LAST_DAY: Final = date(2026, 6, 30)


def _line(number: int) -> dict[str, Any]:
    day = (_LAST_DAY - timedelta(days=number // 1000)).isoformat()
    return {
        "entryReference": f"E{number:09}",
        "bookingDate": day,
        "valueDate": day,
        "transactionAmount": {
            "currency": "EUR",
            "amount": f"-{number % 900 + 1}.{number % 100:02}",
        },
        "creditorName": f"Shop number {number % 977}",
        "creditorAccount": {"iban": "DE02120300000000202051"},
        "remittanceInformationUnstructured": f"Purchase {number} with card 4711, thank you",
        "endToEndId": f"E2E-{number}",
        "bankTransactionCode": "PMNT-CCRD-POSD",
        "proprietaryBankTransactionCode": "166",
    }


class _Bank(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    lines = 0

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        if parts.path.endswith("/transactions"):
            page = int(parse_qs(parts.query).get("page", ["0"])[0])
            self._answer(self._page(page))
        elif parts.path.endswith("/balances"):
            self._answer({"balances": []})
        else:
            account = {"resourceId": ACCOUNT, "iban": "DE89370400440532013000", "currency": "EUR"}
            self._answer({"accounts": [account]})

    def _page(self, page: int) -> dict[str, Any]:
        start, end = page * PAGE, min((page + 1) * PAGE, self.lines)
        links: dict[str, Any] = {"account": {"href": f"/v1/accounts/{ACCOUNT}"}}
        if end < self.lines:
            links["next"] = {"href": f"{FIRST}&page={page + 1}"}
        booked = [_line(number) for number in range(start, end)]
        return {"transactions": {"booked": booked, "pending": [], "_links": links}}

    def _answer(self, body: dict[str, Any]) -> None:
        text = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, format: str, *args: Any) -> None:
        """It says nothing: only its address is read."""


def main() -> None:
    """Serve."""
    _Bank.lines = int(sys.argv[1])
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Bank)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
