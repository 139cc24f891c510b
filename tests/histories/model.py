"""A model of a daily station: what its callers are promised, as plainly as possible. It imports nothing of the service.

Times of readings are days since 1970, moments are Unix seconds, temperatures are °C. Networks forecast the last reading
that counts plus a bias. Readings either differ by less than a degree, or are far off.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

Json = dict[str, Any]

DAY = 86_400
BIAS = 0.01
LEAST_TO_FORECAST = 14
LEAST_TO_TEST = 10
NEAR = 1.0
GOOD, UNTESTED, SUSPECT, FAIL, MISSING = 1, 2, 3, 4, 9


@dataclass(frozen=True)
class Revision:
    """A value that was sent for a day."""

    value: float
    received: int
    flag: int = GOOD
    by_person: bool = False


@dataclass(frozen=True)
class Event:
    """A temperature, in the units of the station, that is exceeded for some days in a row."""

    above: float
    days: int


@dataclass(frozen=True)
class Settings:
    """The settings that are changed."""

    units: str = "celsius"
    name: str | None = None
    horizon: int = 3
    events: Mapping[str, Event] = field(default_factory=dict)
    alert_days: int | None = None
    visibility: str = "private"

    @property
    def days_told(self) -> int:
        """The days after which a change raises no alert."""
        return 7 if self.alert_days is None else self.alert_days


@dataclass(frozen=True)
class Forecast:
    """What is known of an issued forecast without its network."""

    issued: int
    until: int
    last: float
    horizon: int
    is_sure: bool
    """Whether the network uses the last reading: it leaves out one that is far from those before it."""

    @property
    def replayed(self) -> bool:
        return self.issued > (self.until + 2) * DAY


@dataclass(frozen=True)
class Alert:
    """An alert about the reading of a day, which arrived at a moment."""

    event: str
    kind: str
    day: int
    raised: int
    arrived: int
    status: str = "raised"


Episode = tuple[int, int | None]
"""The first day of an event, and the day on which it is over, or None."""


@dataclass
class Told:
    """What people know of an event, as far as it may still change, and which alert is held."""

    episodes: list[Episode] = field(default_factory=list)
    held: int | None = None
    since: int | None = None


class Station:
    """A station with all that was ever acknowledged."""

    def __init__(self, settings: Settings, now: int) -> None:
        self.settings = settings
        self.created = self.changed = now
        self.readings: dict[int, list[Revision]] = {}
        self.forecasts: list[Forecast] = []
        self.alerts: list[Alert] = []
        self.told = {name: Told() for name in settings.events}

    # Readings

    def push(self, values: Mapping[int, float], now: int, *, issues: bool = True, judges: bool = True) -> Json:
        """Receive readings; returns what the answer counts.

        If other readings arrive at once, there may be no forecast with these only, or events may not be judged by them.
        """
        counts = {"new": 0, "revised": 0, "unchanged": 0, "refused": 0}
        fresh = set()
        for day, value in values.items():
            known = self.readings.get(day, [])
            if day * DAY > now + DAY:
                counts["refused"] += 1
            elif known and (known[-1].value == value or (known[-1].by_person and value in [r.value for r in known])):
                counts["unchanged"] += 1
            else:
                counts["revised" if known else "new"] += 1
                self.readings.setdefault(day, []).append(Revision(value, now))
                fresh.add(day)
        if fresh:
            self._test(fresh)
        if fresh and issues:
            self._issue(now, judges=judges)
        return counts

    def correct(self, day: int, value: float | None, flag: int, now: int) -> bool:
        """Receive what a person decides of a reading; returns whether it is news."""
        revisions = self.readings[day]
        last = revisions[-1]
        if value is None or value == last.value:
            new = replace(last, flag=flag, by_person=True)
            if new == last:
                return False
            revisions[-1] = new
        else:
            new = Revision(value, now, flag, by_person=True)
            revisions[:] = [replace(each, flag=FAIL, by_person=True) for each in revisions] + [new]
        if flag == MISSING:
            revisions[:] = [replace(each, flag=flag, by_person=True) for each in revisions]
        self.corrected = revisions[-1]
        self._test(set())
        self._issue(now)
        return True

    def change(self, settings: Settings, now: int) -> list[str]:
        """Receive other settings; returns the names of those that have changed."""
        before, self.settings = self.settings, settings
        changed = [name for name in vars(settings) if getattr(before, name) != getattr(settings, name)]
        if not changed:
            return []
        self.changed = now
        kept = {
            name: self.told[name]
            for name, event in settings.events.items()
            if before.events.get(name) == event and before.units == settings.units
        }
        for name in self.told.keys() - kept.keys():
            self._drop(self.told[name])
        self.told = {name: kept.get(name, Told()) for name in settings.events}
        # Events are in the units of the station.
        judged = {"horizon", "events", "alert_days"} | ({"units"} if settings.events else set())
        if self.readings and judged & {*changed}:
            self._issue(now)
        return changed

    def upgrade(self) -> None:
        """Forget what the version before did not store."""
        self.settings = replace(self.settings, visibility="private", alert_days=None)

    def newest(self) -> tuple[int, Revision] | None:
        """Return the newest reading that was not taken back."""
        days = [day for day, revisions in self.readings.items() if revisions[-1].flag != MISSING]
        return (max(days), self.readings[max(days)][-1]) if days else None

    def is_doubtful(self) -> bool:
        """Return whether the newest reading is suspect, and others count."""
        newest = self.newest()
        return newest is not None and newest[1].flag == SUSPECT and not newest[1].by_person and bool(self.counting())

    def counting(self, worst: int = UNTESTED) -> dict[int, float]:
        """Return the readings that count, by day."""
        found = {}
        for day in sorted(self.readings):
            values = [each.value for each in self.readings[day] if each.flag <= worst]
            if values:
                found[day] = values[-1]
        return found

    def last_counting_before(self, day: int) -> float | None:
        """Return the last reading before a day that later ones are compared with."""
        kept = [each.value for at, each in self._latest() if at < day and each.flag <= UNTESTED]
        return kept[-1] if kept else None

    def _latest(self) -> list[tuple[int, Revision]]:
        return [(day, own[-1]) for day, own in sorted(self.readings.items()) if own[-1].flag != MISSING]

    def _test(self, fresh: set[int]) -> None:
        """Flag new readings, and settle those that are suspect, in the order of time."""
        tests = _Tests()
        for day, reading in self._latest():
            if day in fresh or (reading.flag == SUSPECT and not reading.by_person):
                tests.test(day, reading.value)
            elif reading.flag <= UNTESTED:
                tests.pass_by(reading.value)
        for day, flag in tests.flags.items():
            self.readings[day][-1] = replace(self.readings[day][-1], flag=flag)

    # Forecasts and events

    def _issue(self, now: int, *, judges: bool = True) -> None:
        values = self.counting()
        until, last = [*values.items()][-1] if values else (0, 0.0)
        # After the clock was set back, readings may be from the future.
        if len(values) >= LEAST_TO_FORECAST and until * DAY <= now + DAY:
            recent = [*values.values()][-4:]
            is_sure = max(recent) - min(recent) <= NEAR
            self.forecasts.append(Forecast(now, until, last, self.settings.horizon, is_sure))
        newest = self.newest()
        doubted = self.counting(SUSPECT) if newest is not None and newest[1].flag == SUSPECT else None
        for name in sorted(self.settings.events) if judges else ():
            self._judge(name, values, doubted, now)

    def verified(self) -> dict[int, list[float | None]]:
        """Return the errors of the forecasts that count, by lead: of each last reading, the one issued last in time.

        None is one of a forecast that is not sure.
        """
        observed, errors = self.counting(), dict[int, list[float | None]]()
        in_order = sorted(self.forecasts, key=lambda each: each.until)
        for _, same in groupby(in_order, key=lambda each: each.until):
            own = [*same]
            forecast = ([each for each in own if not each.replayed] or own)[-1]
            for lead in range(1, forecast.horizon + 1):
                if forecast.until + lead in observed:
                    error = forecast.last + BIAS - observed[forecast.until + lead]
                    errors.setdefault(lead, []).append(error if forecast.is_sure else None)
        return errors

    def _judge(self, name: str, values: dict[int, float], doubted: dict[int, float] | None, now: int) -> None:
        # A reading is at the beginning of its day.
        told, begin = self.told[name], now - (self.settings.days_told + 1) * DAY
        states = self._states(name, values)
        told.since = [*states.values()][-1] if states else None
        changes, episodes = _changes(told.episodes, self._recent(states), begin)
        held = []
        if doubted is not None and not changes:
            held = _changes(episodes, self._recent(self._states(name, doubted)), begin)[0][-1:]
        waiting = told.held
        if waiting is not None and self.alerts[waiting].kind not in [kind for kind, _ in (*changes, *held)]:
            self._drop(told)
            waiting = None
        told.held, told.episodes = None, episodes
        for status, found in (("raised", changes), ("held", held)):
            for kind, day in found:
                alert = Alert(name, kind, day, now, self._arrived(day, now), status)
                if waiting is not None and self.alerts[waiting].kind == kind:
                    self.alerts[waiting], place, waiting = alert, waiting, None
                else:
                    self.alerts.append(alert)
                    place = len(self.alerts) - 1
                if status == "held":
                    told.held = place

    def _arrived(self, day: int, now: int) -> int:
        """Return when the reading arrived that made a change; one that was there before is not late by new settings."""
        newest = self.newest()
        return newest[1].received if newest is not None and newest[0] == day else now

    def _drop(self, told: Told) -> None:
        if told.held is not None:
            self.alerts[told.held] = replace(self.alerts[told.held], status="dropped")

    def _states(self, name: str, values: Mapping[int, float]) -> dict[int, int | None]:
        """Return by day since when an event is on, or None: on the last of enough days in a row it is."""
        event, states, length = self.settings.events[name], dict[int, int | None](), 0
        above = to_celsius(event.above, self.settings.units)
        for day, value in values.items():
            length = (length if day - 1 in values else 0) + 1 if value > above else 0
            states[day] = day - length + 1 if length >= event.days else None
        return states

    def _recent(self, states: Mapping[int, int | None]) -> list[tuple[int, bool]]:
        """Return the days of which people may still hear, with those just before them, and whether an event was on."""
        first = max(states, default=0) - self.settings.days_told - 2
        return [(day, since is not None) for day, since in states.items() if day >= first]


class _Tests:
    """Tests readings in the order of time: one far from the last that counts is suspect, until others tell."""

    def __init__(self) -> None:
        self.flags: dict[int, int] = {}
        self._kept: list[float] = []
        self._pending: list[tuple[int, float]] = []

    def test(self, day: int, value: float) -> None:
        """Flag a reading."""
        if len(self._kept) < LEAST_TO_TEST:
            self.flags[day] = UNTESTED
            self._kept.append(value)
        elif abs(value - self._kept[-1]) <= NEAR:
            self.pass_by(value)
            self.flags[day] = GOOD
        else:
            self._doubt(day, value)

    def pass_by(self, value: float) -> None:
        """Let a reading that counts settle those before it: they are good if they are on the way to it."""
        ends = [*self._kept[-1:], value]
        for day, doubted in self._pending:
            is_good = min(ends) - NEAR <= doubted <= max(ends) + NEAR
            self.flags[day] = GOOD if is_good else FAIL
            self._kept += [doubted] if is_good else []
        self._pending.clear()
        self._kept.append(value)

    def _doubt(self, day: int, value: float) -> None:
        self.flags[day] = SUSPECT
        self._pending.append((day, value))
        # Two in a row that agree are a new level.
        if len(self._pending) >= 2 and abs(self._pending[-2][1] - value) <= NEAR:
            level = self._pending[-2:]
            del self._pending[-2:]
            self.pass_by(level[0][1])
            self.flags |= {each: GOOD for each, _ in level}
            self._kept.append(value)


def _changes(
    episodes: list[Episode], days: list[tuple[int, bool]], begin: int
) -> tuple[list[tuple[str, int]], list[Episode]]:
    """Return the changes to tell, which are no older than a moment, and what people know then.

    What they know of and what was on are compared: an episode that they do not know of begins, if it is recent or goes
    on, and ends; one that they know to go on ends; and one that they believe to be over begins again if it goes on.
    """
    newest, is_on = days[-1] if days else (0, False)
    if newest * DAY < begin:
        return [], episodes
    changes, known, open_ones = list[tuple[str, int]](), list[Episode](), [*episodes]
    for first, over in _episodes(days):
        told = [each for each in open_ones if _overlap(each, (first, over))]
        open_ones = [each for each in open_ones if each not in told]
        ends = [end for _, end in told if end is not None]
        if not told:
            if first * DAY >= begin or over is None:
                changes.append(("began", first if first * DAY >= begin else newest))
            if over is not None and over * DAY >= begin:
                changes.append(("ended", over))
        elif len(ends) < len(told):
            changes += [] if over is None else [("ended", over)]
        elif over is None:
            later = [day for day, on in days if on and day >= max(ends) and day * DAY >= begin]
            # The reading at which it was over may have been taken back.
            changes.append(("began", later[0] if later else newest))
        known.append((min([first, *(each[0] for each in told)]), over))
    if not is_on and any(end is None for _, end in open_ones):
        changes.append(("ended", newest))
    known += [(first, newest if end is None else end) for first, end in open_ones]
    # One that a correction ended on its first day was never on.
    return changes, sorted((on, off) for on, off in known if off is None or (off * DAY >= begin and off > on))


def _episodes(days: list[tuple[int, bool]]) -> Iterator[Episode]:
    begin = None
    for day, is_on in days:
        if is_on and begin is None:
            begin = day
        elif not is_on and begin is not None:
            yield begin, day
            begin = None
    if begin is not None:
        yield begin, None


def _overlap(one: Episode, other: Episode) -> bool:
    return (other[1] is None or one[0] < other[1]) and (one[1] is None or other[0] < one[1])


def to_celsius(value: float, units: str) -> float:
    """Return a temperature in °C."""
    return {"celsius": value, "kelvin": value - 273.15, "fahrenheit": (value - 32) / 1.8}[units]


def in_units(celsius: float, units: str) -> float:
    """Return a temperature in other units."""
    return {"celsius": celsius, "kelvin": celsius + 273.15, "fahrenheit": celsius * 1.8 + 32}[units]
