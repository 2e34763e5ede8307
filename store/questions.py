"""What people are asked, whatever it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

#: Who answers a question about money, and by when, unless settings say otherwise.
TASK_OWNER: Final = "payments-operations"
TASK_DUE_WITHIN: Final = timedelta(hours=4)


class Question(NamedTuple):
    """What a person is asked, and by when; without a moment, soon."""

    text: str
    owner: str = TASK_OWNER
    due_at: datetime | None = None
