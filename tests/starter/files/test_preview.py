"""What a partner would refuse is refused in a preview, before anything is recorded."""

from __future__ import annotations

from typing import Any, cast

from domain.lifecycle.answers import Unprepared
from domain.payments.intent import Acknowledgement
from domain.payments.order import Order
from domain.payments.report import PaymentState
from messages.pain001 import read
from starter.files.judging import Judged
from starter.files.plan import plan
from starter.files.preview import examine
from tests.domain.samples import report
from tests.messages.files import Block, nested, pain001, transfer
from tests.starter.files.test_plan_rails import DEBTORS, NOW


class Choosy:
    """Takes the first line, refuses the second, and says nothing of the third."""

    async def examine(self, order: Order) -> Unprepared | None:
        if order.end_to_end_id == "E-2":
            refused = report(PaymentState.REJECTED).model_copy(
                update={"status_reason": "BE04", "reason": "no address"}
            )
            return Unprepared("no address", refused=refused)
        return Unprepared("they do not answer") if order.end_to_end_id == "E-3" else None


async def test_a_line_that_the_corridor_would_refuse_is_refused_in_the_preview() -> None:
    lines = [transfer(ids=nested("PmtId/EndToEndId", f"E-{n}")) for n in (1, 2, 3)]
    content = read(pain001(Block(lines)))
    planned = plan(content, DEBTORS, now=NOW)
    orders = [(one, Acknowledgement()) for one in planned.orders]
    judged = Judged(content, planned, {}, (), orders, ())
    partners = cast(Any, {("currencycloud", "main"): Choosy()})
    examined, unanswered = await examine(partners, judged)
    (refused,) = examined.refused
    assert refused.line.position == 2
    assert [(one.code, one.text) for one in refused.refusals] == [("BE04", "no address")]
    assert [one.line.position for one in examined.new] == [1, 3]
    assert unanswered == {"they do not answer": 1}
