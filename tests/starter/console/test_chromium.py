"""A person's way through the console in a real browser, with scripting on and off."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from domain.payments.report import PaymentState
from serving import served
from tests.operators import person
from tests.starter.console.chromium import Tab, chromium
from tests.starter.console.conftest import EVIL, PASSPHRASES, Console

PAGES = ("/", "/payments", "/payments/{payment}?exchanges=shown", "/tasks", "/halts")
WIDTHS = (360, 1280)


async def _sign_in(tab: Tab, url: str, key: Path) -> None:
    await tab.go(url)
    await tab.type("#name", "alice")
    await tab.attach("#key", key)
    await tab.type("#passphrase", PASSPHRASES["alice"])
    await tab.click(".card button")


async def _fits(tab: Tab) -> None:
    """No page is wider than its screen, in light or dark."""
    for width in WIDTHS:
        assert await tab.look(width, is_dark=width == WIDTHS[0]) <= width, await tab.address()


@pytest.mark.timeout(240)
async def test_a_person_signs_in_reads_every_page_and_decides(
    console: Console, tmp_path: Path
) -> None:
    payments = {True: "pay_with", False: "pay_without"}
    for scripting, payment in payments.items():
        await console.parked(payment, end_to_end_id=f"{scripting}{EVIL}")
    now = console.clock.step(timedelta(days=1))
    halts = console.assembly.operations._halts
    await halts.halt(by=person("alice").by, why=EVIL, now=now, tenant="nobody")
    async with (
        served(console.app, host="127.0.0.1", port=0) as port,
        chromium(tmp_path / "browser") as browser,
    ):
        url = f"http://127.0.0.1:{port}"
        for scripting, payment in payments.items():
            tab = await browser.tab(scripting=scripting)
            await _sign_in(tab, f"{url}/payments/{payment}", console.keys["alice"])
            assert await tab.address() == f"{url}/payments/{payment}"
            for page in PAGES:
                await tab.go(url + page.format(payment=payment))
                assert await tab.has("header nav a[aria-current]"), page
                await _fits(tab)
                assert "<script" not in await tab.html()
            await tab.go(f"{url}/payments/{payment}")
            await tab.click(".tasks a")
            await _fits(tab)
            await tab.click("input[value='executed']", leads_on=False)
            await tab.type("#reference", f"ref-{payment}")
            await tab.type("#decision-why", "asked by telephone")
            await tab.type("#decision-passphrase", PASSPHRASES["alice"])
            await tab.click("form[action='/tasks/decision'] button")
            assert await tab.address() == f"{url}/payments/{payment}"
            assert await tab.has(".notice[role='status']")
            view = await console.store.payments.view(payment)
            assert view.payment.state is PaymentState.SETTLED
            await tab.click("form[action='/sign-out'] button")
            await tab.go(url)
            assert (await tab.address()).startswith(f"{url}/sign-in")
            await _fits(tab)
            assert tab.complaints() == []
