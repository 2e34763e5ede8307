"""`python -m simulators.currencycloud serve | book`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from dataclasses import fields
from pathlib import Path

from simulators.currencycloud.app import build_server, listen
from simulators.currencycloud.book import read_contents
from simulators.currencycloud.delays import Delays
from simulators.currencycloud.partner import (
    DEFAULT_BALANCES,
    DEFAULT_LOGIN,
    SIMULATOR_API_KEY,
    Partner,
)

DELAYS = tuple(field.name for field in fields(Delays))


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
    serve.add_argument(
        "--authorisation-steps", type=int, metavar="PEOPLE", help="who approve each payment"
    )
    for name in DELAYS:
        serve.add_argument(f"--{name.replace('_', '-')}", type=float, metavar="SECONDS")
    book = commands.add_parser("book", help="print a book as JSON")
    book.add_argument("--db", type=Path, required=True)
    return parser


async def _serve(arguments: argparse.Namespace) -> None:
    given = {name: getattr(arguments, name) for name in DELAYS}
    partner = Partner(arguments.db)
    partner.furnish(
        login_id=arguments.login,
        api_key=arguments.api_key,
        balances=arguments.balance or DEFAULT_BALANCES,
        contacts=arguments.sub_account,
        delays={name: seconds for name, seconds in given.items() if seconds is not None},
        authorisation_steps=arguments.authorisation_steps,
    )
    listener = listen(arguments.port)
    port = listener.getsockname()[1]
    print(f"Currencycloud simulator listening on http://127.0.0.1:{port}", flush=True)
    await build_server(partner).serve(sockets=[listener])


def main() -> int:
    arguments = _parser().parse_args()
    if arguments.command == "book":
        print(json.dumps(read_contents(arguments.db), indent=1))
        return 0
    # uvicorn stops on both signals and raises them again afterwards, which should be exit code 0.
    for ending in (signal.SIGTERM, signal.SIGINT):
        signal.signal(ending, lambda *_: sys.exit(0))
    asyncio.run(_serve(arguments))
    return 0


if __name__ == "__main__":
    sys.exit(main())
