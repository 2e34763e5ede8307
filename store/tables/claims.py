"""The tables of claims and payers' actions: claimed amounts, sealed addresses."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Column, LargeBinary
from sqlmodel import Field, SQLModel

from store.columns import Moment


class ClaimRow(SQLModel, table=True):
    """The amount that an instruction claims, such as a CAPTURE's. It never changes."""

    __tablename__ = "claims"

    instruction_id: str = Field(primary_key=True, foreign_key="instructions.instruction_id")
    payment_id: str = Field(index=True, foreign_key="payments.payment_id")
    key: str
    """The caller's own key for this claim. The instruction's id is made from it."""
    amount_minor: int = Field(sa_column=Column(BigInteger, nullable=False))
    currency: str
    by: str
    claimed_at: datetime = Field(sa_column=Column(Moment(), nullable=False))


class ActionRow(SQLModel, table=True):
    """The address at which a payer acts. It is sealed: anybody who has it can act for the payer."""

    __tablename__ = "actions"

    report_id: str = Field(primary_key=True, foreign_key="reports.report_id")
    resource_id: str = Field(index=True, foreign_key="lifecycles.resource_id")
    as_of: datetime = Field(sa_column=Column(Moment(), nullable=False))
    url_sealed: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
