"""`python -m simulators.berlin_group serve | book`."""

from __future__ import annotations

import argparse
import sys

from simulators.berlin_group.book import Book
from simulators.berlin_group.control import Control
from simulators.berlin_group.dialects import DIALECTS
from simulators.berlin_group.partner import CERTIFICATES, Partner
from simulators.kit.command import Command


def _furnished(arguments: argparse.Namespace) -> Partner:
    partner = Partner(arguments.db, arguments.dialect)
    partner.book.keep_setting(CERTIFICATES, "1" if arguments.client_authority else "")
    return partner


def main() -> int:
    command = Command("Berlin_Group", Book, Partner.usual_delays)
    command.serving.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="how the bank differs; default: standard"
    )
    return command.run(_furnished, Control)


if __name__ == "__main__":
    sys.exit(main())
