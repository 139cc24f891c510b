"""The insertion of both databases that may meet a row that is there already."""

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert_into(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an ``INSERT`` with ``ON CONFLICT``, which SQLAlchemy has only for each database separately."""
    return insert_with(connection.dialect.name, table)


def insert_with(dialect: str, table: Table) -> postgresql.Insert | sqlite.Insert:
    """Return an ``INSERT`` with ``ON CONFLICT`` for the dialect of this name."""
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)
