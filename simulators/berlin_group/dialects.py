"""How banks differ from the published specification, as data: one row per dialect.

Each row copies what a bank or an open source adapter documents. README.md has the sources.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """One way to speak NextGenPSD2.

    Attributes:
        absolute_links: links have scheme and host. The specification permits both.
        explicit_start: an authorisation begins only when the TPP starts it.
        shows_sca_status: False: there is no `scaStatus`, neither as a link nor in a reply.
        amounts_are_numbers: a read shows the amount as a number, against the specification.
        wants_date: a request needs a `Date` header.
        wants_address_of_psu: a read needs `PSU-IP-Address` too.
        wants_creditor_address: an initiation needs `creditorAddress`.
        refuses_psu_id: an initiation with `PSU-ID` fails.
        registers_certificates: the first request with a new certificate is answered with 401,
            and registers that certificate.
        cancels_by_sca: the payer confirms the cancellation of a payment that was authorised.
        cancels: False: payments cannot be cancelled at all.
        consent_days_max: for how many days a consent is granted at most. By the RTS, a PSU has to
            authenticate again after 180 days.
        shouts: `consentStatus` is in upper case.
    """

    absolute_links: bool = False
    explicit_start: bool = False
    shows_sca_status: bool = True
    amounts_are_numbers: bool = False
    wants_date: bool = False
    wants_address_of_psu: bool = False
    wants_creditor_address: bool = False
    refuses_psu_id: bool = False
    registers_certificates: bool = False
    cancels_by_sca: bool = True
    cancels: bool = True
    consent_days_max: int = 180
    shouts: bool = False


DIALECTS = {
    "standard": Dialect(),
    "absolute": Dialect(absolute_links=True, explicit_start=True),
    "status_only": Dialect(
        shows_sca_status=False,
        wants_address_of_psu=True,
        wants_creditor_address=True,
        cancels_by_sca=False,
    ),
    "numbers": Dialect(amounts_are_numbers=True, absolute_links=True, cancels=False),
    "dated": Dialect(wants_date=True),
    "anonymous": Dialect(refuses_psu_id=True, cancels_by_sca=False),
    "registering": Dialect(registers_certificates=True),
    "brief": Dialect(consent_days_max=7),
    "shouting": Dialect(shouts=True),
}
