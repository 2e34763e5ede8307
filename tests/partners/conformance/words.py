"""What the suite has to know of a partner. Everything else is in its profile and registration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from partners.kit.registration import Registry


@dataclass(frozen=True)
class Words:
    """One partner's words.

    Attributes:
        name: the partner's, in the registry.
        simulator: the module that is run.
        delays: seconds of the simulator's stages: each at least one, so that a payment stands still
            until a test lets time pass.
        settles_after: enough of those seconds for a payment to be settled.
        pay, find, read, cancel: method and path of each request, as fault rules name them.
        refused: parameters of the fault `refused` for a refusal that is final.
        undocumented: the same for words that nobody documented.
        cancelled: the partner's status of a payment that was taken back.
    """

    registry: type[Registry]
    name: str
    simulator: str
    delays: Mapping[str, float]
    settles_after: float
    pay: str
    find: str
    read: str
    cancel: str
    refused: Mapping[str, Any]
    undocumented: Mapping[str, Any]
    cancelled: str
