"""All objects of an account: made, changed with their events, read, listed and searched."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from simulators.kit.clock import stamp
from simulators.kit.replies import Json
from simulators.kit.timers import NotPossible
from simulators.stripe.book import Book
from simulators.stripe.ids import PREFIXES, new_id
from simulators.stripe.notices import Notices
from simulators.stripe.wire import flag, invalid, missing_object, text, whole

_WITHOUT_MODE = ("refund", "balance_transaction")
_PAGE = 10
_PAGE_MOST = 100
#: Whether each endpoint has taken the event. Copies that a fault adds do not count.
_DELIVERED = (
    "NOT EXISTS (SELECT 1 FROM deliveries JOIN notices ON notices.seq = deliveries.notice"
    " WHERE json_extract(notices.content, '$.id') = objects.id"
    " AND forged = 0 AND age_seconds = 0 AND state <> 'delivered')"
)
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}
_CLAUSE = re.compile(
    r"""\s*(?P<minus>-?)(?P<field>\w+)(\[['"](?P<part>[^'"]+)['"]\])?\s*"""
    r"""(?P<sign>:|=|<=|>=|<|>)\s*(['"](?P<text>[^'"]*)['"]|(?P<number>\d+))\s*"""
)


@dataclass
class Thing:
    """An object.

    Attributes:
        body: as clients read it.
        hidden: what clients do not see.
    """

    kind: str
    account: str
    body: Json
    hidden: Json = field(default_factory=dict)
    key: str | None = None

    @property
    def id(self) -> str:
        return str(self.body["id"])

    @property
    def status(self) -> str:
        return str(self.body.get("status") or "")

    def __getitem__(self, name: str) -> Any:
        return self.body[name]


@dataclass(frozen=True)
class Ask:
    """What a client asks.

    Attributes:
        params: the fields of the form or the query, nested.
        address: scheme and host under which the client reached us.
    """

    params: Json
    account: str
    now: datetime
    object_id: str = ""
    key: str | None = None
    address: str = ""


class Objects:
    def __init__(self, book: Book, notices: Notices) -> None:
        self.book = book
        self.notices = notices

    # Writing

    def add(
        self, kind: str, account: str, at: datetime, body: Json, *, event: str = "", **also: Any
    ) -> Thing:
        """Make an object.

        Args:
            event: the type of the event that announces it; none if empty.
            also: `hidden` and `key` of the object.
        """
        object_id = body.pop("id", None) or new_id(PREFIXES[kind])
        whole_body = {
            "id": object_id,
            "object": kind,
            "created": int(at.timestamp()),
            **({} if kind in _WITHOUT_MODE else {"livemode": False}),
            **body,
        }
        thing = Thing(kind, account, whole_body, **also)
        self.book.insert(
            "objects",
            id=thing.id,
            kind=kind,
            account=account,
            status=thing.status,
            unique_request_id=thing.key,
            created=thing["created"],
            body=json.dumps(thing.body),
            hidden=json.dumps(thing.hidden),
        )
        if thing.status:
            self.book.note(thing.id, stamp(at), thing.status, event or "created")
        if event:
            self.notices.tell(event, self._row(thing.id), {}, at)
        return thing

    def save(self, thing: Thing, at: datetime, *events: str, **changes: Any) -> Thing:
        """Write the changed object, and announce it by each of the events."""
        before = json.loads(self._row(thing.id)["body"])
        thing.body |= changes
        self.book.change(
            "objects",
            thing.id,
            status=thing.status,
            unique_request_id=thing.key,
            body=json.dumps(thing.body),
            hidden=json.dumps(thing.hidden),
        )
        if thing.status and thing.status != before.get("status"):
            self.book.note(thing.id, stamp(at), thing.status, events[0] if events else "changed")
        previous = {
            name: before.get(name)
            for name, value in thing.body.items()
            if before.get(name) != value
        }
        for event in events:
            self.notices.tell(event, self._row(thing.id), previous, at)
        return thing

    # Reading

    def get(self, kind: str, object_id: str, account: str, param: str = "id") -> Thing:
        """The object.

        Raises:
            Invalid: the account has none of that kind with that id.
        """
        row = self.book.row("SELECT * FROM objects WHERE id = ?", object_id)
        if row is None or row["kind"] != kind or row["account"] != account:
            raise missing_object(kind, object_id, param)
        return _thing(row)

    def known(self, object_id: str) -> Thing:
        """The object of any account.

        Raises:
            NotPossible: there is none with that id.
        """
        row = self.book.row("SELECT * FROM objects WHERE id = ?", object_id)
        if row is None:
            raise NotPossible(f"no such object: {object_id}")
        return _thing(row)

    def of(self, kind: str, name: str, value: str) -> list[Thing]:
        """The objects of a kind whose field has that value, the oldest first."""
        sql = f"SELECT * FROM objects WHERE kind = ? AND json_extract(body, '$.{name}') = ?"
        return [_thing(row) for row in self.book.rows(f"{sql} ORDER BY seq", kind, value)]

    def page(self, kind: str, ask: Ask, path: str, filters: str, oldest: int = 0) -> Json:
        """A page of a list, the newest first.

        Args:
            filters: the fields that may be asked for, besides `created`.
            oldest: Unix seconds; what is older is not shown any more.
        """
        params = ask.params
        where, values = ["kind = ?", "account = ?", "created >= ?"], [kind, ask.account, oldest]
        for name in filters.split():
            if (wanted := text(params, name)) is not None:
                where.append(f"json_extract(body, '$.{name}') = ?")
                values.append(wanted)
        if kind == "event" and isinstance(types := params.get("types"), list):
            where.append(f"json_extract(body, '$.type') IN ({', '.join('?' * len(types))})")
            values += types
        if kind == "event" and text(params, "delivery_success") is not None:
            is_wanted = "" if flag(params, "delivery_success") else "NOT "
            where.append(f"{is_wanted}{_DELIVERED}")
        created = params.get("created", {})
        bounds = created if isinstance(created, dict) else {"": created}
        for name in bounds:
            where.append(f"created {_COMPARISONS.get(name, '=')} ?")
            values.append(whole(bounds, name) or 0)
        is_back = "ending_before" in params
        for name, sign in (("starting_after", "<"), ("ending_before", ">")):
            if (cursor := text(params, name)) is not None:
                if self.get(kind, cursor, ask.account, name)["created"] < oldest:
                    raise missing_object(kind, cursor, name)
                where.append(f"seq {sign} (SELECT seq FROM objects WHERE id = ?)")
                values.append(cursor)
        limit = _limit(params)
        sql = f"SELECT * FROM objects WHERE {' AND '.join(where)} ORDER BY seq"
        rows = self.book.rows(f"{sql} {'' if is_back else 'DESC'} LIMIT ?", *values, limit + 1)
        shown = [json.loads(row["body"]) for row in rows[:limit]]
        if is_back:
            shown.reverse()
        return {"object": "list", "url": path, "has_more": len(rows) > limit, "data": shown}

    def search(self, kind: str, ask: Ask, path: str, lag_seconds: float) -> Json:
        """What the index finds; it lacks what was made within the last `lag_seconds`."""
        where, values = _query(text(ask.params, "query") or "")
        indexed = int((ask.now - timedelta(seconds=lag_seconds)).timestamp())
        limit = _limit(ask.params)
        page = text(ask.params, "page") or "0"
        if not page.isdigit():
            raise invalid("Invalid page.", param="page")
        sql = f"SELECT * FROM objects WHERE kind = ? AND account = ? AND created <= ? AND {where}"
        rows = self.book.rows(
            f"{sql} ORDER BY seq DESC LIMIT ? OFFSET ?",
            kind, ask.account, indexed, *values, limit + 1, int(page),
        )  # fmt: skip
        has_more = len(rows) > limit
        return {
            "object": "search_result",
            "url": path,
            "has_more": has_more,
            "next_page": str(int(page) + limit) if has_more else None,
            "data": [json.loads(row["body"]) for row in rows[:limit]],
        }

    def expanded(self, body: Json, params: Json, account: str) -> Json:
        """The reply with the objects in place of the ids that `expand` names."""
        asked = params.get("expand", [])
        paths = asked if isinstance(asked, list) else [asked]
        body = json.loads(json.dumps(body))
        for path in paths:
            self._expand(body, str(path).split("."), str(path), account)
        return body

    def _expand(self, place: Any, steps: list[str], path: str, account: str) -> None:
        if isinstance(place, list):
            for each in place:
                self._expand(each, steps, path, account)
            return
        name, *rest = steps
        if not isinstance(place, dict) or name not in place:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand[]")
        value = place[name]
        if isinstance(value, str):
            row = self.book.row("SELECT * FROM objects WHERE id = ?", value)
            if row is None or row["account"] != account:
                raise invalid(f"This property cannot be expanded ({path}).", param="expand[]")
            value = place[name] = json.loads(row["body"])
        if rest and value is not None:
            self._expand(value, rest, path, account)

    def _row(self, object_id: str) -> Json:
        return self.notices.about(object_id)


def _thing(row: Json) -> Thing:
    body, hidden = json.loads(row["body"]), json.loads(row["hidden"])
    return Thing(row["kind"], row["account"], body, hidden, row["unique_request_id"])


def _limit(params: Json) -> int:
    limit = whole(params, "limit")
    if limit is None:
        return _PAGE
    if not 1 <= limit <= _PAGE_MOST:
        raise invalid("Invalid limit: must be between 1 and 100", param="limit")
    return limit


def _query(asked: str) -> tuple[str, list[Any]]:
    """The condition of a search query: clauses joined by AND."""
    where, values = [], []
    for clause in re.split(r"\bAND\b", asked):
        found = _CLAUSE.fullmatch(clause)
        if found is None:
            raise invalid(f"We were unable to parse your search query: {clause}", param="query")
        field_path = f"$.{found['field']}" + (f'."{found["part"]}"' if found["part"] else "")
        is_number = found["number"] is not None
        sign = "=" if found["sign"] == ":" else found["sign"]
        where.append(f"{'NOT ' if found['minus'] else ''}(json_extract(body, ?) {sign} ?)")
        values += [field_path, int(found["number"]) if is_number else found["text"]]
    return " AND ".join(where), values
