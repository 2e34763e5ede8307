"""Keys of operators: files of their own, and nothing that a caller's environment could replace."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from settings import Settings
from starter.signing import KeyFile, KeyUnusable, make_key, public_file, read_key, read_public
from store.operators import NotSigned, is_signature, possession
from tests.operators import person, stating

PASSPHRASE = b"canary passphrase"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "own" / "alice.key"
    make_key(file, "Alice", PASSPHRASE)
    return file


def test_operators_of_earlier_releases_are_refused_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("FINALITY_OPERATORS__ALICE", "canary-alices-secret")
    with pytest.raises(ValueError, match="finality operator enrol") as error:
        Settings(home=tmp_path)
    assert "canary" not in str(error.value)


def test_a_key_is_its_owners_alone_and_opens_by_the_passphrase(key: Path) -> None:
    assert os.stat(key).st_mode & 0o777 == 0o600
    assert os.stat(key.parent).st_mode & 0o777 == 0o700
    read = read_key(key, "alice", lambda: PASSPHRASE)
    public = read_public(public_file(key))
    assert public == read.public or public.key == read.public.key
    assert is_signature(public.key, possession("alice", public.key).decode(), public.proof)
    assert is_signature(public.key, "text", read.sign(b"text"))
    assert "PRIVATE" not in public_file(key).read_text()


def test_a_key_says_nothing_of_its_passphrase_or_itself(key: Path) -> None:
    text = key.read_text()
    assert "ENCRYPTED PRIVATE KEY" in text
    assert PASSPHRASE.decode() not in text


def test_a_wrong_passphrase_signs_nothing(key: Path) -> None:
    signer = KeyFile("alice", key, lambda: b"canary of another")
    with pytest.raises(NotSigned, match="the passphrase does not open") as error:
        signer.sign(b"text")
    assert "canary" not in str(error.value)


def test_the_passphrase_is_asked_for_once_and_only_to_sign(key: Path) -> None:
    asked: list[int] = []

    def passphrase() -> bytes:
        asked.append(1)
        return PASSPHRASE

    signer = KeyFile("alice", key, passphrase)
    assert asked == []
    signer.sign(b"one")
    signer.sign(b"two")
    assert asked == [1]


def test_anothers_key_or_a_readable_one_is_not_used(key: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyUnusable, match="the key of 'alice', not of 'bob'"):
        read_key(key, "bob", lambda: PASSPHRASE)
    copy = tmp_path / "alice.key"
    copy.write_bytes(key.read_bytes())
    copy.chmod(0o640)
    with pytest.raises(KeyUnusable, match="others can read"):
        read_key(copy, "alice", lambda: PASSPHRASE)


def test_a_key_is_never_overwritten_and_never_made_with_a_short_passphrase(
    key: Path, tmp_path: Path
) -> None:
    before = key.read_bytes()
    with pytest.raises(KeyUnusable, match="never overwritten"):
        make_key(key, "alice", PASSPHRASE)
    assert key.read_bytes() == before
    with pytest.raises(KeyUnusable, match="shorter than 12"):
        make_key(tmp_path / "short.key", "alice", b"short")
    assert not (tmp_path / "short.key").exists()


@pytest.mark.parametrize("text", ["", "finality operator key 1\n", "x" * 10, "\x00"])
def test_what_is_no_key_is_said_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "file"
    file.write_text(text)
    file.chmod(0o600)
    with pytest.raises(KeyUnusable, match="is no"):
        read_public(file)
    with pytest.raises(KeyUnusable, match="is no"):
        read_key(file, "alice", lambda: PASSPHRASE)
    with pytest.raises(KeyUnusable, match=r"cannot be read.*finality operator key"):
        read_public(tmp_path / "nowhere")


@pytest.mark.parametrize("rounds", [1, 2047, 2049, 1_000_000, 2**31 - 1])
def test_a_file_that_chooses_its_own_derivation_is_refused_before_anything_is_derived(
    key: Path, tmp_path: Path, rounds: int
) -> None:
    """Counting to 2**31 - 1 takes about an hour, in which the whole process would stand still."""
    file = tmp_path / "alice.key"
    file.touch(0o600)
    file.write_text(stating(key, rounds))
    with pytest.raises(KeyUnusable, match="is not a file that `finality operator key` wrote"):
        read_key(file, "alice", _never_asked)


@pytest.mark.parametrize("salt", [b"", b"s" * 15, b"s" * 17, b"s" * 40_000], ids=len)
def test_a_salt_of_another_length_is_refused(key: Path, tmp_path: Path, salt: bytes) -> None:
    file = tmp_path / "alice.key"
    file.touch(0o600)
    file.write_text(stating(key, salt=salt))
    with pytest.raises(KeyUnusable, match="is not a file that `finality operator key` wrote"):
        read_key(file, "alice", _never_asked)


def test_what_the_tests_above_change_is_only_the_derivation(key: Path, tmp_path: Path) -> None:
    file = tmp_path / "alice.key"
    file.touch(0o600)
    file.write_text(stating(key))
    with pytest.raises(NotSigned, match="does not open"):
        read_key(file, "alice", lambda: PASSPHRASE)


def _never_asked() -> bytes:
    raise AssertionError("the passphrase was asked for")


def test_people_in_tests_have_different_keys() -> None:
    assert person("alice").public.key != person("bob").public.key
