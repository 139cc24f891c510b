"""All tables of stations, as they were before alarms had late changes, silence and an audit."""

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

revision = "stations"
down_revision = None

_METADATA = MetaData()
_KEY = BigInteger().with_variant(Integer(), "sqlite")

Table(
    "stations",
    _METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("owner", Text),
    Column("name", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("step", Text, nullable=False),
    Column("units", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("horizon", Integer),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Column("batches", BigInteger, nullable=False, server_default="0"),
    Column("received", BigInteger),
    Column("source", JSON(none_as_null=True)),
    Column("weather", JSON(none_as_null=True)),
    Column("events", JSON(none_as_null=True)),
    Column("baseline", JSON(none_as_null=True)),
    Column("webhooks", JSON(none_as_null=True)),
    sqlite_autoincrement=True,
)

Table(
    "observations",
    _METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("time", BigInteger, primary_key=True),
    Column("revision", Integer, primary_key=True),
    Column("value", Double, nullable=False),
    Column("received", BigInteger, nullable=False),
    Column("flag", Integer, nullable=False, server_default="1"),
    Column("tests", Text),
    sqlite_with_rowid=False,
)

Table(
    "issued_forecasts",
    _METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), nullable=False),
    Column("batch", BigInteger, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("observed_until", BigInteger, nullable=False),
    Column("replayed", Boolean, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    Column("content", JSON, nullable=False),
    Column("weather", JSON(none_as_null=True)),
    Column("plain", JSON),
    UniqueConstraint("station", "batch"),
    Index("issued_forecasts_by_time", "station", "observed_until", "batch"),
)

Table(
    "calibrations",
    _METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("version", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
)

Table(
    "event_states",
    _METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("event", Text, primary_key=True),
    Column("content", JSON, nullable=False),
)

Table(
    "alerts",
    _METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), nullable=False),
    Column("event", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("raised", BigInteger, nullable=False),
    Column("observed_until", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
    Index("alerts_by_time", "station", "raised"),
)

Table(
    "deliveries",
    _METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("alert", _KEY, ForeignKey("alerts.number", ondelete="CASCADE"), nullable=False),
    Column("url", Text, nullable=False),
    Column("key", Text, nullable=False, unique=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("next_attempt", BigInteger),
    Column("delivered", BigInteger),
    Column("status", Integer),
    Column("error", Text),
    Index("deliveries_by_alert", "alert"),
    Index("deliveries_by_attempt", "next_attempt"),
)

Table(
    "fetches",
    _METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("next_attempt", BigInteger, nullable=False),
    Column("attempted", BigInteger),
    Column("succeeded", BigInteger),
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("content", JSON),
    Column("until", BigInteger),
    Column("since", BigInteger, nullable=False),
    Index("fetches_by_attempt", "kind", "next_attempt"),
)

Table(
    "weather",
    _METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("fetched", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
)

Table(
    "leases",
    _METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)


def upgrade() -> None:
    """Create the tables."""
    _METADATA.create_all(op.get_bind())
