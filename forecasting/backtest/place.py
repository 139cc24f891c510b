"""Rolls networks of one place through a series: forecasts every step that follows a full window."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.backtest.backtest import Backtest, Bounds, NetworkFacts
from forecasting.errors import SeriesError
from forecasting.evaluation.events import NO_EVENTS, PlaceForecasts, RequestedEvents, verifying
from forecasting.forecast_warning import ForecastWarning
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.metadata import CheckpointMetadata
from forecasting.models.place.forecaster import Forecaster
from forecasting.references.baselines import BASELINES, Baselines, most_lags
from forecasting.references.from_past import CLIMATOLOGY_YEARS
from forecasting.series.origins import Origins, Roller, origins
from forecasting.series.shape import ForecastShape
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import LAST_TIME, YEAR, Floats, Times, month_of, short
from forecasting.wording import counted, too_few

REFIT_GROWTH: Final = 1.05
"""The references are fitted again whenever the past has grown by this factor since the last fit.

All fits together then cost twenty times the last one, however long the series is.
"""


@dataclass(frozen=True)
class ExpandingReferences:
    """The references of one series, each fitted to the values before a position."""

    series: SstSeries
    shape: ForecastShape

    @property
    def begin(self) -> int | None:
        """First position with a past that is long enough for a climatology; None if there is none.

        As for the references of a forecast, that takes :data:`~forecasting.references.from_past.CLIMATOLOGY_YEARS` of
        values that cover every calendar month.
        """
        observed = np.flatnonzero(np.isfinite(self.series.values))
        months = month_of(self.series.times[observed])
        _, first = np.unique(months, return_index=True)
        enough = int(np.ceil(CLIMATOLOGY_YEARS * YEAR / self.series.step.seconds))
        if len(first) < 12 or len(observed) < enough:
            return None
        return int(observed[max(first.max(), enough - 1)]) + 1

    def refits(self, begin: int, end: int) -> Iterator[tuple[int, int]]:
        """Yield the begin and end (exclusive) of stretches between ``begin`` and ``end`` that share one fit.

        The fit uses the values before the stretch.
        """
        while begin < end:
            until = min(max(int(begin * REFIT_GROWTH), begin + 1), end)
            yield begin, until
            begin = until

    def fit(self, position: int) -> dict[str, Roller]:
        """Fit the references to the values before ``position``, by name; without ``linear`` if gaps are too many."""
        past = self.series.part(0, position)
        lags = min(self.shape.window, most_lags(position))
        fitted = Baselines.fit(past, self.shape._replace(window=lags))
        while not fitted.linear and lags > 1:
            lags //= 2
            fitted = Baselines.fit(past, self.shape._replace(window=lags))
        return fitted.rollers()


CHUNK_FORECASTS: Final = 2_048
"""Windows × leads to forecast before other work gets a turn."""


def rolling_through(
    series: SstSeries, networks: Sequence[Forecaster], horizon: int, events: RequestedEvents = NO_EVENTS
) -> Generator[None, None, Backtest]:
    """Forecast every step of ``series`` that follows a full window, ``horizon`` steps ahead.

    The generator yields between chunks, so that the caller can do other work, or stop.

    References are fitted to the past of the series, and fitted again as it grows. Steps before the first possible
    climatology are skipped for all models, so that their errors can be compared. If too few steps would remain, the
    references that need a climatology are skipped instead, with a warning.
    """
    metadata = networks[0].metadata
    shape = ForecastShape(metadata.window, horizon, metadata.fill_limit)
    usable = _usable_origins(series, metadata.model, shape)
    references = ExpandingReferences(series, shape)
    first = _first_with_climatology(usable, references)
    warnings = [*_series_warnings(series, metadata), *_reference_warnings(usable, first, references)]
    usable = usable.take(slice(first or 0, None))
    leads: dict[str, Floats] = {}
    for network in networks:
        leads[network.metadata.cell] = yield from _roll_network(network, usable, max(horizon, events.reach))
    predicted = {cell: by_lead[:, horizon - 1] for cell, by_lead in leads.items()}
    if first is None:
        predicted["persistence"] = usable.windows[:, -1]
    else:
        predicted |= yield from _roll_references(references, usable)
        if "linear" not in predicted:
            message = "gaps leave too few windows to fit the linear autoregression"
            warnings.append(ForecastWarning("no_linear", message))
    times = series.step.shift(usable.valid_time[:, None], np.arange(max(horizon, events.reach)))
    joint, bounds = dict[str, PlaceForecasts](), dict[str, Bounds]()
    for network in networks:
        cell, errors = network.metadata.cell, network.metadata.errors
        scale = errors.scale(usable.windows)
        joint[cell] = PlaceForecasts(leads[cell], times, scale, network.metadata)
        bounds[cell] = _bounds(predicted[cell], times[:, horizon - 1 : horizon], scale, errors, horizon)
    verified = yield from verifying(events, series, usable.position - 1, joint)
    warnings += _training_warnings(usable, metadata)
    facts = {network.metadata.cell: NetworkFacts.of(network.metadata, network.metadata.kind) for network in networks}
    return Backtest(times[:, horizon - 1], usable.targets[:, -1], predicted, bounds, facts, tuple(warnings), verified)


def _bounds(predicted: Floats, times: Times, scale: Floats, errors: ErrorDistribution, lead: int) -> Bounds:
    """Return the intervals around forecasts °C ``(n,)`` for ``times`` ``(n, 1)`` at one lead."""
    widths = {level: errors.half_widths(level, times, scale, lead)[:, 0] for level in errors.half_width}
    return {level: (predicted - width, predicted + width) for level, width in widths.items()}


def _usable_origins(series: SstSeries, model: str, shape: ForecastShape) -> Origins:
    """Return the origins whose last lead was observed."""
    window, horizon, limit = shape
    if len(series) < window + horizon:
        raise SeriesError(
            f"{too_few(len(series), 'value')}: {model} needs {window}, and {horizon} more to compare with"
        )
    if series.times[-1] > LAST_TIME:
        raise SeriesError("the series extends past the year 9999: check for a wrong time")
    usable = origins(series, shape, window, len(series))
    usable = usable.take(np.flatnonzero(np.isfinite(usable.targets[:, -1])))
    if not len(usable):
        raise SeriesError(
            f"there is nothing to compare with: no window of {window} values, with gaps of at most {limit}, is "
            f"followed by an observation {counted(horizon, 'step')} later; use a more complete series"
        )
    return usable


def _first_with_climatology(usable: Origins, references: ExpandingReferences) -> int | None:
    """Return the first origin with a climatology; None if less than half of the origins and less than a year follow."""
    if references.begin is None:
        return None
    first = int(np.searchsorted(usable.position, references.begin))
    remaining = len(usable) - first
    return first if 2 * remaining >= len(usable) or remaining * references.series.step.seconds >= YEAR else None


def _roll_network(network: Forecaster, usable: Origins, leads: int) -> Generator[None, None, Floats]:
    """Return forecasts at all leads, °C ``(n, leads)``."""
    by_lead: Floats = np.empty((len(usable), leads))
    size = max(CHUNK_FORECASTS // leads, 1)
    for begin in range(0, len(usable), size):
        rows = slice(begin, begin + size)
        by_lead[rows] = network.roll(usable.windows[rows], usable.valid_time[rows], leads)
        yield
    return by_lead


def _roll_references(references: ExpandingReferences, usable: Origins) -> Generator[None, None, dict[str, Floats]]:
    """Return forecasts at the last lead, °C ``(n,)``, by name; only of references that every stretch has."""
    stretches = []
    for begin, end in references.refits(int(usable.position[0]), int(usable.position[-1]) + 1):
        stretch = usable.take(slice(*np.searchsorted(usable.position, (begin, end))))
        if len(stretch):
            rollers = references.fit(begin)
            stretches.append(
                {
                    name: roller.roll(stretch.windows, stretch.valid_time, references.shape.horizon)[:, -1]
                    for name, roller in rollers.items()
                }
            )
            yield
    names = [name for name in BASELINES if all(name in stretch for stretch in stretches)]
    return {name: np.concatenate([stretch[name] for stretch in stretches]) for name in names}


def _series_warnings(series: SstSeries, metadata: CheckpointMetadata) -> list[ForecastWarning]:
    warnings = [ForecastWarning("adjusted", note) for note in series.notes]
    if np.isnan(series.values).any():
        missing = SstSeries(series.values, series.start, series.step).describe()[0]
        treatment = f"gaps of up to {metadata.fill_limit} are interpolated, and windows with longer gaps are skipped"
        warnings.append(ForecastWarning("gap_filled", f"{missing}; {treatment}"))
    return warnings


def _reference_warnings(usable: Origins, first: int | None, references: ExpandingReferences) -> list[ForecastWarning]:
    series = references.series
    if first is None:
        return [
            ForecastWarning(
                "no_climatology",
                f"a climatology needs {CLIMATOLOGY_YEARS} years of values in every calendar month before the first "
                "scored step, and at least a year or half of all steps after it; this series has "
                f"{series.observed_years:.1f} years of values in {len(series.observed_months)} calendar months",
            )
        ]
    if not first:
        return []
    begin = short(usable.valid_time[first])
    needs = f"the climatology needs {CLIMATOLOGY_YEARS} years of values that cover every calendar month"
    return [ForecastWarning("scored_later", f"{first} steps before {begin} are not scored: {needs}")]


def _training_warnings(usable: Origins, metadata: CheckpointMetadata) -> list[ForecastWarning]:
    unlike = metadata.training_range.unlike(usable.windows, usable.valid_time)
    if not unlike.any():
        return []
    first = int(unlike.argmax())
    differences = "; ".join(metadata.training_range.differences(usable.windows[first], usable.valid_time[first]))
    message = (
        f"{int(unlike.sum())} of {len(usable)} windows are unlike the training data; the first, before "
        f"{short(usable.valid_time[first])}: {differences}"
    )
    return [ForecastWarning("outside_training", message)]
