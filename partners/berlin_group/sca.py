"""What the PSU has to do, by the authorisations of a payment, a cancellation or a consent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from typing import Final
from urllib.parse import urljoin

from domain.lifecycle.answers import Exchange
from domain.lifecycle.report import Action, ActionKind
from partners.berlin_group import requests, wire, words
from partners.berlin_group.account import BerlinGroupAccount
from partners.berlin_group.words import Sca
from partners.kit.calls import Calls, Reply, together
from partners.kit.content import json_object
from partners.kit.wire import Wire, read
from transport.address import is_page

_APPROACH: Final = "aspsp-sca-approach"
_NOT_OURS: Final = (
    "the bank wants the user's password or code through us, which is not passed on here; cancel "
    "it, and use another bank or approach"
)
_FAILED: Final = "the user's authorisation failed; it is ended at the bank"


class WaitsFor(Enum):
    """Whom a payment or a consent waits for, by its authorisations."""

    USER = "the user"
    US = "us: it cannot go on as the bank wants it"
    BANK = "the bank: the user has authorised it"


@dataclass(frozen=True)
class Turn:
    """Whose turn it is, by the authorisations.

    Attributes:
        waits_for: instead of what the status says; None if they say nothing more.
    """

    waits_for: WaitsFor | None = None
    action: Action | None = None
    reason: str | None = None
    exchange: Exchange | None = None
    drift: tuple[str, ...] = ()


@dataclass(frozen=True)
class Asked:
    """Something that a PSU authorises.

    Attributes:
        path: of its authorisations at the bank.
        headers: of a request on which the PSU acts.
        until: until when the PSU may act, the same moment in every report about it.
    """

    path: str
    headers: Mapping[str, str]
    until: datetime | None


class Authorising:
    """Starts and reads authorisations. None of its requests moves money by itself."""

    def __init__(self, account: BerlinGroupAccount, calls: Calls) -> None:
        self._account = account
        self._calls = calls

    def turn(self, begun: wire.Begun, reply: Reply, until: datetime | None) -> Turn:
        """What the PSU has to do, by the reply that began an authorisation."""
        drift: tuple[str, ...] = ()
        approach = reply.headers.get(_APPROACH, "").upper()
        if approach and approach not in words.APPROACHES:
            drift, approach = (f"{_APPROACH}: unknown {approach[:40]!r}",), ""
        links = begun.links
        if links.sca_redirect is not None:
            url = urljoin(f"{self._account.base_url}/", links.sca_redirect.href)
            if not is_page(url):
                reason = "the bank's approval page is not https, so nobody is led there"
                odd = "scaRedirect: its address is not https"
                return Turn(WaitsFor.US, None, reason, drift=(*drift, odd))
            action = Action(kind=ActionKind.REDIRECT, url=url, expires_at=until)
            return Turn(WaitsFor.USER, action, drift=drift)
        if links.begins_here:
            return Turn(drift=drift)
        wants_data = any(
            (
                links.start_authorisation_with_psu_identification,
                links.start_authorisation_with_psu_authentication,
                links.start_authorisation_with_authentication_method_selection,
                links.start_authorisation_with_transaction_authorisation,
                links.update_psu_authentication,
                links.sca_oauth,
            )
        )
        if approach == words.EMBEDDED or wants_data:
            return Turn(WaitsFor.US, None, _NOT_OURS, drift=drift)
        if begun.sca_status is not None and words.SCA.get(begun.sca_status) is Sca.NOBODY:
            return Turn(WaitsFor.BANK, drift=drift)
        if approach == words.DECOUPLED or self._account.sca == "decoupled":
            action = Action(kind=ActionKind.CONFIRM, expires_at=until)
            return Turn(WaitsFor.USER, action, begun.psu_message, drift=drift)
        return Turn(drift=drift)

    async def start(self, asked: Asked) -> Turn | Reply:
        """Begin an authorisation. A reply without a use is given back as it is."""
        reply = await self._calls.make(asked.path, json_object({}), asked.headers)
        begun = read(wire.Begun, reply.body) if reply.is_success else None
        if not isinstance(begun, wire.Begun):
            return reply
        turn = self.turn(begun, reply, asked.until)
        if turn.waits_for is None:
            action = Action(kind=ActionKind.CONFIRM, expires_at=asked.until)
            turn = Turn(WaitsFor.USER, action, begun.psu_message, drift=turn.drift)
        return replace(turn, exchange=reply.exchange)

    async def look(self, asked: Asked, now: datetime, *, is_partial: bool) -> Turn | Reply:
        """Whose turn it is before everybody has authorised it; a reply if that cannot be read.

        Args:
            is_partial: one PSU has authorised it, and another one has to.
        """
        if not self._account.dialect.shows_sca_status:
            return Turn(action=self._waiting(asked.until))
        found = await self._statuses(asked.path, now)
        if isinstance(found, Reply):
            return found
        told, exchange = found
        drift = tuple(f"scaStatus: unknown {each[:40]!r}" for each in told if each not in words.SCA)
        known = {words.SCA[each] for each in told if each in words.SCA}
        if drift:
            return Turn(action=self._waiting(asked.until), exchange=exchange, drift=drift)
        if Sca.NOBODY in known and not is_partial:
            # Another authorisation that was begun and left waits for nobody any more.
            return Turn(WaitsFor.BANK, exchange=exchange)
        if Sca.PAYER in known:
            return Turn(WaitsFor.USER, self._waiting(asked.until), exchange=exchange)
        if Sca.CODE in known:
            return Turn(WaitsFor.US, None, _NOT_OURS, exchange)
        if is_partial or (not known and self._account.dialect.explicit_start):
            begun = await self.start(asked)
            if isinstance(begun, Reply):
                return begun
            return replace(begun, exchange=together(exchange, begun.exchange))
        if Sca.FAILED in known:
            # Over at once: whatever has a failed authorisation is ended at the bank.
            action = Action(kind=ActionKind.CONFIRM, expires_at=now)
            return Turn(WaitsFor.USER, action, _FAILED, exchange)
        return Turn(WaitsFor.US, None, _NOT_OURS, exchange)

    async def look_at_payment(
        self, asked: Asked, cancelling: Asked, status: str, now: datetime
    ) -> Turn | Reply:
        """Whose turn it is while a payment is in this status; a reply if that cannot be read."""
        if status not in words.BEFORE_SCA | words.CANCELLABLE:
            return Turn()
        if status in words.BEFORE_SCA:
            return await self.look(asked, now, is_partial=status == words.PARTLY)
        if not self._account.dialect.shows_sca_status:
            return Turn(action=self._waiting(asked.until))
        found = await self._statuses(asked.path, now)
        if isinstance(found, Reply):
            return found
        told, exchange = found
        known = {words.SCA.get(each) for each in told}
        if Sca.PAYER in known and Sca.NOBODY not in known:
            # Some banks call a payment checked before anybody has approved it.
            return Turn(WaitsFor.USER, self._waiting(asked.until), exchange=exchange)
        return await self._cancelling(cancelling, exchange, now)

    async def _cancelling(
        self, asked: Asked, exchange: Exchange | None, now: datetime
    ) -> Turn | Reply:
        """Whether a cancellation waits for the payer."""
        bank = self._account.dialect
        if not (bank.cancels and bank.cancels_by_sca):
            return Turn(exchange=exchange)
        found = await self._statuses(asked.path, now)
        if isinstance(found, Reply):
            return found
        told, also = found
        both = together(exchange, also)
        if any(words.SCA.get(each) is Sca.PAYER for each in told):
            action, reason = self._waiting(None), "the cancellation waits for the payer"
            return Turn(WaitsFor.USER, action, reason, both)
        return Turn(exchange=both)

    def _waiting(self, until: datetime | None) -> Action:
        """What the PSU still has to do. The address was in the reply that began it."""
        is_redirect = self._account.sca == "redirect"
        kind = ActionKind.REDIRECT if is_redirect else ActionKind.CONFIRM
        return Action(kind=kind, expires_at=until)

    async def _statuses(
        self, path: str, now: datetime
    ) -> tuple[list[str], Exchange | None] | Reply:
        """The `scaStatus` of each authorisation, in the bank's order."""
        reply, listed = await self._get(wire.Authorisations, now, path)
        if not isinstance(listed, wire.Authorisations):
            return reply
        told, exchange = [], reply.exchange
        for each in listed.authorisation_ids:
            reply, shown = await self._get(wire.ScaStatus, now, requests.below(path, each))
            if not isinstance(shown, wire.ScaStatus):
                return reply
            told.append(shown.sca_status)
            exchange = together(exchange, reply.exchange) or exchange
        return told, exchange

    async def _get(self, model: type[Wire], now: datetime, path: str) -> tuple[Reply, object]:
        reply = await self._calls.get(path, headers=requests.headers(self._account, now))
        return reply, read(model, reply.body) if reply.is_success else None
