"""A series divided in time, and what the networks are fitted on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from forecasting.evaluation.division import Split, check_length, check_parts, divide, least_values
from forecasting.networks.metadata import Period
from forecasting.series.gaps import fill_gaps
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from training.config import TrainingConfig


@dataclass(frozen=True)
class Dataset:
    """A series with its parts: 70 % train, 10 % validation, 20 % test, in this order in time."""

    series: SstSeries
    shape: ForecastShape
    cuts: tuple[np.datetime64, np.datetime64] | None = None
    """Where validation and test part begin, where that is not for the series alone to say."""

    @classmethod
    def divide(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide ``series`` and make sure that each part can be used.

        Raises:
            SeriesError: saying what is missing and what to do.
        """
        check_length(len(series), config.shape)
        dataset = cls(series, config.shape)
        dataset.check_parts(least_values(config.shape))
        return dataset

    @property
    def stations(self) -> "Mapping[str, Dataset]":
        """What is trained on, by name: one series has none."""
        return {"": self}

    @property
    def left_out(self) -> "Mapping[str, Dataset]":
        """Stations that are kept out of training, to be evaluated on."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the report should know of the data, a sentence each."""
        return self.series.describe()

    @property
    def bounds(self) -> dict[Split, tuple[int, int]]:
        """Begin and end (exclusive) of each part."""
        n = len(self.series)
        if self.cuts is None:
            return divide(n)
        train_end, validation_end = map(int, np.searchsorted(self.series.times, self.cuts))
        return {"train": (0, train_end), "validation": (train_end, validation_end), "test": (validation_end, n)}

    def periods(self) -> dict[Split, Period]:
        """The parts in words and dates."""
        times = self.series.times
        return {
            split: Period(start=iso(times[begin]), end=iso(times[end - 1]), n=end - begin)
            for split, (begin, end) in self.bounds.items()
        }

    def origins(self, split: Split, horizon: int | None = None) -> Origins:
        """The origins of one part, at the run's horizon where none is given."""
        return self._origins(*self.bounds[split], horizon)

    def past(self, split: Split) -> SstSeries:
        """The series up to the end of a part: all that a fit on it may see."""
        return self.series.part(0, self.bounds[split][1])

    def before(self, time: np.datetime64) -> SstSeries:
        """The values before a time: all that a fit which is to forecast from then on may see."""
        return self.series.part(0, int(np.searchsorted(self.series.times, time)))

    def origins_between(self, begin: np.datetime64, end: np.datetime64, horizon: int | None = None) -> Origins:
        """The origins of the values from a time until before another, as of a part."""
        first, last = map(int, np.searchsorted(self.series.times, (begin, end)))
        return self._origins(first, last, horizon)

    def origins_seen(self) -> Origins:
        """Every window that the final weights may be fitted on, with the value that followed."""
        seen = self.past("validation")
        return origins(seen, self.shape.leading(1), 0, len(seen))

    def _origins(self, begin: int, end: int, horizon: int | None) -> Origins:
        return origins(self.series, self.shape.leading(horizon) if horizon else self.shape, begin, end)

    def last_usable_end(self) -> int:
        """Where the last window ends (exclusive) that a forecast can start from."""
        filled = fill_gaps(self.series.values, self.shape.fill_limit)
        whole = np.isfinite(np.lib.stride_tricks.sliding_window_view(filled, self.shape.window)).all(axis=1)
        usable = whole & np.isfinite(self.series.values[self.shape.window - 1 :])
        return int(np.flatnonzero(usable)[-1]) + self.shape.window

    def check_parts(self, least: Mapping[Split, int]) -> None:
        """Make sure that each part has so many values that can be forecast, and that there are changes to learn from.

        Raises:
            SeriesError: saying what is missing and what to do.
        """
        check_parts(self.past("train"), self.origins, self.shape.horizon, least)
