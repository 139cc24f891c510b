"""Forecasts issued for stations."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "issued_forecasts",
        sa.Column("number", _KEY, primary_key=True, autoincrement=True),
        sa.Column("station", _KEY, sa.ForeignKey("stations.number", ondelete="CASCADE"), nullable=False),
        sa.Column("batch", sa.BigInteger, nullable=False),
        sa.Column("issued", sa.BigInteger, nullable=False),
        sa.Column("observed_until", sa.BigInteger, nullable=False),
        sa.Column("replayed", sa.Boolean, nullable=False),
        sa.Column("model", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.UniqueConstraint("station", "batch"),
    )
    op.create_index("issued_forecasts_by_time", "issued_forecasts", ["station", "observed_until"])
