"""`python -m simulators.obie serve | book`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from simulators.kit.command import Command
from simulators.obie.book import Book
from simulators.obie.control import Control
from simulators.obie.dialects import DIALECTS
from simulators.obie.partner import CERTIFICATES, Partner


def _furnished(arguments: argparse.Namespace) -> Partner:
    partner = Partner(arguments.db, arguments.dialect)
    partner.book.keep_setting(CERTIFICATES, "1" if arguments.client_authority else "")
    for file in arguments.client or ():
        with partner.book.transaction():
            partner.clients.register(json.loads(file.read_text()))
    return partner


def main() -> int:
    command = Command("OBIE", Book, Partner.usual_delays)
    command.serving.add_argument(
        "--dialect", choices=tuple(DIALECTS), help="how the bank differs; default: standard"
    )
    command.serving.add_argument(
        "--client", action="append", type=Path, metavar="FILE",
        help="a TPP's registration as JSON; repeatable",
    )  # fmt: skip
    return command.run(_furnished, Control)


if __name__ == "__main__":
    sys.exit(main())
