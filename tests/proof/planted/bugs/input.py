"""Bugs: what comes in from outside."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import store.inbox
from tests.proof.planted.bug import planted


@planted("http to any machine is taken for an address of a partner", "tests/test_settings.py")
def every_machine_is_this_one() -> None:
    import transport.address

    transport.address.is_this_machine = lambda host: True


@planted("an answer is unpacked whole before its size is looked at",
         "tests/transport/test_bodies.py")  # fmt: skip
def a_bomb_is_read_whole() -> None:
    import transport.body

    def whole(self: Any, piece: bytes, room: int) -> bytes:
        unpacked: bytes = self._member.decompress(piece)
        return unpacked

    transport.body._Unpacking.more = whole  # type: ignore[method-assign]


@planted("the lines recorded before a file broke off are hidden by the error",
         "tests/attacks/test_broken_off.py")  # fmt: skip
def a_broken_off_file_is_an_error() -> None:
    intake: Any = import_module("starter.files.intake")
    original = intake.record

    async def raises(*given: Any) -> Any:
        recorded = await original(*given)
        if recorded.broke_off is not None:
            raise recorded.broke_off.why
        return recorded

    intake.record = raises


@planted("words of others reach screens and logs as they came", "tests/domain/test_plain_text.py")
def words_of_others_command() -> None:
    import domain.plain_text

    domain.plain_text.plain_lines = lambda text: text


@planted("a settings file is taken from the working folder whoever can write it",
         "tests/attacks/test_working_folder.py"
         "::test_a_settings_file_that_others_can_write_is_refused")  # fmt: skip
def any_settings_file_is_ours() -> None:
    import settings_sources

    original = settings_sources.trusted_bytes

    def trusting(path: Path, *, named: bool = False) -> bytes | None:
        return original(path, named=True)

    settings_sources.trusted_bytes = trusting


@planted("a delivery of nobody is silent", "tests/store/test_unmatched.py")
def deliveries_of_nobody_are_silent() -> None:
    async def none(*_: Any, **__: Any) -> list[Any]:
        return []

    store.inbox.Inbox.unmatched = none  # type: ignore[method-assign]
