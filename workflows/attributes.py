"""The search attributes of a workflow, by which the Temporal UI filters lists.

All kinds of workflow share the same names: `Kind` says which kind it is, and `State` is that kind's
own state. A set of names for each lifecycle was refused, since a namespace takes ten keywords.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from temporalio.common import SearchAttributeKey

KIND: Final = SearchAttributeKey.for_keyword("Kind")
STATE: Final = SearchAttributeKey.for_keyword("State")
CERTAINTY: Final = SearchAttributeKey.for_keyword("Certainty")
REQUIRES: Final = SearchAttributeKey.for_keyword("Requires")
TENANT: Final = SearchAttributeKey.for_keyword("Tenant")
PARTNER: Final = SearchAttributeKey.for_keyword("Partner")
RAIL: Final = SearchAttributeKey.for_keyword("Rail")
DEADLINE: Final = SearchAttributeKey.for_datetime("Deadline")
END_TO_END_HASH: Final = SearchAttributeKey.for_keyword("EndToEndHash")

#: Stands for "no deadline". The SDK cannot start the next run of a workflow whose datetime was
#: unset, and some servers cannot store a later year.
NO_DEADLINE: Final = datetime(2200, 1, 1, tzinfo=UTC)

#: Name to type, as registered with a server. No value may contain a name or an account number.
SEARCH_ATTRIBUTES: Final[dict[str, str]] = {
    **{
        key.name: "Keyword"
        for key in (KIND, STATE, CERTAINTY, REQUIRES, TENANT, PARTNER, RAIL, END_TO_END_HASH)
    },
    DEADLINE.name: "Datetime",
}
