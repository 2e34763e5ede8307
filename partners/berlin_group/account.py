"""Settings of one of our accesses to a bank over NextGenPSD2, and how that bank differs."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from partners.kit.account import Time
from partners.kit.certified import CertifiedAccount, Page


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


class BerlinGroupAccount(CertifiedAccount):
    """One of our accesses to a bank. A bank lets in clients by their certificate (QWAC)."""

    tpp_id: str = Field(min_length=1)
    """our authorisation number, as in the client certificate (`PSDDE-BAFIN-123456`)"""
    our_ip_address: str
    """sent as `PSU-IP-Address`, since payments are sent when the payer's own is not known"""
    refused_redirect_uri: Page | None = None
    """where the bank leads the payer back after a refusal; without it `redirect_uri`"""
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

    @property
    def login(self) -> str:
        """Who we are at this bank. A certificate is renewed; our number stays."""
        return f"{self.tpp_id} at {self.base_url}"
