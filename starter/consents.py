"""The client for apps: ask a user for access to accounts, renew it, end it, see how it stands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from domain.clock import Clock
from domain.consents.consent import Consent
from domain.consents.display import ConsentDisplay, display
from domain.consents.instructions import KIND
from domain.consents.renewing import Route, route_of
from domain.consents.report import ConsentState
from domain.consents.request import ConsentRequest
from domain.ids import consent_id_of
from domain.lifecycle.profile import Profile
from domain.lifecycle.report import Action
from starter.asking import Notifier, check_words
from starter.away import LEFT_TO_RELAY
from starter.consenting import InvalidConsent, admit_consent, check_session
from starter.fingerprint import fingerprint
from store.commands import CommandRecord, Commands
from store.consent_renewals import RenewCommand
from store.consents import ConsentRecord, Consents, GivenConsent

if TYPE_CHECKING:
    from partners.interface import ConsentPartner
    from starter.running import Running

_LOOK_EVERY_SECONDS: Final = 0.1
#: The longest callback that is looked at: a few parameters of some hundred characters.
_PARAMS_MAX: Final = 20
_PARAM_LENGTH_MAX: Final = 4096


class ConsentReceipt:
    """The reply to every call about one consent: how it stands now, and where its user goes on."""

    def __init__(
        self,
        record: ConsentRecord,
        now: datetime,
        *,
        is_replay: bool = False,
        is_notified: bool = True,
        command: CommandRecord | None = None,
    ) -> None:
        self.consent_id: str = record.view.consent_id
        self.record = record
        self.consent: Consent = record.consent
        self.display: ConsentDisplay = display(record.view, now)
        self.action: Action | None = record.action
        """What the user has to do, with the address at which to do it; None: nothing."""
        self.is_replay = is_replay
        """True if the call was known, or came too late, so nothing was done."""
        self.is_notified = is_notified
        """False if the run could not be notified. The relay does it later."""
        self.command = command
        """The command and its outcome so far, if the call was one."""


class InvalidCallback(ValueError):
    """A callback lacks what every callback has. Nothing was done."""


class ConsentOrchestrator:
    """Typed, async access to consents. Make one per process, with `assembly`.

    A tenant's app passes its own name as `tenant`. None is for operators of all tenants.
    """

    def __init__(
        self,
        *,
        consents: Consents,
        commands: Commands,
        notifier: Notifier,
        running: Callable[[], Awaitable[Running]],
        partners: Callable[[], Mapping[tuple[str, str], ConsentPartner]],
        clock: Clock,
    ) -> None:
        self._consents = consents
        self._commands = commands
        self._notifier = notifier
        self._running = running
        self._partners = partners
        self._clock = clock

    async def request(
        self,
        request: ConsentRequest,
        key: str,
        *,
        browser_session: str,
        patience: timedelta = timedelta(seconds=5),
    ) -> ConsentReceipt:
        """Record the request once under the key, start its run, and wait a little for the bank.

        A second call with the same key asks for nothing new and returns the consent as it now
        stands. The receipt's `action` says where the user goes on.

        Args:
            request: which access to ask for.
            key: the caller's own, unique per tenant for ever, as for payments.
            browser_session: a random value that the app keeps in the user's browser session. The
                callback counts only with the same value. Not part of the fingerprint.
            patience: how long to wait until the bank knows the request.

        Raises:
            InvalidConsent: it cannot be asked for; names every wrong field and the remedy.
            KeyReused: the key stands for something else. Nothing was done.
            UnknownResource: it renews a consent that the tenant does not have.
            ClocksApart, WrongKeyring, StoreAway: as `Orchestrator.pay`.
        """
        if (known := await self.repeat(request, key)) is not None:
            return known  # It is not checked again: a known key answers for ever.
        now = self._clock.now()
        partners = self._partners()
        profiles: dict[tuple[str, str], Profile] = {
            name: partner.profile for name, partner in partners.items()
        }
        admitted = admit_consent(request, key, browser_session, profiles, now)
        account = (request.partner, request.partner_account)
        taken = await self._consents.accept(
            GivenConsent(
                request=admitted.request,
                key=key,
                fingerprint=_fingerprint(request),
                consent_id=consent_id_of(request.tenant, key),
                profile=admitted.profile,
                browser_session=browser_session,
                issuer=partners[account].issuer,
            ),
            now,
        )
        notified = await self._ensure(taken.view.tenant, taken.view.consent_id)
        if notified:
            await self._until_asked(taken.view.consent_id, now + patience)
        return await self._receipt(
            taken.view.consent_id, None, is_replay=not taken.is_new, is_notified=notified
        )

    async def repeat(self, request: ConsentRequest, key: str) -> ConsentReceipt | None:
        """The consent that stands under the key, as it is now; None if the key is new.

        Raises:
            KeyReused: the key stands for something else. Nothing was done.
        """
        known = await self._consents.known(request.tenant, key, _fingerprint(request))
        if known is None:
            return None
        notified = await self._ensure(request.tenant, known)
        return await self._receipt(known, None, is_replay=True, is_notified=notified)

    async def _until_asked(self, consent_id: str, deadline: datetime) -> None:
        """Wait until the bank has the request, or the deadline (our clock) is over."""
        while self._clock.now() < deadline:
            record = await self._consents.record(consent_id, None)
            if record.consent.state is not ConsentState.DRAFT:
                return
            await asyncio.sleep(_LOOK_EVERY_SECONDS)

    async def show(self, consent_id: str, *, tenant: str | None) -> ConsentReceipt:
        """The consent as it stands, with the page at which its user goes on, if there is one.

        A user whose browser session broke goes on with this: the step in hand is the same.

        Raises:
            UnknownResource: no such consent of the tenant.
        """
        return await self._receipt(consent_id, tenant)

    async def find(
        self,
        *,
        tenant: str | None = None,
        user_id: str | None = None,
        renew_before: datetime | None = None,
        limit: int = 100,
    ) -> list[ConsentReceipt]:
        """Consents, the newest first; with `renew_before` those to be renewed by then, in order."""
        found = await self._consents.find(
            tenant=tenant, user_id=user_id, renew_before=renew_before, limit=limit
        )
        return [ConsentReceipt(each, self._clock.now()) for each in found]

    async def renew(
        self,
        consent_id: str,
        command_id: str,
        *,
        tenant: str | None,
        by: str,
        browser_session: str,
        patience: timedelta = timedelta(seconds=5),
    ) -> ConsentReceipt:
        """Have the user confirm it again, as its regime says.

        With us: it is active again at once. At the bank: the receipt's `action` says where the user
        goes on. By a new consent: the receipt is the new one's. It supersedes this one as soon as
        the user has authorised it, and this one can be read until then.

        Args:
            command_id: the caller's own, unique per consent.

        Raises:
            UnknownResource: no such consent of the tenant.
            CannotRenew: as it stands it cannot be renewed.
            CommandReused: the id stands for another command. Nothing was done.
            InvalidCommand, InvalidConsent: a text or a value cannot be used. Nothing was done.
            ClocksApart: our clock and the database's differ too much.
        """
        check_words(command_id=command_id, by=by, why="")
        if problems := [*check_session(browser_session)]:
            raise InvalidConsent(problems)
        record = await self._consents.record(consent_id, tenant)
        request, view = record.request, record.view
        if route_of(record.consent, view.profile) is Route.NEW:
            anew = request.model_copy(
                update={
                    "renews": consent_id, "terms": None, "submit_before": None,
                    "authorise_by": None, "valid_until": None,
                }
            )  # fmt: skip
            key = f"renew/{consent_id}/{command_id}"
            if (known := await self.repeat(anew, key)) is not None:
                return known
            if display(view, self._clock.now()).may_renew:
                return await self.request(
                    anew, key, browser_session=browser_session, patience=patience
                )
        partner = self._partners().get((request.partner, request.partner_account))
        taken = await self._consents.renew(
            consent_id,
            tenant=tenant,
            renewal=RenewCommand(
                command_id, by, browser_session, partner.issuer if partner else None
            ),
            now=self._clock.now(),
        )
        notified = await self._notifier.tell(view, taken.asked_at)
        return await self._receipt(
            consent_id, tenant, is_replay=not taken.is_new, is_notified=notified
        )

    async def revoke(
        self, consent_id: str, command_id: str, *, tenant: str | None, by: str, why: str = ""
    ) -> ConsentReceipt:
        """End the consent, at the bank too. Nothing is read from now on.

        The receipt says `asked` until the bank has confirmed it. A known command id returns its
        outcome so far.

        Raises:
            UnknownResource: no such consent of the tenant.
            CommandReused: the id stands for another command. Nothing was done.
            InvalidCommand, ClocksApart: as `Orchestrator.cancel`.
        """
        check_words(command_id=command_id, by=by, why=why)
        await self._consents.record(consent_id, tenant)
        known = {each.command_id for each in await self._commands.of(consent_id)}
        commanded = await self._commands.cancel(
            consent_id, command_id=command_id, by=by, why=why, now=self._clock.now()
        )
        notified = await self._notifier.tell(commanded.view, commanded.command.asked_at)
        return await self._receipt(
            consent_id,
            tenant,
            is_replay=command_id in known,
            is_notified=notified,
            command=commanded.command,
        )

    async def answer(
        self, params: Mapping[str, str], *, tenant: str, browser_session: str
    ) -> ConsentReceipt:
        """Take what the user came back with from the bank's page: all query parameters.

        It counts once. A second tab and a late callback see how the consent stands. Nothing that
        came through a browser is believed: the bank is asked.

        Raises:
            InvalidCallback: it lacks what every callback has.
            CallbackRefused: it is forged, or another tenant's, browser's or bank's. Nothing was
                done.
            ClocksApart: our clock and the database's differ too much.
        """
        if not params.get("state"):
            raise InvalidCallback(
                "state: is missing; hand over all query parameters of the callback"
            )
        if len(params) > _PARAMS_MAX or any(len(v) > _PARAM_LENGTH_MAX for v in params.values()):
            raise InvalidCallback("params: are more than any bank sends; the callback is not used")
        taken = await self._consents.answer(
            tenant=tenant, params=params, browser_session=browser_session, now=self._clock.now()
        )
        view = taken.view
        notified = await self._ensure(view.tenant, view.consent_id) if taken.is_new else True
        return await self._receipt(
            view.consent_id, tenant, is_replay=not taken.is_new, is_notified=notified
        )

    async def _receipt(
        self,
        consent_id: str,
        tenant: str | None,
        *,
        is_replay: bool = False,
        is_notified: bool = True,
        command: CommandRecord | None = None,
    ) -> ConsentReceipt:
        return ConsentReceipt(
            await self._consents.record(consent_id, tenant),
            self._clock.now(),
            is_replay=is_replay,
            is_notified=is_notified,
            command=command,
        )

    async def _ensure(self, tenant: str, consent_id: str) -> bool:
        """Start the run, or have it look again. False: the relay does it later."""
        try:
            await (await self._running()).ensure_running(tenant, consent_id, KIND)
        except LEFT_TO_RELAY:
            return False
        return True


def _fingerprint(request: ConsentRequest) -> str:
    return fingerprint(request.model_dump(mode="json"))
