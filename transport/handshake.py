"""Whether a partner lets us in: a TLS handshake without a request.

Under TLS 1.3 the server judges our certificate only after our side of the handshake is over. A
refusal then arrives when the request has already been written. So the first request is preceded by
a handshake of its own, which waits for the server's word.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final
from urllib.parse import SplitResult

_PORT: Final = 443
#: A server that accepts us sends a session ticket at once, or says nothing for so long.
_QUIET_SECONDS: Final = 1.0
_LOOK_EVERY_SECONDS: Final = 0.02
#: What a server means by the alert with which it ends a handshake (RFC 8446, 6.2). It is sent
#: before the server reads any request.
_ALERTS: Final = {
    "CERTIFICATE_REQUIRED": "it requires a client certificate, and got none",
    "UNKNOWN_CA": "it does not know the authority of our client certificate",
    "CERTIFICATE_EXPIRED": "our client certificate has expired",
    "CERTIFICATE_REVOKED": "our client certificate is revoked",
    "CERTIFICATE_UNKNOWN": "it does not accept our client certificate",
    "BAD_CERTIFICATE": "our client certificate is damaged, or has a wrong signature",
    "UNSUPPORTED_CERTIFICATE": "it does not support our kind of client certificate",
    "ACCESS_DENIED": "our client certificate has no access there",
    "HANDSHAKE_FAILURE": "the two sides agree on no way to connect, or it wants another "
    "client certificate",
}


def refused_by_alert(error: BaseException | None) -> str | None:
    """What the partner objects to, if this error is its refusal of our certificate in TLS."""
    while error is not None:
        if isinstance(error, ssl.SSLError) and error.reason:
            _, is_alert, name = error.reason.partition("ALERT_")
            if is_alert and name in _ALERTS:
                return f"the partner refused the TLS connection: {_ALERTS[name]}"
        error = error.__cause__ or error.__context__
    return None


async def refusal(address: SplitResult, context: ssl.SSLContext, seconds: float) -> str | None:
    """Why TLS does not come about; None if the server accepts us. No request is sent."""
    host = address.hostname or ""
    writer: asyncio.StreamWriter | None = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(
                host, address.port or _PORT, ssl=context, server_hostname=host
            )
            await _heard(reader, writer)
    except ssl.SSLCertVerificationError as error:
        return (
            f"the partner's certificate is not trusted: {error.verify_message}. If its authority "
            "is a private one, name its file in `authorities`"
        )
    except TimeoutError:
        return f"no TLS connection within {seconds:g} seconds"
    except EOFError:
        return "the partner closed the TLS connection; it may not accept our client certificate"
    except OSError as error:
        return refused_by_alert(error) or f"no TLS connection: {type(error).__name__}: {error}"
    finally:
        if writer is not None:
            writer.transport.abort()
    return None


async def _heard(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Wait until the server has judged our certificate.

    Raises:
        EOFError: the server closed the connection.
        OSError: the server refused, in TLS or by a reset.
    """
    secured: ssl.SSLObject = writer.get_extra_info("ssl_object")
    reading = asyncio.create_task(reader.read(1))
    try:
        for _ in range(int(_QUIET_SECONDS / _LOOK_EVERY_SECONDS)):
            done, _ = await asyncio.wait([reading], timeout=_LOOK_EVERY_SECONDS)
            if done and not reading.result():
                raise EOFError("the server closed the connection")
            session = secured.session
            if done or (session is not None and session.has_ticket):
                return
    finally:
        reading.cancel()
