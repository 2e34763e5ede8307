"""One of our accesses to a bank, as payments and consents share it: certificate, calls, pauses."""

from __future__ import annotations

from datetime import timedelta
from types import MappingProxyType
from typing import Final

from domain.lifecycle.answers import NotReady
from partners.berlin_group.account import BerlinGroupAccount
from partners.kit.calls import Calls, NoCredentials
from partners.kit.workplace import Workplace

#: A certificate or a signature that is refused needs a person. A window of requests is a day by the
#: RTS for accounts; for payments the bank names none.
_PAUSES: Final = MappingProxyType({401: timedelta(minutes=1), 429: timedelta(minutes=1)})
_GREETING_PAUSE: Final = timedelta(minutes=1)


class Connection:
    """The connections to a bank. An adapter has one, and closes it."""

    def __init__(self, account: BerlinGroupAccount, workplace: Workplace) -> None:
        self._account = account
        self._clock = workplace.clock
        self._transport = workplace.transport(account.base_url, identity=account.identity)
        self.calls = Calls(self._transport, NoCredentials(), workplace.clock, _PAUSES)

    async def ready(self) -> NotReady | None:
        """Make sure that the bank accepts our certificate before a byte of an order leaves."""
        why = await self._transport.greet()
        if why is None:
            return None
        until = self._clock.now() + _GREETING_PAUSE
        return NotReady(f"{self._account.aspsp}: {why}", until, needs_person=True)

    async def close(self) -> None:
        await self._transport.close()
