"""Settings of one of our accounts with Currencycloud."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from partners.kit.account import PartnerAccount, Time


class WebhookSigning(BaseModel):
    """How Currencycloud signs what it delivers to one of our accounts.

    While a secret is being changed, give both: a signature by either is accepted. Name the
    timestamp's header only if the partner signs the timestamp too, as `timestamp.body`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[Annotated[SecretStr, Field(min_length=16)], ...] = Field(min_length=1)
    """the secret in use, and during a change also the other one; each at least 16 characters"""
    # The header in which their guide "Inbound Funds / Collections" shows the HMAC, in hexadecimal
    # digits. The reference has neither the name nor the encoding, so both are settings.
    header: str = "x-hmac-digest-sha-512"
    """the header with the signature"""
    encoding: Literal["hex", "base64"] = "hex"
    """how the signature is encoded"""
    digest: Literal["sha256", "sha384", "sha512"] = "sha512"
    """the hash function of the HMAC"""
    version: Literal["2021-01-01", "2021-02-01"] = "2021-02-01"
    """the version of notifications that is set for our account at the partner"""
    timestamp_header: str | None = None
    """the header with the time of the delivery, if the partner signs it"""
    tolerance: Time = timedelta(minutes=5)
    """how much a signed time may differ from our clock"""


class Account(PartnerAccount):
    """One of our accounts with Currencycloud: where it is and how to log in.

    `simulated` says that no real money is behind it; only then may a file's dates be shifted
    with `--as-of`. The times override the partner's profile, for simulators and tests.
    """

    login_id: str
    """the login, as the partner gave it"""
    former_login_ids: tuple[str, ...] = ()
    """earlier logins of the same customer; payments accepted with them go on with the new one"""
    api_key: SecretStr
    """the API key, as the partner gave it"""
    webhooks: WebhookSigning | None = None
    """how webhooks are signed; without it none is accepted, and changes are found by reads alone"""

    @property
    def login(self) -> str:
        """The login at its host: at another, the same name has tokens and refusals of its own."""
        return f"{self.login_id} at {self.base_url}"

    @property
    def webhook_secrets(self) -> tuple[SecretStr, ...]:
        return self.webhooks.secrets if self.webhooks else ()
