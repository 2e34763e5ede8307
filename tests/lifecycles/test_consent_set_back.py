"""What a database restored from an older copy has forgotten is not asked for again."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

from local.temporal_server import DevServer
from store.halts import Halts
from tests.lifecycles.home import consents
from tests.polling import eventually


def _copy(home: Path, to: Path) -> None:
    with sqlite3.connect(home / "finality.db") as source, sqlite3.connect(to) as target:
        source.backup(target)


def _restore(home: Path, copy: Path) -> None:
    for old in home.glob("finality.db*"):
        old.unlink()
    copy.rename(home / "finality.db")


async def test_what_was_asked_after_the_copy_was_made_is_looked_up(
    server: DevServer, tmp_path: Path
) -> None:
    home, copy = tmp_path / "home", tmp_path / "copy.db"
    async with consents(home, server.address) as made:
        await made.ask("consent_1", confirm_within=timedelta(days=1))
        _copy(home, copy)
        await made.work()
        run = await made.start("consent_1")
        await made.until("consent_1", "awaiting_user")
    _restore(home, copy)
    async with consents(home, server.address) as made:
        assert (await made.view("consent_1")).folded.state == "asked"
        await made.work()
        await made.start("consent_1")
        view = await made.until("consent_1", "awaiting_user")
        assert [looked.result for looked in view.instructions[0].book.lookups] == ["found"]
        assert len(made.bank.made) == 1

        async def halted() -> bool:
            return bool(await Halts(made.assembly.database).in_force())

        await eventually(halted, "the halt of a database that was set back")
        made.bank.says = "rejected"
        assert await run.result() == "rejected: Rejected"
        assert len(made.bank.made) == 1
