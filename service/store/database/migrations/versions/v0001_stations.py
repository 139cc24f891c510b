"""Stations and their observations."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "stations",
        sa.Column("number", _KEY, primary_key=True, autoincrement=True),
        sa.Column("id", sa.Text, nullable=False, unique=True),
        sa.Column("name", sa.Text),
        sa.Column("latitude", sa.Double),
        sa.Column("longitude", sa.Double),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("units", sa.Text, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("horizon", sa.Integer),
        sa.Column("created", sa.BigInteger, nullable=False),
        sa.Column("changed", sa.BigInteger, nullable=False),
        sa.Column("batches", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("received", sa.BigInteger),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "observations",
        sa.Column("station", _KEY, sa.ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("time", sa.BigInteger, primary_key=True),
        sa.Column("revision", sa.Integer, primary_key=True),
        sa.Column("value", sa.Double, nullable=False),
        sa.Column("received", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
