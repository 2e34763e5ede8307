"""Settings of an access to a bank that lets in clients by their certificate."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from partners.kit.account import PartnerAccount
from transport.address import is_page
from transport.identity import Identity


def _page(given: str) -> str:
    if not is_page(given):
        raise ValueError("it is not an address of a page; give https://HOST/PATH")
    return given


#: The address of a page to which a bank leads its users back.
Page = Annotated[str, AfterValidator(_page)]


class CertifiedAccount(PartnerAccount):
    """One of our accesses to a bank. Over https, our client certificate opens it."""

    aspsp: str = Field(min_length=1)
    """the bank's name, for people"""
    redirect_uri: Page
    """where the bank leads the payer or user back; registered with the bank, if it wants that"""
    client_certificate: Path | None = None
    """PEM file of our client certificate and its chain; needed for https"""
    client_key: Path | None = None
    """PEM file of its private key, without a passphrase"""
    authorities: Path | None = None
    """PEM file of who vouches for the bank's server, if that is no public authority"""

    @model_validator(mode="after")
    def _identified(self) -> Self:
        if (self.client_certificate is None) != (self.client_key is None):
            raise ValueError("give both client_certificate and client_key, or none of them")
        if self.base_url.startswith("https") and self.client_certificate is None:
            raise ValueError(
                "client_certificate is missing: a bank lets in nobody without one; give the PEM "
                "files client_certificate and client_key"
            )
        return self

    @property
    def identity(self) -> Identity | None:
        """Our client certificate; None for a simulator over plain HTTP."""
        if self.client_certificate is None or self.client_key is None:
            return None
        return Identity(self.client_certificate, self.client_key, self.authorities)
