"""Which errors of a database mean that it is away, and which are mistakes of ours."""

from __future__ import annotations

import sqlite3

import psycopg
import pytest
from psycopg import errors
from sqlalchemy.exc import (
    DatabaseError,
    DBAPIError,
    InterfaceError,
    InvalidRequestError,
    OperationalError,
)

from store.faults import Fault, fault_of


def _postgresql(sqlstate: str) -> DatabaseError:
    return DatabaseError("SELECT 1", {}, errors.lookup(sqlstate)("words"))


@pytest.mark.parametrize(
    ("sqlstate", "fault"),
    [
        ("08006", Fault.LOST),
        ("22021", Fault.OURS),
        ("23502", Fault.OURS),
        ("23505", Fault.TAKEN),
        ("25006", Fault.AWAY),
        ("25P02", Fault.OURS),
        ("25P03", Fault.LOST),
        ("28P01", Fault.AWAY),
        ("3D000", Fault.AWAY),
        ("40001", Fault.OVERTAKEN),
        ("40003", Fault.LOST),
        ("40P01", Fault.OVERTAKEN),
        ("42501", Fault.AWAY),
        ("42P01", Fault.OURS),
        ("53100", Fault.AWAY),
        ("53300", Fault.AWAY),
        ("55P03", Fault.AWAY),
        ("57014", Fault.AWAY),
        ("57P01", Fault.LOST),
        ("57P03", Fault.LOST),
        ("58030", Fault.AWAY),
        ("XX000", Fault.OURS),
    ],
)
def test_postgresql_speaks_by_its_codes(sqlstate: str, fault: Fault) -> None:
    assert fault_of(_postgresql(sqlstate)) is fault


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("SQLITE_BUSY", Fault.AWAY),
        ("SQLITE_BUSY_SNAPSHOT", Fault.AWAY),
        ("SQLITE_LOCKED", Fault.AWAY),
        ("SQLITE_FULL", Fault.AWAY),
        ("SQLITE_IOERR_FSYNC", Fault.AWAY),
        ("SQLITE_CANTOPEN", Fault.AWAY),
        ("SQLITE_READONLY", Fault.AWAY),
        ("SQLITE_ERROR", Fault.OURS),
        ("SQLITE_CONSTRAINT_UNIQUE", Fault.OURS),
        ("SQLITE_CORRUPT", Fault.OURS),
        ("SQLITE_NOTADB", Fault.OURS),
    ],
)
def test_sqlite_speaks_by_its_codes(name: str, fault: Fault) -> None:
    said = sqlite3.OperationalError("words")
    said.sqlite_errorcode = getattr(sqlite3, name)
    assert fault_of(DatabaseError("SELECT 1", {}, said)) is fault


@pytest.mark.parametrize(
    ("kind", "raised"),
    [
        (OperationalError, psycopg.OperationalError("server closed the connection unexpectedly")),
        (InterfaceError, psycopg.InterfaceError("the connection is closed")),
    ],
)
def test_what_breaks_between_the_driver_and_the_server_is_a_lost_connection(
    kind: type[DBAPIError], raised: psycopg.Error
) -> None:
    broken = kind("SELECT 1", {}, raised)
    assert fault_of(broken) is Fault.AWAY, "a connection that was not made is not lost"
    broken.connection_invalidated = True
    assert fault_of(broken) is Fault.LOST


def test_anything_else_is_a_mistake_of_ours() -> None:
    assert fault_of(InvalidRequestError("a closed session")) is Fault.OURS
    assert fault_of(sqlite3.InterfaceError("a parameter of no kind")) is Fault.OURS
