"""A series divided in time into training, validation and test parts."""

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
    """A series with its parts in chronological order: 70 % training, 10 % validation, 20 % test.

    Attributes:
        series: whole series.
        shape: window, horizon and longest filled gap of a forecast.
        cuts: times at which the validation and the test part begin; None divides the series by its length.
    """

    series: SstSeries
    shape: ForecastShape
    cuts: tuple[np.datetime64, np.datetime64] | None = None

    @classmethod
    def divide(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide ``series`` into parts.

        Raises:
            SeriesError: if the series, or one of its parts, is too short or hardly changes; says what to do.
        """
        check_length(len(series), config.shape)
        dataset = cls(series, config.shape)
        dataset.check_parts(least_values(config.shape))
        return dataset

    @classmethod
    def divide_short(cls, series: SstSeries, config: TrainingConfig) -> "Dataset":
        """Divide a series that is too short to fit networks to.

        Raises:
            SeriesError: if a part has no value to forecast at some lead, or the series hardly changes.
        """
        dataset = cls(series, config.shape)
        dataset.check_parts({"train": 1, "validation": 1, "test": 1})
        return dataset

    @property
    def stations(self) -> "Mapping[str, Dataset]":
        """The series to train on, by name; a single series has the empty name."""
        return {"": self}

    @property
    def left_out(self) -> "Mapping[str, Dataset]":
        """Stations left out of training, to evaluate on."""
        return {}

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences on the data for a reader of the report."""
        return self.series.describe()

    @property
    def bounds(self) -> dict[Split, tuple[int, int]]:
        """Start and end (exclusive) of each part, as positions in the series."""
        n = len(self.series)
        if self.cuts is None:
            return divide(n)
        train_end, validation_end = map(int, np.searchsorted(self.series.times, self.cuts))
        return {"train": (0, train_end), "validation": (train_end, validation_end), "test": (validation_end, n)}

    def periods(self) -> dict[Split, Period]:
        """Dates and lengths of the parts."""
        times = self.series.times
        return {
            split: Period(start=iso(times[begin]), end=iso(times[end - 1]), n=end - begin)
            for split, (begin, end) in self.bounds.items()
        }

    def origins(self, split: Split, horizon: int | None = None) -> Origins:
        """The origins of one part, at the horizon of the run unless another is given."""
        return self._origins(*self.bounds[split], horizon)

    def past(self, split: Split) -> SstSeries:
        """The series up to the end of a part: all that a fit to the part may see."""
        return self.series.part(0, self.bounds[split][1])

    def before(self, time: np.datetime64) -> SstSeries:
        """The series before a time: all that a fit may see that forecasts from then on."""
        return self.series.part(0, int(np.searchsorted(self.series.times, time)))

    def origins_between(self, begin: np.datetime64, end: np.datetime64, horizon: int | None = None) -> Origins:
        """The origins of the values from ``begin`` until before ``end``."""
        first, last = map(int, np.searchsorted(self.series.times, (begin, end)))
        return self._origins(first, last, horizon)

    def origins_seen(self, split: Split) -> Origins:
        """Every window up to the end of a part, with the value that followed: all that a fit to it may see."""
        seen = self.past(split)
        return origins(seen, self.shape.leading(1), 0, len(seen))

    def _origins(self, begin: int, end: int, horizon: int | None) -> Origins:
        return origins(self.series, self.shape.leading(horizon) if horizon else self.shape, begin, end)

    def last_usable_end(self) -> int:
        """Position of the end (exclusive) of the last window that a forecast can start from."""
        filled = fill_gaps(self.series.values, self.shape.fill_limit)
        complete = np.isfinite(np.lib.stride_tricks.sliding_window_view(filled, self.shape.window)).all(axis=1)
        usable = complete & np.isfinite(self.series.values[self.shape.window - 1 :])
        return int(np.flatnonzero(usable)[-1]) + self.shape.window

    def check_parts(self, least: Mapping[Split, int]) -> None:
        """Refuse parts with fewer than ``least`` values to forecast, and a training part that hardly changes.

        Raises:
            SeriesError: says what is missing and what to do.
        """
        check_parts(self.past("train"), self.origins, self.shape.horizon, least)
