"""A beneficiary or payer in their fields: the legal entity and its address."""

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
    """The fields of the legal entity.

    Person or company is never guessed: if the order does not say it, the fields are left out, and
    the corridor's requirements decide whether that is possible.

    Args:
        prefix: of the fields, "beneficiary" or "payer".
    """
    if party.kind is None:
        return {}
    if party.kind is PartyKind.ORGANISATION:
        fields = {"entity_type": "company", "company_name": party.name}
    else:
        # The order has one name; the last word counts as the last name.
        first, _, last = party.name.strip().rpartition(" ")
        fields = {"entity_type": "individual", "first_name": first.strip(), "last_name": last}
    if party.birth_date:
        fields["date_of_birth"] = party.birth_date.isoformat()
    if known := party.identification:
        fields["identification_type"] = _IDENTIFICATIONS.get(known.scheme, "others")
        fields["identification_value"] = known.number
    return {f"{prefix}_{name}": value for name, value in fields.items() if value}


def residence(address: PostalAddress, prefix: str) -> dict[str, str]:
    """The fields of the address, as far as the order has them."""
    street = " ".join(filter(None, (address.street_name, address.building_number)))
    fields = {
        "country": address.country,
        "city": address.town_name,
        "postcode": address.post_code,
        "address": street or ", ".join(address.address_lines),
        "state_or_province": address.country_sub_division,
    }
    return {f"{prefix}_{name}": value for name, value in fields.items() if value}
