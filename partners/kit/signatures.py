"""Deliveries signed with an HMAC, and how old they may be."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

from pydantic import SecretStr

from domain.lifecycle.answers import WebhookRefused

Encoding = Literal["hex", "base64"]
Digest = Literal["sha256", "sha384", "sha512"]


def verify(
    signed: bytes,
    claims: Iterable[str],
    secrets: Sequence[SecretStr],
    *,
    digest: Digest,
    encoding: Encoding,
) -> None:
    """Check that one of the signatures was made with one of our secrets.

    While a secret is replaced, both the old and the new one count, and a partner may send one
    signature for each.

    Args:
        signed: the raw bytes that the partner signs.
        claims: the signatures as they came, in `encoding`.

    Raises:
        WebhookRefused: no signature fits, or none is in the encoding.
    """
    given = [each for claim in claims if (each := _decoded(claim.strip(), encoding)) is not None]
    if not given:
        raise WebhookRefused(f"the signature is not {encoding}")
    # All are tried even after one fits, so that the time taken reveals nothing.
    fits = [
        hmac.compare_digest(hmac.digest(secret.get_secret_value().encode(), signed, digest), each)
        for secret in secrets
        for each in given
    ]
    if not any(fits):
        raise WebhookRefused("the signature was made with none of our secrets")


def check_age(text: str, name: str, now: datetime, tolerance: timedelta) -> None:
    """Check a signed timestamp. One too far in the future is refused like an old one.

    Args:
        text: the moment in Unix seconds, as it was signed.
        name: what the partner calls the timestamp, for the error.

    Raises:
        WebhookRefused: not a moment, or further away than `tolerance`.
    """
    try:
        at = datetime.fromtimestamp(int(text), UTC)
    except (ValueError, OverflowError, OSError):
        raise WebhookRefused(f"{name} is not a moment in Unix seconds") from None
    if abs(now - at) > tolerance:
        raise WebhookRefused(f"stale: {name} is {(now - at).total_seconds():.0f} s away")


def _decoded(text: str, encoding: Encoding) -> bytes | None:
    """The decoded signature; None if the text is not in that encoding."""
    try:
        return bytes.fromhex(text) if encoding == "hex" else base64.b64decode(text, validate=True)
    except ValueError:
        return None
