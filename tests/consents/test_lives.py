"""Months of consents pass in moments: notices, expiry, authentication again, abandoned requests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from domain.consents.consent import Needs
from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState
from tests.consents.bank import profile
from tests.consents.home import ConsentHome, consent_home
from tests.servers import ServerClock, pass_by, time_skipping
from tests.world import KEYRING

S = ConsentState
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
_AT_ONCE = 20 * DAY


@dataclass(kw_only=True)
class Life(ConsentHome):
    """A home whose time the test moves."""

    server_clock: ServerClock

    async def pass_by(self, time: timedelta) -> None:
        """Let that much time pass, with everything that happens meanwhile."""
        client = await self.assembly.client()
        while time > _AT_ONCE:  # On a busy machine, many steps take longer than one request may.
            await pass_by(client, _AT_ONCE)
            time -= _AT_ONCE
        await pass_by(client, time)
        await self.server_clock.set()


@asynccontextmanager
async def life(tmp_path: Path, *kinds: Kind) -> AsyncIterator[Life]:
    clock = ServerClock()
    of = profile(*kinds, read_pause=HOUR / 60, read_pause_max=20 * DAY)
    async with (
        time_skipping(KEYRING, clock) as client,
        consent_home(tmp_path / "home", "", of=of, clock=clock, client=client) as made,
    ):
        lived = Life(made.assembly, made.bank, made.data, made.running, server_clock=clock)
        await lived.work()
        yield lived


async def test_half_a_year_with_notices_a_newer_consent_and_an_expiry(tmp_path: Path) -> None:
    async with life(tmp_path) as lived:
        first = await lived.connected()
        consent = await lived.consent(first)
        assert consent.reauth_by is not None
        await lived.pass_by(166 * DAY + HOUR)
        assert lived.tasks() == {"renewal_1": True}
        await lived.pass_by(11 * DAY)
        assert lived.tasks() == {"renewal_1": True, "renewal_2": True}
        due = await lived.assembly.consents.find(
            tenant="shop", renew_before=lived.assembly.clock.now() + 14 * DAY
        )
        assert [each.consent_id for each in due] == [first]

        renewed = await lived.renew(first)
        second = renewed.consent_id
        assert second != first
        assert renewed.consent.state is S.AWAITING_USER
        assert (await lived.consent(first)).state is S.ACTIVE
        await lived.come_back(lived.bank.authorise())
        await lived.until(second, S.ACTIVE)
        await lived.assembly.payments.escalate(lived.assembly.clock.now(), limit=10)
        assert (await lived.consent(first)).state is S.SUPERSEDED
        await lived.pass_by(21 * DAY)
        assert await (await lived.handle(first)).result() == "superseded: Renewed"
        assert not any(lived.tasks().values())

        await lived.pass_by(160 * DAY)
        late = await lived.consent(second)
        assert (late.state, late.needs) == (S.NEEDS_REAUTH, Needs.AUTHENTICATION)
        await lived.pass_by(25 * DAY)
        assert await (await lived.handle(second)).result() == "expired: Expired"


async def test_ninety_days_are_confirmed_with_us_while_the_bank_says_authorised(
    tmp_path: Path,
) -> None:
    async with life(tmp_path) as lived:
        lived.bank.grants_for = 1000 * DAY
        consent_id = await lived.connected(regime="uk")
        await lived.pass_by(91 * DAY)
        late = await lived.assembly.consents.show(consent_id, tenant="shop")
        assert (late.consent.state, late.consent.needs) == (S.NEEDS_REAUTH, Needs.CONFIRMATION)
        assert lived.bank.consents[0]["status"] == "valid"
        assert not late.display.may_read
        sends = [call for call in lived.bank.calls if call != "read"]
        confirmed = await lived.renew(consent_id)
        assert confirmed.consent.state is S.ACTIVE
        assert confirmed.display.may_read
        assert [call for call in lived.bank.calls if call != "read"] == sends
        again = await lived.renew(consent_id)
        assert again.is_replay
        lived.bank.change(status="revokedByPsu")
        await lived.pass_by(25 * DAY)
        assert (
            await (await lived.handle(consent_id)).result()
            == "revoked_by_user: Withdrawn by the user"
        )


async def test_an_abandoned_request_is_ended_at_the_bank(tmp_path: Path) -> None:
    async with life(tmp_path) as lived:
        consent_id = (await lived.ask()).consent_id
        back = lived.bank.callback()
        await lived.pass_by(2 * HOUR)
        assert await (await lived.handle(consent_id)).result() == "revoked_by_us: Ended"
        assert lived.bank.consents[0]["status"] == "terminatedByTpp"
        late = await lived.come_back(back)
        assert (late.is_replay, late.consent.state) == (True, S.REVOKED_BY_US)


async def test_a_bank_that_is_away_does_not_make_a_stale_consent_readable(tmp_path: Path) -> None:
    async with life(tmp_path) as lived:
        consent_id = await lived.connected()
        lived.bank.is_away = True
        await lived.pass_by(181 * DAY)
        stale = await lived.assembly.consents.show(consent_id, tenant="shop")
        assert stale.consent.state is S.ACTIVE
        assert not stale.display.may_read
        lived.bank.is_away = False
        await lived.pass_by(21 * DAY)
        assert await (await lived.handle(consent_id)).result() == "expired: Expired"
