"""The search attributes of a payment's workflow: what a list in the Temporal UI filters by."""

from __future__ import annotations

from typing import Final

from temporalio.common import SearchAttributeKey

TENANT: Final = SearchAttributeKey.for_keyword("Tenant")
PARTNER: Final = SearchAttributeKey.for_keyword("Partner")
RAIL: Final = SearchAttributeKey.for_keyword("Rail")
STATE: Final = SearchAttributeKey.for_keyword("PaymentState")
CERTAINTY: Final = SearchAttributeKey.for_keyword("Certainty")
REQUIRES: Final = SearchAttributeKey.for_keyword("Requires")
END_TO_END_HASH: Final = SearchAttributeKey.for_keyword("EndToEndIdHash")
DEADLINE: Final = SearchAttributeKey.for_datetime("Deadline")

#: Name to type as a server is told of them; none may hold a name or an account number.
SEARCH_ATTRIBUTES: Final[dict[str, str]] = {
    **{
        key.name: "Keyword"
        for key in (TENANT, PARTNER, RAIL, STATE, CERTAINTY, REQUIRES, END_TO_END_HASH)
    },
    DEADLINE.name: "Datetime",
}
