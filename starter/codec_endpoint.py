"""The codec endpoint: shows payloads in clear to those who may reach it, for the Temporal UI."""

from __future__ import annotations

from google.protobuf import json_format
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from temporalio.api.common.v1 import Payloads

from starter.codec import EncryptionCodec
from store.keyring import Keyring, KeyringError


def codec_endpoint(keyring: Keyring, *, ui_origins: list[str]) -> Starlette:
    """An application with `POST /decode`, for the given UI addresses only.

    There is no `/encode`: nobody needs to write payloads from a browser. It has no login of its
    own, so it listens on this machine only, or stands behind one that has.
    """
    codec = EncryptionCodec(keyring)

    async def decode(request: Request) -> Response:
        try:
            payloads = json_format.Parse(await request.body(), Payloads())
            clear = await codec.decode(payloads.payloads)
        except (json_format.ParseError, UnicodeDecodeError):
            return JSONResponse({"message": "the body is not a JSON list of payloads"}, 400)
        except KeyringError as error:
            return JSONResponse({"message": str(error)}, 422)
        return Response(
            json_format.MessageToJson(Payloads(payloads=clear)), media_type="application/json"
        )

    return Starlette(
        routes=[Route("/decode", decode, methods=["POST"])],
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=ui_origins,
                allow_methods=["POST"],
                allow_headers=["content-type", "x-namespace", "authorization"],
                allow_credentials=True,
            )
        ],
    )
