"""The durations of a station: how old a change may be that raises an alert, and how long it may be silent."""

from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.series.times import DAY
from forecasting.series.timestep import TimeStep
from service.plugins.stations.store.stations import StationSettings

AUTO: Final = "auto"
"""A duration that the service chooses."""

OFF: Final = "off"
"""How the store has a duration that is turned off."""

MOST_DAYS: Final = 366

_LEAST_ALERT_SECONDS: Final = 2 * DAY
_LEAST_ALERT_STEPS: Final = 7
_SILENT_STEPS: Final = 3
_SILENT_INTERVALS: Final = 4


def shifted(time: int, steps: int, step: TimeStep) -> int:
    """Return the time some steps after ``time``, both in Unix seconds."""
    return int(step.shift(np.asarray(np.datetime64(time, "s")), steps).astype(np.int64))


def stored_silence(given: str | None) -> str | None:
    """Return ``silent_after`` as it is stored, from what was sent: an ISO 8601 duration, ``auto`` or None."""
    return OFF if given is None else None if given == AUTO else given


def shown_silence(stored: str | None) -> str | None:
    """Return what :func:`stored_silence` was given."""
    return None if stored == OFF else stored or AUTO


def shown_duration(seconds: int) -> str:
    """Return an ISO 8601 duration."""
    return TimeStep(seconds).duration


def parse_duration(text: str) -> int:
    """Return the seconds of an ISO 8601 duration."""
    try:
        step = TimeStep.parse(text) if text.startswith("P") else None
    except SeriesError:
        step = None
    if step is None or step.calendar_month or not 0 < step.seconds <= MOST_DAYS * DAY:
        raise SeriesError(
            f"invalid duration {text[:40]!r}: write an ISO 8601 duration of up to {MOST_DAYS} days, such as P2D or "
            "PT12H"
        )
    return step.seconds


def alert_seconds(settings: StationSettings) -> int:
    """Return how old a change may be that raises an alert: by default two days, or seven steps if these are longer."""
    if settings.alert_within is not None:
        return parse_duration(settings.alert_within)
    return max(_LEAST_ALERT_SECONDS, _LEAST_ALERT_STEPS * TimeStep.parse(settings.step).seconds)


def silent_seconds(settings: StationSettings, interval: float) -> int | None:
    """Return after how long without new readings a station is silent; None if it never is."""
    if settings.silent_after == OFF:
        return None
    if settings.silent_after is not None:
        return parse_duration(settings.silent_after)
    return max(_SILENT_STEPS * TimeStep.parse(settings.step).seconds, round(_SILENT_INTERVALS * interval))


def first_told(settings: StationSettings, now: int) -> int:
    """Return the first step of a station, Unix seconds, whose changes are recent enough ``now`` to raise alerts."""
    earliest, step = now - alert_seconds(settings), TimeStep.parse(settings.step)
    before = shifted(earliest, -1, step)
    return before if shifted(before, 1, step) >= earliest else shifted(before, 1, step)
