"""Daily series of places, and the part of each that a study scores."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Period
from forecasting.models.universal.release import UniversalRelease
from forecasting.readers import read
from forecasting.releases.catalog import load_universal
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from research.studies.options import add_places, study_parser

CONTEXT: Final = 1_500
"""Last days that a forecast is made from."""

FEWEST_ORIGINS: Final = 100
"""Days to forecast from; a series with fewer is not scored."""

BINS: Final = np.asarray([0.0, 0.05, 0.2, 0.4, 0.6, 0.8, 1.0])
"""Edges of the ranges of probability in a reliability table."""

_PARTS: Final = {"validation": (0.6, 0.8), "test": (0.8, 1.0)}
"""Shares of a series."""

_DAY: Final = TimeStep.parse("day")


class Place(NamedTuple):
    """A series, and the coefficients of its climatology; NaN without a position."""

    name: str
    series: SstSeries
    coefficients: npt.NDArray[np.float32]

    def bounds(self, part: str) -> tuple[int, int]:
        """Return the first step of a part of the series, and the one after its last."""
        begin, end = (int(share * len(self.series)) for share in _PARTS[part])
        return begin, end

    def baseline_before(self, begin: int) -> Baseline | None:
        """Return the baseline of heatwaves from the steps before ``begin``; None if they are too few."""
        times = self.series.times.astype("datetime64[D]")
        try:
            return Baseline.fit(self.series, "marine_heatwave", Period(times[0], times[begin - 1]))
        except SeriesError:
            return None


def parser_of_parts(documentation: str | None) -> argparse.ArgumentParser:
    """Return the parser of a study that scores one part of each daily series."""
    parser = study_parser(documentation)
    add_daily_places(parser)
    parser.add_argument("--part", choices=_PARTS, default="test", help="of each series (default: %(default)s)")
    return parser


def add_daily_places(parser: argparse.ArgumentParser) -> None:
    """Add the argument that names files of daily series."""
    add_places(parser, "file of daily series")


def places_in(options: argparse.Namespace) -> Iterator[Place]:
    """Yield the daily series of all files that the options name."""
    for text in options.places:
        yield from _places_of(text)


def open_daily(options: argparse.Namespace) -> UniversalRelease:
    """Open the universal release of days in the artifacts folder."""
    return load_universal("ocean-daily", options.artifacts)


def spread(origins: npt.NDArray[np.intp], most: int) -> npt.NDArray[np.intp] | None:
    """Return about ``most`` of the origins, evenly spread; None if there are too few to score."""
    chosen = origins[:: max(1, len(origins) // most)]
    return None if len(chosen) < FEWEST_ORIGINS else chosen


def _places_of(text: str) -> Iterator[Place]:
    """Yield the daily series of ``FILE`` or ``FILE@LAT,LON``."""
    path, _, position = text.partition("@")
    climatology = GlobalClimatology.load()
    for station in read(Path(path)).stations:
        where = tuple(map(float, position.split(","))) if position else station.position
        if station.series is None or station.series.step != _DAY:
            continue
        coefficients = np.full(7, np.nan, dtype=np.float32)
        if where is not None:
            coefficients = climatology.coefficients(where[0], where[1])
        yield Place(f"{Path(path).stem} {station.name or ''}".strip(), station.series, coefficients)
