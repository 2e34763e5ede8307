"""Names, account numbers and tokens are nowhere in clear in the database's files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlmodel import Session

from domain.lifecycle.answers import InDoubt
from store.keyring import Keyring, KeyringError
from store.logins import Logins
from store.tables.lifecycles import LifecycleRow
from tests.clock import SteppedClock
from tests.fakes import CREDITOR_IBAN, CREDITOR_NAME, DEBTOR_IBAN, REMITTANCE
from tests.store.books import PAYMENT, Store, exchange

TOKEN = "token-canary-4711"
CANARIES = (CREDITOR_IBAN, DEBTOR_IBAN, CREDITOR_NAME, REMITTANCE, TOKEN)


async def _filled(store: Store) -> None:
    clock = store.clock
    await store.accept()
    await store.begin()
    seen = exchange(clock.now(), f"to {CREDITOR_IBAN}", f"{CREDITOR_NAME} {REMITTANCE}")
    await store.sent(InDoubt("no answer", exchange=seen))
    await store.inbox.put(
        partner="bank",
        partner_account="main",
        event_key="e",
        partner_reference="ref-1",
        body=f"{CREDITOR_IBAN} {CREDITOR_NAME}".encode(),
        now=clock.now(),
    )
    logins = Logins(store.database, store.keyring, clock, "bank")
    await logins.claim("me", "h")
    await logins.succeeded("me", "h", TOKEN)
    assert await logins.token("me", "h") == TOKEN


async def test_no_canary_is_in_the_database(store: Store) -> None:
    await _filled(store)
    content = store.kept()
    assert PAYMENT.encode() in content, "the rows are not in there at all"
    for canary in CANARIES:
        assert canary.encode() not in content
        assert canary.encode("utf-16-le") not in content


def _keyring(*ids: str) -> Keyring:
    return Keyring({key_id: key_id.encode() * 16 for key_id in ids}, ids[0])


async def test_a_new_key_seals_what_is_new_and_the_old_still_opens(
    where: Path | str, clock: SteppedClock
) -> None:
    before = Store(where, clock, _keyring("k1"))
    await before.accept("k1", payment_id="pay_1")
    before.close()
    after = Store(where, clock, _keyring("k2", "k1"))
    await after.accept("k2", payment_id="pay_2")
    assert (await after.payments.record("pay_1")).creditor == CREDITOR_NAME
    sealed = after.rows(lambda s: s.get_one(LifecycleRow, "pay_2").request_sealed)
    assert sealed.startswith(b"k2\0")
    after.close()


async def test_without_the_key_nothing_opens_and_the_payment_names_the_remedy(
    store: Store, clock: SteppedClock
) -> None:
    await store.accept()
    stranger = Store(store.where, clock, _keyring("k9"))
    sealed = (await stranger.payments.record(PAYMENT)).sealed
    assert sealed is not None
    assert "'test-1', which the keyring lacks; add that key" in sealed
    stranger.close()
    same_id = Store(store.where, clock, Keyring({"test-1": b"x" * 32}, "test-1"))
    record = await same_id.payments.record(PAYMENT)
    assert record.sealed == "a sealed value was altered or belongs to another place"
    assert (record.creditor, record.end_to_end_id) == ("", "")
    same_id.close()


async def test_a_sealed_value_copied_into_another_row_does_not_open(store: Store) -> None:
    await store.accept("k1", payment_id="pay_1")
    await store.accept("k2", payment_id="pay_2")

    def swap(session: Session) -> None:
        one, two = session.get_one(LifecycleRow, "pay_1"), session.get_one(LifecycleRow, "pay_2")
        one.request_sealed, two.request_sealed = two.request_sealed, one.request_sealed

    store.database.write_now(swap)
    for payment_id in ("pay_1", "pay_2"):
        assert (await store.payments.record(payment_id)).sealed


def test_an_altered_value_does_not_open() -> None:
    keyring = _keyring("k1")
    sealed = bytearray(keyring.seal(b"clear", "here"))
    assert keyring.open(bytes(sealed), "here") == b"clear"
    assert keyring.seal(b"clear", "here") != sealed, "a nonce was used twice"
    sealed[-1] ^= 1
    with pytest.raises(KeyringError):
        keyring.open(bytes(sealed), "here")


@pytest.mark.parametrize("sealed", [b"", b"k1", b"k1\0", b"k1\0short", b"\xff\0" + b"0" * 40])
def test_what_is_no_sealed_value_is_a_keyring_error(sealed: bytes) -> None:
    with pytest.raises(KeyringError):
        _keyring("k1").open(sealed, "here")


def test_a_development_keyring_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home" / "keyring"
    assert Keyring.make(path)
    made = path.read_bytes()
    assert not Keyring.make(path)
    assert path.read_bytes() == made
    assert os.stat(path).st_mode & 0o777 == 0o600
    assert [file.name for file in path.parent.iterdir()] == ["keyring"]
    keyring = Keyring.read(path)
    assert keyring.open(keyring.seal(b"x", "c"), "c") == b"x"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("k1:not base64!", "is not `id:base64`"),
        ("k1:AAAA", "must be 32 bytes"),
        ("one", "must be 32 bytes"),
    ],
)
def test_a_malformed_keyring_is_named_without_its_keys(
    tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "keyring"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(KeyringError, match=says) as error:
        Keyring.read(path)
    assert "AAAA" not in str(error.value)


def test_a_missing_keyring_names_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(KeyringError, match="set FINALITY_KEYRING_FILE, or run `finality up`"):
        Keyring.read(tmp_path / "nowhere")
