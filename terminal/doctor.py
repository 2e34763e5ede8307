"""`finality doctor`: what a payment needs, looked at one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final, NamedTuple

from rich.console import Console
from rich.markup import escape
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client

from assembly import Assembly, assembled
from domain.ids import TASK_QUEUE, partner_queue
from settings import PartnerAccount, Settings
from starter.running import TemporalAway
from store.database import Database
from store.faults import StoreAway
from store.health import health
from store.keyring import KeyringError
from store.schema import NewerSchema
from workflows.attributes import SEARCH_ATTRIBUTES

#: To look at where the database does not answer; its own words stand above.
_AWAY: Final = (
    "start it, and see that FINALITY_DATABASE_URL names it, its user may log in and create tables, "
    "and its disk is not full"
)
_NO_LOGIN: Final = (
    "see that `finality up` runs, or that base_url, login_id and api_key of the settings are right"
)


class Examined(NamedTuple):
    """One thing looked at; `remedy` is empty when it is well."""

    what: str
    found: str
    remedy: str = ""


async def examine(settings: Settings, *, retry_logins: bool) -> int:
    """Print every examination; 1 if something is not well."""
    console, unwell = Console(), 0
    try:
        async with assembled(settings) as assembly:
            if retry_logins:
                await _retry_logins(assembly, console)
            async for examined in _examinations(assembly):
                unwell += bool(examined.remedy)
                mark = "[red]✗[/red]" if examined.remedy else "[green]✓[/green]"
                console.print(f"{mark} {escape(f'{examined.what}: {examined.found}')}")
                if examined.remedy:
                    console.print(f"    → {escape(examined.remedy)}")
    except KeyringError as error:
        console.print(f"[red]✗[/red] keyring: {escape(str(error))}")
        return 1
    except NewerSchema as error:
        console.print(f"[red]✗[/red] database: {escape(str(error))}")
        return 1
    except StoreAway as error:
        console.print(f"[red]✗[/red] {escape(str(error))}")
        console.print(f"    → {escape(_AWAY)}")
        return 1
    return 1 if unwell else 0


async def _examinations(assembly: Assembly) -> AsyncIterator[Examined]:
    settings = assembly.settings
    yield Examined("settings", f"home {settings.home.resolve()}")
    development = assembly.keyring.current.startswith("development-")
    kind_of_key = " (a development key: for this machine only)" if development else ""
    yield Examined(
        "keyring", f"{settings.keyring}, current key {assembly.keyring.current}{kind_of_key}"
    )
    yield _database(assembly.database)
    async for examined in _partners(assembly):
        yield examined
    yield await _halts(assembly)
    try:
        client = await assembly.client()
    except TemporalAway as away:
        yield Examined("Temporal", "no answer", str(away))
        return
    yield Examined("Temporal", f"{client.service_client.config.target_host}, {client.namespace}")
    yield await _search_attributes(client)
    for queue in (TASK_QUEUE, *sorted({partner_queue(name) for name, _ in assembly.partners})):
        yield await _pollers(client, queue)


def _database(database: Database) -> Examined:
    """Which it is, and whether what it took outlives a crash."""
    found = health(database)
    settings = ", ".join(f"{name} {value}" for name, value in found.settings.items())
    return Examined(
        "database",
        f"{found.kind} at {found.place}, schema {found.schema}, {settings}",
        "; ".join(found.remedies),
    )


async def _halts(assembly: Assembly) -> Examined:
    found = await assembly.operations.halts()
    if not found:
        return Examined("halts", "none")
    held = max(count for _, count in found)
    return Examined(
        "halts",
        f"{len(found)} in force; the widest holds back {held} open payments",
        "`finality halts` says why, and the command that lifts each",
    )


async def _partners(assembly: Assembly) -> AsyncIterator[Examined]:
    if not assembly.partners:
        yield Examined(
            "partners", "none in the settings", "run `finality up`, or set FINALITY_CURRENCYCLOUD"
        )
    for partner, name in assembly.partners:
        account = assembly.settings.partner_accounts(partner)[name]
        refused = await assembly.logins[partner].refused(account.login)
        what = f"partner {partner}/{name}"
        if refused is None:
            simulated = ", simulated" if account.simulated else ""
            not_ready = await assembly.partners[partner, name].ready()
            login = "logged in" if not_ready is None else f"no login: {not_ready.why}"
            yield Examined(
                what,
                f"{account.base_url}{simulated}, {login}, {_webhooks(account)}",
                "" if not_ready is None else _NO_LOGIN,
            )
        else:
            why, at = refused
            yield Examined(
                what,
                f"login refused at {at:%Y-%m-%d %H:%M} UTC: {why}",
                "correct the credentials, or `finality doctor --retry-logins` to try them once",
            )


def _webhooks(account: PartnerAccount) -> str:
    """Whether deliveries can be proven. Without that all is well, and later."""
    if account.webhooks is None:
        return "no webhook secret: payments are read on a back-off only"
    count = len(account.webhooks.secrets)
    rotating = f", {count} of them: remove the old one once nothing comes with it" * (count > 1)
    return f"webhook secret set{rotating}"


async def _retry_logins(assembly: Assembly, console: Console) -> None:
    for partner, name in assembly.partners:
        account = assembly.settings.partner_accounts(partner)[name]
        if await assembly.logins[partner].forget(account.login):
            console.print(f"one more login is allowed for {partner}/{name}")


async def _search_attributes(client: Client) -> Examined:
    answer = await client.operator_service.list_search_attributes(
        ListSearchAttributesRequest(namespace=client.namespace)
    )
    missing = sorted(set(SEARCH_ATTRIBUTES) - set(answer.custom_attributes))
    if not missing:
        return Examined("search attributes", f"{len(SEARCH_ATTRIBUTES)} registered")
    options = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in missing)
    return Examined(
        "search attributes",
        f"missing: {', '.join(missing)}",
        f"temporal operator search-attribute create {options}",
    )


async def _pollers(client: Client, queue: str) -> Examined:
    answer = await client.workflow_service.describe_task_queue(
        DescribeTaskQueueRequest(
            namespace=client.namespace,
            task_queue=TaskQueue(name=queue),
            task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
        )
    )
    seen = [
        poller.last_access_time.ToDatetime(UTC)
        for poller in answer.pollers
        if (datetime.now(UTC) - poller.last_access_time.ToDatetime(UTC)).total_seconds() < 120
    ]
    if seen:
        return Examined(f"workers on {queue}", f"seen {max(seen):%H:%M:%S} UTC")
    return Examined(f"workers on {queue}", "none", "start one with `finality worker`")
