"""Alembic's entry: runs the migrations on the connection it is given."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

import store.tables.account_data
import store.tables.api
import store.tables.consents
import store.tables.events
import store.tables.lifecycles
import store.tables.partners
import store.tables.payments
import store.tables.people
import store.tables.upkeep
import store.tables.webhooks  # noqa: F401 - registers its tables

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    transactional_ddl=False,
)
context.run_migrations()
