"""The process behind a Temporal UI elsewhere: it opens payloads for those who have its token."""

from __future__ import annotations

import logging
import os
import secrets
import sys
from ipaddress import ip_address

from domain.explained import Explained
from process import stop_on_signals
from serving import served
from settings import Settings
from starter.codec_endpoint import codec_endpoint
from starter.peer import can_tell_users
from store.keyring import Keyring

log = logging.getLogger("finality.codec")


class CodecUnguarded(Explained):
    """Others than this machine could ask it, and no token is set; the text says what to do."""


async def show_payloads(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; the exit code.

    Raises:
        CodecUnguarded: it would listen beyond this machine without a token.
        PortTaken: another program listens there.
    """
    stop = stop_on_signals()
    host, port, given = settings.codec_host, settings.codec_port, settings.codec_token
    if given is None and not _is_loopback(host):
        raise CodecUnguarded(
            f"{host} can be reached from other machines, and everybody there could read every "
            "payment: set FINALITY_CODEC_TOKEN, or a file of that name in FINALITY_SECRETS_DIR, "
            "to 24 characters or more"
        )
    token = given.get_secret_value() if given else secrets.token_urlsafe(24)
    only_user = os.getuid() if given is None and can_tell_users() else None
    application = codec_endpoint(
        Keyring.read(settings.keyring),
        token=token,
        ui_origins=settings.codec_ui_origins,
        only_user=only_user,
    )
    async with served(application, host=host, port=port) as taken:
        pages = ", ".join(settings.codec_ui_origins) or "no address: set codec_ui_origins"
        log.info("payloads are decrypted at %s:%d for pages of %s", host, taken, pages)
        if given is None:  # Printed and not logged: logs are kept.
            sys.stdout.write(f"http://{host}:{taken}/{token}\n")
            sys.stdout.flush()
        await stop.wait()
    return 0


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
