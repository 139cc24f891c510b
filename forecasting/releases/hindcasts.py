"""Forecasts that a release would have made during its test part, by networks that have not seen that part."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.errors import ForecastError, ReleaseError, RequestError, UnknownNameError
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.place.forecaster import Forecaster
from forecasting.references.baselines import Baselines
from forecasting.releases.release import EVALUATED_SERIES, PlaceRelease
from forecasting.series.batch import SeriesBatch
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Times, short


@dataclass(frozen=True)
class Hindcasts:
    """The evaluated networks, by cell, and references of a release, and the series that they forecast.

    The series holds the observations of the test part, and of the window before it.
    """

    networks: Mapping[str, Forecaster]
    baselines: Baselines
    series: SstSeries

    @classmethod
    def load(cls, release: PlaceRelease) -> "Hindcasts":
        """Load the files in the folder ``evaluated`` of a release, and verify them."""
        if not (release.holds_evaluated and release.holds(EVALUATED_SERIES)):
            raise UnknownNameError(
                f"release {release.version} of {release.dataset} does not hold the networks that its accuracy was "
                "measured on with their test part, so it has no past forecasts: train the dataset again"
            )
        networks, baselines = release.load_evaluated()
        try:
            series = release.read_series(EVALUATED_SERIES)
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path / EVALUATED_SERIES} cannot be used: {error}") from None
        hindcasts = cls(networks, baselines, series)
        if not len(hindcasts.origins):
            raise UnknownNameError(
                f"release {release.version} of {release.dataset} does not hold enough of its test part for past "
                "forecasts: train the dataset again"
            )
        return hindcasts

    @cached_property
    def origins(self) -> Origins:
        """Every step of the test part that can be forecast, with the window before it and what followed."""
        metadata = next(iter(self.networks.values())).metadata
        shape = ForecastShape(metadata.window, metadata.horizon, metadata.fill_limit)
        return origins(self.series, shape, metadata.window, len(self.series))

    @cached_property
    def origin_times(self) -> Times:
        """Time of the last observation before each of :attr:`origins`, ``(n,)``, ascending."""
        return self.series.times[self.origins.position - 1]

    @property
    def runs(self) -> list[tuple[int, int]]:
        """First and last index of each run of :attr:`origins` without a step between them that is not one."""
        ends = np.flatnonzero(np.diff(self.origins.position) > 1)
        first, last = [0, *(ends + 1).tolist()], [*ends.tolist(), len(self.origins) - 1]
        return list(zip(first, last, strict=True))

    @property
    def last_complete(self) -> int:
        """Index of the latest origin whose every lead was observed; the latest of all, if there is none."""
        complete = np.flatnonzero(np.isfinite(self.origins.targets).all(axis=1))
        return int(complete[-1]) if len(complete) else len(self.origins) - 1

    def find(self, time: np.datetime64) -> int:
        """Return the index of the origin at ``time``."""
        times = self.origin_times
        index = int(np.searchsorted(times, time))
        if index < len(times) and times[index] == time:
            return index
        if time < times[0] or time > times[-1]:
            raise RequestError(
                f"origin {short(time)} is outside the test part: choose a time from {short(times[0])} to "
                f"{short(times[-1])}",
                field="origin",
            )
        before, after = short(times[index - 1]), short(times[index])
        raise RequestError(
            f"no forecast can start from {short(time)}: it is not a step of the series, or values are missing there; "
            f"the nearest origins are {before} and {after}",
            field="origin",
        )

    def forecast(self, cell: str, begin: int, n: int) -> Forecasts:
        """Forecast from up to ``n`` origins, a row each, by the network of ``cell``, with its references.

        The first is the one at index ``begin`` in :attr:`origins`. There are fewer at the end of the test part.
        """
        network, ends = self.networks[cell], self.origins.position[begin : begin + n]
        starts = np.full(len(ends), self.series.start)
        batch = SeriesBatch(self.series.step, self.series.values, ends=ends, lengths=ends, starts=starts)
        return network.forecast_batch(batch, ForecastOptions(network.horizon), self.baselines)
