"""One script drives every bank, of every regime and version, and does not ask which one it is."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
import pytest_asyncio

from domain.accounts import Account, ClearingMember
from domain.money import Money
from domain.party import Party
from domain.payments.order import Order, Rail, Times
from local.demo_file import DEBTOR_IBAN, iban
from partners.registry import Partners
from regimes.consents import Regime
from terminal.accounts import list_accounts
from tests.journeys import browser, script
from tests.journeys.banking import NEXT_GEN, at_work, over_tls, serve, trusting
from tests.journeys.browser import Browser
from tests.journeys.script import App, Bank, life
from tests.partners.obie.conftest import REDIRECT, SigningKey
from tests.transport.pki import Authority

NAMES: Final = ("berlin_group", "obie v3.1.11", "obie v4.0")


@dataclass
class World:
    """All banks, and an app with an access to each."""

    app: App
    banks: dict[str, Bank]
    home: Path


def _order(partner: str, account: str, minor: int, end_to_end_id: str, **more: Any) -> Order:
    amount = Money(minor=minor, currency=more.pop("currency"))
    return Order(
        tenant=script.TENANT,
        partner=partner,
        partner_account=account,
        debtor=Party(name="Paula Payer"),
        creditor=Party(name="Carla Creditor"),
        end_to_end_id=end_to_end_id,
        times=Times(submit_before=datetime.now(UTC) + timedelta(minutes=10)),
        instructed_amount=amount,
        **more,
    )


#: A payment in euro, and a domestic one in pounds.
_EURO: Final[dict[str, Any]] = {
    "currency": "EUR",
    "debtor_account": Account(iban=DEBTOR_IBAN),
    "creditor_account": Account(iban=iban("DE", "200500000000000001")),
}
_POUND: Final[dict[str, Any]] = {
    "currency": "GBP",
    "rail": Rail.DOMESTIC,
    "debtor_account": Account(other="80200110203345"),
    "creditor_account": Account(other="12345678"),
    "creditor_agent_member": ClearingMember(system="GBDSC", number="203002"),
}


@pytest_asyncio.fixture(scope="module")
async def world(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    home = tmp_path_factory.mktemp("any-bank")
    authority = Authority(home, "authority")
    client, key = authority.issue("client"), SigningKey.new(home / "signing.pem")
    registration = home / "client.json"
    registration.write_text(json.dumps(key.registration))
    async with AsyncExitStack() as parts:
        quick = ("--settle-after", "0.1")
        euro = await serve(parts, "berlin_group", home, authority, "--check-after", "0.1", *quick)
        known = ("--client", str(registration), "--accept-after", "0.1")
        pound = await serve(parts, "obie", home, authority, *known, *quick)
        uk = {**over_tls(pound, client, authority), **key.settings()}
        next_gen = {**NEXT_GEN, "redirect_uri": REDIRECT}
        accounts = {
            "berlin_group": {"main": {**over_tls(euro, client, authority), **next_gen}},
            "obie": {"v3": {**uk, "version": "v3.1.11"}, "v4": {**uk, "version": "v4.0.1"}},
        }
        assembly = await at_work(parts, home, accounts)
        trusts = trusting(authority)

        async def book(address: str) -> Any:
            async with httpx.AsyncClient(verify=trusts, base_url=address) as http:
                return (await http.get("/_control/book")).json()

        rows = (
            (NAMES[0], "berlin_group", "main", Regime.PSD2, euro, 100_01, _EURO),
            (NAMES[1], "obie", "v3", Regime.UK, pound, 100_02, _POUND),
            (NAMES[2], "obie", "v4", Regime.UK, pound, 100_03, _POUND),
        )
        banks = {
            name: Bank(
                name, partner, access, regime,
                partial(_order, partner, access, minor, **more), partial(book, address),
            )
            for name, partner, access, regime, address, minor, more in rows
        }  # fmt: skip
        yield World(App(assembly, Browser(trusts, REDIRECT)), banks, home)


@pytest.mark.parametrize("name", NAMES)
async def test_the_same_script_drives_the_bank(
    world: World, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = world.banks[name]
    await life(world.app, bank)
    await list_accounts(
        world.app.assembly.settings, None, None, refresh=False, limit=20, as_json=True
    )
    printed = capsys.readouterr().out
    shown = [json.loads(line) for line in printed.splitlines()]
    access = (bank.partner, bank.partner_account)
    assert access in [(each["partner"], each["partner_account"]) for each in shown]
    log = (world.home / "worker.log").read_text()
    numbers = {more[side].number for more in (_EURO, _POUND)
               for side in ("debtor_account", "creditor_account")}  # fmt: skip
    assert world.app.visited
    assert [each for each in numbers | world.app.visited if each in log + printed] == []


def _asked(tree: ast.AST) -> Iterator[ast.AST]:
    """Every expression that decides which way the code goes, or what is looked up."""
    for node in ast.walk(tree):
        match node:
            case ast.If() | ast.IfExp() | ast.While():
                yield node.test
            case ast.comprehension():
                yield from node.ifs
            case ast.Match():
                yield node.subject
            case ast.match_case() if node.guard is not None:
                yield node.guard
            case ast.BoolOp() | ast.Compare():
                yield node
            case ast.Subscript():
                yield node.slice
            case ast.Call(func=ast.Name(id="getattr" | "isinstance")):
                yield node


def _knows_banks(source: str) -> list[str]:
    """Where code names a partner, a regime or a version, or decides by what a `Bank` is."""
    told = "|".join([*Partners.registrations(), *Regime, r"v[34](\.\d+)*"])
    named = [each[0] for each in re.finditer(rf"(?<![a-z0-9])({told})(?![a-z0-9])", source.lower())]
    of_bank = {each.name for each in fields(Bank)}
    asked = [
        ast.unparse(test)
        for test in _asked(ast.parse(source))
        for each in ast.walk(test)
        if (isinstance(each, ast.Name) and each.id == "bank")
        or (isinstance(each, ast.Attribute) and each.attr in of_bank - {"name"})
    ]
    return [*named, *asked]


def test_the_script_does_not_ask_which_bank_it_is() -> None:
    for part in (script, browser):
        assert _knows_banks(inspect.getsource(part)) == []


@pytest.mark.parametrize(
    "source",
    [
        "if bank.regime == law: pass",
        "x = 1 if bank.name.startswith(y) else 2",
        "match request.partner:\n    case _: pass",
        "table[bank.name]()",
        "app.partner_account and renew()",
        "[x for x in y if x.regime]",
        "call('obie')",
        "call(Regime.PSD2)",
        "account = 'v4.0.1'",
    ],
)
def test_a_script_that_asks_is_found(source: str) -> None:
    assert _knows_banks(source)
