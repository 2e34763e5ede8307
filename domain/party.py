"""Who pays and who is paid, with a structured address."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class PostalAddress(BaseModel):
    """The parts of an ISO 20022 PostalAddress that payments carry.

    Structured: `town_name` and `country` with the other elements. Hybrid: these two and at
    most two `address_lines`. Lines alone are refused from the dates in `regimes.addresses`.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    street_name: str | None = None
    building_number: str | None = None
    building_name: str | None = None
    floor: str | None = None
    post_box: str | None = None
    room: str | None = None
    department: str | None = None
    sub_department: str | None = None
    post_code: str | None = None
    town_name: str | None = None
    town_location_name: str | None = None
    district_name: str | None = None
    country_sub_division: str | None = None
    country: str | None = None
    address_lines: tuple[str, ...] = ()


class PartyKind(StrEnum):
    """Whether a party is a person. The law and some corridors treat the two kinds differently."""

    PERSON = "person"
    ORGANISATION = "organisation"


class Identification(BaseModel):
    """A number that identifies a party, and its scheme."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    scheme: str
    """A code of ISO 20022 ExternalPersonIdentification1Code or
    ExternalOrganisationIdentification1Code, or the scheme's own name."""
    number: str


class Party(BaseModel):
    """A debtor or creditor."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str
    address: PostalAddress | None = None
    kind: PartyKind | None = None
    """None if it was not stated."""
    birth_date: date | None = None
    identification: Identification | None = None
