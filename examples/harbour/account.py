"""Settings of one of our accounts with Harbour Bank."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr

from partners.kit.account import PartnerAccount


class HarbourAccount(PartnerAccount):
    """One of our accounts with Harbour Bank: where it is, and how to log in."""

    client_id: str
    """who we are at the bank"""
    client_secret: SecretStr
    """the secret that gets a token, as the bank gave it"""
    webhook_secret: Annotated[SecretStr, Field(min_length=16)] | None = None
    """the secret that signs webhooks; without it none is accepted"""

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        return (self.webhook_secret,) if self.webhook_secret else ()
