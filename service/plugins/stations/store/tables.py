"""The tables of the database. Times are Unix seconds in UTC, temperatures °C.

A change here needs a new revision in :mod:`service.plugins.stations.store.migrations`.
"""

from typing import Final

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

METADATA: Final = MetaData()

_KEY = BigInteger().with_variant(Integer(), "sqlite")
"""A 64-bit number; SQLite counts up only those that it calls INTEGER."""

STATIONS: Final = Table(
    "stations",
    METADATA,
    # Ten years of days are thousands of rows: a number in each of them is shorter than the ID.
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    # The name of the key that created it; null where there were no keys.
    Column("owner", Text),
    # Who may read it where there are keys: its owner only, or every key.
    Column("visibility", Text, nullable=False, server_default="private"),
    Column("name", Text),
    Column("latitude", Double),
    Column("longitude", Double),
    Column("step", Text, nullable=False),
    Column("units", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("horizon", Integer),
    Column("created", BigInteger, nullable=False),
    Column("changed", BigInteger, nullable=False),
    # Counts the batches that brought new or revised readings, and says when the last of them arrived.
    Column("batches", BigInteger, nullable=False, server_default="0"),
    Column("received", BigInteger),
    # Where its readings are fetched; the events that it watches, in its units, and their baseline; and its
    # webhooks. Null for none.
    Column("source", JSON(none_as_null=True)),
    # Where the weather at its position is fetched; null for none.
    Column("weather", JSON(none_as_null=True)),
    Column("events", JSON(none_as_null=True)),
    Column("baseline", JSON(none_as_null=True)),
    Column("webhooks", JSON(none_as_null=True)),
    # Addresses that alerts are sent to as a sentence; null for none. They may hold passwords.
    Column("notify", JSON(none_as_null=True)),
    # How old a change may be that raises an alert, and how long nothing may arrive before the station is silent: ISO
    # 8601 durations, or null for the default. Without a value, "off" turns the latter off.
    Column("alert_within", Text),
    Column("silent_after", Text),
    # Without it, SQLite would give the number of a deleted station to the next one.
    sqlite_autoincrement=True,
)

OBSERVATIONS: Final = Table(
    "observations",
    METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("time", BigInteger, primary_key=True),
    # 0 is the first reading of a time; each correction has the next number.
    Column("revision", Integer, primary_key=True),
    Column("value", Double, nullable=False),
    Column("received", BigInteger, nullable=False),
    # A QARTOD flag, and the tests that gave it, separated by commas. Those from suspect (3) on do not count. Rows are
    # good until the transaction that adds them has tested them.
    Column("flag", Integer, nullable=False, server_default="1"),
    Column("tests", Text),
    # In the order of the primary key, so that the readings of a station are in one place.
    sqlite_with_rowid=False,
)

ISSUED_FORECASTS: Final = Table(
    "issued_forecasts",
    METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), nullable=False),
    # The batch of readings that it was issued for: each issues one forecast, whichever process makes it first.
    Column("batch", BigInteger, nullable=False),
    Column("issued", BigInteger, nullable=False),
    Column("observed_until", BigInteger, nullable=False),
    Column("replayed", Boolean, nullable=False),
    Column("model", Text, nullable=False),
    Column("version", Text, nullable=False),
    # Times, temperatures in °C and warnings, in the form of a response to POST /forecast.
    Column("content", JSON, nullable=False),
    # The weather ahead that it was given, what it made of it, and the temperatures without it; null without any.
    Column("weather", JSON(none_as_null=True)),
    # The intervals before they were recalibrated; null if they were not.
    Column("plain", JSON),
    UniqueConstraint("station", "batch"),
    Index("issued_forecasts_by_time", "station", "observed_until", "batch"),
)

CALIBRATIONS: Final = Table(
    "calibrations",
    METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("model", Text, primary_key=True),
    Column("version", Text, nullable=False),
    # The last valid time that it has learned from.
    Column("until", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
)

EVENT_STATES: Final = Table(
    "event_states",
    METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("event", Text, primary_key=True),
    Column("content", JSON, nullable=False),
)

FEEDS: Final = Table(
    "feeds",
    METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    # When the last batches with new readings arrived, the newest last.
    Column("arrivals", JSON, nullable=False),
    # Whether a reading has arrived that was recent enough to raise an alert. Until then, nothing is missed.
    Column("live", Boolean, nullable=False),
    # When the station becomes silent if nothing arrives; null if it never does, or is silent already.
    Column("silent_at", BigInteger),
    # Since when it is silent, or repeats one value; null if it is not, or does not.
    Column("silent_since", BigInteger),
    Column("stuck_since", BigInteger),
    # Seconds since the last arrival in which the service was down.
    Column("down", BigInteger, nullable=False, server_default="0"),
    Index("feeds_by_silence", "silent_at"),
)

ALERTS: Final = Table(
    "alerts",
    METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), nullable=False),
    Column("event", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("raised", BigInteger, nullable=False),
    Column("observed_until", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
    Index("alerts_by_time", "station", "raised"),
)

DELIVERIES: Final = Table(
    "deliveries",
    METADATA,
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("alert", _KEY, ForeignKey("alerts.number", ondelete="CASCADE"), nullable=False),
    # How it is sent: as a signed webhook, or as a sentence.
    Column("channel", Text, nullable=False, server_default="webhook"),
    Column("url", Text, nullable=False),
    # Tells the receiver that a repeated delivery is the same one.
    Column("key", Text, nullable=False, unique=True),
    Column("attempts", Integer, nullable=False, server_default="0"),
    # Null once it is delivered or given up.
    Column("next_attempt", BigInteger),
    Column("delivered", BigInteger),
    # The HTTP status and the error of the last attempt.
    Column("status", Integer),
    Column("error", Text),
    Index("deliveries_by_alert", "alert"),
    Index("deliveries_by_attempt", "next_attempt"),
)

FETCHES: Final = Table(
    "fetches",
    METADATA,
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    # What is fetched: readings or weather.
    Column("kind", Text, primary_key=True),
    Column("next_attempt", BigInteger, nullable=False),
    Column("attempted", BigInteger),
    Column("succeeded", BigInteger),
    # In a row, since the last success.
    Column("failures", Integer, nullable=False, server_default="0"),
    Column("error", Text),
    Column("content", JSON),
    # The time of the newest reading that the source has given: the next fetch begins shortly before it. Of weather, the
    # last time of its forecast.
    Column("until", BigInteger),
    # When fetching began from this source; of weather, for this position and step.
    Column("since", BigInteger, nullable=False),
    Index("fetches_by_attempt", "kind", "next_attempt"),
)

WEATHER: Final = Table(
    "weather",
    METADATA,
    # The newest weather of a station, with that of its past and forecasts of before the station existed.
    Column("station", _KEY, ForeignKey("stations.number", ondelete="CASCADE"), primary_key=True),
    Column("fetched", BigInteger, nullable=False),
    Column("content", JSON, nullable=False),
)

LEASES: Final = Table(
    "leases",
    METADATA,
    Column("name", Text, primary_key=True),
    Column("holder", Text, nullable=False),
    Column("until", BigInteger, nullable=False),
)

PULSES: Final = Table(
    "pulses",
    METADATA,
    # The last time at which something was seen to work, such as a write to the database.
    Column("name", Text, primary_key=True),
    Column("time", BigInteger, nullable=False),
)

AUDIT: Final = Table(
    "audit",
    METADATA,
    # Rows are only ever added. They outlive the station that they are about.
    Column("number", _KEY, primary_key=True, autoincrement=True),
    Column("time", BigInteger, nullable=False),
    # The name of the key; null without one.
    Column("who", Text),
    Column("station", Text),
    # The owner of the station then, who may read the row whatever becomes of the station; null without one.
    Column("owner", Text),
    Column("action", Text, nullable=False),
    Column("content", JSON, nullable=False),
    Index("audit_by_station", "station", "number"),
    Index("audit_by_owner", "owner", "number"),
    Index("audit_by_time", "time"),
    sqlite_autoincrement=True,
)
