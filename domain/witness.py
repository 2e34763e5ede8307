"""What Temporal remembers of our database, to prove later that it is still the same one."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Mark(BaseModel):
    """One round of upkeep, as the database and Temporal both keep it.

    The nonce is random, so a database that was set back cannot come to hold the same mark again,
    however much it writes afterwards. A count could be overtaken.
    """

    model_config = ConfigDict(frozen=True)

    installation: str
    """Random, made with the database's first round: another database has another one."""
    number: int
    nonce: str


class Known(BaseModel):
    """What the last round that ended left with Temporal; nothing before the first one."""

    model_config = ConfigDict(frozen=True)

    mark: Mark | None = None
    attempts: int = 0
    """How many attempts there were: rounds of earlier releases left nothing else."""
    refused: str = ""
    """Why what Temporal remembers is not ours; then the other fields say nothing."""
    at: AwareDatetime | None = None
    """A moment before that round looked at the database."""
