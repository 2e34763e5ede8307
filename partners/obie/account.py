"""Settings of one of our accesses to a bank over the UK Open Banking Read/Write API."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import Field, field_validator

from partners.kit.account import Time
from partners.kit.certified import CertifiedAccount
from transport.address import checked_address


class ObieAccount(CertifiedAccount):
    """One of our accesses to a bank, which knows us by our client id, certificate and keys."""

    client_id: str = Field(min_length=1)
    """ours at the bank's authorisation server"""
    organisation: str = Field(min_length=1)
    """what our message signatures name as their issuer: organisation and software statement id
    (`ORG-ID/SSA-ID`), or the subject of the signing certificate"""
    signing_key: Path
    """PEM file of our private signing key (RSA), without a passphrase"""
    signing_key_id: str = Field(min_length=1)
    """the key's `kid` in the key set that we registered"""
    issuer: str | None = None
    """address of the bank's authorisation server; without it `base_url`"""
    names_itself: bool = True
    """the bank sends its own name (`iss`) with each user that it leads back, as RFC 9207 says; a
    callback without it is refused then"""
    version: Literal["v3.1.11", "v4.0.1"] = "v4.0.1"
    """the bank's version of the API"""
    api: str = "/open-banking"
    """the path before the version"""
    client_authentication: Literal["private_key_jwt", "tls_client_auth"] = "private_key_jwt"
    """how we authenticate to the token endpoint, as registered"""
    trust_anchor: str = "openbanking.org.uk"
    """the domain that vouches for the signing keys, in our signatures and the bank's"""
    bank_signs: bool = True
    """the bank signs its answers about payments; one without a right signature is not believed"""
    checks_funds: bool = False
    """ask the bank whether the payer has the funds before a payment is submitted"""
    user_acts_within: Time = timedelta(minutes=30)
    """how long a link to the bank's page is offered before a new one is made; an hour at most"""

    @field_validator("issuer")
    @classmethod
    def _server(cls, given: str | None) -> str | None:
        if given is not None:
            checked_address(given)
        return given

    @field_validator("user_acts_within")
    @classmethod
    def _within_an_hour(cls, given: timedelta) -> timedelta:
        # FAPI 1.0 Advanced, 5.2.3: a request object lives 60 minutes at most.
        if not timedelta(0) < given <= timedelta(hours=1):
            raise ValueError("it is not between 0 and an hour; banks refuse older requests")
        return given

    @property
    def issuer_name(self) -> str:
        """The authorisation server as it calls itself, to the letter."""
        return self.issuer or self.base_url

    @property
    def authorisation_server(self) -> str:
        """Its address, to which paths are added."""
        return self.issuer_name.rstrip("/")

    @property
    def issuer_in_callbacks(self) -> str | None:
        """The `iss` that every callback has to have; None if the bank sends none."""
        return self.issuer_name if self.names_itself else None

    @property
    def is_v3(self) -> bool:
        return self.version.startswith("v3")

    def path(self, service: str, *parts: str) -> str:
        """The path of a resource of `pisp` or `aisp`. Ids in it are quoted by the caller."""
        version = "v3.1" if self.is_v3 else "v4.0"
        return "/".join((self.api.rstrip("/"), version, service, *parts))

    @property
    def login(self) -> str:
        """Who we are at this bank. Certificates and keys are renewed; our client id stays."""
        return f"{self.client_id} at {self.base_url}"
