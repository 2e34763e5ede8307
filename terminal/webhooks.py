"""`finality webhooks`: endpoints that receive events, and their deliveries."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import uuid4

from rich import box
from rich.table import Table
from rich.text import Text

from assembly import assembled
from domain.plain_text import plain
from domain.webhooks import WHY_DISABLED
from settings import Settings
from starter.webhooks.answers import delivery_answer, endpoint_answer, with_attempts
from starter.webhooks.endpoints import InvalidEndpoint, WebhookEndpoints
from store.webhooks.deliveries import Delivery, UnknownDelivery
from store.webhooks.endpoints import Endpoint, EndpointConflict, UnknownEndpoint, WithSecret
from terminal.commanding import AS_WISHED, NOTHING_RECORDED, say_refused
from terminal.screen import Screen


async def make_endpoint(
    settings: Settings,
    tenant: str,
    url: str,
    types: Sequence[str],
    description: str,
    *,
    as_json: bool,
) -> int:
    """Make an endpoint and print its secret. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        made = await known.make(tenant, _key(), url=url, description=description, types=types)
        _show_secret(made, as_json=as_json)

    return await _or_refused(settings, doing)


async def change_endpoint(
    settings: Settings,
    endpoint_id: str,
    url: str | None,
    types: Sequence[str] | None,
    description: str | None,
    *,
    as_json: bool,
) -> int:
    """Change what is given. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        changed = await known.change(
            None, endpoint_id, url=url, types=types, description=description
        )
        _show(changed, as_json=as_json)

    return await _or_refused(settings, doing)


async def rotate_secret(
    settings: Settings, endpoint_id: str, *, overlap_hours: int, as_json: bool
) -> int:
    """Make a new secret and print it. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        made = await known.rotate(None, endpoint_id, _key(), overlap_hours=overlap_hours)
        _show_secret(made, as_json=as_json)

    return await _or_refused(settings, doing)


async def switch_endpoint(settings: Settings, endpoint_id: str, *, on: bool, as_json: bool) -> int:
    """Enable or disable an endpoint. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        switch = known.enable if on else known.disable
        _show(await switch(None, endpoint_id), as_json=as_json)

    return await _or_refused(settings, doing)


async def delete_endpoint(settings: Settings, endpoint_id: str, *, as_json: bool) -> int:
    """Delete an endpoint for good. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        await known.delete(None, endpoint_id)
        if as_json:
            print(json.dumps({"id": endpoint_id, "deleted": True}))
        else:
            Screen().print(f"{endpoint_id} is deleted. What waited for it is given up.")

    return await _or_refused(settings, doing)


async def show_endpoint(settings: Settings, endpoint_id: str, *, as_json: bool) -> int:
    """Print one endpoint. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        _show(await known.get(None, endpoint_id), as_json=as_json)

    return await _or_refused(settings, doing)


async def list_endpoints(settings: Settings, tenant: str | None, *, as_json: bool) -> int:
    """Print the endpoints, the oldest first."""
    async with _endpoints(settings) as known:
        found = await known.all(tenant)
    if as_json:
        for each in found:
            print(json.dumps(_object(each)))
    elif not found:
        Screen().print("No endpoints. `finality webhooks new --url URL` makes one.")
    else:
        Screen().print(_table(found))
    return AS_WISHED


async def send_test(settings: Settings, endpoint_id: str, *, as_json: bool) -> int:
    """Have a test event sent. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        _said(await known.test(None, endpoint_id, _key()), as_json=as_json)

    return await _or_refused(settings, doing)


async def resend_delivery(settings: Settings, delivery_id: str, *, as_json: bool) -> int:
    """Send a delivery again. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        _said(await known.resend(None, delivery_id, _key()), as_json=as_json)

    return await _or_refused(settings, doing)


async def resend_range(
    settings: Settings,
    endpoint_id: str,
    *,
    first: int | None,
    last: int | None,
    since: datetime | None,
    until: datetime | None,
    missed_only: bool,
    as_json: bool,
) -> int:
    """Send the events of a range again, however many. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        count, begins = 0, first
        while True:
            resent = await known.resend_range(
                None, endpoint_id, _key(), first=begins, last=last, since=since, until=until,
                missed_only=missed_only,
            )  # fmt: skip
            count, begins = count + resent.deliveries, resent.next_position
            if begins is None:
                break
        if as_json:
            print(json.dumps({"endpoint_id": endpoint_id, "resent": count}))
        else:
            Screen().print(f"{count} events are sent to {plain(endpoint_id)} again.")

    return await _or_refused(settings, doing)


async def list_deliveries(
    settings: Settings, endpoint_id: str, state: str | None, limit: int, *, as_json: bool
) -> int:
    """Print an endpoint's deliveries, the newest first. Returns the exit code."""

    async def doing(known: WebhookEndpoints) -> None:
        listed = await known.deliveries(None, endpoint_id, state=state, limit=limit)
        found = [await known.delivery(None, each.delivery_id) for each in listed]
        if as_json:
            for each in found:
                print(json.dumps(with_attempts(each).model_dump(mode="json")))
        elif not found:
            Screen().print("No deliveries.")
        else:
            Screen().print(_delivery_table(found))

    return await _or_refused(settings, doing)


@asynccontextmanager
async def _endpoints(settings: Settings) -> AsyncIterator[WebhookEndpoints]:
    async with assembled(settings) as assembly:
        yield assembly.webhook_endpoints


async def _or_refused(
    settings: Settings, doing: Callable[[WebhookEndpoints], Awaitable[None]]
) -> int:
    """Do it; if it is refused, print why in one line."""
    try:
        async with _endpoints(settings) as known:
            await doing(known)
    except UnknownEndpoint as unknown:
        text = f"there is no endpoint {unknown}; `finality webhooks list` shows them"
    except UnknownDelivery as unknown:
        text = f"there is no delivery {unknown}; `finality webhooks deliveries ENDPOINT` shows them"
    except (InvalidEndpoint, EndpointConflict) as refused:
        text = str(refused)
    else:
        return AS_WISHED
    say_refused(text)
    return NOTHING_RECORDED


def _key() -> str:
    """A key of this call: a command that is typed again is meant again."""
    return f"cli-{uuid4().hex}"


def _show_secret(made: WithSecret, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_object(made.endpoint) | {"secret": made.secret}))
        return
    print(made.secret)  # Alone on stdout, so that it can be put into a file.
    until = made.endpoint.old_secret_until
    also = f" The secret before is in use until {until:%Y-%m-%d %H:%M} UTC." if until else ""
    Screen(stderr=True).print(
        f"Endpoint {made.endpoint.endpoint_id} of tenant {plain(made.endpoint.tenant)}. Its owner "
        f"verifies deliveries with this secret, which is shown this once.{also}"
    )


def _show(endpoint: Endpoint, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(_object(endpoint)))
    else:
        Screen().print(_table([endpoint]))


def _said(delivery: Delivery, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps(delivery_answer(delivery).model_dump(mode="json")))
        return
    Screen().print(
        f"{delivery.delivery_id} is sent by the next worker that looks, within seconds. "
        f"`finality webhooks deliveries {delivery.endpoint_id}` shows what was answered."
    )


def _table(found: Sequence[Endpoint]) -> Table:
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("Endpoint", "Tenant", "Address", "Types", "State"):
        shown.add_column(column, overflow="fold")
    for each in found:
        shown.add_row(
            each.endpoint_id, Text(plain(each.tenant)), Text(plain(each.url)),
            ", ".join(each.types) or "all", _state(each),
        )  # fmt: skip
    return shown


def _state(endpoint: Endpoint) -> str:
    if endpoint.disabled_why is not None and endpoint.disabled_at is not None:
        return (
            f"disabled {endpoint.disabled_at:%Y-%m-%d %H:%M} UTC: "
            f"{WHY_DISABLED[endpoint.disabled_why]}"
        )
    health = endpoint.health
    if health.failing_since is None:
        return "enabled"
    since = f"enabled, and fails since {health.failing_since:%Y-%m-%d %H:%M} UTC"
    if health.disable_at is None:
        return since
    return f"{since}; disabled at {health.disable_at:%Y-%m-%d %H:%M} UTC unless it answers"


def _delivery_table(found: Sequence[Delivery]) -> Table:
    shown = Table(header_style="bold", box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("Delivery", "Event", "Type", "State", "Attempts", "Last answer"):
        shown.add_column(column, overflow="fold")
    for each in found:
        last = each.attempts[-1] if each.attempts else None
        answer = "" if last is None else f"{last.at:%Y-%m-%d %H:%M:%S} {last.why or last.status}"
        state = f"{each.state} {each.next_at:%Y-%m-%d %H:%M:%S}" if each.next_at else each.state
        shown.add_row(
            each.delivery_id, each.event_id, each.type, state, str(len(each.attempts)),
            Text(plain(answer)),
        )  # fmt: skip
    return shown


def _object(endpoint: Endpoint) -> dict[str, object]:
    return {"tenant": endpoint.tenant, **endpoint_answer(endpoint).model_dump(mode="json")}
