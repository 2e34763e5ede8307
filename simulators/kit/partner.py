"""A partner behind the HTTP server: one call in, one answer out, committed before it leaves."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal

from simulators.kit import spoilt
from simulators.kit.book import Book
from simulators.kit.clock import Clock, stamp
from simulators.kit.delays import LATENCY, Delays
from simulators.kit.faults import Faults, Rule, Stage
from simulators.kit.menu import AFTER, BEFORE, COMMON, DELAY
from simulators.kit.notices import Notices
from simulators.kit.quotas import Quotas
from simulators.kit.replies import Json, Refusal, Reply, Row
from simulators.kit.targets import Target, Targets
from simulators.kit.timers import NotPossible, Timer, Timers


@dataclass(frozen=True)
class Call:
    """A request, without its transport.

    Attributes:
        fields: of the query and the body; of a repeated field the last value.
        lists: all values of each field of the query or a form.
        token: the value of the partner's `token_header`, without a scheme such as "Bearer".
        object_id: the `{id}` of the path.
        address: scheme and host under which the client reached us.
        certificate: the subject of the client's certificate; empty if it presented none.
        parts: all variable parts of the path, by their names in the endpoint's path.
        raw: the body as it came, for signatures.
        certificate_der: the client's certificate itself; empty if it presented none.
    """

    method: str
    path: str
    endpoint: str
    fields: Mapping[str, Any]
    lists: Mapping[str, list[str]] = field(default_factory=dict)
    token: str | None = None
    object_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    address: str = ""
    certificate: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    raw: bytes = b""
    certificate_der: bytes = b""


@dataclass(frozen=True)
class Answer:
    """A reply, the wait before it, and the fault on its way.

    Attributes:
        spoiler: the rule that loses, cuts or drips the reply, if there is one.
        after: deliveries of notifications that have to arrive before the reply leaves.
    """

    reply: Reply
    spoiler: Rule | None = None
    wait_seconds: float = 0.0
    after: Sequence[int] = ()


class Partner(ABC):
    """What all simulated partners have in common. A subclass says what its endpoints do.

    A row of the partner's own objects has `id`, `status` and `unique_request_id`, the client's key
    (None if the partner has no keys).

    Class attributes:
        endpoints: method, path and name of each endpoint; the first match counts.
        interventions: what may happen to an object, by a rule or by the control endpoint.
        own_faults: faults of requests that only this partner has; `do` asks for them by `ordered`.
        usual_delays: the stages that take time, with the seconds that a new book begins with.
        body: how requests are written.
        token_header: where the client's token is.
        key: the field or header that has the client's key.
        names: its names of the fields that fault rules call `id`, `status` and `amount`.
    """

    endpoints: ClassVar[Sequence[tuple[str, str, str]]]
    interventions: ClassVar[Sequence[str]] = ()
    own_faults: ClassVar[Sequence[str]] = ()
    usual_delays: ClassVar[Mapping[str, float]] = {}
    body: ClassVar[Literal["form", "json"]] = "json"
    token_header: ClassVar[str] = "authorization"
    key: ClassVar[str] = "unique_request_id"
    names: ClassVar[Mapping[str, str]] = {}

    def __init__(self, book: Book, notices: type[Notices], target: type[Target]) -> None:
        self.book = book
        self.clock = Clock(book)
        self.timers = Timers(book)
        self.delays = Delays(book, self.usual_delays)
        self.quotas = Quotas(book)
        self.faults = Faults(book, (*COMMON, *self.interventions, *self.own_faults))
        self.targets = Targets(book, target)
        self.notices = notices(book, self.faults, self.targets)
        # The rules that fire on the request that is executed.
        self._fitting: list[Rule] = []

    # What a partner has to say

    @abstractmethod
    def authenticate(self, call: Call, now: datetime) -> Any:
        """The caller, which is passed to `do`.

        Raises:
            Refusal: the caller is unknown or not permitted.
        """

    @abstractmethod
    def do(self, call: Call, person: Any, now: datetime) -> Json | Reply:
        """Execute a request. A plain object becomes a reply of 200.

        Raises:
            Refusal: in the partner's words. What was written before it is kept.
        """

    @abstractmethod
    def subject(self, call: Call) -> Row | None:
        """The object that a request is about, by its path, its key or another field."""

    @abstractmethod
    def words(self, fault: str, param: Mapping[str, Any]) -> Reply:
        """The partner's words for `internal_error`, `unauthorised`, `rate_limited`,
        `service_unavailable`, `duplicate_word`, and `refused` with its `param`.
        """

    def step(self, timer: Timer, at: datetime) -> None:
        """Execute a step that is due.

        Raises:
            NotPossible: it comes too late.
        """
        raise NotPossible(timer.step)

    def apply(
        self,
        object_id: str,
        intervention: str,
        param: Mapping[str, Any],
        rule: int | None,
        now: datetime,
    ) -> None:
        """Schedule an intervention by a rule, or without a rule apply it now.

        When it happens, the partner writes it to the log with `Book.fired`.

        Raises:
            NotPossible: there is no such object, or the intervention is not possible now.
        """
        raise NotPossible(intervention)

    def end_session(self, token: str | None) -> None:  # noqa: B027
        """End a session, if the partner has sessions, for the fault `unauthorised`."""

    def another(self, reply: Reply, person: Any) -> Json | None:
        """An object that a search did not ask for, for the fault `finds_another`."""
        return None

    def found_only(self, reply: Reply, another: Json | None) -> Reply | None:
        """The search result with `another` alone, or empty. None: it cannot be changed so."""
        return None

    # What all have in common

    def progress(self, now: datetime) -> None:
        """Execute all steps that were due by now, in order, each with its own time."""
        while (timer := self.timers.take_due(now)) is not None:
            assert timer.due is not None
            try:
                self.step(timer, timer.due)
            except NotPossible:
                # The step comes too late, like a person's "delete" after the release.
                continue

    def ordered(self, call: Call, fault: str, now: datetime) -> Rule | None:
        """The oldest rule that has one of the partner's own faults for the request of `do`.

        Its use is counted and logged.
        """
        for rule in self._fitting:
            if rule.fault == fault:
                self._fire(rule, call, self.subject(call), now, None)
                return rule
        return None

    def wait_before(self, call: Call) -> float:
        """Seconds until the partner begins to handle the request."""
        seconds = self.delays[LATENCY]
        with self.book.transaction():
            about = self.subject(call)
            for rule in self._rules(call, about, "early"):
                self._fire(rule, call, about, self.clock.now(), None)
                seconds += float(rule.param.get("seconds", 1))
        return seconds

    def answer(self, call: Call) -> Answer:
        """Execute the request, or the fault that a rule has for it.

        When this returns, all changes are on disk, including the count of failed logins.
        """
        with self.book.transaction():
            now = self.clock.now()
            self.progress(now)
            if not self.quotas.count(call.method, call.path, now):
                reply = self.words("rate_limited", {})
                self._log("quota", None, call, self.subject(call), now, reply.status)
                return Answer(reply)
            try:
                person = self.authenticate(call, now)
            except Refusal as refusal:
                return Answer(refusal.reply())
            return self._answer(call, person, now)

    def _answer(self, call: Call, person: Any, now: datetime) -> Answer:
        about = self.subject(call)
        rules = self._fitting = self._rules(call, about, "answer")
        spoilers = [rule for rule in rules if rule.fault in (*BEFORE, *AFTER)]
        first = spoilers[0] if spoilers else None
        if first is not None and first.fault in BEFORE:
            if first.fault == "unauthorised":
                self.end_session(call.token)
            self._fire(first, call, about, now, None)
            return Answer(spoilt.instead(first, self.words), first)
        try:
            with self.notices.during_request():
                done = self.do(call, person, now)
            reply = done if isinstance(done, Reply) else Reply(200, done)
        except Refusal as refusal:
            reply = refusal.reply()
        early = self.notices.outbox.take_early()
        # Read again, because a create has only just made the object.
        about = self.subject(call)
        for rule in rules:
            if rule.fault in self.interventions and about is not None and reply.status < 300:
                self.faults.pick(rule)
                self.apply(about["id"], rule.fault, rule.param, rule.id, now)
        self.progress(now)
        wait = 0.0
        for rule in rules:
            if rule.fault == DELAY:
                self._fire(rule, call, about, now, reply.status)
                wait += float(rule.param.get("seconds", 1))
        for rule in spoilers:
            changed = self._spoilt(rule, reply, person)
            if changed is not None:
                self._fire(rule, call, about, now, reply.status)
                return Answer(changed, rule, wait, early)
        return Answer(reply, None, wait, early)

    def _spoilt(self, rule: Rule, reply: Reply, person: Any) -> Reply | None:
        if rule.fault == "hidden_from_find":
            return self.found_only(reply, None)
        if rule.fault == "finds_another":
            another = self.another(reply, person)
            return None if another is None else self.found_only(reply, another)
        return spoilt.spoil(rule, reply, self.words, self.names)

    def _rules(self, call: Call, about: Row | None, stage: Stage) -> list[Rule]:
        """The rules that match the request's fields, or its object's if the request lacks them."""
        known = {**(about or {}), **call.fields}
        fields = {name: str(value) for name, value in known.items()}
        return self.faults.fitting(call.method, call.path, fields, stage)

    def _fire(
        self, rule: Rule, call: Call, about: Row | None, now: datetime, reply_status: int | None
    ) -> None:
        self.faults.pick(rule)
        self._log(rule.fault, rule.id, call, about, now, reply_status)

    def _log(
        self,
        fault: str,
        rule: int | None,
        call: Call,
        about: Row | None,
        now: datetime,
        reply_status: int | None,
    ) -> None:
        asked = {**call.headers, **call.fields}.get(self.key)
        self.book.fired(
            stamp(now),
            fault,
            rule,
            about,
            key=asked,
            request=f"{call.method} {call.path}",
            reply_status=reply_status,
        )
