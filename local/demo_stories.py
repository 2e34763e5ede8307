"""The faults and interventions that the demo's payments meet, and how each payment has to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.demo_file import end_to_end_id

#: The partner that pays. The faults of this module are its simulator's.
PARTNER: Final = "currencycloud"
_SEND: Final = "POST /v2/payments/create"

#: Faults of the first send: (fault, number of payments that meet it, words for people).
FAULTS: Final = (
    ("reply_lost_after", 5, "executed, and the reply lost"),
    ("error_500_after", 4, "executed, and answered with a 500"),
    ("reply_lost_before", 2, "not executed, and the connection cut"),
    ("error_500_before", 2, "not executed, and answered with a 500"),
    ("unauthorised", 1, "token dead in the middle"),
)
_FAULTY: Final = sum(count for _, count, _ in FAULTS)


@dataclass(frozen=True)
class Story:
    """One payment's story: a rule for the simulator, and the state it has to end in."""

    fault: str
    words: str
    ends: str
    on: str = _SEND
    param: Mapping[str, Any] = field(default_factory=dict)


#: Payments that are sent without a fault and meet an intervention later, one payment each.
STORIES: Final = (
    Story("webhook_dropped", "every notification lost", "settled", on="NOTIFY *"),
    Story(
        "suspend", "suspended by the partner, then released", "settled",
        param={"resume_after_seconds": 4},
    ),
    Story(
        "fail_after_completed", "sent, then returned less a fee", "returned",
        param={"after_seconds": 4, "fee": "2.50"},
    ),
    Story("delete_by_hand", "deleted at the partner by hand", "cancelled"),
)  # fmt: skip
#: Line number -> its intervention. The line after these is cancelled when it is too late.
FATED: Final = {_FAULTY + number: story for number, story in enumerate(STORIES)}
CANCELLED_TOO_LATE: Final = _FAULTY + len(STORIES)
#: The number of lines that have a role, and therefore a reference of their own.
LINES: Final = CANCELLED_TOO_LATE + 1


def rules() -> list[dict[str, Any]]:
    """The simulator's fault rules: each fault hits the first send of its own payments."""
    found, number = [], 0
    for fault, count, _ in FAULTS:
        for _ in range(count):
            found.append(_rule(number, fault, _SEND, times=1))
            number += 1
    for line, story in FATED.items():
        times = None if story.on.startswith("NOTIFY") else 1
        found.append(_rule(line, story.fault, story.on, times=times, param=story.param))
    return found


def _rule(
    line: int, fault: str, on: str, *, times: int | None, param: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    match = {"reference": end_to_end_id(line)}
    return {"fault": fault, "on": on, "times": times, "match": match, "param": dict(param or {})}
