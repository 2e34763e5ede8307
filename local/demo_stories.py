"""What befalls the demo's payments at the partner, and how each has to end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.demo_file import end_to_end_id

_SEND: Final = "POST /v2/payments/create"

#: What goes wrong with the first send, to how many payments each.
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


#: Payments that are sent without trouble and meet it later, one each.
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
#: Lines with an intervention; the next one is cancelled when it is too late.
FATED: Final = {_FAULTY + number: story for number, story in enumerate(STORIES)}
CANCELLED_TOO_LATE: Final = _FAULTY + len(STORIES)
#: So many lines have a reference of their own and a role.
LINES: Final = CANCELLED_TOO_LATE + 1


def rules() -> list[dict[str, Any]]:
    """For the simulator: each fault hits the first send of its own payments."""
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
