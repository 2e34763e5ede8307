"""Connecting to Temporal. If that fails, the error names the cause and what to set or to type.

The SDK raises one error for everything, with the text of its libraries. It also waits without end
for a server that accepts the connection but never speaks TLS, so the whole connect has a timeout.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.envconfig import ClientConfig
from temporalio.plugin import SimplePlugin
from temporalio.service import RPCError, RPCStatusCode

from starter.away import TemporalAway
from workflows.attributes import SEARCH_ATTRIBUTES

_CONNECT_TIMEOUT: Final = timedelta(seconds=3)
_WHOLE_TIMEOUT: Final = timedelta(seconds=8)
_ASK_TIMEOUT: Final = timedelta(seconds=5)
_LOCAL: Final = "localhost:7233"

#: A server that closes at once says nothing about its TLS alert. This is the most likely cause.
_CLIENT_CERTIFICATE: Final = (
    "the server ended the connection after TLS began: it wants a client certificate, or does not "
    "accept ours; set TEMPORAL_TLS_CLIENT_CERT_PATH and TEMPORAL_TLS_CLIENT_KEY_PATH to one that "
    "its authority signed"
)
_WANTS_TLS: Final = "the server ended the connection: it may want TLS; set TEMPORAL_TLS=true"
#: A pattern of the SDK's error -> the cause and the remedy. The first that matches counts.
_CAUSES: Final = (
    (
        r"InvalidCertificate\((UnknownIssuer|BadSignature)",
        "the server's certificate is not signed by a trusted authority; set "
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH to the file of the authority that signed it",
    ),
    (
        r"InvalidCertificate\(Expired",
        "the server's certificate has expired; have it renewed, or correct this machine's clock "
        "if that is ahead",
    ),
    (
        r"InvalidCertificate\(NotValidYet",
        "the server's certificate is not valid yet; correct this machine's clock if that is behind",
    ),
    (
        r"InvalidCertificate\(NotValidForName",
        "the server's certificate is for other names; set TEMPORAL_TLS_SERVER_NAME to one of them "
        "if it is the right server",
    ),
    (r"InvalidCertificate", "the server's certificate is not accepted; have it replaced"),
    (r"InvalidContentType|CorruptMessage", "the server speaks no TLS; unset TEMPORAL_TLS"),
    (
        r"Unauthenticated|PermissionDenied",
        "the server refused our login; set TEMPORAL_API_KEY to a key for this namespace",
    ),
    (r"dns error", "there is no machine of this name; set TEMPORAL_ADDRESS to the server's"),
    (
        r"private key|client cert|PEM|InvalidPrivateKey|KeyMismatch",
        "our client certificate or its key cannot be used; look at TEMPORAL_TLS_CLIENT_CERT_PATH "
        "and TEMPORAL_TLS_CLIENT_KEY_PATH",
    ),
)


async def connected(address: str | None, plugins: Sequence[SimplePlugin]) -> Client:
    """A client by Temporal's own profile. Its namespace exists, unless we may not ask for it.

    Args:
        address: replaces the profile's address; None keeps it.
        plugins: of the client.

    Raises:
        TemporalAway: the server cannot be used. The text names address, cause and remedy.
    """
    options = _options(address)
    where, has_tls = options["target_host"], bool(options.get("tls"))
    try:
        async with asyncio.timeout(_WHOLE_TIMEOUT.total_seconds()):
            client = await Client.connect(
                **options, plugins=plugins, connect_timeout=_CONNECT_TIMEOUT
            )
    except TimeoutError:
        speaks = "TLS" if has_tls else "gRPC without TLS"
        raise TemporalAway(
            f"the server at {where} does not answer in {speaks}; check that it is a Temporal server"
            f", and {'unset' if has_tls else 'set'} TEMPORAL_TLS if it uses the other one"
        ) from None
    except (RuntimeError, ValueError) as error:
        raise TemporalAway(_why(str(error), where, has_tls=has_tls)) from error
    await _require_namespace(client, where)
    return client


def profile_file() -> str:
    """The file the Temporal profile is read from, in words for people."""
    named = os.environ.get("TEMPORAL_CONFIG_FILE")
    return named or "temporal.toml of this user's configuration folder, if there is one"


def _options(address: str | None) -> dict[str, Any]:
    try:
        options: dict[str, Any] = dict(ClientConfig.load_client_connect_config())
    except (RuntimeError, ValueError, OSError) as error:
        raise TemporalAway(
            f"the Temporal profile cannot be read: {error}; look at {profile_file()}, and at the "
            "variables TEMPORAL_*"
        ) from error
    if address:
        options["target_host"] = address
    options.setdefault("target_host", _LOCAL)
    tls = options.get("tls")
    for name in ("server_root_ca_cert", "client_cert", "client_private_key"):
        path = getattr(tls, name, None)
        if isinstance(path, str | Path) and not Path(path).is_file():
            raise TemporalAway(f"the file {path} of the Temporal profile's TLS does not exist")
    return options


def _why(said: str, where: str, *, has_tls: bool) -> str:
    for pattern, words in _CAUSES:
        if re.search(pattern, said):
            return f"Temporal at {where}: {words}"
    if "after connection" in said:
        # We reached the server, and it ended the connection.
        return f"Temporal at {where}: {_CLIENT_CERTIFICATE if has_tls else _WANTS_TLS}"
    return (
        f"no Temporal server answers at {where}; start one with `finality up`, or set "
        "TEMPORAL_ADDRESS"
    )


async def _require_namespace(client: Client, where: str) -> None:
    request = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        await client.workflow_service.describe_namespace(request, timeout=_ASK_TIMEOUT)
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            raise TemporalAway(
                f"Temporal at {where} has no namespace {client.namespace!r}; set "
                "TEMPORAL_NAMESPACE, or make it: temporal operator namespace create --address "
                f"{where} --namespace {client.namespace}"
            ) from None
        if error.status in (RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED):
            raise TemporalAway(f"Temporal at {where} does not answer: {error.message}") from error
        # Some logins may run workflows but not describe the namespace.


async def missing_search_attributes(client: Client) -> str | None:
    """The command that creates missing search attributes; None if none is missing or if unknown."""
    try:
        answer = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace), timeout=_ASK_TIMEOUT
        )
    except RPCError:
        return None  # Temporal Cloud uses another API, and some logins have no right to ask.
    if not (missing := sorted(set(SEARCH_ATTRIBUTES) - set(answer.custom_attributes))):
        return None
    options = " ".join(f"--name {name} --type {SEARCH_ATTRIBUTES[name]}" for name in missing)
    return (
        f"temporal operator search-attribute create --address "
        f"{client.service_client.config.target_host} --namespace {client.namespace} {options}"
    )
