"""Halts in a browser: made and lifted with the operator's key, as by `finality halt`."""

from __future__ import annotations

from sqlmodel import select

from store.tables.people import SignatureRow
from tests.starter.console.conftest import PASSPHRASES, Console

WHY = "a strange answer"


async def test_halts_are_made_and_lifted_with_a_signature(console: Console) -> None:
    await console.store.accept()
    alice = await console.signed_in()
    await alice.go("/halts")
    assert "No halt is in force" in alice.text
    refused = await alice.send("/halts", why="", passphrase=PASSPHRASES["alice"])
    assert (refused.status_code, await console.assembly.operations.halts()) == (422, [])
    assert "Why: is missing" in alice.text
    refused = await alice.send("/halts", why=WHY, tenant="Shop", passphrase=PASSPHRASES["alice"])
    assert refused.status_code == 422
    assert "is 'shop' meant?" in alice.text
    await alice.send("/halts", tenant="shop", why=WHY, passphrase=PASSPHRASES["alice"])
    assert "Halt 1 is in force" in alice.text
    assert "tenant shop 1 alice" in alice.text
    refused = await alice.send("/halts/lift", number="1", passphrase="a wrong passphrase")
    assert refused.status_code == 422
    for number in ("", "2", "\u00b2", "9" * 20):
        refused = await alice.send("/halts/lift", number=number, passphrase=PASSPHRASES["alice"])
        assert refused.status_code == 422
    await alice.send("/halts/lift", number="1", passphrase=PASSPHRASES["alice"])
    assert "Halt 1 is lifted" in alice.text
    rows = console.store.rows(lambda s: s.exec(select(SignatureRow)).all())
    kinds = [(row.kind, row.by) for row in rows]
    assert sorted(kinds) == [("halt", "alice"), ("lift", "alice"), ("lift", "alice")]
