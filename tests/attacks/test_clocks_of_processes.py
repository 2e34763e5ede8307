"""Real workers, one 15 days ahead and one an hour behind, beside one whose clock is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import Session, select

from domain.clock import APART_MAX
from domain.payments.report import PaymentState, Report
from store.clocks import StoreClocks
from store.tables.lifecycles import AttemptRow, LifecycleRow, LookupRow, ReportRow
from store.tables.partners import PartnerAccountRow, ReferenceRow
from tests.polling import eventually
from tests.postgresql import PostgreSQL
from tests.proof.world import World, order, world

pytestmark = pytest.mark.timeout(400)

AHEAD, BEHIND = timedelta(days=15), -timedelta(hours=1)
PAYMENTS = 4
_PATIENCE_SECONDS = 120


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    if request.param == "sqlite":
        yield None
        return
    server: PostgreSQL = request.getfixturevalue("postgresql")
    url = server.database()
    yield url
    server.give_back(url)


class Shifted:
    """A worker whose clock the test sets."""

    def __init__(self, made: World, name: str) -> None:
        self._file = made.home / f"{name}.shift"
        self.set(timedelta(0))
        made.start_worker("tests.proof.shifted_worker", str(self._file), "worker")

    def set(self, ahead: timedelta) -> None:
        """From now on it is so wrong."""
        written = self._file.with_suffix(".new")
        written.write_text(str(ahead.total_seconds()))
        written.replace(self._file)


def _moments(session: Session) -> list[datetime]:
    """All that says when something was asked, leased, begun or heard."""
    moments: list[datetime | None] = []
    for payment in session.exec(select(LifecycleRow)):
        moments += [payment.created_at, payment.updated_at, payment.last_asked_at]
        moments += [payment.not_before, payment.gate_passed_at]
    for attempt in session.exec(select(AttemptRow)):
        moments += [attempt.opened_at, attempt.closed_at]
    for login in session.exec(select(PartnerAccountRow)):
        moments += [login.token_at, login.leased_until]
    moments += session.exec(select(LookupRow.asked_at)).all()
    for row in session.exec(select(ReportRow)):
        moments += [row.heard_at, Report.model_validate_json(row.report_json).as_of]
    return [moment for moment in moments if moment is not None]


async def _states(made: World) -> dict[str, str]:
    query = select(LifecycleRow.resource_id, LifecycleRow.state)
    rows = await made.assembly.database.read(lambda session: session.exec(query).all())
    return {payment_id: str(state) for payment_id, state in rows}


async def _until_all(made: World, payments: Sequence[str], *states: PaymentState) -> None:
    async def reached() -> bool:
        found = await _states(made)
        return all(found[payment_id] in states for payment_id in payments)

    await eventually(reached, f"all {states}", _PATIENCE_SECONDS)


async def _apart(made: World) -> set[timedelta]:
    """How wrong the clocks are of which processes have told."""
    compared = await StoreClocks(made.assembly.database).compared()
    ahead = {timedelta(hours=round(one.ahead_of_temporal / timedelta(hours=1))) for one in compared}
    return ahead - {timedelta(0)}


async def test_wrong_clocks_do_nothing_beside_a_right_one_and_go_on_once_they_are_mended(
    tmp_path: Path, database_url: str | None
) -> None:
    async with world(tmp_path / "home", database_url=database_url) as made:
        wrong = {AHEAD: Shifted(made, "ahead"), BEHIND: Shifted(made, "behind")}
        await made.until_working()
        for ahead, worker in wrong.items():
            worker.set(ahead)
        right = made.start_worker()
        await made.until_working()
        began = datetime.now(UTC)
        payments = []
        for number in range(PAYMENTS):
            given = order(f"C-{number}", number)
            receipt = await made.assembly.orchestrator.pay(given, f"k{number}", patience=None)
            payments.append(receipt.payment_id)

        async def both_have_said_so() -> bool:
            return await _apart(made) == {AHEAD, BEHIND}

        await eventually(both_have_said_so, "both found to be wrong", _PATIENCE_SECONDS)
        await _until_all(made, payments, PaymentState.SETTLED)
        latest = max(await made.assembly.database.read(_moments))
        assert latest <= datetime.now(UTC) + APART_MAX + timedelta(seconds=60), "a login's lease"

        # Money comes back: whose step it is, it is heard.
        booked = (await made.book())["payments"]
        await made.simulator.control(
            "POST", f"payments/{booked[0]['id']}", {"fault": "fail_after_completed"}
        )
        failed = await _of_reference(made, booked[0]["id"])
        inbox = made.assembly.inbox
        await inbox.put(
            partner="currencycloud", partner_account="main", event_key="e1",
            partner_reference=booked[0]["id"], body=b"{}", now=datetime.now(UTC),
        )  # fmt: skip
        await (await made.assembly.running()).ensure_running("default", failed)
        await _until_all(made, [failed], PaymentState.RETURNED)
        states = await _states(made)
        assert sorted(states.values()) == ["returned", *["settled"] * (PAYMENTS - 1)]

        # The clocks are mended, and the right worker is gone.
        right.kill()
        right.wait()
        for worker in wrong.values():
            worker.set(timedelta(0))
        given = order("C-later", PAYMENTS)
        receipt = await made.assembly.orchestrator.pay(given, "later", patience=None)
        await _until_all(made, [receipt.payment_id], PaymentState.SETTLED)
        seconds = (datetime.now(UTC) - began).total_seconds()
        row = await made.assembly.database.read(
            lambda session: session.get_one(LifecycleRow, payments[-1])
        )
        assert row.reads <= 12, f"a loop: {row.reads} reads in {seconds:.0f} s"


async def _of_reference(made: World, reference: str) -> str:
    query = select(ReferenceRow.resource_id).where(ReferenceRow.reference == reference)
    return await made.assembly.database.read(lambda session: session.exec(query).one())
