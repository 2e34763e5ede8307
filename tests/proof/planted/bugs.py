"""Small known-bad variants of the product, each the kind of mistake that pays twice or loses.

A bug is planted in a process that is thrown away afterwards: nothing is put back.
"""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import temporalio.activity
from sqlalchemy import func
from sqlmodel import col, select, update

import activities.partner_steps as partner_steps
import domain.absence as absence
import domain.answers as answers
import domain.clock
import domain.fold as folding
import domain.heard as heard
import domain.sending as sending
import starter.codec
import starter.converter
import store.folding
import store.inbox
import store.sending
import store.views
from activities.upkeep import Upkeep
from domain.profile import Idempotency, IdempotencyKind, Operation
from domain.report import PaymentState, Report, Source
from domain.sending import Answer, AttemptResult, Move
from domain.states import ENDS
from store.evidence import keep_report
from store.halts import is_halted
from store.tables import AttemptRow, InboxRow, PaymentRow
from store.untold import Untold

_OURS: Final = (
    "activities", "domain", "inbound", "partners", "starter", "store", "workflows", "tests.proof",
)  # fmt: skip


@dataclass(frozen=True)
class Bug:
    """One variant.

    Attributes:
        says: what it does wrong.
        plant: puts it into this process.
        tests: of `make test`, which find what the simulated worlds cannot show; none where they
            can.
    """

    name: str
    says: str
    plant: Callable[[], None]
    tests: tuple[str, ...] = ()


BUGS: dict[str, Bug] = {}


def planted(says: str, *tests: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Make the function one of the bugs, under its own name."""

    def known(plant: Callable[[], None]) -> Callable[[], None]:
        BUGS[plant.__name__] = Bug(plant.__name__, says, plant, tests)
        return plant

    return known


def everywhere(original: Any, variant: Any) -> None:
    """Put the variant in place of the original under whatever name a module of ours has it."""
    for name, module in list(sys.modules.items()):
        if not name.startswith(_OURS) or name == __name__:
            continue
        for attribute, value in list(vars(module).items()):
            if value is original:
                setattr(module, attribute, variant)


# What may be sent again


@planted("what is in doubt is sent again instead of looked up")
def the_book_is_ignored() -> None:
    original = sending.next_move

    def careless(*given: Any, **options: Any) -> Any:
        step = original(*given, **options)
        return step._replace(move=Move.SEND) if step.move is Move.LOOK_UP else step

    everywhere(original, careless)


@planted("the attempt is written after the call, not before it")
def the_row_comes_after_the_byte() -> None:
    begin, record = store.sending.SendBook.begin, store.sending.SendBook.record
    unwritten: dict[tuple[str, int], dict[str, Any]] = {}

    async def begins(self: Any, instruction_id: str, now: Any, **options: Any) -> Any:
        turn = await begin(self, instruction_id, now, **{**options, "known": 0})
        if turn.move is Move.SEND:

            def forget(session: Any) -> None:
                row = session.get(AttemptRow, (instruction_id, turn.attempt))
                unwritten[instruction_id, turn.attempt] = row.model_dump()
                session.delete(row)

            self._database.write_now(forget)
        return turn

    async def records(self: Any, told: Any) -> Any:
        row = unwritten.pop((told.instruction_id, told.attempt), None)
        if row is not None:
            self._database.write_now(lambda session: session.merge(AttemptRow(**row)))
        return await record(self, told)

    store.sending.SendBook.begin = begins  # type: ignore[method-assign,assignment]
    store.sending.SendBook.record = records  # type: ignore[method-assign,assignment]


@planted("an attempt that was not sent ends the doubt about the one before it")
def not_sent_ends_all_doubt() -> None:
    def in_doubt(book: sending.Book) -> bool:
        last = book.attempts[-1:]
        return not book.closed and not book.answered and any(a.in_doubt for a in last)

    sending.Book.in_doubt = property(in_doubt)  # type: ignore[method-assign,assignment]


@planted("each attempt goes out under a key of its own")
def a_new_key_for_each_attempt() -> None:
    _send_with(lambda turn: str(turn.attempt))


def _send_with(something: Callable[[Any], str]) -> None:
    """Put it into the key of every send."""
    send = partner_steps.PartnerSteps._send

    async def sends(self: Any, request: Any, partner: Any, turn: Any, moments: Any) -> Any:
        key = turn.request.key
        other = f"{key[:-6]}{something(turn)[-6:]:0>6}"
        body = turn.request.body.replace(key.encode(), other.encode())
        changed = replace(turn, request=replace(turn.request, body=body, key=other))
        return await send(self, request, partner, changed, moments)

    partner_steps.PartnerSteps._send = sends  # type: ignore[method-assign]


@planted("the key is made of the run's id")
def the_key_depends_on_the_run() -> None:
    _send_with(lambda turn: str(temporalio.activity.info().workflow_run_id))


@planted("a partner without keys is taken for one that honours them")
def keys_are_believed_in_where_there_are_none() -> None:
    original = sending._key_protects_until

    def believed(op: Any, book: Any) -> Any:
        if op.idempotency.kind is IdempotencyKind.NONE:
            honoured = Idempotency(kind=IdempotencyKind.REPLAY_STATE, key_field="key")
            op = op.model_copy(update={"idempotency": honoured})
        return original(op, book)

    everywhere(original, believed)


@planted("the same bytes go again after the partner has forgotten their key",
         "tests/domain/test_sending_rules.py", "tests/domain/test_sending.py",
         "tests/domain/test_sending_machine.py")  # fmt: skip
def keys_are_believed_in_for_ever() -> None:
    Idempotency.honoured_for = property(  # type: ignore[method-assign,assignment]
        lambda _: timedelta(days=365)
    )


@planted("an attempt that is open counts as not sent once its time is over")
def an_open_attempt_is_nothing() -> None:
    def doubtful(attempt: Any) -> bool:
        return attempt.result is AttemptResult.UNKNOWN or attempt.answer is Answer.DUPLICATE

    sending.Attempt.in_doubt = property(doubtful)  # type: ignore[method-assign,assignment]


@planted("nobody waits for the end of an attempt under way")
def two_attempts_at_a_time() -> None:
    original = sending.next_move

    def impatient(op: Any, book: Any, now: Any, **options: Any) -> Any:
        seen = tuple(
            attempt.model_copy(update={"ends_by": attempt.opened_at}) for attempt in book.attempts
        )
        return original(op, book.model_copy(update={"attempts": seen}), now, **options)

    everywhere(original, impatient)


# What answers prove


_NOTHING: Final = answers.Exchange(
    method="GET", path="/", status=200, request="", response="", sent_at=datetime.now(UTC)
)


def _refused(told: Any, heard_now: Any, why: str) -> Any:
    report = Report(
        instruction_id=told.instruction_id,
        source=Source.REPLY,
        as_of=heard_now,
        state=PaymentState.REJECTED,
        partner_status=why,
        reason=why,
    )
    return told.model_copy(
        update={"result": AttemptResult.ANSWERED, "answer": Answer.REFUSED, "report": report}
    )


def _taken_for_a_refusal(wrongly: Callable[[Any], bool]) -> None:
    original = heard.heard_of_send

    def hears(payment_id: str, instruction_id: str, attempt: int, answer: Any, now: Any) -> Any:
        told = original(payment_id, instruction_id, attempt, answer, now)
        return _refused(told, now, "failed") if wrongly(answer) else told

    everywhere(original, hears)


@planted("no answer in time is a failure")
def a_timeout_is_a_failure() -> None:
    _taken_for_a_refusal(
        lambda answer: isinstance(answer, answers.InDoubt) and not answer.server_error
    )


@planted("any answer of 500 and above is a failure")
def a_server_error_is_a_failure() -> None:
    _taken_for_a_refusal(lambda answer: isinstance(answer, answers.InDoubt) and answer.server_error)


@planted("that our key is a duplicate is a failure, of the first send too")
def a_duplicate_is_a_failure() -> None:
    _taken_for_a_refusal(lambda answer: isinstance(answer, answers.Duplicate))
    a_refused_repeat_is_a_refusal()


@planted("a refused repeat ends the doubt about the first")
def a_refused_repeat_is_a_refusal() -> None:
    everywhere(sending.doubted_besides, lambda *_: False)

    def hears_all(self: Any, report: Any) -> bool:
        return False

    folding._Telling._is_refusal_of_a_repeat = hears_all  # type: ignore[method-assign]


@planted("a lookup that cannot tell counts as an empty one")
def cannot_tell_is_absent() -> None:
    original = heard.heard_of_lookup

    def hears(
        payment_id: str, instruction_id: str, answer: Any, now: Any, *, needs_watermark: bool
    ) -> Any:
        if isinstance(answer, answers.CannotTell):
            answer = answers.Absent(answer.asked_at, answer.exchange or _NOTHING, watermark=True)
        return original(payment_id, instruction_id, answer, now, needs_watermark=needs_watermark)

    everywhere(original, hears)


@planted("one empty answer proves absence, whenever it was asked")
def absence_is_believed_at_once() -> None:
    def proven(op: Any, book: Any) -> bool:
        return any(looked.result is sending.LookupResult.ABSENT for looked in book.lookups)

    everywhere(absence.is_proven_absent, proven)


@planted("an empty answer of a list that lags counts without a watermark")
def a_lagging_list_is_believed() -> None:
    original = heard.heard_of_lookup

    def hears(*given: Any, needs_watermark: bool) -> Any:
        return original(*given, needs_watermark=False)

    everywhere(original, hears)
    _without_delay()


def _without_delay() -> None:
    def at_once(op: Any, book: Any) -> Any:
        return max(attempt.opened_at for attempt in book.attempts)

    everywhere(absence.settled_from, at_once)


@planted("the lookup leaves out what is completed")
def the_lookup_asks_for_half() -> None:
    from tests.proof.bank_partner import BankPartner

    find = BankPartner.find

    async def finds(self: Any, subject: Any) -> Any:
        found = await find(self, subject)
        if isinstance(found, answers.Found) and found.report.state is PaymentState.SETTLED:
            return answers.Absent(found.report.as_of, found.exchange, watermark=True)
        return found

    BankPartner.find = finds  # type: ignore[method-assign]


@planted("a status that nobody knows is a failure", "tests/partners/currencycloud/test_read.py",
         "tests/partners/currencycloud/test_words.py")  # fmt: skip
def an_unknown_status_is_a_failure() -> None:
    from partners.currencycloud import mapping

    original = mapping.report

    def reports(*given: Any, **options: Any) -> Any:
        told = original(*given, **options)
        failed = {"state": PaymentState.REJECTED, "drift": ()}
        return told.model_copy(update=failed) if told.state is None else told

    everywhere(original, reports)


# What is taken back, and when it is over


@planted("a cancel wins, whatever the partner says")
def a_cancel_always_wins() -> None:
    original = sending.next_move

    def cancels(op: Any, book: Any, now: Any, **options: Any) -> Any:
        if book.cancel_asked and not book.closed and not book.answered:
            return sending.NextMove(Move.CANCEL, "somebody asked for it")
        return original(op, book, now, **options)

    everywhere(original, cancels)


@planted("what was cancelled before it was sent is sent all the same",
         "tests/domain", "tests/attacks/test_cancels.py")  # fmt: skip
def a_closed_instruction_sends() -> None:
    original = sending.next_move

    def sends(op: Any, book: Any, now: Any, **options: Any) -> Any:
        if book.closed is sending.Closed.CANCELLED:
            book = book.model_copy(update={"closed": None, "cancel_asked": False})
        return original(op, book, now, **options)

    everywhere(original, sends)
    everywhere(ENDS, ENDS - {PaymentState.CANCELLED})


@planted("the clock ends what is in doubt")
def the_clock_decides() -> None:
    original = sending.next_move

    def expires(op: Any, book: Any, now: Any, **options: Any) -> Any:
        if now >= book.submit_before and not book.closed and not book.answered:
            return sending.NextMove(Move.EXPIRE, "its time is over")
        return original(op, book, now, **options)

    everywhere(original, expires)


@planted("doubt ends a minute after the attempt")
def doubt_passes_with_time() -> None:
    original = sending._in_doubt

    def forgets(op: Any, book: Any, now: Any, halted: bool) -> Any:
        if now > max(attempt.ends_by for attempt in book.attempts) + timedelta(minutes=1):
            return sending._send_anew(op, book, now, halted, "long ago", book.generation)
        return original(op, book, now, halted)

    everywhere(original, forgets)


@planted("a return that comes after the end is not heard")
def a_late_return_is_ignored() -> None:
    hear = folding._Telling.hear

    def hears(self: Any, report: Any) -> None:
        over = (PaymentState.SETTLED, PaymentState.FINAL)
        if not (self.state in over and report.state is PaymentState.RETURNED):
            hear(self, report)

    folding._Telling.hear = hears  # type: ignore[method-assign]
    folding._Telling._check_sums = lambda self, amounts: None  # type: ignore[method-assign]


@planted("settled is final, without the watch for returns", "tests/domain/test_payment.py")
def final_at_settled() -> None:
    init = folding._Telling.__init__

    def without_watch(self: Any, *given: Any) -> None:
        init(self, *given)
        self.watch = timedelta(0)

    folding._Telling.__init__ = without_watch  # type: ignore[method-assign,assignment]


@planted("reports count in the order in which they arrived", "tests/domain/test_payment.py")
def the_fold_goes_by_arrival() -> None:
    everywhere(folding._place, lambda report: 0)


# What is remembered


@planted("an order is acknowledged before it is stored")
def acknowledged_before_stored() -> None:
    from store.payments import Payments

    accept, later = Payments.accept_many, set[Any]()

    async def accepts(self: Any, many: Any, now: Any) -> Any:
        keys = [(one.key, one.fingerprint) for one in many]
        known = await self.known_of(many[0].order.tenant, keys)
        if all(known):
            return known

        class Undone(Exception):
            pass

        write = self._database.write
        told: list[Any] = []

        async def only_try(transaction: Any) -> Any:
            def tried(session: Any) -> None:
                told.append(transaction(session))
                raise Undone

            try:
                self._database.write_now(tried)
            except Undone:
                return told[0]

        self._database.write = only_try
        try:
            acceptance = await accept(self, many, now)
        finally:
            del self._database.write

        async def store() -> None:
            await asyncio.sleep(0.005)
            self._database.write = write
            await accept(self, many, now)

        task = asyncio.get_running_loop().create_task(store())
        later.add(task)
        return acceptance

    Payments.accept_many = accepts  # type: ignore[method-assign]


@planted("the same key with another order is answered as if it were the same",
         "tests/store/test_accepting.py", "tests/starter/test_client.py")  # fmt: skip
def no_fingerprint() -> None:
    import store.accepting as accepting

    original = accepting.accepted_under

    def knows(session: Any, tenant: str, key: str, fingerprint: str) -> Any:
        same = (PaymentRow.tenant == tenant, PaymentRow.key == key)
        row = session.exec(select(PaymentRow).where(*same)).one_or_none()
        return original(session, tenant, key, row.fingerprint if row else fingerprint)

    everywhere(original, knows)


@planted("what a partner delivers is believed without a read", "tests/inbound/test_endpoint.py")
def a_webhook_is_believed() -> None:
    put = store.inbox.Inbox.put

    async def puts(self: Any, **given: Any) -> Any:
        arrival = await put(self, **given)
        if arrival.payment_id is not None:

            def believe(session: Any) -> None:
                report = Report(
                    instruction_id=f"{arrival.payment_id}/pay/1",
                    source=Source.READ,
                    as_of=given["now"],
                    state=PaymentState.SETTLED,
                    partner_status="completed",
                    partner_reference=given["partner_reference"],
                )
                keep_report(session, str(arrival.payment_id), report, given["now"])
                row = session.get(PaymentRow, arrival.payment_id)
                store.folding.Folding(self._keyring).refold(session, row, given["now"])

            self._database.write_now(believe)
        return arrival

    store.inbox.Inbox.put = puts  # type: ignore[method-assign]


@planted("a read marks deliveries that came after it was asked",
         "tests/store/test_inbox.py", "tests/attacks")  # fmt: skip
def an_earlier_read_covers_later_news() -> None:
    original = store.inbox.mark_read

    def marks(session: Any, payment_id: str, through: int, now: Any) -> None:
        original(session, payment_id, 1 << 60, now)

    everywhere(original, marks)


@planted("nobody finds what was terminated")
def no_sweep() -> None:
    async def nothing(self: Any) -> int:
        return 0

    Upkeep.sweep = temporalio.activity.defn(nothing)  # type: ignore[method-assign]


@planted("a round of upkeep forgets the runs that are late with a step")
def the_overdue_are_forgotten() -> None:
    async def none_is_late(self: Any, now: Any, *, limit: int) -> list[tuple[str, str]]:
        return []

    Untold.overdue = none_is_late  # type: ignore[method-assign]


@planted("a delivery is told once, whatever becomes of the run that was told",
         "tests/store/test_inbox.py", "tests/activities/test_upkeep.py")  # fmt: skip
def news_is_told_once() -> None:
    told = store.inbox.Inbox.told

    async def forgets(self: Any, payment_ids: Any, now: Any) -> None:
        await told(self, payment_ids, now)
        rows = update(InboxRow).where(col(InboxRow.payment_id).in_(payment_ids))
        self._database.write_now(lambda session: session.exec(rows.values(tell_at=None)))

    store.inbox.Inbox.told = forgets  # type: ignore[method-assign]


@planted("payments that are only watched for returns slow down the reads of new ones",
         "tests/store/test_turns.py")  # fmt: skip
def the_crowd_counts_the_watched() -> None:
    original = store.views.view_of

    def counts(session: Any, found: Any, *given: Any) -> Any:
        view = original(session, found, *given)
        is_open = (PaymentRow.partner == found.partner, col(PaymentRow.is_over).is_(False))
        crowd = select(func.count()).select_from(PaymentRow).where(*is_open)
        return view.model_copy(update={"crowd": session.exec(crowd).one()})

    everywhere(original, counts)


@planted("reads take no turns, whatever the partner's quota",
         "tests/store/test_turns.py", "tests/activities/test_partner_steps.py")  # fmt: skip
def a_quota_bounds_nothing() -> None:
    from store.turns import ReadTurns

    async def at_once(self: Any, *given: Any) -> None:
        return None

    ReadTurns.take = at_once  # type: ignore[method-assign,assignment]


@planted("what is in doubt and cannot be asked is dropped without a question")
def nobody_is_asked() -> None:
    everywhere(store.folding._questions, lambda *_: {})

    def no_ladder(self: Any, row: Any, payment: Any) -> tuple[()]:
        return ()

    store.folding.Folding._ladder = no_ladder  # type: ignore[method-assign]


# What the sums and the logins are


@planted("amounts go through floating point", "tests/domain/test_money.py")
def money_is_a_float() -> None:
    from domain.money import Money

    def from_wire(cls: Any, text: str, currency: str) -> Any:
        return cls(minor=int(float(text) * 100), currency=currency)

    Money.from_wire = classmethod(from_wire)  # type: ignore[method-assign,assignment]


@planted("after a refused login another one is tried", "tests/store/test_logins.py")
def logins_are_tried_again() -> None:
    from store.logins import Logins

    async def forgets(self: Any, login: str, credentials_hash: str, why: str) -> None:
        await self.drop(login, "")

    Logins.failed = forgets  # type: ignore[method-assign]


@planted("a halt is not looked at when a send is permitted", "tests/store/test_halts.py")
def a_halt_stops_nothing() -> None:
    everywhere(is_halted, lambda *_: False)


# Who may open, and who may sign


@planted("a key of another keyring is accepted under a known id", "tests/store/test_keys.py")
def another_keyring_is_accepted() -> None:
    import store.keys

    everywhere(store.keys._open, lambda *_: None)


@planted("a second signature by the same key counts as another person's",
         "tests/store/test_operators.py", "tests/store/test_decisions.py")  # fmt: skip
def one_person_signs_twice() -> None:
    from store.operators import people

    def each_signature(rows: Any) -> set[str]:
        return {row.statement_hash for row in rows}

    everywhere(people, each_signature)


@planted("whoever names an operator is believed, with whatever key they bring",
         "tests/store/test_operators.py", "tests/starter/test_operations.py")  # fmt: skip
def the_callers_operator_is_believed() -> None:
    from store.operators import is_signature

    everywhere(is_signature, lambda *_: True)


@planted("a signature is good for another text than its own", "tests/store/test_operators.py")
def a_signature_can_be_replayed() -> None:
    from domain.statement import Statement

    Statement.text = property(lambda self: f"{self.kind} {self.by}")  # type: ignore[method-assign,assignment]


# What time it is


@planted("the clock of a process is trusted, whatever others say",
         "tests/attacks/test_wrong_clocks.py")  # fmt: skip
def the_clock_is_trusted() -> None:
    domain.clock.Reading.require = lambda self, process: None  # type: ignore[method-assign]


@planted("what a clock ahead has dated in the future stays so",
         "tests/attacks/test_wrong_clocks.py")  # fmt: skip
def the_future_is_believed() -> None:
    everywhere(domain.clock.is_after, lambda moment, now: False)


# What is forgotten in a restore


@planted("each payment gets a random id: given again after a restore it is another payment")
def a_random_payment_id() -> None:
    import domain.ids

    everywhere(domain.ids.payment_id_of, lambda *_: f"pay_{secrets.token_hex(10)}")


@planted("how many rounds there were is the witness of a set-back database, and is overtaken",
         "tests/store/test_rounds.py")  # fmt: skip
def a_count_is_the_witness() -> None:
    import store.rounds
    from store.tables import RoundRow

    def counted(session: Any, known: Any) -> str:
        rounds = len(session.exec(select(RoundRow)).all())
        return "it has fewer rounds" if known.mark and rounds < known.mark.number else ""

    everywhere(store.rounds._missing, counted)


@planted("a run whose payment is gone is only logged", "tests/store/test_rounds.py")
def a_payment_that_is_gone_is_only_logged() -> None:
    import store.set_back

    async def only_logs(*_: Any) -> None:
        return

    store.set_back.SetBack.forgot = only_logs  # type: ignore[method-assign,assignment]


@planted("what a partner shows and nobody knows is ignored")
def strangers_are_ignored() -> None:
    import store.strangers

    async def ignores(*_: Any) -> str:
        return ""

    store.strangers.Strangers.compare = ignores  # type: ignore[method-assign,assignment]


@planted("a halt of a set-back database is lifted before anything counts as sent",
         "tests/store/test_rounds.py")  # fmt: skip
def what_may_have_been_sent_is_not_doubted() -> None:
    import store.set_back

    async def doubts_nothing(*_: Any, **__: Any) -> None:
        return

    store.set_back.SetBack.doubt = doubts_nothing  # type: ignore[method-assign]


# What a stranger at Temporal can do


@planted("a result that nobody sealed is believed")
def an_unsealed_result_is_believed() -> None:
    from starter.codec import ENCODING, REFUSED, EncryptionCodec

    opened = EncryptionCodec._open

    def opens(self: Any, payload: Any) -> Any:
        return opened(self, payload) if payload.metadata["encoding"] == ENCODING else payload

    def only_refused(payload: Any, _hint: Any) -> str | None:
        return "refused" if payload.metadata["encoding"] == REFUSED else None

    EncryptionCodec._open = opens  # type: ignore[method-assign]
    everywhere(starter.converter._why_refused, only_refused)


@planted("a seal opens in whatever payment it is moved to", "tests/starter/test_codec.py")
def a_seal_is_bound_to_nothing() -> None:
    everywhere(starter.codec.place_of, lambda _context: "anywhere")


@planted("what people decide is taken from a step", "tests/activities/test_recording.py")
def a_step_may_decide() -> None:
    heard.Heard.require_of_a_step = lambda self: None  # type: ignore[method-assign]


@planted("a creditor is looked for and then made, by as many payments as come at once",
         "tests/partners/currencycloud/test_one_beneficiary.py")  # fmt: skip
def everybody_makes_the_creditor() -> None:
    from store.prepared import PreparedObjects

    async def claims(self: Any, key: Any, by: str) -> None:
        return None

    async def extends(self: Any, key: Any, by: str) -> bool:
        return True

    PreparedObjects.claim = claims  # type: ignore[method-assign]
    PreparedObjects.extend = extends  # type: ignore[method-assign]


@planted("another port or login behind an account name is the same bank",
         "tests/partners/currencycloud/test_profile.py")  # fmt: skip
def the_host_alone_is_the_bank() -> None:
    import domain.places

    everywhere(domain.places.is_same_place, lambda *_: True)


# What comes in


@planted("http to any machine is taken for an address of a partner", "tests/test_settings.py")
def every_machine_is_this_one() -> None:
    import transport.address

    transport.address.is_this_machine = lambda host: True


@planted("an answer is unpacked whole before its size is looked at",
         "tests/transport/test_bodies.py")  # fmt: skip
def a_bomb_is_read_whole() -> None:
    import transport.body

    def whole(self: Any, piece: bytes, room: int) -> bytes:
        unpacked: bytes = self._member.decompress(piece)
        return unpacked

    transport.body._Unpacking.more = whole  # type: ignore[method-assign]


@planted("words of others reach screens and logs as they came", "tests/domain/test_plain_text.py")
def words_of_others_command() -> None:
    import domain.plain_text

    domain.plain_text.plain_lines = lambda text: text


@planted("a settings file is taken from the working folder whoever can write it",
         "tests/attacks/test_working_folder.py"
         "::test_a_settings_file_that_others_can_write_is_refused")  # fmt: skip
def any_settings_file_is_ours() -> None:
    import settings_sources

    original = settings_sources.trusted_bytes

    def trusting(path: Path, *, named: bool = False) -> bytes | None:
        return original(path, named=True)

    settings_sources.trusted_bytes = trusting


@planted("a partner that does not answer is not noted", "tests/activities/test_silence.py")
def silence_is_not_noted() -> None:
    import domain.silence

    everywhere(domain.silence.silent_since, lambda before, answered, now: None)


@planted("a delivery of nobody is silent", "tests/store/test_unmatched.py")
def deliveries_of_nobody_are_silent() -> None:
    async def none(*_: Any, **__: Any) -> list[Any]:
        return []

    store.inbox.Inbox.unmatched = none  # type: ignore[method-assign]


# How a payment ends


@planted("a payment is closed on the partner's word that it was not executed, unasked")
def closed_unasked() -> None:
    everywhere(absence.is_unconfirmed, lambda op, book: False)


@planted("an answer whose status nobody declared counts as not executed")
def any_refusal_is_believed() -> None:
    Operation.refusals_without_effect = property(  # type: ignore[assignment]
        lambda _: range(100, 600)
    )


@planted("a payment is final without its debit", "tests/attacks/test_settled_without_money.py")
def settled_without_a_debit() -> None:
    folding._Telling._require_the_debit = (  # type: ignore[method-assign]
        lambda self, amounts: None
    )
