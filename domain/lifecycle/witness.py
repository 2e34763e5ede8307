"""What Temporal remembers of our database, to prove later that the database was not set back."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict


class Mark(BaseModel):
    """One round of upkeep, as the database and Temporal both keep it.

    The nonce is random, so a database that was set back can never hold the same mark again,
    however much it writes. A count was refused, because a database set back can overtake it.
    """

    model_config = ConfigDict(frozen=True)

    installation: str
    """A random id, made in the database's first round, so that each database has its own."""
    number: int
    nonce: str


class Known(BaseModel):
    """What the last round that ended left with Temporal. Before the first round, it is empty."""

    model_config = ConfigDict(frozen=True)

    mark: Mark | None = None
    attempts: int = 0
    """The number of attempts. Rounds of earlier releases left nothing else."""
    refused: str = ""
    """Why the result in Temporal is not ours; then the other fields are empty."""
    at: AwareDatetime | None = None
    """A moment before that round looked at the database."""
