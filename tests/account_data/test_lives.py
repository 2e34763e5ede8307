"""Weeks of a feed pass in moments: readings within the quota, the end of a consent, the erasure."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from domain.account_data.due import ERASED_AFTER, FEED
from domain.consents.report import ConsentState
from domain.ids import workflow_id
from domain.lifecycle.answers import Unanswered
from tests.account_data.bank import line
from tests.consents.test_lives import DAY, life


async def test_a_feed_reads_for_days_and_erases_when_its_consent_has_ended(tmp_path: Path) -> None:
    async with life(tmp_path) as lived:
        lived.data.lines = [line(f"{number}", reference=f"r{number}") for number in range(2)]
        lived.data.clock = lived.assembly.clock
        consent_id = await lived.connected()
        assert await lived.assembly.accounts.refresh(
            consent_id, tenant="shop", psu_ip_address="203.0.113.9"
        )
        await lived.pass_by(DAY)
        lived.data.answers.append(Unanswered("the bank is away"))
        await lived.pass_by(DAY)
        begun = lived.data.begun
        assert 6 <= len(begun) <= 10
        assert max(sum(at - DAY < each <= at for each in begun) for at in begun) <= 5
        (account,), _ = await lived.assembly.accounts.accounts(tenant="shop")
        assert account.read_at is not None
        assert lived.assembly.clock.now() - account.read_at < DAY / 2

        await lived.assembly.consents.revoke(consent_id, "e", tenant="shop", by="u-1")
        await lived.until(consent_id, ConsentState.REVOKED_BY_US)
        assert await lived.assembly.accounts.refresh(consent_id, tenant="shop")
        calls = len(lived.data.calls)
        await lived.pass_by(ERASED_AFTER + timedelta(hours=1))
        client = await lived.assembly.client()
        feed = client.get_workflow_handle(workflow_id("shop", consent_id, FEED))
        assert await feed.result() == "the consent is revoked_by_us"
        (account,), _ = await lived.assembly.accounts.accounts(tenant="shop")
        assert account.erased_at is not None
        assert len(lived.data.calls) == calls
