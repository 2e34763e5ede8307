"""`python -m simulators.currencycloud serve | book`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import socket
import sys
from dataclasses import replace
from pathlib import Path

import uvicorn

from simulators.currencycloud.app import CuttableProtocol, build_app
from simulators.currencycloud.book import read_contents
from simulators.currencycloud.partner import Partner

DEFAULT_LOGIN = "demo@finality.test"
# No partner ever issued this: it opens simulators and nothing else.
SIMULATOR_API_KEY = "51" * 32
DEFAULT_BALANCES = ("EUR=10000000.00", "GBP=10000000.00", "USD=10000000.00")
DELAYS = ("review_after", "release_after", "submit_after", "complete_after", "latency")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.currencycloud")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="answer on a port until told to stop")
    serve.add_argument("--port", type=int, default=0, help="0: any free one (default)")
    serve.add_argument("--db", type=Path, required=True, help="the book; made if there is none")
    serve.add_argument("--login", default=DEFAULT_LOGIN)
    serve.add_argument("--api-key", default=SIMULATOR_API_KEY, help="64 characters")
    serve.add_argument(
        "--balance", action="append", metavar="CCY=AMOUNT", help="of a new book; repeatable"
    )
    serve.add_argument(
        "--sub-account", action="append", default=[], metavar="CONTACT_ID", help="repeatable"
    )
    for name in DELAYS:
        serve.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="SECONDS")
    book = commands.add_parser("book", help="print a book as JSON")
    book.add_argument("--db", type=Path, required=True)
    return parser


def _open(arguments: argparse.Namespace) -> Partner:
    """The partner on that book, furnished if the book is new."""
    partner = Partner(arguments.db)
    with partner.book.transaction():
        main = partner.accounts.main()
        if not partner.accounts.has_balances(main["id"]):
            for balance in arguments.balance or DEFAULT_BALANCES:
                currency, _, amount = balance.partition("=")
                partner.accounts.fund(main["id"], amount, currency, partner.clock.now())
        partner.sessions.open_login(arguments.login, arguments.api_key, main["id"])
        for contact_id in arguments.sub_account:
            partner.accounts.open("Client", contact_id=contact_id, parent_id=main["id"])
        given = {name: getattr(arguments, name) for name in DELAYS}
        asked = {name: seconds for name, seconds in given.items() if seconds is not None}
        partner.lifecycle.delays = replace(partner.lifecycle.delays, **asked)
        partner.lifecycle.delays.keep(partner.book)
    return partner


async def _serve(arguments: argparse.Namespace) -> None:
    partner = _open(arguments)
    # Named as TCP, or asyncio leaves Nagle on and each reply costs 40 ms.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", arguments.port))
    listener.listen(512)
    config = uvicorn.Config(
        build_app(partner),
        http=CuttableProtocol,
        lifespan="off",
        log_level="warning",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    address = f"http://127.0.0.1:{listener.getsockname()[1]}"
    print(f"Currencycloud simulator listening on {address}", flush=True)
    await server.serve(sockets=[listener])
    partner.book.close()


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.command == "book":
        print(json.dumps(read_contents(arguments.db), indent=1))
        return 0
    # uvicorn ends on both, then raises the signal again: for us that is a good end.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        asyncio.run(_serve(arguments))
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
