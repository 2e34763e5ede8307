"""`python -m examples.harbour.simulator serve | book`."""

from __future__ import annotations

import sys

from examples.harbour.simulator.book import Book
from examples.harbour.simulator.partner import Partner
from simulators.kit.command import Command

if __name__ == "__main__":
    command = Command("Harbour", Book, Partner.usual_delays)
    sys.exit(command.run(lambda arguments: Partner(arguments.db)))
