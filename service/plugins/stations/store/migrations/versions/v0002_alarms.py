"""What alarms need: when readings arrive, how alerts are sent, who may read a station, and who wrote what."""

from alembic import op
from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, Integer, MetaData, Table, Text

revision = "alarms"
down_revision = "stations"

_METADATA = MetaData()
_KEY = BigInteger().with_variant(Integer(), "sqlite")

Table("stations", _METADATA, Column("number", _KEY, primary_key=True))
_NEW = (
    Table(
        "feeds",
        _METADATA,
        Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
        Column("arrivals", JSON, nullable=False),
        Column("live", Boolean, nullable=False),
        Column("silent_at", BigInteger),
        Column("silent_since", BigInteger),
        Column("stuck_since", BigInteger),
        Column("down", BigInteger, nullable=False, server_default="0"),
        Index("feeds_by_silence", "silent_at"),
    ),
    Table(
        "pulses",
        _METADATA,
        Column("name", Text, primary_key=True),
        Column("time", BigInteger, nullable=False),
    ),
    Table(
        "audit",
        _METADATA,
        Column("number", _KEY, primary_key=True, autoincrement=True),
        Column("time", BigInteger, nullable=False),
        Column("who", Text),
        Column("station", Text),
        Column("owner", Text),
        Column("action", Text, nullable=False),
        Column("content", JSON, nullable=False),
        Index("audit_by_station", "station", "number"),
        Index("audit_by_owner", "owner", "number"),
        Index("audit_by_time", "time"),
        sqlite_autoincrement=True,
    ),
)


def upgrade() -> None:
    """Add the columns and tables."""
    op.add_column("stations", Column("visibility", Text, nullable=False, server_default="private"))
    op.add_column("stations", Column("notify", JSON(none_as_null=True)))
    op.add_column("stations", Column("alert_within", Text))
    op.add_column("stations", Column("silent_after", Text))
    op.add_column("deliveries", Column("channel", Text, nullable=False, server_default="webhook"))
    _METADATA.create_all(op.get_bind(), tables=_NEW)
