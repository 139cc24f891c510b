"""The events that every station has: it is silent if no readings arrive, and stuck if they repeat one value."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

from sqlalchemy import Connection, bindparam

from forecasting.series.times import iso_of
from forecasting.series.timestep import TimeStep
from service.plugins.stations.alerts import alert_of, deliver_alert, lateness, too_late
from service.plugins.stations.background import BackgroundTask
from service.plugins.stations.durations import first_told, silent_seconds
from service.plugins.stations.event_changes import AlertKind
from service.plugins.stations.readings import Readings, correct, ingest
from service.plugins.stations.store.audit import ANYONE, Author
from service.plugins.stations.store.database import AFTER_ALL, StationStore, parts
from service.plugins.stations.store.feeds import (
    Feed,
    feeds_before_silence,
    get_feeds,
    is_silence_due,
    last_arrivals,
    put_feeds,
    silent_feeds,
    unwatched_stations,
)
from service.plugins.stations.store.observations import Outcome, recent_observations
from service.plugins.stations.store.pulse import last_pulse, record_pulse
from service.plugins.stations.store.stations import (
    ALL_STATIONS,
    NUMBERED_STATIONS,
    Observation,
    Station,
    fetch_stations,
    lock_stations,
)
from service.plugins.stations.store.tables import STATIONS

_FLAT_LINE: Final = "flat_line"

_LONGEST_LINE: Final = 2_000
"""Readings among which the first of a flat line is looked for."""

_NAMED: Final = ALL_STATIONS.where(STATIONS.c.id.in_(bindparam("ids", expanding=True)))


def receive(
    connection: Connection, readings: Mapping[str, Readings], now: int, author: Author = ANYONE
) -> tuple[dict[str, Outcome], int]:
    """Store and test readings as :func:`~service.plugins.stations.readings.ingest` does, and note that they came."""
    outcomes = ingest(connection, readings, now, author)
    changed = [name for name, outcome in outcomes.items() if outcome.new or outcome.revised]
    return outcomes, watch(connection, changed, now, {name: readings[name] for name in changed if outcomes[name].new})


def receive_correction(
    connection: Connection, station: str, time: int, now: int, author: Author, *, value: float | None, flag: int
) -> tuple[Observation, int]:
    """Store what a person decides of a reading as :func:`~service.plugins.stations.readings.correct` does."""
    reading = correct(connection, station, time, now, author, value=value, flag=flag)
    return reading, watch(connection, [station], now)


def watch(connection: Connection, names: Sequence[str], now: int, arrived: Mapping[str, Readings] | None = None) -> int:
    """Store whether stations are silent or stuck, after readings arrived or settings were changed."""
    stations = [station for some in parts(names) for station in fetch_stations(connection, _NAMED, some)]
    known = get_feeds(connection, lock_stations(connection, [station.number for station in stations]))
    arrived, feeds, alerts = arrived or {}, list[Feed](), 0
    for station in stations:
        before = known.get(station.number, Feed(station.number))
        feed, newest = before, station.newest
        if station.id in arrived and newest is not None:
            is_recent = newest.time >= first_told(station.settings, now)
            feed = feed.after_arrival(now)._replace(live=before.live or is_recent)
            late = too_late(station.settings, newest.time, now) if newest.received == now else None
            arrived[station.id].warnings += [] if late is None else [late]
        if feed.arrivals:
            expecting = _expecting(station, feed, now)
            if expecting.silent_since is not None and feed.silent_since is None:
                # Time in which nothing could arrive counts for none; the next look at all stations adds it.
                expecting = _expecting(station, feed, _watched_until(connection, now))
            feed = _stuck(connection, station, expecting)
            feeds.append(feed)
            alerts += _tell(connection, station, before, feed, now)
    put_feeds(connection, feeds)
    return alerts


def _expecting(station: Station, feed: Feed, now: int) -> Feed:
    """Return a feed with the time at which it is silent if nothing arrives; silent, if that has passed."""
    pause = silent_seconds(station.settings, feed.interval) if feed.live else None
    last = feed.arrivals[-1]
    silent_at = None if pause is None else last + pause + feed.down
    if silent_at is not None and silent_at <= now:
        return feed._replace(silent_at=None, silent_since=last)
    return feed._replace(silent_at=silent_at, silent_since=None)


def _stuck(connection: Connection, station: Station, feed: Feed) -> Feed:
    """Return a feed with the first of the readings at its end that repeat one value, if they are marked as that."""
    newest = station.newest
    if newest is None or _FLAT_LINE not in newest.failed:
        return feed._replace(stuck_since=None)
    if feed.stuck_since is not None:
        return feed
    period = {station.number: (newest.time, AFTER_ALL)}
    latest = {each.time: each for each in recent_observations(connection, period, _LONGEST_LINE)[station.number]}
    since = newest.time
    for each in sorted(latest.values(), reverse=True):
        if each.value != newest.value:
            break
        since = each.time
    return feed._replace(stuck_since=since)


def _tell(connection: Connection, station: Station, before: Feed, feed: Feed, now: int) -> int:
    """Store the alerts of a station that has become silent or stuck, or is no longer; return how many."""
    alerts, newest = 0, station.newest
    step = TimeStep.parse(station.settings.step)
    is_recent = newest is not None and newest.time >= first_told(station.settings, now)
    if (before.silent_since is None) != (feed.silent_since is None):
        alerts += _raise(connection, station, "silent", feed.silent_since, now, {})
    if (before.stuck_since is None) != (feed.stuck_since is None) and newest is not None and is_recent:
        alerts += _raise(
            connection, station, "stuck", feed.stuck_since, now, lateness(newest.time, step, newest.received)
        )
    return alerts


def _raise(
    connection: Connection, station: Station, name: str, since: int | None, now: int, fields: dict[str, Any]
) -> int:
    kind: AlertKind = "ended" if since is None else "began"
    newest = None if station.newest is None else station.newest.time
    fields |= {"since": None if since is None else iso_of(since)}
    deliver_alert(connection, station, alert_of(station, name, name, kind, now, newest, fields))
    return 1


_PULSE: Final = "silence"
_PULSE_SECONDS: Final = 60
_DOWN_SECONDS: Final = 3 * _PULSE_SECONDS
"""Without a pulse for so long, the service was down, and readings could not arrive."""

_AT_ONCE: Final = 200


def check_silence(connection: Connection, now: int) -> tuple[int, int]:
    """Store which stations have become silent by ``now``, Unix seconds, and watch those that were not watched yet.

    One that is not watched yet raises no alert: it may have been silent for years when the service learned to notice.
    """
    before = _watched_until(connection, now)
    record_pulse(connection, now, _PULSE)
    if before < now:
        # Readings may have arrived after the last look.
        paused = [
            feed.after_pause(max(0, now - max(before, feed.arrivals[-1])))
            for feed in feeds_before_silence(connection, before)
        ]
        put_feeds(connection, paused)
    unwatched = unwatched_stations(connection, _AT_ONCE)
    put_feeds(connection, [_first(connection, station, now) for station in unwatched])
    silent = silent_feeds(connection, now, _AT_ONCE)
    numbers = lock_stations(connection, [feed.station for feed in silent])
    feeds, alerts = get_feeds(connection, numbers), 0
    for station in fetch_stations(connection, NUMBERED_STATIONS, numbers):
        before_lock = feeds[station.number]
        feed = _expecting(station, before_lock, now)
        put_feeds(connection, [feed])
        alerts += _tell(connection, station, before_lock, feed, now)
    return alerts, len(unwatched) + len(silent)


def _watched_until(connection: Connection, now: int) -> int:
    """Return until when stations were watched for silence: until ``now``, unless the service was down, or is new."""
    pulse = last_pulse(connection, _PULSE) or 0
    return pulse if now - pulse > _DOWN_SECONDS else now


def _first(connection: Connection, station: Station, now: int) -> Feed:
    newest = station.newest
    feed = Feed(station.number, last_arrivals(connection, station.number) or [station.received or now])
    is_live = newest is not None and newest.time >= first_told(station.settings, newest.received)
    return _stuck(connection, station, _expecting(station, feed._replace(live=is_live), now))


class SilenceWatcher:
    """Notices stations at which no readings arrive. Create one in each process."""

    def __init__(
        self, store: StationStore, alerted: Callable[[], None], clock: Callable[[], float] = time.time
    ) -> None:
        """Watch the stations in ``store``, and call ``alerted`` when alerts are on disk."""
        self._store = store
        self._alerted = alerted
        self._clock = clock

    @property
    def task(self) -> BackgroundTask:
        """What runs in the background."""
        return BackgroundTask("silence", partial(is_silence_due, pulse=_PULSE, pause=_PULSE_SECONDS), self.run)

    async def run(self) -> None:
        """Look at all stations, some in each transaction."""
        count = _AT_ONCE
        while count >= _AT_ONCE:
            alerts, count = await self._store.write(check_silence, int(self._clock()))
            if alerts:
                self._alerted()
