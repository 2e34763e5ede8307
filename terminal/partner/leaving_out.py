"""What a new partner lacks: look-ups, cancels, webhooks."""

from __future__ import annotations

from typing import Final

from terminal.partner.clock import keep_clock
from terminal.partner.draft import Draft


def leave_out_lookup(draft: Draft) -> None:
    """Leave out the look-up by our key; what was made since a moment is still listed."""
    keep_clock(draft)
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


def leave_out_cancel(draft: Draft) -> None:
    """Leave out the cancel, in the profile and wherever it is spoken of."""
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


def leave_out_webhooks(draft: Draft) -> None:
    """Leave out the webhooks: changes are found by reads alone."""
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
