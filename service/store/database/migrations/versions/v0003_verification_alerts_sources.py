"""Recalibration, events and their alerts, webhooks, and the sources of readings."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create the tables, and add the columns."""
    op.add_column("stations", sa.Column("source", sa.JSON))
    op.add_column("stations", sa.Column("events", sa.JSON))
    op.add_column("stations", sa.Column("baseline", sa.JSON))
    op.add_column("stations", sa.Column("webhooks", sa.JSON))
    op.add_column("issued_forecasts", sa.Column("plain", sa.JSON))
    op.add_column("issued_forecasts", sa.Column("short", sa.Text))
    op.drop_index("issued_forecasts_by_time", "issued_forecasts")
    op.create_index("issued_forecasts_by_time", "issued_forecasts", ["station", "observed_until", "batch"])
    op.create_table(
        "calibrations",
        _station(),
        sa.Column("model", sa.Text, primary_key=True),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.create_table(
        "event_states",
        _station(),
        sa.Column("event", sa.Text, primary_key=True),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("number", _KEY, primary_key=True, autoincrement=True),
        sa.Column("station", _KEY, sa.ForeignKey("stations.number", ondelete="CASCADE"), nullable=False),
        sa.Column("event", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("raised", sa.BigInteger, nullable=False),
        sa.Column("observed_until", sa.BigInteger, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
    )
    op.create_index("alerts_by_time", "alerts", ["station", "raised"])
    op.create_table(
        "deliveries",
        sa.Column("number", _KEY, primary_key=True, autoincrement=True),
        sa.Column("alert", _KEY, sa.ForeignKey("alerts.number", ondelete="CASCADE"), nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False, unique=True),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_attempt", sa.BigInteger),
        sa.Column("delivered", sa.BigInteger),
        sa.Column("status", sa.Integer),
        sa.Column("error", sa.Text),
    )
    op.create_index("deliveries_by_alert", "deliveries", ["alert"])
    op.create_index("deliveries_by_attempt", "deliveries", ["next_attempt"])
    op.create_table(
        "fetches",
        _station(),
        sa.Column("next_attempt", sa.BigInteger, nullable=False),
        sa.Column("attempted", sa.BigInteger),
        sa.Column("succeeded", sa.BigInteger),
        sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
        sa.Column("error", sa.Text),
        sa.Column("content", sa.JSON),
        sa.Column("until", sa.BigInteger),
    )
    op.create_index("fetches_by_attempt", "fetches", ["next_attempt"])
    op.create_table(
        "leases",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("holder", sa.Text, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
    )


def _station() -> "sa.Column[int]":
    return sa.Column("station", _KEY, sa.ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True)
