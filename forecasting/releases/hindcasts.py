"""Forecasts that a release would have made during its test part, by networks that have not seen that part."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from forecasting.errors import ForecastError, ReleaseError, RequestError, UnknownNameError
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.place.forecaster import Forecaster
from forecasting.references.baselines import Baselines
from forecasting.releases.loaded import LoadedRelease, load_evaluated, read_series
from forecasting.releases.release import EVALUATED_SERIES
from forecasting.series.origins import Origins, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Bools, Floats, Times, parse_time, short


@dataclass(frozen=True)
class Hindcast:
    """Forecasts of one network from several origins.

    Attributes:
        origins: time of the last observation that each forecast has seen, ``(n,)``.
        times: valid times, ``(n, leads)``.
        sst: °C, ``(n, leads)``.
        bounds: lower and upper bounds, °C ``(n, leads)``, by level in percent.
        baselines: forecasts of the references, °C ``(n, leads)``, by name.
        observed: what was observed, °C ``(n, leads)``, NaN where nothing was observed or the series ends.
        calibrated: whether each window is like the training data, ``(n,)``.
    """

    origins: Times
    times: Times
    sst: Floats
    bounds: Mapping[int, tuple[Floats, Floats]]
    baselines: Mapping[str, Floats]
    observed: Floats
    calibrated: Bools


@dataclass(frozen=True)
class Hindcasts:
    """The evaluated networks and references of a release, and the series that they forecast.

    Attributes:
        networks: by cell.
        baselines: the references.
        series: observations of the test part, and of the window before it.
        fill_limit: longest gap, in steps, that a window may have.
    """

    networks: Mapping[str, Forecaster]
    baselines: Baselines
    series: SstSeries
    fill_limit: int

    @classmethod
    def load(cls, loaded: LoadedRelease) -> "Hindcasts":
        """Load the files in the folder ``evaluated`` of a release, and verify them.

        Raises:
            UnknownNameError: if the release has no such folder.
            ReleaseError: if a file is missing, altered or invalid.
        """
        release = loaded.release
        if not release.holds_evaluated:
            raise UnknownNameError(
                f"release {release.version} of {release.dataset} does not hold the networks that its accuracy was "
                "measured on, so it has no past forecasts: train the dataset again"
            )
        networks, baselines = load_evaluated(release, loaded.device)
        if not release.holds(EVALUATED_SERIES):
            return cls(networks, baselines, _scored_series(loaded), 0)._with_origins(loaded)
        try:
            series = read_series(release.read(EVALUATED_SERIES), loaded.step)
        except (ForecastError, LookupError, ValueError) as error:
            raise ReleaseError(f"{release.path / EVALUATED_SERIES} cannot be used: {error}") from None
        fill_limit = next(iter(networks.values())).metadata.fill_limit
        return cls(networks, baselines, series, fill_limit)._with_origins(loaded)

    def _with_origins(self, loaded: LoadedRelease) -> "Hindcasts":
        """Return these hindcasts; raise UnknownNameError if no forecast can start from any of their steps."""
        if not len(self.origins):
            raise UnknownNameError(
                f"release {loaded.version} of {loaded.dataset} does not hold enough of its test part for past "
                "forecasts: train the dataset again"
            )
        return self

    @cached_property
    def origins(self) -> Origins:
        """Every step of the test part that can be forecast, with the window before it and what followed."""
        metadata = next(iter(self.networks.values())).metadata
        shape = ForecastShape(metadata.window, metadata.horizon, self.fill_limit)
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
        """Return the index of the origin at ``time``.

        Raises:
            RequestError: if no forecast can start there; names the nearest times.
        """
        times = self.origin_times
        place = int(np.searchsorted(times, time))
        if place < len(times) and times[place] == time:
            return place
        if time < times[0] or time > times[-1]:
            raise RequestError(
                f"origin {short(time)} is outside the test part: choose a time from {short(times[0])} to "
                f"{short(times[-1])}",
                field="origin",
            )
        before, after = short(times[place - 1]), short(times[place])
        raise RequestError(
            f"no forecast can start from {short(time)}: it is not a step of the series, or values are missing there; "
            f"the nearest origins are {before} and {after}",
            field="origin",
        )

    def forecast(self, cell: str, begin: int, n: int, levels: Sequence[int]) -> Hindcast:
        """Forecast from up to ``n`` origins, starting with the one at index ``begin``.

        Args:
            cell: of the network.
            begin: index in :attr:`origins`.
            n: number of origins; fewer at the end of the test part.
            levels: of intervals, percent.

        Raises:
            RequestError: if a level is not offered.
        """
        network, rows = self.networks[cell], slice(begin, begin + n)
        errors = network.metadata.errors
        for level in levels:
            errors.check(level)
        selected = self.origins.take(rows)
        predicted = Evaluation.run(selected, {cell: network, **self.baselines.rollers()}).predicted
        sst, scale = predicted[cell], errors.scale(selected.windows)
        widths = {level: errors.half_widths(level, selected.times, scale) for level in levels}
        return Hindcast(
            origins=self.origin_times[rows],
            times=selected.times,
            sst=sst,
            bounds={level: (sst - width, sst + width) for level, width in widths.items()},
            baselines={name: values for name, values in predicted.items() if name != cell},
            observed=selected.targets,
            calibrated=~network.metadata.training_range.unlike(selected.windows, selected.valid_time),
        )


def _scored_series(loaded: LoadedRelease) -> SstSeries:
    """Return the observations that the report was measured on, for a release that does not hold the test part itself.

    Steps that follow a gap are missing there, so windows with gaps cannot be restored.
    """
    observed = loaded.predictions["observed"]
    times = np.asarray([parse_time(str(time)) for time in observed.index])
    places = np.rint(loaded.step.place(times, times[0])).astype(np.int64)
    values = np.full(int(places[-1]) + 1, np.nan)
    values[places] = observed.to_numpy()
    return SstSeries(values, times[0], loaded.step)
