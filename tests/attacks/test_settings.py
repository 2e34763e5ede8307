"""Attacks by settings that change under payments under way."""

from __future__ import annotations

from datetime import timedelta

from pydantic import SecretStr

from domain.lifecycle.profile import LookupKind
from domain.payments.report import PaymentState
from partners.currencycloud.account import Account as CurrencycloudAccount
from partners.currencycloud.profile import profile_of
from tests.activities.steps import Steps, steps_of
from tests.clock import SteppedClock
from tests.fakes import FakePartner, profile
from tests.store.books import Store
from tests.words import OnSend

MINUTE = timedelta(minutes=1)
HERE = profile(lookup=LookupKind.STRONG, environment="bank.example")
THERE = profile(lookup=LookupKind.STRONG, environment="demo.bank.example")


async def test_a_payment_in_doubt_is_not_looked_for_at_another_address(
    store: Store, clock: SteppedClock
) -> None:
    """The demo has never heard of it, however complete its answer: that proves nothing."""
    steps = await steps_of(store, HERE)
    steps.partner.on_send.append(OnSend.LOST_AFTER)
    await steps.instructed()
    moved = Steps(store, FakePartner(THERE, clock))
    for _ in range(10):
        clock.step(10 * MINUTE)
        await moved.instructed()
    assert moved.partner.calls == []
    view = await moved.instructed()
    assert "demo.bank.example" in (view.waiting_for or "")
    # The settings are mended: it is found where it is.
    clock.step(10 * MINUTE)
    view = await steps.instructed()
    assert view.payment.state is PaymentState.ACCEPTED
    assert len(steps.partner.effects) == 1


async def test_a_payment_is_not_read_at_another_address(store: Store, clock: SteppedClock) -> None:
    steps = await steps_of(store, HERE)
    await steps.instructed()
    moved = Steps(store, FakePartner(THERE, clock))
    view = await moved.was_read()
    assert moved.partner.calls == []
    assert view.payment.state is PaymentState.ACCEPTED


def test_the_profile_of_an_account_tells_where_it_is() -> None:
    def environment(url: str, login_id: str = "l", book: str | None = None) -> str:
        account = CurrencycloudAccount(
            base_url=url, login_id=login_id, api_key=SecretStr("k"), simulated=bool(book), book=book
        )
        return profile_of(account).environment

    bank = environment("https://API.bank.example/")
    assert bank == environment("https://api.bank.example:443")
    assert bank.startswith("https://api.bank.example:443 login ")
    assert bank != environment("https://api.bank.example/", login_id="another")
    assert bank != environment("https://api.bank.example:8443/")
    # The port of a simulator changes with every start; its book does not.
    first, again = (environment(f"http://127.0.0.1:{port}", book="book-1") for port in (1, 2))
    assert first == again != environment("http://127.0.0.1:1", book="book-2")
