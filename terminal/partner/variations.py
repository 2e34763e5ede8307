"""What each answer changes in the model partner, in the model's own words."""

from __future__ import annotations

from typing import Final

from terminal.partner.draft import Draft
from terminal.partner.questions import Answers

_KINDS: Final = {
    "replay-state": "REPLAY_STATE",
    "replay-response": "REPLAY_RESPONSE",
    "reject-duplicate": "REJECT_DUPLICATE",
    "none": "NONE",
}


def vary(draft: Draft, answers: Answers) -> None:
    """Apply all answers.

    Raises:
        NoModel: the model has changed, and a variation no longer fits.
    """
    _profile(draft, answers)
    _repeated_key(draft, answers["idempotency"])
    if answers["authentication"] != "token":
        _one_key(draft, in_own_header=answers["authentication"] == "header")
    if answers["lookup"] == "none":
        _no_lookup(draft)
    if answers["moves"] == "collections":
        _collections(draft)
    if answers["cancel"] == "no":
        _no_cancel(draft)
    if answers["news"] == "polling":
        _no_webhooks(draft)


def _profile(draft: Draft, answers: Answers) -> None:
    key = [f"kind=Repeats.{_KINDS[answers['idempotency']]}"]
    if answers.get("key-lasts", "unknown") != "unknown":
        key.append(f"window=timedelta(hours={answers['key-lasts']})")
    if answers.get("caches-errors") == "yes":
        key.append("caches_errors=True")
    file = "profile.py"
    draft.change(file, "kind=Repeats.REPLAY_STATE", ", ".join(key))
    look_up = "kind=Finds.STRONG, settle_delay=timedelta(seconds=5)"
    if answers["lookup"] == "none":
        draft.change(file, look_up, "kind=Finds.NONE")
    else:
        kind, delay = answers["lookup"].upper(), answers["settle-delay"]
        draft.change(file, look_up, f"kind=Finds.{kind}, settle_delay=timedelta(seconds={delay})")
    draft.change(file, "timedelta(days=14)", f"timedelta(days={answers['watch']})")
    if answers["readable"] != "ever":
        draft.change(
            file,
            "    shows_bookings=True,\n",
            f"    shows_bookings=True,\n    status_for=timedelta(days={answers['readable']}),\n",
        )


def _repeated_key(draft: Draft, kind: str) -> None:
    """The simulator does with a key what the profile says."""
    file = "simulator/partner.py"
    known = """\
        if (known := self.subject(call)) is not None:
            if any(known[name] != wanted[name] for name in _FIELDS):
                raise _refusal(409, "key_reused")
            return known
"""
    match kind:
        case "replay-response":
            first = '{**known, "status": "received", "debited_at": None, "returned_at": None}'
            draft.change(file, "            return known\n", f"            return {first}\n")
            draft.change("README.md", "the order as it now stands. A", "the first answer. A")
        case "reject-duplicate":
            refused = """\
        if self.subject(call) is not None:
            raise _refusal(409, "key_reused")
"""
            draft.change(file, known, refused)
            draft.cut("README.md", " A repeated key", "\n\n**Orders.**")
            draft.change(
                "README.md",
                "\n\n**Orders.**",
                " A repeated key is refused\nwith 409, `key_reused`, and nothing is executed."
                "\n\n**Orders.**",
            )
        case "none":
            draft.change(file, known, "")
            draft.change(
                "simulator/book.py",
                "unique_request_id TEXT NOT NULL UNIQUE",
                "unique_request_id TEXT NOT NULL",
            )
            draft.change(file, 'key = "idempotency-key"', 'key = "client-reference"')
            draft.change("client.py", '{"idempotency-key":', '{"client-reference":')
            draft.cut("README.md", "**Idempotency.**", "**Orders.**")
            draft.change(
                "README.md",
                "**Orders.**",
                "**References.** Our key goes into the header `Client-Reference`. It is kept with "
                "the order, and\ncan be searched for. An order under a known reference is executed "
                "again.\n\n**Orders.**",
            )


def _one_key(draft: Draft, *, in_own_header: bool) -> None:
    for path in ("login.py", "simulator/sessions.py"):
        del draft.files[path]
    draft.change(
        "account.py",
        '''\
    client_id: str
    """who we are at the bank"""
    client_secret: SecretStr
    """the secret that gets a token, as the bank gave it"""
''',
        '''\
    customer: str
    """our customer number at the bank"""
    api_key: SecretStr
    """the API key, as the bank gave it"""
''',
    )
    draft.change("account.py", "and how to log in.", "and our key.")
    draft.cut("wire.py", "class Token(Wire):", "class Refusal(Wire):")
    client, header = "client.py", ', header="x-api-key", scheme=""' if in_own_header else ""
    draft.change(
        client,
        "from examples.harbour.login import Session\n",
        "from partners.kit.api_key import ApiKey\n",
    )
    draft.change(client, "PROFILE, account.client_id)", "PROFILE, account.customer)")
    draft.change(client, "{account.client_id} at", "{account.customer} at")
    draft.change(
        client,
        """\
        self._session = Session(self.login, account, workplace, self._transport)
        self._calls = Calls(self._transport, self._session, workplace.clock)
""",
        f"""\
        key = ApiKey(account.api_key{header})
        self._calls = Calls(self._transport, key, workplace.clock)
""",
    )
    draft.change(
        client,
        """\
    async def ready(self) -> answers.NotReady | None:
        return await self._session.ready()
""",
        """\
    async def ready(self) -> None:
        return None  # There is nothing to log in to.
""",
    )
    draft.change(
        "registration.py",
        """\
        "client_id": "simulated",
        "client_secret": "a secret of a simulator",
""",
        """\
        "customer": "1001",
        "api_key": "a-key-of-a-simulator",
""",
    )
    file = "simulator/partner.py"
    draft.change(file, "from examples.harbour.simulator.sessions import Sessions\n", "")
    imports = "from collections.abc import Mapping\n"
    draft.change(file, imports, f"import hmac\n{imports}")
    draft.change(file, "PAGE = 100\n", 'API_KEY = "a-key-of-a-simulator"\nPAGE = 100\n')
    draft.change(file, '        ("POST", "/token", "log_in"),\n', "")
    draft.change(
        file,
        """\
        book = Book(file)
        super().__init__(book, Notices, Target)
        self.sessions = Sessions(book)
""",
        "        super().__init__(Book(file), Notices, Target)\n",
    )
    draft.change(
        file,
        """\
        if call.endpoint != "log_in":
            self.sessions.use(call.token, now)

    def end_session(self, token: str | None) -> None:
        self.sessions.end(token)
""",
        """\
        if not hmac.compare_digest((call.token or "").encode(), API_KEY.encode()):
            raise _refusal(401, "unauthorised")
""",
    )
    draft.change(
        file,
        """\
            case "log_in":
                return self.sessions.log_in(call.fields, now)
""",
        "",
    )
    if in_own_header:
        draft.change(
            file,
            '    key = "',
            '    token_header = "x-api-key"\n    key = "',
        )
    book = "simulator/book.py"
    draft.change(book, "its logins and orders", "its orders")
    draft.cut(book, "    CREATE TABLE IF NOT EXISTS sessions", "    CREATE TABLE IF NOT EXISTS pay")
    draft.change("tests/words.py", "        token_lasts=15 * 60,\n", "")
    where = "X-Api-Key: KEY" if in_own_header else "Authorization: Bearer KEY"
    draft.change("README.md", "**Login.**", f"**Key.** Each request has `{where}`.\n\n**Login.**")
    draft.cut("README.md", "**Login.**", "**")


def _clock(draft: Draft) -> None:
    """The adapter needs a clock of its own, once."""
    if "self._clock" not in draft.files["client.py"]:
        draft.change(
            "client.py",
            "        self._transport = workplace.transport(",
            "        self._clock = workplace.clock\n        self._transport = workplace.transport(",
        )


def _no_lookup(draft: Draft) -> None:
    _clock(draft)
    draft.cut(
        "client.py",
        "        # Every key there ever was, or absence is not proven.\n",
        "    async def _find_cancelled",
    )
    draft.change(
        "client.py",
        "    async def _find_cancelled",
        """\
        return answers.CannotTell(self._clock.now(), "Harbour Bank has no look-up by our key")

    async def _find_cancelled""",
    )
    draft.cut("README.md", "`GET /orders?key=…`", "`GET /orders?since=…`")
    draft.change(
        "tests/words.py",
        '        find="GET /orders",\n',
        '        listing="GET /orders",\n',
    )
    file = "simulator/partner.py"
    draft.change(
        file,
        '''\
        """By `key`, or all since a moment, the oldest first."""
        what, value = "unique_request_id = ?", call.fields.get("key", "")
        if "since" in call.fields:
            what, value = "created_at >= ?", stamp(moment(call.fields["since"]))
        sql = f"SELECT * FROM payments WHERE {what} ORDER BY seq LIMIT ?"
        rows = self.book.rows(sql, value, PAGE + 1)
''',
        '''\
        """All since a moment, the oldest first."""
        sql = "SELECT * FROM payments WHERE created_at >= ? ORDER BY seq LIMIT ?"
        rows = self.book.rows(sql, stamp(moment(call.fields["since"])), PAGE + 1)
''',
    )


def _collections(draft: Draft) -> None:
    mapping, partner = "mapping.py", "simulator/partner.py"
    draft.change(
        "profile.py",
        "{Rail.SEPA_CREDIT_TRANSFER: timedelta(",
        "{Rail.CARD: timedelta(",
    )
    draft.change(
        "profile.py", "    shows_bookings=True,\n", "    collects=True,\n    shows_bookings=True,\n"
    )
    draft.change(
        mapping,
        """\
        "account": order.creditor_account.number,
        "name": order.creditor.name,
""",
        """\
        "payment_method": payment_method(order),
""",
    )
    draft.change(
        mapping,
        "def asked(order: Order)",
        '''\
def payment_method(order: Order) -> str:
    """Where the money is pulled from; empty if the order does not name it in a way we can use."""
    return (order.collection and order.collection.payment_method) or ""


def asked(order: Order)''',
    )
    draft.change(mapping, '"booked": PaymentState.SETTLED', '"booked": PaymentState.CAPTURED')
    draft.change(
        mapping,
        '    "returned": PaymentState.RETURNED,\n',
        "    # A return is a reversal beside the state: the money was collected.\n"
        '    "returned": PaymentState.CAPTURED,\n',
    )
    draft.change(
        mapping,
        "{MovementKind.DEBIT: order.debited_at, MovementKind.RETURN: order.returned_at}",
        "{MovementKind.CAPTURE: order.debited_at, MovementKind.DISPUTE: order.returned_at}",
    )
    draft.change(
        mapping,
        """\
        # Compared with the payment: a difference freezes it.
        observed=Observed(amount=order.amount, creditor_account_ends=order.account[-4:]),
""",
        """\
        # Compared with the payment: a difference freezes it.
        observed=Observed(amount=order.amount),
""",
    )
    draft.change(
        mapping,
        """\
            Movement(movement_id=f"{order.id}-{kind}", kind=kind, amount=order.amount)
            for kind in booked
            if booked[kind]
        ),
""",
        """\
            Movement(
                movement_id=f"{order.id}-{kind}",
                kind=kind,
                amount=order.amount,
                reference=f"{order.id}-{kind}",
            )
            for kind in booked
            if booked[kind]
        ),
        reversals=_reversals(order),
""",
    )
    draft.change(
        mapping,
        "def refused(subject: Subject",
        '''\
def _reversals(order: wire.Order) -> tuple[SeenReversal, ...]:
    """What the payer's bank took back. Its movement has the same reference."""
    if not order.returned_at:
        return ()
    return (
        SeenReversal(
            reference=f"{order.id}-{MovementKind.DISPUTE}",
            kind=ReversalKind.RETURN,
            state=ReversalState.DONE,
            amount=order.amount,
        ),
    )


def refused(subject: Subject''',
    )
    profile = "from domain.lifecycle.profile import InstructionKind\n"
    draft.change(
        mapping,
        profile,
        f"{profile}from domain.lifecycle.reversals import ReversalKind, ReversalState\n"
        "from domain.lifecycle.reversals import SeenReversal\n",
    )
    draft.change(
        "wire.py",
        'frozenset({"reference", "name"})',
        'frozenset({"reference", "payment_method"})',
    )
    draft.change("wire.py", "    account: str\n", "")
    _clock(draft)
    draft.change(
        "client.py",
        '        path, content = "/orders", json_object(mapping.asked(subject.order))\n',
        """\
        if not mapping.payment_method(subject.order):
            unfit = wire.Refusal(error="the order names no payment method")
            report = mapping.refused(subject, unfit, self._clock.now())
            return answers.Unprepared(unfit.error, refused=report)
        path, content = "/orders", json_object(mapping.asked(subject.order))
""",
    )
    draft.change(
        "README.md", "takes `reference`, `account`, `name`, `amount_minor`",
        "takes `reference`, `payment_method`, `amount_minor`",
    )  # fmt: skip
    draft.change("README.md", "`sent` (debited), `booked`", "`sent`, `booked` (debited)")
    _collecting_simulator(draft, partner)
    _collecting_tests(draft)


def _collecting_simulator(draft: Draft, partner: str) -> None:
    book = "simulator/book.py"
    draft.change(
        book,
        "#: Our customer's account, and where the money goes that leaves it.\n",
        "#: Our customer's account, and where the money comes from.\n",
    )
    draft.change(book, 'PAID_OUT = "world:paid_out"', 'PAYERS = "world:payers"')
    draft.change(
        book, "account TEXT NOT NULL, name TEXT NOT NULL,", "payment_method TEXT NOT NULL,"
    )
    draft.change(partner, '"account": str, "name": str,', '"payment_method": str,')
    draft.change(
        partner,
        "received -> sent (debited) -> booked. An",
        "received -> sent -> booked (debited). An",
    )
    draft.change(
        partner,
        "import CUSTOMER, FUNDING, PAID_OUT, Book",
        "import CUSTOMER, FUNDING, PAYERS, Book",
    )
    draft.cut(partner, "        balance = self.book.balance(", "        order_id = new_id()\n")
    draft.change(
        partner, "moved, lines = {}, (CUSTOMER, PAID_OUT)", "moved, lines = {}, (PAYERS, CUSTOMER)"
    )
    draft.change(
        partner,
        """\
                moved["debited_at"] = stamp(at)
                self._after(order["id"], "book", at)
""",
        """\
                self._after(order["id"], "book", at)
            case "booked":
                moved["debited_at"] = stamp(at)
""",
    )
    draft.change(partner, "stamp(at), (PAID_OUT, CUSTOMER)", "stamp(at), (CUSTOMER, PAYERS)")


def _collecting_tests(draft: Draft) -> None:
    file = "tests/test_mapping.py"
    draft.change(
        file,
        "from tests.partners.currencycloud.scripted import ORDER\n",
        "from tests.partners.harbour.words import collected\n",
    )
    draft.change(file, "SUBJECT: Final =", 'ORDER: Final = collected("")\nSUBJECT: Final =')
    draft.change(file, "is PaymentState.RETURNED\n", "is PaymentState.CAPTURED\n")
    draft.change(
        file,
        "{MovementKind.DEBIT, MovementKind.RETURN}",
        "{MovementKind.CAPTURE, MovementKind.DISPUTE}",
    )
    draft.change(
        file,
        "def test_the_creditor_that_the_bank_shows_is_compared_with_ours() -> None:\n"
        '    report = mapping.report(SUBJECT, shown(account="DE00999"), Source.READ, NOW)\n'
        '    assert report.observed.creditor_account_ends == "0999"\n',
        "def test_a_return_is_a_reversal_with_the_reference_of_its_movement() -> None:\n"
        '    order = shown(status="returned", debited_at="2026-11-23", returned_at="2026-11-24")\n'
        "    report = mapping.report(SUBJECT, order, Source.READ, NOW)\n"
        "    (reversal,) = report.reversals\n"
        "    assert reversal.reference in {each.reference for each in report.movements}\n",
    )
    words = "tests/words.py"
    draft.change(
        words,
        "WORDS: Final = (",
        '''\
def collected(address: str) -> Order:
    """A thousand euro from a payer's card."""
    return ORDER.model_copy(
        update={
            "rail": Rail.CARD,
            "direction": Direction.INCOMING,
            "collection": Collection(payment_method="pm-1"),
        }
    )


WORDS: Final = (''',
    )
    suite = "from tests.partners.conformance.words import Words\n"
    draft.change(
        words,
        suite,
        "from domain.payments.order import Collection, Direction, Order, Rail\n"
        f"{suite}from tests.partners.currencycloud.scripted import ORDER\n",
    )
    end = "    ),\n)\n"
    draft.change(words, end, f"        order=collected,\n{end}")


def _no_cancel(draft: Draft) -> None:
    draft.cut(
        "profile.py",
        "        InstructionKind.CANCEL: Operation(",
        "    },\n    # Our own choice",
    )
    client = "client.py"
    draft.change(
        client,
        """\
        if subject.kind is InstructionKind.CANCEL:
            path, content = f"{_path(subject)}/cancel", json_object({})
""",
        "",
    )
    draft.change(
        client,
        """\
        is_cancel = subject.kind is InstructionKind.CANCEL
        if order.id != subject.partner_reference if is_cancel else order.key != key:
""",
        """\
        if order.key != key:
""",
    )
    draft.change(
        client,
        """\
        if is_cancel and order.status != mapping.CANCELLED:
            return reply.in_doubt(f"accepted the cancel, but shows {order.status[:40]!r}")
""",
        "",
    )
    draft.change(
        client,
        """\
        if subject.kind is InstructionKind.CANCEL:
            return await self._find_cancelled(subject)
""",
        "",
    )
    draft.cut(client, "    async def _find_cancelled", "    async def read(")
    mapping = "mapping.py"
    draft.change(mapping, 'CANCELLED: Final = "cancelled"\n', "")
    draft.change(mapping, "    CANCELLED: PaymentState", '    "cancelled": PaymentState')
    draft.change(mapping, ', "too_late"', "")
    draft.change(
        mapping, "A refusal. A cancel that is refused says nothing about its payment.",
        "A refusal: the order was not executed.",
    )  # fmt: skip
    draft.change(mapping, "    is_pay = subject.kind is InstructionKind.PAY\n", "")
    draft.change(mapping, "PaymentState.REJECTED if is_pay else None", "PaymentState.REJECTED")
    partner = "simulator/partner.py"
    draft.change(partner, '        ("POST", "/orders/{id}/cancel", "cancel"),\n', "")
    draft.change(
        partner,
        """\
            case "read":
                return _shown(self._order(call.object_id))
            case _:
                return _shown(self._cancel(self._order(call.object_id), now))
""",
        """\
            case _:
                return _shown(self._order(call.object_id))
""",
    )
    draft.cut(partner, "    def _cancel(self", "    # What happens to orders")
    draft.change(partner, " An order can be cancelled until it is sent. People", " People")
    file = "tests/test_mapping.py"
    draft.change(file, ', "too_late"', "")
    draft.cut(
        file,
        "    cancel = Subject(",
        '@pytest.mark.parametrize("missing"',
    )
    draft.change(
        file, '@pytest.mark.parametrize("missing"', '\n\n@pytest.mark.parametrize("missing"'
    )
    draft.change(file, 'wire.Refusal(error="too_late")', 'wire.Refusal(error="malformed")')
    draft.change(
        file,
        "test_a_refused_payment_is_rejected_and_a_refused_cancel_says_nothing_of_it",
        "test_a_refused_payment_is_rejected",
    )
    draft.change("tests/words.py", '        cancel="POST /orders/*/cancel",\n', "")
    draft.change("tests/words.py", '        cancelled="cancelled",\n', "")
    draft.cut("README.md", "**Cancel.**", "**Errors.**")
    taken = " and `POST /orders/ID/cancel` take `Idempotency-Key`"
    if taken in draft.files["README.md"]:
        draft.change("README.md", taken, " takes `Idempotency-Key`")


def _no_webhooks(draft: Draft) -> None:
    del draft.files["webhooks.py"]
    draft.cut("wire.py", "class Event(Wire):", "")
    draft.change(
        "account.py",
        '''\
    webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """the secret that signs webhooks; without it none is accepted"""

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        return (self.webhook_secret,) if self.webhook_secret else ()
''',
        "",
    )
    file = "registration.py"
    draft.cut(file, "def _webhooks(", "HARBOUR: Final")
    draft.change(file, "    webhooks=_webhooks,\n", "")
    draft.change(file, '        "webhook_secret": webhook_secret,\n', "")
    draft.change("README.md", "**Webhooks.**", "\n**Webhooks.**")
    draft.cut("README.md", "**Webhooks.**", "")
    partner = "simulator/partner.py"
    draft.change(partner, "        self.notices.announce(self._order(order_id), now)\n", "")
    draft.change(partner, '        self.notices.announce(self._order(order["id"]), at)\n', "")
    draft.change(partner, "import Notices, Target\n", "import Notices\n")
    spoken = "from simulators.kit.replies import"
    draft.change(partner, spoken, f"from simulators.kit.targets import Target\n{spoken}")
    draft.files["simulator/notices.py"] = _NO_NOTICES


_NO_NOTICES: Final = '''\
"""The bank sends no webhooks: no status is announced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulators.kit import notices
from simulators.kit.replies import Json, Row


class Notices(notices.Notices):
    table = "payments"
    usual_kind = "none"

    def kind_of(self, about: Row) -> None:
        return None

    def content(self, kind: str, about: Row) -> Json:
        raise ValueError("Harbour Bank sends no webhooks")

    def changed(self, content: Json, fields: Mapping[str, Any]) -> Json:
        return content
'''
