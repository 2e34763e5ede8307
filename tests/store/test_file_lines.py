"""Files are kept line by line, the refused ones too, and read as their payments now stand."""

from __future__ import annotations

from decimal import Decimal

from store.file_lines import FileHeader, FileLines, KeptLine, LineRefusal
from store.files import Files
from tests.clock import SteppedClock
from tests.store.books import KEYRING, Store

_HEADER = FileHeader(
    initiating_party="Initiator GmbH",
    version="pain.001.001.09",
    created_at=None,
    count=2,
    control_sum=Decimal("2.50"),
)
_REFUSED = LineRefusal(code="AC02", field="PmtInf/DbtrAcct", text="is not mapped")


def _line(position: int, *refusals: LineRefusal) -> KeptLine:
    key = None if refusals else f"file/{position}"
    return KeptLine(
        position=position, payment_information_id="B-1", end_to_end_id=f"END-{position}",
        instruction_id="", uetr="", amount_minor=125, currency="EUR", payment_key=key,
        refusals=refusals,
    )  # fmt: skip


async def _kept(store: Store, clock: SteppedClock, *lines: KeptLine) -> FileLines:
    await Files(store.database).take(
        ["shop"], file_key="f", fingerprint="p", message_id="MSG-1", now=clock.now()
    )
    files = FileLines(store.database, KEYRING)
    await files.keep("shop", "f", message_id="MSG-1", header=_HEADER, lines=lines)
    return files


async def test_a_file_is_read_as_it_was_kept(store: Store, clock: SteppedClock) -> None:
    lines = (_line(1), _line(2, _REFUSED))
    files = await _kept(store, clock, *lines)
    (file,) = await files.files(message_id="MSG-1")
    assert (file.tenant, file.header) == ("shop", _HEADER)
    assert tuple(now.line for now in await files.lines(file)) == lines
    assert await files.files(message_id="MSG-2") == []


async def test_more_lines_than_a_batch_keep_their_order(store: Store, clock: SteppedClock) -> None:
    files = await _kept(store, clock, *map(_line, range(1, 2503)))
    (file,) = await files.files()
    positions = [now.line.position for now in await files.lines(file)]
    assert positions == list(range(1, 2503))


async def test_kept_again_a_line_is_as_it_was_judged_last(
    store: Store, clock: SteppedClock
) -> None:
    await _kept(store, clock, _line(1, _REFUSED))
    files = await _kept(store, clock, _line(1))
    (file,) = await files.files()
    (now,) = await files.lines(file)
    assert now.line.refusals == ()


async def test_what_people_wrote_is_not_in_the_clear(store: Store, clock: SteppedClock) -> None:
    await _kept(store, clock, _line(1, _REFUSED))
    assert b"END-1" not in store.kept()
    assert b"Initiator GmbH" not in store.kept()
