"""Builds store, partners, activities and starter from settings; no other file knows them all."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from domain.clock import Clock
from domain.lifecycle.profile import Profile
from domain.payments.gate import Check
from partners.kit.registration import Registration
from partners.kit.workplace import Workplace
from regimes.ladder import escalate
from settings import Settings
from starter.accounts import Accounts
from starter.approving import Approver
from starter.asking import Notifier
from starter.away import LEFT_TO_RELAY
from starter.client import Orchestrator
from starter.consents import ConsentOrchestrator
from starter.dossier import Dossiers
from starter.following import Following
from starter.operations import Operations
from starter.operators import Operators
from starter.webhooks.endpoints import WebhookEndpoints
from store.account_data import AccountData
from store.account_feeds import AccountFeeds
from store.account_pages import AccountPages
from store.api_keys import ApiKeys
from store.approvals import Approvals
from store.claims import Claims
from store.clocks import StoreClocks
from store.commands import Commands
from store.consent_kind import consents_alone
from store.consents import Consents
from store.database import Database
from store.events import Events
from store.faults import StoreAway
from store.feeds import Feeds
from store.file_lines import FileLines
from store.file_requests import FileRequests
from store.files import Files
from store.folding import Folding
from store.future import Future
from store.halts import Halts
from store.inbox import Inbox
from store.keyring import Keyring
from store.kind import StoredKinds
from store.logins import Logins
from store.notifications import Notifications
from store.opening import opened
from store.payment_kind import payments_alone
from store.payments import Payments
from store.prepared import PreparedObjects
from store.reports import Reports
from store.rounds import Rounds
from store.sending import SendBook
from store.set_back import SetBack
from store.strangers import Strangers
from store.tasks import Tasks
from store.timeline import Timelines
from store.webhooks.deliveries import Deliveries
from store.webhooks.endpoints import Endpoints
from transport.time_left import boottime

# The Temporal SDK and the partners take longer to import than a command that only reads the store
# takes to run. So the functions that need them import them.
if TYPE_CHECKING:
    from temporalio.client import Client

    from activities.back_fill import BackFill
    from activities.clocks import Clocks
    from activities.witness import Witness
    from inbound.webhooks import Webhooks
    from partners.interface import ConsentPartner, DataPartner, PaymentPartner, WebhookReader
    from starter.api.parts import Parts
    from starter.console.parts import Parts as ConsoleParts
    from starter.files.accepted import AcceptedFiles
    from starter.files.intake import Intake
    from starter.nexus.door import Door
    from starter.previewing import Previews
    from starter.running import Running
    from starter.webhooks.delivering import Deliverer

A = TypeVar("A")
_Making = Callable[[Registration[Any]], Callable[[Any, Workplace], A] | None]
"""The function of a partner's registration that makes one kind of adapter."""

#: What the store raises while the database is away, SQLite or PostgreSQL (`store/faults.py`).
STORE_AWAY: Final[tuple[type[Exception], ...]] = (StoreAway,)
#: The kinds of lifecycle that our processes drive.
KINDS: Final[StoredKinds] = {**payments_alone(escalate), **consents_alone()}


class MachineClock:
    """This machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class Assembly:
    """The parts of one process. If it is not closed, the exit waits for writes under way."""

    settings: Settings
    keyring: Keyring
    database: Database
    payments: Payments
    book: SendBook
    inbox: Inbox
    clock: Clock
    make_partners: Callable[[], Mapping[tuple[str, str], PaymentPartner]] = field(repr=False)
    logins: Mapping[str, Logins]
    kinds: StoredKinds = field(default_factory=lambda: KINDS, repr=False)
    """The kinds of lifecycle that this process drives."""
    make_consent_partners: Callable[[], Mapping[tuple[str, str], ConsentPartner]] = field(
        default=dict, repr=False
    )
    make_data_partners: Callable[[], Mapping[tuple[str, str], DataPartner]] = field(
        default=dict, repr=False
    )
    checks: Sequence[Check] = ()
    """Our own checks before a send. A kind without a check passes, and the timeline says so."""
    _client: Client | None = field(default=None, repr=False)
    _running: Running | None = field(default=None, repr=False)

    @cached_property
    def partners(self) -> Mapping[tuple[str, str], PaymentPartner]:
        """Every partner account in the settings, by partner and our account name; made lazily."""
        return self.make_partners()

    @cached_property
    def consent_partners(self) -> Mapping[tuple[str, str], ConsentPartner]:
        """Every partner account in the settings that gives access to accounts; made lazily."""
        return self.make_consent_partners()

    @cached_property
    def data_partners(self) -> Mapping[tuple[str, str], DataPartner]:
        """Every partner account in the settings that shows account data; made lazily."""
        return self.make_data_partners()

    @property
    def profiles(self) -> dict[tuple[str, str], Profile]:
        """The profile declared today for every partner account in the settings."""
        return {name: partner.profile for name, partner in self.partners.items()}

    @property
    def files(self) -> Files:
        """The payment files that were accepted."""
        return Files(self.database)

    @property
    def file_lines(self) -> FileLines:
        """The headers and lines of accepted files, as the files stated them."""
        return FileLines(self.database, self.keyring)

    @property
    def commands(self) -> Commands:
        """The commands that people and apps give to payments."""
        return Commands(self.database, Folding(self.keyring, self.kinds))

    @property
    def webhook_readers(self) -> dict[tuple[str, str], WebhookReader]:
        """A reader for every partner account that has a secret to verify deliveries."""
        return {
            (name, account_name): registration.webhooks(account)
            for name, registration in self.settings.registrations.items()
            for account_name, account in self.settings.partner_accounts(name).items()
            if registration.webhooks and account.webhook_secrets
        }

    @property
    def webhooks(self) -> Webhooks:
        """Takes webhook deliveries."""
        from inbound.webhooks import Webhooks

        return Webhooks(
            readers=self.webhook_readers,
            inbox=self.inbox,
            runner=self.running,
            clock=self.clock,
            away=LEFT_TO_RELAY,
        )

    @property
    def orchestrator(self) -> Orchestrator:
        """The client for apps."""
        return Orchestrator(
            payments=self.payments,
            commands=self.commands,
            claims=Claims(self.database, Folding(self.keyring, self.kinds)),
            notifier=self.notifier,
            running=self.running,
            profiles=lambda: self.profiles,
            clock=self.clock,
            operators=self.operators,
        )

    @property
    def consents(self) -> ConsentOrchestrator:
        """The client for apps that ask users for access to their accounts."""
        return ConsentOrchestrator(
            consents=Consents(self.database, self.keyring, self.kinds),
            commands=self.commands,
            notifier=self.notifier,
            running=self.running,
            partners=lambda: self.consent_partners,
            clock=self.clock,
        )

    @property
    def account_feeds(self) -> AccountFeeds:
        """What is read next of the accounts of consents."""
        return AccountFeeds(self.database, self.keyring)

    @property
    def account_pages(self) -> AccountPages:
        """Keeps what banks show of accounts."""
        return AccountPages(self.database, self.keyring)

    @property
    def accounts(self) -> Accounts:
        """The client for apps that read the accounts of their users."""
        return Accounts(
            data=AccountData(self.database, self.keyring),
            feeds=self.account_feeds,
            running=self.running,
            clock=self.clock,
        )

    @property
    def approver(self) -> Approver:
        """Takes the callbacks of payers who approve a payment before it is sent."""
        approvals = Approvals(self.database, self.keyring, self.kinds)
        return Approver(approvals=approvals, running=self.running, clock=self.clock)

    @property
    def operations(self) -> Operations:
        """The client for operators."""
        return Operations(
            commands=self.commands,
            halts=Halts(self.database),
            tasks=Tasks(self.database),
            notifier=self.notifier,
            operators=self.operators,
            partners=set(self.settings.registrations),
            clock=self.clock,
        )

    @property
    def operators(self) -> Operators:
        """The operators, who may sign decisions."""
        return Operators(self.database, self.clock)

    @property
    def following(self) -> Following:
        """Waits for what becomes of payments and commands."""
        return Following(self.orchestrator, self.clock)

    @property
    def intake(self) -> Intake:
        """Takes files to be paid."""
        from starter.files.intake import Intake

        return Intake(
            payments=self.payments,
            files=self.files,
            file_lines=self.file_lines,
            orchestrator=self.orchestrator,
            operators=self.operators,
            following=self.following,
            partners=lambda: self.partners,
            debtors=self.settings.debtor_accounts,
            clock=self.clock,
        )

    @property
    def api_keys(self) -> ApiKeys:
        """The keys of the HTTP API."""
        return ApiKeys(self.database)

    @property
    def api_parts(self) -> Parts:
        """The use cases behind the HTTP API."""
        from importlib.metadata import version

        from starter.api.parts import Parts

        return Parts(
            orchestrator=self.orchestrator,
            consents=self.consents,
            approver=self.approver,
            operations=self.operations,
            events=Events(self.database),
            webhook_endpoints=self.webhook_endpoints,
            reports=self.reports,
            keys=self.api_keys,
            file_requests=FileRequests(self.database),
            accepted_files=self.accepted_files,
            accounts=self.accounts,
            intake=self.intake_of,
            debtors=self.settings.debtor_accounts,
            profiles=lambda: self.profiles,
            ready=self.database.answers,
            clock=self.clock,
            release=version("finality"),
        )

    @property
    def doors(self) -> list[Door]:
        """Where the workflows of other teams order payments.

        Raises:
            KeyringError: a door has no keyring, or one with a key that we or another door have.
        """
        from starter.nexus.door import apart, door

        return apart(
            door(name, its.tenant, its.accounts, its.keyring_file, self.keyring)
            for name, its in self.settings.nexus.items()
        )

    @property
    def console_parts(self) -> ConsoleParts:
        """The use cases behind the operator console."""
        from starter.console.parts import Parts as ConsoleParts
        from store.backlog import Backlog

        return ConsoleParts(
            orchestrator=self.orchestrator,
            operations=self.operations,
            operators=self.operators,
            dossiers=self.dossiers,
            file_lines=self.file_lines,
            backlog=Backlog(self.database),
            partners=tuple(self.settings.registrations),
            clock=self.clock,
        )

    @property
    def webhook_endpoints(self) -> WebhookEndpoints:
        """The endpoints of tenants that receive events."""
        endpoints = Endpoints(self.database, self.keyring)
        return WebhookEndpoints(
            endpoints,
            Deliveries(self.database, endpoints),
            kinds=tuple(self.kinds),
            allowed=self.settings.webhook_networks,
            clock=self.clock,
        )

    @property
    def deliverer(self) -> Deliverer:
        """Sends events to the endpoints of tenants."""
        from starter.webhooks.delivering import Deliverer
        from store.webhooks.turns import EndpointTurns
        from transport.posting import Posting
        from transport.targets import Resolver

        return Deliverer(
            turns=EndpointTurns(self.database, Endpoints(self.database, self.keyring)),
            posting=Posting(
                allowed=self.settings.webhook_networks, resolve=Resolver(), clock=self.clock
            ),
            clock=self.clock,
        )

    def intake_of(self, tenant: str) -> Intake:
        """Takes files for one tenant: it pays from no account of another, and finds none of its
        files."""
        own = {
            name: debtor
            for name, debtor in self.settings.debtor_accounts.items()
            if debtor.tenant == tenant
        }
        return replace(self.intake, files=Files(self.database, tenant=tenant), debtors=own)

    @property
    def previews(self) -> Previews:
        """Foresees what becomes of one order."""
        from starter.previewing import Previews

        return Previews(self.payments, lambda: self.partners, self.clock)

    @property
    def accepted_files(self) -> AcceptedFiles:
        """Finds and cancels files that were accepted."""
        from starter.files.accepted import AcceptedFiles

        return AcceptedFiles(
            file_lines=self.file_lines,
            orchestrator=self.orchestrator,
            following=self.following,
            clock=self.clock,
        )

    @property
    def dossiers(self) -> Dossiers:
        """Reads all that is known about a payment."""
        return Dossiers(
            orchestrator=self.orchestrator,
            operations=self.operations,
            file_lines=self.file_lines,
            timelines=self.timelines,
            clock=self.clock,
        )

    @property
    def reports(self) -> Reports:
        """Totals over many payments."""
        return Reports(self.database)

    @property
    def timelines(self) -> Timelines:
        """Everything that happened to one payment or consent, in order."""
        return Timelines(self.database, self.keyring)

    @property
    def notifier(self) -> Notifier:
        """Notifies runs of new commands."""
        return Notifier(Notifications(self.database), self.running, self.clock)

    async def client(self) -> Client:
        """The Temporal client of this process, connected at first use.

        Raises:
            TemporalAway: Temporal cannot be used (`connect`).
        """
        if self._client is None:
            self._client = await connect(self.settings, self.keyring)
        return self._client

    async def running(self) -> Running:
        """The one way to run a payment; shared, so that callers can share requests to Temporal.

        Raises:
            TemporalAway: Temporal cannot be used (`connect`).
        """
        from starter.running import Running

        if self._running is None:
            self._running = Running(await self.client())
        return self._running

    @cached_property
    def witness(self) -> Witness:
        """Finds payments that a partner shows and the database does not know; one per process."""
        from activities.witness import Witness
        from partners.interface import PaymentLister

        listers = {
            name: (partner, partner.profile)
            for name, partner in self.partners.items()
            if isinstance(partner, PaymentLister)
        }
        strangers = Strangers(self.database, Folding(self.keyring, self.kinds))
        return Witness(listers=listers, strangers=strangers, clock=self.clock)

    @property
    def back_fill(self) -> BackFill:
        """Reads the events that partners list, because webhooks are lost."""
        from activities.back_fill import BackFill, Feed
        from partners.interface import EventFeed

        feeds = {
            name: Feed(partner, partner.login, partner.profile)
            for name, partner in self.partners.items()
            if isinstance(partner, EventFeed)
        }
        return BackFill(
            feeds=feeds,
            store=Feeds(self.database),
            inbox=self.inbox,
            silences=self.witness.silences,
            every=self.settings.events_every,
            clock=self.clock,
        )

    @property
    def set_back(self) -> SetBack:
        """The consequences of a database that was set back."""
        return SetBack(self.database, Folding(self.keyring, self.kinds))

    @property
    def store_clocks(self) -> StoreClocks:
        """The database's clock, and the differences that all processes found to it."""
        return StoreClocks(self.database)

    @cached_property
    def clocks(self) -> Clocks:
        """This process's clock, which its steps compare with other clocks."""
        from activities.clocks import Clocks

        is_real = isinstance(self.clock, MachineClock)
        return Clocks(
            self.clock,
            self.store_clocks,
            process=f"{socket.gethostname()}/{os.getpid()}",
            elapsed=boottime if is_real else None,
        )

    @property
    def future(self) -> Future:
        """Dates reports anew that a clock ahead of time had dated in the future."""
        return Future(self.database, Folding(self.keyring, self.kinds))

    @property
    def rounds(self) -> Rounds:
        """The rounds of upkeep, which show whether the database was set back."""
        return Rounds(self.database, self.set_back)

    async def close(self) -> None:
        """Close the connections and wait for transactions under way."""
        if "partners" in vars(self):
            for partner in self.partners.values():
                await partner.close()
        if "consent_partners" in vars(self):
            for bank in self.consent_partners.values():
                await bank.close()
        if "data_partners" in vars(self):
            for reader in self.data_partners.values():
                await reader.close()
        self.database.close()


async def connect(settings: Settings, keyring: Keyring | None) -> Client:
    """A client by Temporal's own profile (`temporal.toml`, `TEMPORAL_*`), with our plugin.

    Without a keyring the client can ask about the server but cannot open a payload.

    Raises:
        TemporalAway: Temporal cannot be used; the text names the address, the cause and the remedy.
    """
    from starter.connecting import connected
    from starter.plugin import plugin

    plugins = [] if keyring is None else [plugin(keyring)]
    return await connected(settings.temporal_address or None, plugins)


@asynccontextmanager
async def assembled(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Assembly]:
    """All parts of a process, closed when the context ends.

    First migrates the database and proves that the keyring belongs to this store.

    Raises:
        KeyringError: there is no keyring, or it does not belong to this store.
        NewerSchema: a later release has migrated the database.
        StoreAway: the database does not answer.
    """
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    # A test's own clock differs from the database's, so the two are not compared.
    compares_clocks = clock is None
    clock = clock or MachineClock()
    database, keyring = opened(
        settings.database, settings.keyring, clock.now(), compares_clocks=compares_clocks
    )
    registrations = settings.registrations
    logins = {name: Logins(database, keyring, clock, name) for name in registrations}

    def workplaces() -> dict[str, Workplace]:
        from transport.http import Transport

        return {
            name: Workplace(
                clock=clock,
                logins=logins[name],
                prepared=PreparedObjects(database, keyring, clock, name),
                transport=partial(Transport, clock=clock),
            )
            for name in registrations
        }

    def adapters(of: _Making[A]) -> Mapping[tuple[str, str], A]:
        places = workplaces()
        return {
            (name, account_name): make(account, places[name])
            for name, registration in registrations.items()
            if (make := of(registration)) is not None
            for account_name, account in settings.partner_accounts(name).items()
        }

    assembly = Assembly(
        settings=settings,
        keyring=keyring,
        database=database,
        payments=Payments(database, keyring, KINDS),
        book=SendBook(database, keyring, KINDS),
        inbox=Inbox(database, keyring),
        clock=clock,
        make_partners=lambda: adapters(lambda registration: registration.make),
        make_consent_partners=lambda: adapters(lambda registration: registration.consents),
        make_data_partners=lambda: adapters(lambda registration: registration.data),
        logins=logins,
    )
    try:
        yield assembly
    finally:
        await assembly.close()
