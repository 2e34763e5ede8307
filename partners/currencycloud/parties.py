"""A party in their fields: who it is by law, and where it lives; of beneficiary and payer alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from domain.party import Party, PartyKind, PostalAddress

#: ISO 20022 ExternalPersonIdentification1Code and ExternalOrganisationIdentification1Code to their
#: `…_identification_type` (reference, POST /beneficiaries/create and /payments/create).
_IDENTIFICATIONS: Final[Mapping[str, str]] = {
    "CCPT": "passport",
    "COID": "incorporation_number",
    "DRLC": "drivers_license",
    "EMPL": "employer_identification_number",
    "NIDN": "national_id",
    "SOSE": "social_security_number",
}


def entity(party: Party, prefix: str) -> dict[str, str]:
    """Who it is by law. Nobody is made a person or a company by guess: where nobody said so the
    fields stay away, and their requirements tell whether they can do without them.

    Args:
        prefix: of the fields, "beneficiary" or "payer".
    """
    if party.kind is None:
        return {}
    if party.kind is PartyKind.ORGANISATION:
        fields = {"entity_type": "company", "company_name": party.name}
    else:
        # One name is all there is; the last word is taken for the family's.
        first, _, last = party.name.strip().rpartition(" ")
        fields = {"entity_type": "individual", "first_name": first.strip(), "last_name": last}
    if party.birth_date:
        fields["date_of_birth"] = party.birth_date.isoformat()
    if known := party.identification:
        fields["identification_type"] = _IDENTIFICATIONS.get(known.scheme, "others")
        fields["identification_value"] = known.number
    return {f"{prefix}_{name}": value for name, value in fields.items() if value}


def residence(address: PostalAddress, prefix: str) -> dict[str, str]:
    """Where it lives, as far as it is told."""
    street = " ".join(filter(None, (address.street_name, address.building_number)))
    fields = {
        "country": address.country,
        "city": address.town_name,
        "postcode": address.post_code,
        "address": street or ", ".join(address.address_lines),
        "state_or_province": address.country_sub_division,
    }
    return {f"{prefix}_{name}": value for name, value in fields.items() if value}
