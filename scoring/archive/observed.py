"""What was observed at the valid times of forecasts."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from forecasting.readers.options import ReadingOptions
from forecasting.scores.verification import Observed
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, iso
from forecasting.series.timestep import TimeStep, in_words, length_of
from scoring.tables.staging import ReadStations, read_stations, stage_rows

_ROWS: Final = 250_000
"""Rows that are read together."""


@dataclass(frozen=True)
class Observations:
    """Series of observations."""

    series: dict[tuple[str, str], SstSeries]
    errors: dict[str, str]
    notes: tuple[str, ...]

    @classmethod
    def read(cls, files: Sequence[Path], options: ReadingOptions, steps: Sequence[str]) -> "Observations":
        """Read tables as they are read for scoring."""
        observations = cls({}, {}, ())
        with tempfile.TemporaryDirectory(prefix="sst-verify-") as folder:
            staged = stage_rows(files, options, _ROWS, Path(folder))
            for step, chunk in product(steps, range(staged.chunks)):
                wanted = None if options.resample else TimeStep.parse(step)
                stations = read_stations(Path(folder), chunk, staged, wanted, options.resample)
                observations._add(stations, step)
        for name in {station for station, _ in observations.series}:
            observations.errors.pop(name, None)
        return cls(observations.series, observations.errors, staged.notes)

    def _add(self, stations: ReadStations, step: str) -> None:
        names = stations.known.names
        self.errors.update({names[i]: error for i, error in stations.known.errors.items()})
        for i, series in stations.series.items():
            if str(series.step) == step:
                self.series[names[i], step] = series
            else:
                theirs, ours = length_of(str(series.step)), length_of(step)
                is_shorter = series.step.seconds < TimeStep.parse(step).seconds
                remedy = f"; average them with --resample {step}" if is_shorter else ""
                self.errors[names[i]] = f"observations every {theirs}, but forecasts every {ours}{remedy}"

    def stations(self) -> set[str]:
        """Return the names of all stations in the files."""
        return {name for name, _ in self.series} | set(self.errors)

    def on_grid(self, key: tuple[str, str], start: np.datetime64) -> Observed | None:
        """Return the observations of a station at a step, on the grid of forecasts; None without any."""
        series = self.series.get(key)
        return None if series is None else Observed.of(series.times, series.values, series.step, start)

    def at(self, forecasts: pd.DataFrame) -> Floats:
        """Return what was observed at the valid time of each row with ``station``, ``step`` and ``time``, °C ``(n,)``.

        NaN where there is none. Stations whose observations all lie between the valid times get an error.
        """
        observed = np.full(len(forecasts), np.nan)
        times = forecasts["time"].to_numpy().astype("datetime64[s]")
        places = forecasts.groupby(["station", "step"], sort=False).indices
        for key, series in self.series.items():
            rows = places.get(key)
            if rows is None:
                continue
            on_grid = Observed.of(series.times, series.values, series.step, times[rows[0]])
            if not len(on_grid.values) and np.isfinite(series.values).any():
                self.errors[key[0]] = _between(series, times[rows[0]])
            observed[rows] = on_grid.at(times[rows])
        return observed


def _between(series: SstSeries, valid: np.datetime64) -> str:
    return (
        f"observations at times such as {iso(series.start)}, but forecasts for times such as {iso(valid)}, which is "
        f"not a whole number of steps ({in_words(str(series.step))}) away: give both the same time within the step"
    )
