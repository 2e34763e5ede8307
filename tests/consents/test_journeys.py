"""A consent's journeys on a real server: asked, authorised, renewed, ended, and lost on the way."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

from domain.consents.instructions import ConsentInstruction as Kind
from domain.consents.report import ConsentState
from domain.lifecycle.command import Outcome
from local.temporal_server import DevServer
from store.halts import Halts
from tests.consents.bank import OnSend, profile
from tests.consents.home import consent_home
from tests.polling import eventually
from tests.store.copies import copy_of, set_back
from workflows.upkeep import UpkeepWorkflow

S = ConsentState


async def test_a_consent_is_asked_for_authorised_renewed_and_ended(
    server: DevServer, tmp_path: Path
) -> None:
    can = profile(Kind.ANSWER, Kind.RENEW)
    async with consent_home(tmp_path / "home", server.address, of=can) as made:
        await made.work()
        receipt = await made.ask(regime="uk")
        assert receipt.consent.state is S.AWAITING_USER
        assert receipt.action is not None
        assert receipt.action.url == f"https://bank.example/authorise/{receipt.consent_id}/ask/1"
        again = await made.ask(regime="uk")
        assert (again.consent_id, again.is_replay) == (receipt.consent_id, True)

        back = made.bank.authorise(-1, "acc-1", "acc-2")
        assert not (await made.come_back(back)).is_replay
        consent = await made.until(receipt.consent_id, S.ACTIVE)
        assert consent.state is S.ACTIVE

        async def accounts() -> bool:  # The first word that it is active may not list them yet.
            shown = await made.assembly.consents.show(receipt.consent_id, tenant="shop")
            linked = [each.reference for each in shown.consent.grant.accounts or ()]
            return linked == ["acc-1", "acc-2"]

        await eventually(accounts, "the accounts of the grant")

        async def handed_over() -> bool:  # A read may be first to say that it is active.
            return "submit answer" in made.bank.calls

        await eventually(handed_over, "the code at the bank")
        tab = await made.come_back(back)
        assert (tab.is_replay, tab.consent.state) == (True, S.ACTIVE)

        made.bank.change(status="loginRequired")
        await made.until(receipt.consent_id, S.NEEDS_REAUTH)
        renewed = await made.renew(receipt.consent_id)
        assert renewed.consent_id == receipt.consent_id

        async def page() -> str | None:
            shown = await made.assembly.consents.show(receipt.consent_id, tenant="shop")
            return shown.action.url if shown.action else None

        assert "/renew/" in str(await eventually(page, "the page to authenticate again"))
        await made.come_back(made.bank.authorise())
        await made.until(receipt.consent_id, S.ACTIVE)
        assert len(made.bank.consents) == 1
        sent = [call for call in made.bank.calls if call != "read"]
        assert sent[:3] == ["submit ask", "submit answer", "submit renew"]

        ended = await made.assembly.consents.revoke(
            receipt.consent_id, "e", tenant="shop", by="u-1"
        )
        assert not ended.display.may_read
        run = await made.handle(receipt.consent_id)
        assert await run.result() == "revoked_by_us: Ended"
        assert made.bank.consents[0]["status"] == "terminatedByTpp"
        commands = await made.assembly.commands.of(receipt.consent_id)
        assert {each.command_id: each.outcome for each in commands} == {
            "r": Outcome.DONE,
            "e": Outcome.DONE,
        }


async def test_a_lost_request_is_sent_again_and_one_consent_is_used(
    server: DevServer, tmp_path: Path
) -> None:
    async with consent_home(tmp_path / "home", server.address) as made:
        made.bank.on_send.extend([OnSend.LOST_BEFORE, OnSend.LOST_AFTER])
        await made.work()
        receipt = await made.ask()
        await made.until(receipt.consent_id, S.AWAITING_USER)
        assert [each["id"] for each in made.bank.consents] == ["c-1", "c-2"]
        await made.come_back(made.bank.authorise())
        consent = await made.until(receipt.consent_id, S.ACTIVE)
        assert consent.partner_reference == "c-2"


async def test_a_process_killed_after_the_send_asks_again(
    server: DevServer, tmp_path: Path
) -> None:
    home = tmp_path / "home"
    async with consent_home(home, server.address) as made:
        receipt = await made.record_only()
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.consents.home", str(home), server.address
        )
        assert await asyncio.wait_for(child.wait(), 120) == -signal.SIGKILL
        assert len(made.bank.consents) == 1
        await made.work()
        await made.until(receipt.consent_id, S.AWAITING_USER)
        assert len(made.bank.consents) == 2


async def test_a_database_that_was_set_back_asks_again_and_is_halted(
    server: DevServer, tmp_path: Path
) -> None:
    async with consent_home(tmp_path / "home", server.address) as made:
        receipt = await made.record_only()
        before = copy_of(made.assembly.database)
        await made.work()
        await made.until(receipt.consent_id, S.AWAITING_USER)
        set_back(made.assembly.database, before)
        running = await made.assembly.running()
        await running.ensure_running("shop", receipt.consent_id, "consent")
        await made.until(receipt.consent_id, S.AWAITING_USER)
        assert len(made.bank.consents) == 2

        async def halted() -> bool:
            return bool(await Halts(made.assembly.database).in_force())

        await eventually(halted, "the halt of a database that was set back")


async def test_upkeep_starts_a_consent_that_nobody_started(
    server: DevServer, tmp_path: Path
) -> None:
    async with consent_home(tmp_path / "home", server.address) as made:
        receipt = await made.record_only()
        client = await made.assembly.client()
        run = await made.handle(receipt.consent_id)
        await run.terminate("in the UI")
        await made.work()

        async def asked() -> bool:
            await client.execute_workflow(UpkeepWorkflow.run, id="upkeep", task_queue="finality")
            return bool(made.bank.consents)

        await eventually(asked, "upkeep's start of the consent", 120)
        await made.until(receipt.consent_id, S.AWAITING_USER)
