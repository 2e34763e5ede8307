"""Splits `payments`: `lifecycles` has what every kind shares. References get their own table."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"

#: What only a payment has, with its type.
_OWN: dict[str, sa.types.TypeEngine[Any]] = {
    "amount_minor": sa.BigInteger(),
    "currency": sa.String(),
    "creditor_masked": sa.String(),
    "intent_hash": sa.String(),
    "intent_batch": sa.String(),
    "acknowledged": sa.String(),
    "acknowledged_by": sa.String(),
}
_ALWAYS = ("amount_minor", "currency", "creditor_masked")
#: Tables that name a resource, and whether they have an index by it.
_NAMING = {
    "instructions": True,
    "reports": True,
    "exchanges": True,
    "inbox": True,
    "tasks": True,
    "states": True,
    "commands": False,
}


def upgrade() -> None:
    # Rows that refer to a payment follow the table to its new name on both databases.
    for name in (
        "tell_at", "escalates_at", "unstarted", "created_at", "tenant", "partner", "state",
        "intent_batch", "intent_hash", "end_to_end_hash", "updated_at",
    ):  # fmt: skip
        op.drop_index(f"ix_payments_{name}", "payments")
    op.rename_table("payments", "lifecycles")
    op.execute("ALTER TABLE lifecycles RENAME COLUMN payment_id TO resource_id")
    op.execute("ALTER TABLE lifecycles RENAME COLUMN order_sealed TO request_sealed")
    op.execute("ALTER TABLE lifecycles RENAME COLUMN payment_json TO folded_json")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER TABLE lifecycles RENAME CONSTRAINT payments_pkey TO lifecycles_pkey")
    for table, has_index in _NAMING.items():
        if has_index:
            op.drop_index(f"ix_{table}_payment_id", table)
        op.execute(f"ALTER TABLE {table} RENAME COLUMN payment_id TO resource_id")
        if has_index:
            op.create_index(f"ix_{table}_resource_id", table, ["resource_id"])
    _payments()
    _references()
    with op.batch_alter_table("lifecycles") as lifecycles:
        for name in (*_OWN, "end_to_end_hash"):
            lifecycles.drop_column(name)
        lifecycles.drop_constraint("uq_payments_tenant_key", type_="unique")
        lifecycles.create_unique_constraint("uq_lifecycles_tenant_key", ["tenant", "key"])
        # Until now there were only payments.
        lifecycles.add_column(
            sa.Column("kind", sa.String(), nullable=False, server_default="payment")
        )
    with op.batch_alter_table("lifecycles") as lifecycles:
        lifecycles.alter_column("kind", server_default=None)
    for name, columns, that in (
        ("tell_at", ["tell_at", "resource_id"], _has("tell_at")),
        ("escalates_at", ["escalates_at", "resource_id"], _has("escalates_at")),
        ("unstarted", ["created_at", "resource_id"],
         sa.column("started_at").is_(None) & sa.column("is_over", sa.Boolean()).is_(False)),
        ("created_at", ["created_at"], None),
        ("updated_at", ["updated_at"], None),
        ("tenant", ["tenant", "created_at"], None),
        ("partner", ["partner", "partner_account", "created_at"], None),
        ("state", ["state", "created_at", "resource_id"], None),
    ):  # fmt: skip
        op.create_index(
            f"ix_lifecycles_{name}", "lifecycles", columns, sqlite_where=that, postgresql_where=that
        )


def _payments() -> None:
    op.create_table(
        "payments",
        sa.Column("payment_id", sa.String(), nullable=False),
        *(sa.Column(name, of, nullable=name not in _ALWAYS) for name, of in _OWN.items()),
        sa.ForeignKeyConstraint(["payment_id"], ["lifecycles.resource_id"]),
        sa.PrimaryKeyConstraint("payment_id"),
    )
    own = ", ".join(_OWN)
    op.execute(
        f"INSERT INTO payments (payment_id, {own}) SELECT resource_id, {own} FROM lifecycles"
    )
    op.create_index("ix_payments_intent_hash", "payments", ["intent_hash"])


def _references() -> None:
    op.create_table(
        "partner_references",
        sa.Column("number", sa.Integer(), nullable=False),
        *(
            sa.Column(name, sa.String(), nullable=False)
            for name in (
                "partner", "partner_account", "kind", "reference", "resource_id", "instruction_id",
            )
        ),
        sa.ForeignKeyConstraint(["resource_id"], ["lifecycles.resource_id"]),
        sa.ForeignKeyConstraint(["instruction_id"], ["instructions.instruction_id"]),
        sa.PrimaryKeyConstraint("number"),
    )  # fmt: skip
    into = (
        "INSERT INTO partner_references "
        "(partner, partner_account, kind, reference, resource_id, instruction_id) SELECT "
        "instructions.partner, instructions.partner_account, "
    )
    op.execute(
        f"{into} 'object', partner_reference, resource_id, instruction_id FROM instructions "
        "WHERE partner_reference IS NOT NULL"
    )
    op.execute(
        f"{into} 'end_to_end', end_to_end_hash, lifecycles.resource_id, instruction_id "
        "FROM instructions JOIN lifecycles ON lifecycles.resource_id = instructions.resource_id "
        "WHERE instructions.kind = 'pay'"
    )
    for name, columns, kind in (
        ("uq_partner_references_object", ["reference", "partner", "partner_account"], "object"),
        ("ix_partner_references_end_to_end", ["reference"], "end_to_end"),
    ):
        that = sa.literal_column("kind") == sa.literal_column(f"'{kind}'")
        op.create_index(
            name,
            "partner_references",
            columns,
            unique=name.startswith("uq"),
            sqlite_where=that,
            postgresql_where=that,
        )
    op.create_index(
        "ix_partner_references_instruction_id", "partner_references", ["instruction_id"]
    )
    op.execute(
        "UPDATE instructions SET found_executed = (1 = 1) WHERE partner_reference IS NOT NULL"
    )
    with op.batch_alter_table("instructions") as instructions:
        instructions.drop_constraint("uq_instructions_reference", type_="unique")
        instructions.drop_column("partner_reference")
    op.execute("ALTER TABLE instructions RENAME COLUMN found_executed TO held")


def _has(name: str) -> sa.ColumnElement[bool]:
    return sa.column(name).is_not(None)
