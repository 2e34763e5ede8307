"""Questions to people: the content of a task, whatever it is about."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, NamedTuple

#: Who answers a question, and within what time, unless the question itself says otherwise.
TASK_OWNER: Final = "payments-operations"
TASK_DUE_WITHIN: Final = timedelta(hours=4)


class Question(NamedTuple):
    """A question, its owner and its due date. Without one it is due in `TASK_DUE_WITHIN`."""

    text: str
    owner: str = TASK_OWNER
    due_at: datetime | None = None
