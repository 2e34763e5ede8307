"""`/v1/files`: pain.001 files, whole."""

from __future__ import annotations

import asyncio
import hashlib
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from domain.card_numbers import shows_card_number
from domain.lifecycle.resource import Certainty
from domain.payments.report import PaymentState
from messages.credit_transfer import CreditTransferFile, FileRefused
from messages.pain001 import read
from messages.pain002 import Status
from starter.api.callers import IdempotencyKey, Limit, Pays, Reads
from starter.api.ordering import REPLAYED
from starter.api.parts import Parts
from starter.api.problems import FieldError, Problem, conflict, invalid, not_found
from starter.files.accepted import FileNow, NoSuchFile
from starter.files.intake import in_words
from starter.files.judging import FileTerms, Judged
from starter.files.outcome import Hindrance, NothingPaid
from starter.files.plan import file_key
from starter.files.status import line_status
from starter.files.unanswered import REUSED
from store.file_lines import KeptFile, LineNow
from store.file_requests import FileKeyReused

_CARD: Final = "shows a card number; use a number of your own"
#: Reasons that one answer lists; the others are counted.
_LISTED_MAX: Final = 200
_Acknowledge = Annotated[
    str, Query(description="ids of earlier payments that its lines do not repeat, with commas")
]
_SkipInvalid = Annotated[
    bool, Query(description="pay the other lines if some are refused or may be duplicates")
]
_WhichFile = Annotated[
    str | None, Query(description="the `file_key` of a file, if several have the message id")
]


class FileAnswer(BaseModel):
    """An accepted file."""

    id: str
    """Its message id."""
    file_key: str
    """Unique in the tenant. It stands for the sender and the message id together."""
    object: str = "file"
    initiating_party: str
    taken_at: datetime
    version: str
    count: int
    control_sum: Decimal


class LineAnswer(BaseModel):
    """A line of a file, and its payment if it has one."""

    position: int
    end_to_end_id: str
    amount_minor: int
    currency: str
    payment_id: str | None
    state: PaymentState | None
    certainty: Certainty | None
    status: Status
    """As a pain.002 reports it."""
    reasons: list[str]


class FileNowAnswer(FileAnswer):
    """An accepted file with every line as it now stands."""

    status: Status
    lines: list[LineAnswer]


class FilesAnswer(BaseModel):
    """The newest files."""

    data: list[FileAnswer]


def files(parts: Parts) -> APIRouter:
    """The routes of files."""
    router = APIRouter(prefix="/v1/files", tags=["files"])

    @router.post(
        "",
        status_code=201,
        operation_id="create_file",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/xml": {"schema": {"type": "string"}}},
            }
        },
    )
    async def create(
        request: Request,
        caller: Pays,
        key: IdempotencyKey,
        response: Response,
        skip_invalid: _SkipInvalid = False,
        acknowledge: _Acknowledge = "",
    ) -> FileNowAnswer:
        """Pay a pain.001 file. 200: the key was known; nothing is paid twice."""
        if shows_card_number(key):
            raise invalid([FieldError(pointer="/key", detail=_CARD)])
        body = await request.body()
        try:
            content: CreditTransferFile = await asyncio.to_thread(read, body)
        except FileRefused as refused:
            raise _unreadable(refused) from None
        tenant, print_of_body = caller.tenant, hashlib.sha256(body).hexdigest()
        try:
            taken = await parts.file_requests.take(
                tenant, key, fingerprint=print_of_body, message_id=content.message_id,
                file_key=file_key(content), now=parts.clock.now(),
            )  # fmt: skip
        except FileKeyReused as reused:
            raise conflict(
                "key-reused", "The key stands for another file", f"{reused}. Nothing was done.",
                id=reused.message_id,
            ) from None  # fmt: skip
        intake = parts.intake(tenant)
        terms = FileTerms(
            skip_invalid=skip_invalid,
            acknowledge=frozenset(each for each in acknowledge.split(",") if each),
        )
        judged = await intake.judge(content, terms)
        accepted = await intake.accept(judged, terms)
        if isinstance(accepted, NothingPaid):
            if taken.is_new and not judged.known:
                await parts.file_requests.release(tenant, key, print_of_body)
            raise _nothing_paid(accepted)
        broke_off = accepted.recorded.broke_off
        if broke_off is not None and not accepted.rest.refused:
            # Its own text is for the log, since it may name hosts of ours.
            raise broke_off.why
        if not taken.is_new:
            response.status_code = 200
        response.headers[REPLAYED] = str(not taken.is_new).lower()
        found = await _found(parts, tenant, taken.message_id, taken.file_key)
        return _now(found)

    @router.get("", operation_id="list_files")
    async def listed(caller: Reads, limit: Limit = 20) -> FilesAnswer:
        """The tenant's accepted files, the newest first."""
        found = await parts.accepted_files.newest(limit=limit, tenant=caller.tenant)
        return FilesAnswer(data=[FileAnswer(**_head(each)) for each in found])

    @router.get("/{message_id:path}", operation_id="get_file")
    async def get(message_id: str, caller: Reads, file_key: _WhichFile = None) -> FileNowAnswer:
        """One file, with every line as it now stands. 409: several have the message id."""
        return _now(await _found(parts, caller.tenant, message_id, file_key))

    return router


async def _found(
    parts: Parts, tenant: str, message_id: str, file_key: str | None = None
) -> FileNow:
    """The tenant's file with the message id. Two senders may use one message id.

    Raises:
        Problem: there is none, or several have the message id and no key tells which.
    """
    try:
        return await parts.accepted_files.find(message_id, tenant=tenant, file_key=file_key)
    except NoSuchFile as problem:
        if not problem.found:
            raise not_found("file", message_id) from None
        raise conflict(
            "several-files",
            "Several files have this message id",
            f"{len(problem.found)} files have the message id {message_id[:100]!r}. Ask again with "
            "?file_key= and the `file_key` of one of `files`.",
            files=[FileAnswer(**_head(each)).model_dump(mode="json") for each in problem.found],
        ) from None


def _head(file: KeptFile) -> dict[str, Any]:
    head = file.header
    return {
        "id": file.message_id,
        "file_key": file.file_key,
        "initiating_party": head.initiating_party,
        "taken_at": file.taken_at,
        "version": head.version,
        "count": head.count,
        "control_sum": head.control_sum,
    }


def _now(found: FileNow) -> FileNowAnswer:
    lines = [_line(each) for each in found.lines]
    return FileNowAnswer(**_head(found.file), status=found.whole, lines=lines)


def _line(now: LineNow) -> LineAnswer:
    status = line_status(now)
    return LineAnswer(
        position=now.line.position,
        end_to_end_id=now.line.end_to_end_id,
        amount_minor=now.line.amount_minor,
        currency=now.line.currency,
        payment_id=now.payment_id,
        state=now.payment.state if now.payment else None,
        certainty=now.payment.certainty if now.payment else None,
        status=status.status,
        reasons=[f"{each.code or each.proprietary} {each.text}" for each in status.reasons],
    )


def _unreadable(refused: FileRefused) -> Problem:
    error = FieldError(pointer="", detail=f"{refused.field} {refused.text}", code=refused.code)
    return Problem(
        422, "file-refused", "The file is refused", f"Nothing was stored. {refused}",
        errors=[error],
    )  # fmt: skip


def _nothing_paid(nothing: NothingPaid) -> Problem:
    judged, why = nothing.judged, in_words(nothing.why)
    if nothing.hindrance is Hindrance.REPEATS:
        ids = sorted({each for one in judged.repeats for each in one.duplicate.payment_ids})
        return conflict(
            "possible-duplicate",
            "Lines may be paid already",
            f"{why}. No line is paid. If they are meant besides, give "
            "?acknowledge= with these ids; ?skip_invalid=true leaves such lines out.",
            earlier=[{"id": each} for each in ids],
            acknowledge={"acknowledge": ",".join(ids)},
            needs_operator=any(one.duplicate.needs_operator for one in judged.repeats),
        )
    if nothing.why.code == REUSED:
        return conflict("file-taken", "Another file has this message id", f"{why}.",
                        id=judged.content.message_id)  # fmt: skip
    errors = _of_lines(judged)
    return Problem(
        422, "file-refused", "The file is refused", f"No line is paid: {why}.",
        errors=errors[:_LISTED_MAX], errors_left_out=max(len(errors) - _LISTED_MAX, 0),
    )  # fmt: skip


def _of_lines(judged: Judged) -> list[FieldError]:
    return [
        FieldError(pointer="", detail=f"line {position}: {each.text}", code=each.code or None)
        for position, reasons in sorted(judged.reasons.items())
        for each in reasons
    ]
