"""One of our accesses to a bank, as payments and consents share it: certificate, calls, pauses."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from domain.lifecycle.answers import NotReady
from partners.berlin_group.account import BerlinGroupAccount
from partners.kit.calls import Calls
from partners.kit.workplace import Workplace

#: A certificate or a signature that is refused needs a person. A window of requests is a day by the
#: RTS for accounts; for payments the bank names none.
_PAUSES: Final = MappingProxyType({401: timedelta(minutes=1), 429: timedelta(minutes=1)})
_GREETING_PAUSE: Final = timedelta(minutes=1)


class _NoCredentials:
    """We are known by our client certificate, which is no part of a request."""

    async def headers(self) -> Mapping[str, str]:
        return {}

    async def refused(self, headers: Mapping[str, str]) -> None:
        """There is no token to replace. The answer says that the certificate was refused."""


class Connection:
    """The connections to a bank. An adapter has one, and closes it."""

    def __init__(self, account: BerlinGroupAccount, workplace: Workplace) -> None:
        self._account = account
        self._clock = workplace.clock
        self._transport = workplace.transport(account.base_url, identity=account.identity)
        self.calls = Calls(self._transport, _NoCredentials(), workplace.clock, _PAUSES)

    async def ready(self) -> NotReady | None:
        """Make sure that the bank accepts our certificate before a byte of an order leaves."""
        why = await self._transport.greet()
        if why is None:
            return None
        until = self._clock.now() + _GREETING_PAUSE
        return NotReady(f"{self._account.aspsp}: {why}", until, needs_person=True)

    async def close(self) -> None:
        await self._transport.close()
