"""Tests the readings of a station as they are stored, and those before them that were suspect."""

from collections.abc import Sequence
from functools import partial
from typing import Final

import numpy as np
from sqlalchemy import Connection

from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.qartod import FAIL, SUSPECT
from forecasting.series.flat_line import LEAST_REPEATS
from forecasting.series.quality import REACH, Places, Range, Tested
from forecasting.series.times import SECONDS, Floats, Times, iso_of, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.series.units import SYMBOLS, Units, from_celsius
from forecasting.universal.checks.bounds import plausible_range
from forecasting.wording import counted
from service.stations.interval_quantiles import all_quantiles_of, levels_of, probabilities_of
from service.store.ends import SeriesEnd
from service.store.issued_forecasts import get_forecasts
from service.store.observations import PERSON, Observation, flag_observations, observations_around

_BEFORE: Final = REACH + 20
_BEFORE_FLAT: Final = 400
"""Rows before the first new reading that are read; those that repeat one value are compared with more."""

_WORDS: Final = {
    "gross_range": "outside the range of nearly all seas",
    "rate_of_change": "a larger change than the readings before it make",
    "climatology": "far from what is usual at the position",
    "forecast": "outside the range of the forecast before it",
    "flat_line": "the same value for so long that the sensor may be stuck",
    "spike": "contradicted by the readings after it",
    PERSON: "doubted by a person",
}

_SUSPECT: Final = (
    "no forecast uses it and no event changes by it until the next readings confirm it, or you do with the flag 1"
)
_FAILED: Final = "it is stored, but not used; if it is right, give it the flag 1"


def check_readings(
    connection: Connection, end: SeriesEnd, new: Sequence[int], begin: int | None = None
) -> list[Observation]:
    """Store the flags of new readings of a station, and of those before them that were suspect.

    Args:
        connection: of a writing transaction that has locked the station.
        end: the station.
        new: the times of the new readings.
        begin: the time of a reading that a person has corrected, if there are no new ones.

    Returns:
        Those of the new ones that are suspect or fail.
    """
    first = min(new) if begin is None else begin
    known = observations_around(connection, end.number, first, _BEFORE)
    if len({each.value for each in known[-LEAST_REPEATS:]}) == 1:
        known = observations_around(connection, end.number, first, _BEFORE_FLAT)
    if not known:
        return []
    step, times = TimeStep.parse(end.step), np.array([each.time for each in known], dtype=np.int64).view(SECONDS)
    # What a person doubts, no later reading confirms.
    flags = np.array([FAIL if each.tests == PERSON and each.flag == SUSPECT else each.flag for each in known])
    fresh = np.isin(times.view(np.int64), new)
    tested = Tested(
        np.array([each.value for each in known]),
        step.place(times, times[0]),
        step.seconds,
        flags.copy(),
        fresh,
        partial(_usual, end, times),
        lambda i: _expected(connection, end, times[i]),
    )
    tested.run()
    changed = {
        i: known[i]._replace(flag=int(tested.flags[i]), tests=",".join(tested.tests.get(i, ())) or None)
        for i in np.flatnonzero(tested.flags != flags).tolist()
    }
    flag_observations(connection, end.number, [*changed.values()])
    return [each for i, each in changed.items() if fresh[i] and each.flag >= SUSPECT]


def doubts_in_words(doubted: Sequence[Observation], units: Units) -> list[str]:
    """Return a sentence for the readings of a batch that are suspect, and one for those that fail."""
    sentences = []
    for flag, result in ((SUSPECT, _SUSPECT), (FAIL, _FAILED)):
        found = [each for each in doubted if each.flag == flag]
        if found:
            others = f", and {counted(len(found) - 1, 'reading')} before it" if found[1:] else ""
            sentences.append(f"{in_words(found[-1], units)}{others}: {result}")
    return sentences


def in_words(reading: Observation, units: Units) -> str:
    """Return which reading is doubted, and why."""
    value = f"{float(from_celsius(reading.value, units)):.6g} {SYMBOLS[units]}"
    reasons = ", ".join(_WORDS[test] for test in (reading.tests or "").split(",") if test)
    kind = "suspect" if reading.flag == SUSPECT else "wrong"
    return f"the reading of {iso_of(reading.time)}, {value}, is {kind} ({reasons})"


def _usual(end: SeriesEnd, times: Times, places: Places) -> Floats:
    if end.latitude is None or end.longitude is None:
        return np.full(len(places), np.nan)
    coefficients = GlobalClimatology.load().coefficients(end.latitude, end.longitude)
    return evaluate(coefficients, times[places]).astype(np.float64)


def _expected(connection: Connection, end: SeriesEnd, time: np.datetime64) -> Range | None:
    """Return the range of the forecast that was issued before a reading and reaches it."""
    forecasts = get_forecasts(connection, end.number, end=int(time.astype(np.int64)) - 1, limit=1)
    intervals = forecasts[0].content["intervals"] if forecasts else ()
    if not intervals:
        return None
    start = np.datetime64(seconds_of(forecasts[0].content["timestamps"][0]), "s")
    lead = round(float(TimeStep.parse(end.step).place(np.array([time]), start)[0]))
    quantiles = all_quantiles_of(intervals)
    if not 0 <= lead < len(quantiles):
        return None
    low, high = plausible_range(quantiles[lead], probabilities_of(levels_of(intervals)), 0.0)
    return float(low), float(high)
