"""Forms as browsers send them: bounded, each field once, and nothing of a file on the disk."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import FormParser, MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect, Request

from starter.evidence import EVIDENCE_BYTES_MAX

#: The bytes of a form without an evidence, and what its fields add to one with it.
FORM_BYTES_MAX: Final = 64 * 1024
EVIDENCE_FORM_BYTES_MAX: Final = EVIDENCE_BYTES_MAX + FORM_BYTES_MAX
_FIELD_BYTES_MAX: Final = 8 * 1024
_FIELDS_MAX: Final = 20
_WITHIN_SECONDS: Final = 60


@dataclass(frozen=True, repr=False)
class Form:
    """The fields of one form. A field that was not sent is empty."""

    fields: Mapping[str, str]
    files: Mapping[str, bytes]

    def text(self, name: str) -> str:
        """A field, without blanks around it."""
        return self.fields.get(name, "").strip()

    def secret(self, name: str) -> str:
        """A field exactly as it was typed."""
        return self.fields.get(name, "")

    def file(self, name: str) -> bytes:
        """The content of a file."""
        return self.files.get(name, b"")


async def form_of(request: Request) -> Form:
    """Read the form of a request.

    Raises:
        HTTPException: it is no form, malformed, or takes too long.
    """
    try:
        async with asyncio.timeout(_WITHIN_SECONDS):
            read = await _parsed(request)
    except TimeoutError:
        raise HTTPException(408, "The form took too long to arrive.") from None
    except (MultiPartException, ClientDisconnect, UnicodeDecodeError):
        raise HTTPException(400, "The form is malformed.") from None
    fields: dict[str, str] = {}
    files: dict[str, bytes] = {}
    for name, value in read.multi_items():
        if name in fields or name in files:
            raise HTTPException(400, "The form has a field twice.")
        if isinstance(value, UploadFile):
            files[name] = await value.read()
            await value.close()
        elif "\x00" in value:
            raise HTTPException(400, "The form has a field with U+0000.")
        else:
            fields[name] = value
    return Form(fields, files)


async def _parsed(request: Request) -> FormData:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    match kind:
        case "multipart/form-data":
            parser = MultiPartParser(
                request.headers,
                request.stream(),
                max_files=1,
                max_fields=_FIELDS_MAX,
                max_part_size=_FIELD_BYTES_MAX,
            )
            # A key file and evidence never lie on the disk in the clear.
            parser.spool_max_size = 2 * EVIDENCE_FORM_BYTES_MAX
            return await parser.parse()
        case "application/x-www-form-urlencoded":
            return await FormParser(request.headers, request.stream()).parse()
        case _:
            raise HTTPException(415, "This is not a form.")
