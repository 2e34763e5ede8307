"""How notifications to each target are signed."""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta

from simulators.kit import targets as kit

#: Notification version -> content type, by which the two versions differ.
CONTENT_TYPES = {"2021-01-01": "text/plain", "2021-02-01": "application/json"}

_ENCODINGS = ("hex", "base64")
_DIGESTS = ("sha256", "sha384", "sha512")


@dataclass(frozen=True)
class Target(kit.Target):
    """One URL to which every notification is sent.

    Attributes:
        secret: signs; without one, the key of `contacts/generate_hmac_key` does.
        timestamp_header: has Unix seconds, signed as `seconds.body`; Currencycloud has none.
    """

    header: str = "x-hmac-digest-sha-512"
    encoding: str = "hex"
    digest: str = "sha512"
    version: str = "2021-02-01"
    timestamp_header: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for value, known in (
            (self.encoding, _ENCODINGS),
            (self.digest, _DIGESTS),
            (self.version, tuple(CONTENT_TYPES)),
        ):
            if value not in known:
                raise ValueError(f"not one of {', '.join(known)}: {value!r}")

    @property
    def is_dated(self) -> bool:
        return bool(self.timestamp_header)

    def headers(self, content: bytes, secret: str, now: datetime, age: timedelta) -> dict[str, str]:
        """The headers of one delivery, signed with `secret` and dated `age` before now."""
        headers = {"content-type": CONTENT_TYPES[self.version], "user-agent": "Ruby"}
        signed = content
        if self.timestamp_header:
            seconds = str(int((now - age).timestamp()))
            headers[self.timestamp_header] = seconds
            signed = seconds.encode() + b"." + content
        mac = hmac.digest(secret.encode(), signed, self.digest)
        is_hex = self.encoding == "hex"
        headers[self.header] = mac.hex() if is_hex else base64.b64encode(mac).decode()
        return headers
