"""Every request of the API as a value. Both clients send these, so they cannot differ."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final, Literal, Unpack

from finality_client.answers import (
    Claim,
    Command,
    Episode,
    Event,
    File,
    FileNow,
    Halt,
    Link,
    Page,
    Payment,
    Task,
)
from finality_client.calls import (
    Call,
    check_wait,
    get,
    parameters,
    post,
    reading,
    segment,
    usable_key,
)
from finality_client.orders import Filters, MoneyFields

Noun = Literal["payments", "collections"]
Claimed = Literal["captures", "increments", "refunds"]
PAGE: Final = 50


def create(noun: Noun, order: Mapping[str, Any], key: str | None) -> Call[Payment]:
    return post(f"/v1/{noun}", Payment, order, key)


def one(noun: Noun, id: str, *, wait: int = 0, after_sequence: int | None = None) -> Call[Payment]:
    check_wait(wait)
    return get(
        f"/v1/{noun}/{segment(id)}", Payment, waits=wait, wait=wait or None,
        after_sequence=after_sequence,
    )  # fmt: skip


def page(
    noun: Noun, after: str | None, limit: int, **filters: Unpack[Filters]
) -> Call[Page[Payment]]:
    return get(f"/v1/{noun}", Page[Payment], after=after, limit=limit, **filters)


def cancel(noun: Noun, id: str, key: str | None, why: str) -> Call[Command]:
    return post(f"/v1/{noun}/{segment(id)}/cancel", Command, {"why": why} if why else {}, key)


def action(noun: Noun, id: str) -> Call[Link]:
    return get(f"/v1/{noun}/{segment(id)}/action", Link)


def claim(id: str, what: Claimed, amount: MoneyFields, key: str | None) -> Call[Claim]:
    return post(f"/v1/collections/{segment(id)}/{what}", Claim, {"amount": amount}, key)


def confirm(id: str, key: str | None) -> Call[Claim]:
    return post(f"/v1/collections/{segment(id)}/confirmations", Claim, {}, key)


def episodes(id: str, what: Literal["captures", "increments", "reversals"]) -> Call[Page[Episode]]:
    return get(f"/v1/collections/{segment(id)}/{what}", Page[Episode])


def send_file(
    content: bytes, key: str | None, *, skip_invalid: bool, acknowledge: Collection[str]
) -> Call[FileNow]:
    if not isinstance(content, bytes):
        raise TypeError("content: give the bytes of the file, as they were read")
    return Call(
        "POST",
        "/v1/files",
        reading(FileNow),
        query=parameters(
            {
                "skip_invalid": skip_invalid or None,
                "acknowledge": ",".join(acknowledge) or None,
            }
        ),
        content=content,
        content_type="application/xml",
        key=usable_key(key),
        # A thousand lines are recorded in one request.
        waits=90,
    )


def one_file(message_id: str, file_key: str | None) -> Call[FileNow]:
    return get(f"/v1/files/{segment(message_id, 'message_id')}", FileNow, file_key=file_key)


def files(limit: int) -> Call[Page[File]]:
    return get("/v1/files", Page[File], limit=limit)


def tasks(limit: int) -> Call[Page[Task]]:
    return get("/v1/tasks", Page[Task], limit=limit)


def task(id: str) -> Call[Task]:
    return get(f"/v1/tasks/{segment(id)}", Task)


def halts() -> Call[Page[Halt]]:
    return get("/v1/halts", Page[Halt])


def events(
    after: str | None, limit: int, wait: int, related: str | None, changes: Collection[str]
) -> Call[Page[Event]]:
    check_wait(wait)
    return get(
        "/v1/events", Page[Event], waits=wait, after=after, limit=limit, wait=wait or None,
        related=related, change=list(changes),
    )  # fmt: skip


def event(id: str) -> Call[Event]:
    return get(f"/v1/events/{segment(id)}", Event)
