"""Settings of one of our accesses to a bank over NextGenPSD2, and how that bank differs."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from partners.kit.account import PartnerAccount, Time
from transport.address import is_page
from transport.identity import Identity


class Dialect(BaseModel):
    """How this bank differs from the specification, or which of its options it takes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    explicit_start: bool = False
    """an authorisation begins only when we start it"""
    shows_sca_status: bool = True
    """authorisations can be listed, and each has a `scaStatus`"""
    cancels: bool = True
    """payments can be cancelled by DELETE"""
    cancels_by_sca: bool = True
    """the payer may have to confirm a cancellation"""
    sends_date: bool = False
    """requests need a `Date` header"""
    sends_address_of_psu: bool = False
    """reads need `PSU-IP-Address` too, although the specification makes it optional"""
    needs_creditor_address: bool = False
    """initiations need the creditor's address, at least its country"""


class BerlinGroupAccount(PartnerAccount):
    """One of our accesses to a bank. A bank lets in clients by their certificate (QWAC)."""

    aspsp: str = Field(min_length=1)
    """the bank's name, for people"""
    tpp_id: str = Field(min_length=1)
    """our authorisation number, as in the client certificate (`PSDDE-BAFIN-123456`)"""
    our_ip_address: str
    """sent as `PSU-IP-Address`, since payments are sent when the payer's own is not known"""
    redirect_uri: str
    """where the bank leads the payer back after the approval page"""
    refused_redirect_uri: str | None = None
    """the same after a refusal; without it `redirect_uri`"""
    client_certificate: Path | None = None
    """PEM file of our client certificate and its chain; needed for https"""
    client_key: Path | None = None
    """PEM file of its private key, without a passphrase"""
    authorities: Path | None = None
    """PEM file of who vouches for the bank's server, if that is no public authority"""
    product: Literal["sepa-credit-transfers", "instant-sepa-credit-transfers"] = (
        "sepa-credit-transfers"
    )
    """the bank's payment product"""
    sca: Literal["redirect", "decoupled"] = "redirect"
    """the approach that we prefer; the bank may choose another"""
    psu_id: SecretStr | None = None
    """the payer's user name at the bank, where the bank wants it in the initiation"""
    psu_acts_within: Time = timedelta(minutes=30)
    """how long the payer may take to approve before the payment is cancelled"""
    dialect: Dialect = Dialect()
    """how the bank differs from the specification"""

    @field_validator("our_ip_address")
    @classmethod
    def _address(cls, given: str) -> str:
        try:
            return str(ip_address(given))
        except ValueError:
            raise ValueError("it is no IP address; give the one our requests come from") from None

    @field_validator("redirect_uri", "refused_redirect_uri")
    @classmethod
    def _page(cls, given: str | None) -> str | None:
        if given is not None and not is_page(given):
            raise ValueError("it is not an address of a page; give https://HOST/PATH")
        return given

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

    @property
    def login(self) -> str:
        """Who we are at this bank. A certificate is renewed; our number stays."""
        return f"{self.tpp_id} at {self.base_url}"
