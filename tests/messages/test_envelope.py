"""A message in its envelope is read where the header and the message agree."""

from __future__ import annotations

import pytest

from messages.credit_transfer import FileRefused
from messages.pain001 import read
from tests.messages.files import Block, pain001, transfer

HEAD = "urn:iso:std:iso:20022:tech:xsd:head.001.001.02"
MESSAGE = pain001(Block([transfer(), transfer("20.00")]), before="").decode()
SAYS = "<MsgDefIdr>pain.001.001.09</MsgDefIdr>"


def header(says: str = SAYS, namespace: str = HEAD) -> str:
    return f'<AppHdr xmlns="{namespace}"><Fr><OrgId/></Fr>{says}</AppHdr>'


def envelope(inside: str, root: str = 'Envelope xmlns="urn:swift:xsd:envelope"') -> bytes:
    return f"<{root}>\n{inside}\n</{root.partition(' ')[0]}>".encode()


@pytest.mark.parametrize("root", ['Envelope xmlns="urn:swift:xsd:envelope"', "Envelope", "Msg"])
def test_it_reads_as_without(root: str) -> None:
    inside, alone = read(envelope(header() + MESSAGE, root)), read(MESSAGE.encode())
    assert (inside.message_id, inside.version) == (alone.message_id, alone.version)
    assert inside.control_sum == alone.control_sum
    assert [line.refusals for line in inside.lines] == [(), ()]
    assert [line.end_to_end_id for line in inside.lines] == ["E-1", "E-1"]


@pytest.mark.parametrize(
    ("field", "inside"),
    [
        ("AppHdr/MsgDefIdr", header(SAYS.replace("09", "03")) + MESSAGE),
        ("AppHdr/MsgDefIdr", header("") + MESSAGE),
        ("AppHdr/CpyDplct", header(f"{SAYS}<CpyDplct>COPY</CpyDplct>") + MESSAGE),
        ("AppHdr/CpyDplct", header(f"{SAYS}<CpyDplct>CODU</CpyDplct>") + MESSAGE),
        ("AppHdr", header(namespace="urn:other") + MESSAGE),
        ("Envelope", MESSAGE),
        ("Envelope", header()),
        ("AppHdr", header() + header() + MESSAGE),
        ("AppHdr", header() + MESSAGE + header()),
        ("Document", header() + MESSAGE + MESSAGE),
        ("Other", header() + "<Other/>" + MESSAGE),
        ("AppHdr", header() + f"<Inner>{MESSAGE}</Inner>"),
    ],
)
def test_what_is_not_one_header_and_its_message_is_refused(field: str, inside: str) -> None:
    with pytest.raises(FileRefused) as caught:
        read(envelope(inside))
    assert caught.value.code == "FF01"
    assert caught.value.field == ("Inner" if "<Inner>" in inside else field)
    assert caught.value.text


def test_a_duplicate_is_known_by_its_message_id_and_read() -> None:
    says = f"{SAYS}<CpyDplct>DUPL</CpyDplct><PssblDplct>true</PssblDplct>"
    assert len(read(envelope(header(says) + MESSAGE)).lines) == 2


def test_text_in_an_envelope_is_refused() -> None:
    with pytest.raises(FileRefused):
        read(envelope(f"pay{header()}{MESSAGE}"))


@pytest.mark.parametrize("length", range(0, len(envelope(header() + MESSAGE)), 100))
def test_an_envelope_cut_short_pays_nothing(length: int) -> None:
    with pytest.raises(FileRefused):
        read(envelope(header() + MESSAGE)[:length])
