"""`python -m simulators.currencycloud serve | book`."""

from __future__ import annotations

import argparse
import sys

from simulators.currencycloud.book import Book
from simulators.currencycloud.control import Control
from simulators.currencycloud.partner import (
    DEFAULT_BALANCES,
    DEFAULT_LOGIN,
    SIMULATOR_API_KEY,
    Partner,
)
from simulators.kit.command import Command


def _furnished(arguments: argparse.Namespace) -> Partner:
    partner = Partner(arguments.db)
    partner.furnish(
        login_id=arguments.login,
        api_key=arguments.api_key,
        balances=arguments.balance or DEFAULT_BALANCES,
        contacts=arguments.sub_account,
        authorisation_steps=arguments.authorisation_steps,
    )
    return partner


def main() -> int:
    command = Command("Currencycloud", Book, Partner.usual_delays)
    serve = command.serving
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
    return command.run(_furnished, Control)


if __name__ == "__main__":
    sys.exit(main())
