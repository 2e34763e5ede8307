"""What a kind of instruction needs to say about its request and its answers."""

from __future__ import annotations

from typing import Protocol

from domain.lifecycle.answers import LookedFor, Preparation, Submitted, WireRequest
from domain.payments.answers import Subject
from partners.kit.calls import Reply
from partners.stripe import wire


class Handles(Protocol):
    """One kind of instruction: how it is built, what a success is, how it is looked up."""

    async def prepare(self, subject: Subject) -> Preparation:
        """The exact request; what has to exist before is made first."""

    def accepted(self, subject: Subject, request: WireRequest, reply: Reply) -> Submitted:
        """What an answer of 2xx proves."""

    def objected(self, subject: Subject, reply: Reply, error: wire.ApiError) -> Submitted | None:
        """What an error proves by the object in it; None: the error's own words count."""

    async def find(self, subject: Subject) -> LookedFor:
        """The lookup by our own keys."""
