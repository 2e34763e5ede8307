"""The search attributes of a workflow: what a list in the Temporal UI filters by.

A namespace takes ten keywords. So the names are the same for every kind of workflow, instead of
a set for each lifecycle: `Kind` says which one it is, and `State` holds that kind's own word.
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

#: In place of none: the SDK cannot start the next run of a workflow whose datetime was unset. Any
#: later year is beyond what some servers can store.
NO_DEADLINE: Final = datetime(2200, 1, 1, tzinfo=UTC)

#: Name to type as a server is told of them; none may hold a name or an account number.
SEARCH_ATTRIBUTES: Final[dict[str, str]] = {
    **{
        key.name: "Keyword"
        for key in (KIND, STATE, CERTAINTY, REQUIRES, TENANT, PARTNER, RAIL, END_TO_END_HASH)
    },
    DEADLINE.name: "Datetime",
}
