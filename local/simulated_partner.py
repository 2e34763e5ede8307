"""A partner whose simulator runs on this machine, and our account with it."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local.simulator import Simulator, known_as, start_simulator
from partners.kit.registration import Registration

#: The name of our account with a simulator, in settings and orders.
SIMULATOR: Final = "simulator"


@dataclass(frozen=True)
class SimulatedPartner:
    """The simulator, and the settings of our account there.

    Attributes:
        title: the partner's own name, for people.
        account: as it stands in the settings; it holds secrets.
    """

    name: str
    title: str
    simulator: Simulator
    account: dict[str, Any] = field(repr=False)
    webhook_secret: str = field(repr=False)

    async def notify_at(self, inbound_port: int) -> None:
        """Have the simulator deliver its notifications to the inbound process."""
        url = f"http://127.0.0.1:{inbound_port}/webhooks/{self.name}/{SIMULATOR}"
        target = {"url": url, "secret": self.webhook_secret}
        await self.simulator.control("POST", "webhooks", target)


async def run_simulator(
    name: str,
    registration: Registration[Any],
    *,
    port: int,
    db_file: Path,
    log_file: Path,
    options: Sequence[str] = (),
) -> SimulatedPartner:
    """Start a partner's simulator. Its secret for webhooks is a new one each time.

    Raises:
        SimulatorDied: as `start_simulator`.
    """
    book, secret = known_as(db_file), secrets.token_hex(24)
    simulator = await start_simulator(
        name, port=port, db_file=db_file, log_file=log_file, options=options
    )
    account = {
        "base_url": simulator.base_url,
        "simulated": True,
        "book": book,
        "write_within": 5,
        "answer_within": 5,
        **registration.simulated(secret),
    }
    return SimulatedPartner(name, registration.title, simulator, account, secret)
