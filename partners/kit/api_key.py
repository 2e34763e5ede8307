"""Credentials that never end: one key with every call."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import SecretStr


class ApiKey:
    """Implements `partners.kit.calls.Credentials`."""

    def __init__(
        self, key: SecretStr, *, header: str = "authorization", scheme: str = "Bearer "
    ) -> None:
        self._headers = {header: f"{scheme}{key.get_secret_value()}"}

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def refused(self, headers: Mapping[str, str]) -> None:
        """There is no other key to try. The partner's answer says that this one was refused."""
