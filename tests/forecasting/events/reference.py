"""Marine heatwaves day by day, straight from the definition of Hobday et al. (2016), to compare with."""

import math
from datetime import date, timedelta
from typing import NamedTuple


class Found(NamedTuple):
    """An event: first, last and peak day, mean and maximum intensity, category from 1 to 4."""

    start: date
    end: date
    peak: date
    mean: float
    highest: float
    category: int


def percentile(values: list[float], share: float) -> float:
    """Linear interpolation between the two nearest ranks."""
    ordered = sorted(values)
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def baseline(sst: dict[date, float], first: date, last: date) -> tuple[dict[tuple[int, int], float], ...]:
    """Climatology and 90th percentile by (month, day), smoothed."""
    days = [date(2012, 1, 1) + timedelta(i) for i in range(366)]
    keys = [(day.month, day.day) for day in days]
    mean, high = {}, {}
    for key in keys:
        if key == (2, 29):
            continue
        around = []
        for year in range(first.year, last.year + 1):
            middle = date(year, *key)
            if first <= middle <= last:
                around += [sst[day] for i in range(-5, 6) if (day := middle + timedelta(i)) in sst]
        mean[key], high[key] = sum(around) / len(around), percentile(around, 0.9)
    smoothed = []
    for by_day in (mean, high):
        by_day[2, 29] = (by_day[2, 28] + by_day[3, 1]) / 2
        values = [by_day[key] for key in keys]
        smoothed.append({key: sum(values[(i + j) % 366] for j in range(-15, 16)) / 31 for i, key in enumerate(keys)})
    return tuple(smoothed)


def heatwaves(sst: dict[date, float], first: date, last: date) -> list[Found]:
    """The events of a series without gaps, with a baseline from ``first`` to ``last``."""
    mean, high = baseline(sst, first, last)
    key = {day: (day.month, day.day) for day in sst}
    runs: list[list[date]] = []
    for day in sorted(sst):
        if sst[day] > high[key[day]]:
            if runs and runs[-1][1] == day - timedelta(1):
                runs[-1][1] = day
            else:
                runs.append([day, day])
    joined: list[list[date]] = []
    for start, end in (run for run in runs if (run[1] - run[0]).days >= 4):
        if joined and (start - joined[-1][1]).days <= 3:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    events = []
    for start, end in joined:
        days = [start + timedelta(i) for i in range((end - start).days + 1)]
        intensity = [sst[day] - mean[key[day]] for day in days]
        peak = days[intensity.index(max(intensity))]
        multiples = (sst[peak] - mean[key[peak]]) / (high[key[peak]] - mean[key[peak]])
        events.append(
            Found(start, end, peak, sum(intensity) / len(days), max(intensity), min(math.floor(multiples), 4))
        )
    return events
