"""How long the partner takes for each stage."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

from simulators.currencycloud.book import Book


@dataclass(frozen=True)
class Delays:
    """Seconds from one stage to the next, and before each reply.

    Attributes:
        accept_after: how long a payment is `new`.
        queue_after: how long it is `authorised`.
        regular_after: how much longer than a priority payment a regular one takes to complete.
    """

    accept_after: float = 0.0
    queue_after: float = 0.0
    review_after: float = 0.1
    release_after: float = 0.3
    submit_after: float = 0.3
    complete_after: float = 0.3
    regular_after: float = 0.0
    latency: float = 0.0

    @classmethod
    def of(cls, book: Book) -> Delays:
        kept = book.setting("delays")
        return cls(**json.loads(kept)) if kept else cls()

    def keep(self, book: Book) -> None:
        book.keep_setting("delays", json.dumps(asdict(self)))
