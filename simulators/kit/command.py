"""`python -m simulators.PARTNER serve | book`."""

from __future__ import annotations

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from simulators.kit.app import PartnerServer, listen
from simulators.kit.book import Book
from simulators.kit.control import Control
from simulators.kit.delays import LATENCY
from simulators.kit.partner import Partner


class Command:
    """The command line of one simulator.

    A partner adds its own arguments to `serving`.

    Args:
        name: the partner's, as people write it.
        delays: the partner's stages; each becomes an argument in seconds.
    """

    def __init__(self, name: str, book: type[Book], delays: Iterable[str] = ()) -> None:
        self._name = name
        self._book = book
        self._delays = (*delays, LATENCY)
        self._parser = argparse.ArgumentParser(prog=f"python -m simulators.{name.lower()}")
        commands = self._parser.add_subparsers(dest="command", required=True)
        self.serving = commands.add_parser("serve", help="answer on a port until told to stop")
        self.serving.add_argument("--port", type=int, default=0, help="0: any free one (default)")
        self.serving.add_argument(
            "--db", type=Path, required=True, help="the book; made if there is none"
        )
        self.serving.add_argument(
            "--certificate", type=Path, help="a PEM file with key and chain: serve HTTPS"
        )
        self.serving.add_argument(
            "--client-authority",
            type=Path,
            help="a PEM file with the authorities of client certificates; needs --certificate",
        )
        for each in self._delays:
            self.serving.add_argument(
                f"--{each.replace('_', '-')}", type=float, metavar="SECONDS", dest=each
            )
        shown = commands.add_parser("book", help="print a book as JSON")
        shown.add_argument("--db", type=Path, required=True)

    def run(
        self, make: Callable[[argparse.Namespace], Partner], control: type[Control] = Control
    ) -> int:
        """Do what the command line asks. `make` opens the partner that is served."""
        arguments = self._parser.parse_args()
        if arguments.command == "book":
            print(json.dumps(self._book.read_contents(arguments.db), indent=1))
            return 0
        # uvicorn stops on both signals and raises them again afterwards, which should be exit
        # code 0.
        for ending in (signal.SIGTERM, signal.SIGINT):
            signal.signal(ending, lambda *_: sys.exit(0))
        asyncio.run(self._serve(make(arguments), control, arguments))
        return 0

    async def _serve(
        self, partner: Partner, control: type[Control], arguments: argparse.Namespace
    ) -> None:
        given = {name: getattr(arguments, name) for name in self._delays}
        partner.delays.change({name: each for name, each in given.items() if each is not None})
        listener = listen(arguments.port)
        port = listener.getsockname()[1]
        scheme = "https" if arguments.certificate else "http"
        print(f"{self._name} simulator listening on {scheme}://127.0.0.1:{port}", flush=True)
        server = PartnerServer(partner, control, arguments.certificate, arguments.client_authority)
        await server.serve(sockets=[listener])
