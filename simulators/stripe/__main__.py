"""`python -m simulators.stripe serve | book`."""

from __future__ import annotations

import argparse
import sys

from simulators.kit.command import Command
from simulators.stripe.book import Book
from simulators.stripe.control import Control
from simulators.stripe.partner import DEFAULT_BALANCES, Partner


def _furnished(arguments: argparse.Namespace) -> Partner:
    partner = Partner(arguments.db)
    partner.furnish(
        api_key=arguments.api_key,
        balances=DEFAULT_BALANCES if arguments.balance is None else arguments.balance,
    )
    return partner


def main() -> int:
    command = Command("Stripe", Book, Partner.usual_delays)
    command.serving.add_argument("--api-key", help="default: sk_test_simulator")
    command.serving.add_argument(
        "--balance", action="append", metavar="CCY=MINOR", help="of a new book; repeatable"
    )
    return command.run(_furnished, Control)


if __name__ == "__main__":
    sys.exit(main())
