"""A consent outlives the process that asked for it, and is asked for once."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path

from local.temporal_server import DevServer
from tests.lifecycles.consent import ASK, REVOKE
from tests.lifecycles.home import consents

DAY = timedelta(days=1)


async def test_a_process_killed_after_the_send_leaves_one_consent(
    server: DevServer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    async with consents(home, server.address) as made:
        await made.ask("consent_1", confirm_within=DAY)
        run = await made.start("consent_1")
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.lifecycles.home", str(home), server.address
        )
        assert await asyncio.wait_for(child.wait(), 60) == -signal.SIGKILL
        assert len(made.bank.made) == 1
        await made.work()
        view = await made.until("consent_1", "awaiting_user")
        assert [len(each.book.attempts) for each in view.instructions] == [1]
        made.bank.says = "valid"
        await made.until("consent_1", "valid")
        made.bank.says = "expired"
        assert await run.result() == "expired: Expired"
        assert len(made.bank.made) == 1
        assert await made.entered("consent_1") == [
            "asked", "awaiting_user", "valid", "expired",
        ]  # fmt: skip


async def test_what_the_user_does_not_confirm_in_time_is_revoked(
    server: DevServer, tmp_path: Path
) -> None:
    async with consents(tmp_path / "home", server.address) as made:
        await made.work()
        await made.ask("consent_1", confirm_within=timedelta(seconds=3))
        run = await made.start("consent_1")
        await made.until("consent_1", "awaiting_user")
        assert await run.result() == "revoked: Revoked"
        view = await made.view("consent_1")
        assert [each.kind for each in view.instructions] == [ASK, REVOKE]
        assert len(made.bank.made) == 1
