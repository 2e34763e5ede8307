"""The codec endpoint: it opens payloads for the Temporal UI and CLI, for users who may see them.

It shows every payment in the clear, so each request needs the token. The Temporal UI can only be
given an address and cannot send a header of ours, so the token may be the first part of the path.
Pages of other sites are refused even with the token. With `only_user`, other users of this machine
are refused too, because the UI shows its settings, and so this address, to all of them.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from typing import Final

from google.protobuf import json_format
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.converter import WorkflowSerializationContext

from activities.messages import ResourceRef
from domain.ids import workflow_id
from starter.codec import ENCODING, REFUSED, EncryptionCodec
from starter.converter import TYPE
from starter.peer import user_of
from store.keyring import Keyring, MissingKey

#: The UI sends one event at a time, and the server limits an event's size.
_BODY_BYTES_MAX: Final = 8 * 1024 * 1024
_JSON: Final = b"json/plain"


class _Ids(BaseModel):
    """The ids of a payment, and not all arguments of its run: the attempts that a run has seen can
    halt everything, so nobody outside may name them."""

    model_config = ConfigDict(extra="forbid")

    tenant: str
    resource_id: str


class _NotSealable(ValueError):
    """This payload is not sealed for somebody outside."""


class _TooLong(ValueError):
    """The body is longer than any event of Temporal."""


def codec_endpoint(
    keyring: Keyring,
    *,
    token: str,
    ui_origins: Collection[str],
    only_user: int | None = None,
) -> Starlette:
    """An application with `POST /decode` and `POST /encode`, also below `/TOKEN`.

    Args:
        keyring: opens and seals the payloads.
        token: sent in the path, or as `Authorization: Bearer TOKEN`.
        ui_origins: origins of web pages that may ask. Other programs send no origin.
        only_user: id of the only user of this machine who may ask; None: not checked.
    """
    asked = _Asked(keyring, token, ui_origins, only_user)
    return Starlette(
        routes=[
            Route(f"{path}/{verb}", answer, methods=["POST"])
            for path in ("", "/{token}")
            for verb, answer in (("decode", asked.decode), ("encode", asked.encode))
        ],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=list(ui_origins),
                allow_methods=["POST"],
                allow_headers=["content-type", "x-namespace", "authorization"],
                allow_credentials=True,
            )
        ],
    )


class _Asked:
    """Answers the two requests, and checks who may make them."""

    def __init__(
        self, keyring: Keyring, token: str, ui_origins: Collection[str], only_user: int | None
    ) -> None:
        self._codec = EncryptionCodec(keyring)
        self._token = token
        self._ui_origins = frozenset(ui_origins)
        self._only_user = only_user

    async def decode(self, request: Request) -> Response:
        """Open payloads. If one cannot be opened, the reason is shown in its place."""
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            payloads = await _payloads(request)
        except _TooLong as error:
            return JSONResponse({"message": str(error)}, 413)
        except (json_format.ParseError, UnicodeDecodeError):
            return JSONResponse({"message": "the body is not a JSON list of payloads"}, 400)
        return _answer([await self._opened(payload) for payload in payloads])

    async def encode(self, request: Request) -> Response:
        """Seal the ids of payments, and nothing else, for somebody who starts a run by hand.

        Only workers seal payloads that say anything about money. Otherwise the token, which is
        meant for reading, would be enough to write a step's result.
        """
        if (refusal := self._refusal(request)) is not None:
            return refusal
        try:
            payloads = await _payloads(request)
            return _answer([await self._sealed(payload) for payload in payloads])
        except _TooLong as error:
            return JSONResponse({"message": str(error)}, 413)
        except _NotSealable as error:
            return JSONResponse({"message": str(error)}, 422)
        except (json_format.ParseError, UnicodeDecodeError):
            return JSONResponse({"message": "the body is not a JSON list of payloads"}, 400)

    def _refusal(self, request: Request) -> Response | None:
        origin = request.headers.get("origin")
        if origin is not None and origin not in self._ui_origins:
            return JSONResponse({"message": "this page may not read payments"}, 403)
        given = request.path_params.get("token")
        if given is None:
            scheme, _, given = request.headers.get("authorization", "").partition(" ")
            given = given.strip() if scheme.lower() == "bearer" else ""
        if not hmac.compare_digest(given.encode(), self._token.encode()):
            why = "the token is missing or wrong; `finality codec` and `finality up` print it"
            return JSONResponse({"message": why}, 401)
        if self._only_user is not None and user_of(request) != self._only_user:
            return JSONResponse({"message": "another user of this machine runs this"}, 403)
        return None

    async def _opened(self, payload: Payload) -> Payload:
        if payload.metadata.get("encoding") != ENCODING:
            return payload  # Not sealed, such as a search attribute.
        try:
            [opened] = await self._codec.decode([payload])
        except MissingKey as error:
            return _text(str(error))
        if opened.metadata["encoding"] == REFUSED:
            return _text(opened.data.decode())
        return opened

    async def _sealed(self, payload: Payload) -> Payload:
        try:
            ids = _Ids.model_validate_json(payload.data, strict=True)
        except ValidationError:
            raise _NotSealable(
                'only the ids of a payment are sealed here, as {"tenant": …, "resource_id": …}'
            ) from None
        ref = ResourceRef(tenant=ids.tenant, resource_id=ids.resource_id)
        run = WorkflowSerializationContext("", workflow_id(ref.tenant, ref.resource_id))
        clear = Payload(
            metadata={"encoding": _JSON, TYPE: ResourceRef.__name__.encode()},
            data=ref.model_dump_json().encode(),
        )
        [sealed] = await self._codec.with_context(run).encode([clear])
        return sealed


async def _payloads(request: Request) -> list[Payload]:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > _BODY_BYTES_MAX:
            raise _TooLong(f"more than {_BODY_BYTES_MAX // 1024**2} MiB are refused")
    return list(json_format.Parse(bytes(body), Payloads()).payloads)


def _answer(payloads: list[Payload]) -> Response:
    body = json_format.MessageToJson(Payloads(payloads=payloads))
    return Response(body, media_type="application/json")


def _text(text: str) -> Payload:
    return Payload(metadata={"encoding": _JSON}, data=json.dumps(text).encode())
