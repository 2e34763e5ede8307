"""What only a consent has: its regime and times, its callbacks, and what users brought back."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from sqlalchemy import Column, LargeBinary, column
from sqlmodel import Field, SQLModel

from store.columns import moment, where


class ConsentRow(SQLModel, table=True):
    """What only a consent has, in the clear: what people search by."""

    __tablename__ = "consents"
    __table_args__: ClassVar[tuple[object, ...]] = (
        where("ix_consents_renew_by", "renew_by", "consent_id",
              that=column("renew_by").is_not(None)),
    )  # fmt: skip

    consent_id: str = Field(primary_key=True, foreign_key="lifecycles.resource_id")
    regime: str
    user_hash: str = Field(index=True)
    """A keyed hash of the tenant and its own id of the user."""
    renews: str | None = Field(default=None, index=True, foreign_key="lifecycles.resource_id")
    """The consent that it supersedes once it is active."""
    renew_by: datetime | None = Field(default=None, sa_column=moment())
    """After this moment nothing may be read, unless it is renewed; None if nothing limits it."""


class CallbackRow(SQLModel, table=True):
    """One way back from a bank's page, for one instruction. It is used once."""

    __tablename__ = "callbacks"

    state_hash: str = Field(primary_key=True)
    """SHA-256 of the `state`, which is random. The state itself is sealed."""
    consent_id: str = Field(index=True, foreign_key="lifecycles.resource_id")
    instruction_id: str = Field(unique=True, foreign_key="instructions.instruction_id")
    session_hash: str
    """SHA-256 of what the app binds the callback to in the user's browser."""
    issuer: str | None = None
    """Who has to have sent the user back (RFC 9207); None if the bank does not say."""
    secrets_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The state and the PKCE verifier."""
    made_at: datetime = Field(sa_column=moment(nullable=False))
    answered_at: datetime | None = Field(default=None, sa_column=moment())


class AnswerRow(SQLModel, table=True):
    """What a user brought back, for one ANSWER instruction."""

    __tablename__ = "consent_answers"

    instruction_id: str = Field(primary_key=True, foreign_key="instructions.instruction_id")
    state_hash: str | None = Field(default=None, foreign_key="callbacks.state_hash")
    """The callback that brought it; None if the user told us a code."""
    answer_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
