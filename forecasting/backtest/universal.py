"""Rolls universal networks through a series, from its past steps."""

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

import numpy as np

from forecasting.backtest.backtest import Backtest, Bounds, NetworkFacts
from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import SeriesError
from forecasting.evaluation.events import NO_EVENTS, RequestedEvents, verifying
from forecasting.events.paths import Coupling, Dependence
from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import DEFAULT_LEVELS, ForecastOptions
from forecasting.models.universal.backtest import RollingErrors
from forecasting.models.universal.contexts import Contexts, read_contexts
from forecasting.models.universal.distribution import Quantiles, exceedance, interval
from forecasting.models.universal.network import Steps, backtest_all
from forecasting.models.universal.references import Past, forecast_references
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.resampling import Resampling
from forecasting.references.baselines import REFERENCES
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Bools, Floats, unix_seconds

_LEAST_SHARE: Final = 0.5
"""Share of the origins that a reference must know to be compared."""

_MAX_ORIGINS: Final = 200
_RESAMPLED_AT_ONCE: Final = 25
_OF_THE_END: Final = ("late", "reference_is_better")
"""Warnings about the forecast from the end of a series, which is not compared."""

_NOTHING: Final = "there is nothing to compare with: send at least {needed} values, and end with an observed one"


def rolling_universal(
    release: UniversalRelease,
    cells: Sequence[str],
    series: SstSeries,
    coefficients: Coefficients,
    horizon: int,
    events: RequestedEvents = NO_EVENTS,
) -> Generator[None, None, Backtest]:
    """Forecast a series ``horizon`` steps ahead from each of its past steps, with networks and references.

    Each forecast is recalibrated on those before it that were verified by then, as a forecast from the end of the
    series is. A series at another step than the release is forecast from up to 200 steps. A long series is forecast in
    parts, and the generator yields after each.

    Args:
        release: release for the step of the series, or the nearest one.
        cells: cells of the networks, at least one.
        series: the series.
        coefficients: climatology of its position, ``(7,)``; NaN where there is none.
        horizon: the lead that is scored.
        events: events to verify.
    """
    if series.step != release.step:
        return (yield from _roll_resampled(release, cells, series, coefficients, horizon, events))
    metadata = release.networks[cells[0]].metadata
    groups, failures = read_contexts(
        SeriesBatch.of([series], series.step), coefficients[None], 1, metadata, len(series)
    )
    if failures:
        raise failures[0]
    usable, scored = _origins(groups[0], horizon, metadata.minimum)
    if not len(scored):
        raise SeriesError(_NOTHING.format(needed=metadata.minimum + horizon))
    origins = usable[scored]
    contexts = _until(groups[0], int(origins[-1]))
    leads = slice(0 if events.reach else horizon - 1, max(horizon, events.reach))
    by_lead = yield from _rolling(release, cells, contexts, usable, leads)
    values = groups[0].values[0]
    rolled = {
        cell: RollingErrors.of(values, usable, answer, leads.start + 1, release.networks[cell].metadata, scored)
        for cell, answer in by_lead.items()
    }
    predicted = {cell: answer[scored, horizon - 1 - leads.start, 0] for cell, answer in by_lead.items()}
    predicted |= _known_references(contexts, origins, horizon)
    known = np.isfinite([*predicted.values()]).all(axis=0)
    bounds = yield from _intervals(rolled, scored[known], horizon, metadata.levels)
    steps = _first_step(series, groups[0]) + origins
    verified = yield from verifying(events, series, steps, rolled)
    return Backtest(
        contexts.step.shift(series.times[0], steps[known] + horizon),
        values[origins[known] + horizon],
        {name: column[known] for name, column in predicted.items()},
        bounds,
        _facts(release, cells),
        contexts.warnings.get(0, ()),
        verified,
    )


def _facts(release: UniversalRelease, cells: Sequence[str]) -> dict[str, NetworkFacts]:
    return {cell: NetworkFacts.of(release.networks[cell].metadata) for cell in cells}


def _intervals(
    rolled: Mapping[str, RollingErrors], indices: Steps, horizon: int, levels: tuple[float, ...]
) -> Generator[None, None, dict[str, Bounds]]:
    """Return the intervals of each network from the origins at these places; yields after each network."""
    bounds: dict[str, Bounds] = {}
    for cell, forecasts in rolled.items():
        quantiles = forecasts.quantiles(indices, horizon, horizon)[:, 0]
        bounds[cell] = {level: interval(level, quantiles, levels) for level in DEFAULT_LEVELS}
        yield
    return bounds


def _known_references(contexts: Contexts, origins: Steps, horizon: int) -> dict[str, Floats]:
    """Return the forecasts of references that are known at enough origins, °C ``(origins,)``, by name."""
    forecasts = forecast_references(Past.of(contexts, origins, horizon))
    columns = {name: forecast[0, :, -1] for name, forecast in forecasts.items()}
    return {name: column for name, column in columns.items() if np.isfinite(column).mean() >= _LEAST_SHARE}


def _first_step(series: SstSeries, contexts: Contexts) -> int:
    """Return the step of ``series`` that is the first of ``contexts``, which ends at the last observation."""
    step: int = len(series) - int(contexts.missing_after[0]) - contexts.values.shape[1]
    return step


def _origins(contexts: Contexts, horizon: int, minimum: int) -> tuple[Steps, Steps]:
    """Return the steps to forecast from, and the places of those that are scored.

    A forecast starts from each observed step that follows enough values; it is scored if the step ``horizon`` later was
    observed. The last is scored.
    """
    observed = np.isfinite(contexts.values[0])
    usable = np.flatnonzero(observed & (np.cumsum(observed) >= minimum)).astype(np.int64)
    usable = usable[usable < len(observed) - horizon]
    scored = np.flatnonzero(observed[usable + horizon])
    return usable[: scored[-1] + 1] if len(scored) else usable, scored


def _until(contexts: Contexts, last: int) -> Contexts:
    """Return the contexts up to the step ``last``."""
    back = contexts.values.shape[1] - 1 - last
    last_time = contexts.step.shift(contexts.last_time, -back)
    return replace(
        contexts, values=contexts.values[:, : last + 1], last_time=last_time, missing_after=contexts.missing_after * 0
    )


def _rolling(
    release: UniversalRelease, cells: Sequence[str], contexts: Contexts, origins: Steps, leads: slice
) -> Generator[None, None, dict[str, Floats]]:
    """Return mean and quantiles at some leads from each origin, °C ``(origins, leads, 1 + levels)``, by cell.

    A long series is cut into parts, in which each origin sees at least half of the longest context.
    """
    maximum, length = release.any_network.metadata.maximum, contexts.values.shape[1]
    size = max(maximum // 2, 1)
    networks = {cell: release.networks[cell] for cell in cells}
    parts: dict[str, list[Floats]] = {cell: [] for cell in cells}
    for begin in range(int(origins[0]), length, size):
        inside = origins[(origins >= begin) & (origins < begin + size)]
        if not len(inside):
            continue
        last = int(inside[-1])
        first = max(last + 1 - maximum, 0)
        time = unix_seconds(contexts.step.shift(contexts.last_time, last - (length - 1)))
        values = contexts.values[:, first : last + 1]
        answers = backtest_all(networks.values(), values, time, contexts.coefficients, inside - first)
        for cell, network in networks.items():
            parts[cell].append(answers[network.metadata.model][0, :, leads])
        yield
    return {cell: np.concatenate(answers) for cell, answers in parts.items()}


def _roll_resampled(
    release: UniversalRelease,
    cells: Sequence[str],
    series: SstSeries,
    coefficients: Coefficients,
    horizon: int,
    events: RequestedEvents,
) -> Generator[None, None, Backtest]:
    """Forecast a series at another step than the release from its past, each time as from its end."""
    resampling, leads = Resampling(series.step, release.step), max(horizon, events.reach)
    options = ForecastOptions(leads, DEFAULT_LEVELS, backtest=events.reach > 0)  # only events need what takes longest
    warnings = _warnings_of(release, series, coefficients, leads, cells[0])
    minimum = release.any_network.metadata.minimum
    origins = _spread(np.flatnonzero(_can_be_scored(series, resampling, minimum, horizon)))
    parts: dict[str, list[Forecasts]] = {cell: [] for cell in cells}
    for begin in range(0, len(origins), _RESAMPLED_AT_ONCE):
        some = origins[begin : begin + _RESAMPLED_AT_ONCE].tolist()
        past = SeriesBatch.of([replace(series, values=series.values[: origin + 1]) for origin in some], series.step)
        rows, indices = np.repeat(coefficients[None], len(some), axis=0), np.arange(begin, begin + len(some))
        for cell in cells:
            made = release.model(cell).columns(past, options, rows, references=True)
            parts[cell].append(replace(made, row=indices[made.row]))
            yield
    forecasts = {cell: Forecasts.joined(of_cell) for cell, of_cell in parts.items() if of_cell}
    if not forecasts or not len(forecasts[cells[0]]):
        needed = math.ceil(minimum * max(resampling.ratio, 1.0)) + horizon
        raise SeriesError(_NOTHING.format(needed=needed))
    used = origins[forecasts[cells[0]].row]
    joint = {cell: SeparateForecasts(made) for cell, made in forecasts.items()}
    verified = yield from verifying(events, series, used, joint)
    index = horizon - 1
    return Backtest(
        series.times[used + horizon],
        series.values[used + horizon],
        _predicted(forecasts, index),
        {cell: {level: _at(made.bounds(level), index) for level in DEFAULT_LEVELS} for cell, made in forecasts.items()},
        _facts(release, cells),
        warnings,
        verified,
        consecutive=False,
    )


def _warnings_of(
    release: UniversalRelease, series: SstSeries, coefficients: Coefficients, leads: int, cell: str
) -> tuple[ForecastWarning, ...]:
    """Return the warnings about forecasts of a series, other than those about its end."""
    batch = SeriesBatch.of([series], series.step)
    whole = release.model(cell).columns(batch, ForecastOptions(leads), coefficients[None])
    if whole.errors:
        raise whole.errors[0]
    return tuple(warning for warning in whole.warnings[0] if warning.code not in _OF_THE_END)


def _can_be_scored(series: SstSeries, resampling: Resampling, minimum: int, horizon: int) -> Bools:
    """Return which steps are observed, follow enough values, and were observed ``horizon`` steps later."""
    observed = np.isfinite(series.values)
    scored = observed.copy()
    scored[-horizon:] = False
    scored[:-horizon] &= observed[horizon:]
    scored[: math.ceil(minimum * resampling.ratio) - 1] = False
    return scored & (np.cumsum(observed) >= min(minimum, minimum * resampling.ratio))


def _spread(origins: Steps) -> Steps:
    """Return at most 200 of ``origins``, evenly spread."""
    if len(origins) <= _MAX_ORIGINS:
        return origins
    return origins[np.linspace(0, len(origins) - 1, _MAX_ORIGINS).round().astype(np.int64)]


def _predicted(forecasts: Mapping[str, Forecasts], index: int) -> dict[str, Floats]:
    """Return the forecasts at one lead, °C ``(n,)``, by cell, and by reference where each forecast has it."""
    predicted = {cell: made.sst[:, index] for cell, made in forecasts.items()}
    first = next(iter(forecasts.values()))
    for name in REFERENCES:
        if name in first.columns.references and np.isfinite(first.reference(name)[:, 0]).all():
            predicted[name] = first.reference(name)[:, index]
    return predicted


def _at(bounds: tuple[Floats, Floats], index: int) -> tuple[Floats, Floats]:
    return bounds[0][:, index], bounds[1][:, index]


@dataclass(frozen=True, eq=False)
class SeparateForecasts:
    """Forecasts at another step, each made on its own."""

    forecasts: Forecasts

    def couplings(self, rows: Steps, leads: int) -> Iterator[tuple[Coupling, Steps]]:
        """Yield how the first ``leads`` are related, for the forecasts of each dependence: as in the first of them."""
        used: dict[Dependence | None, list[int]] = {}
        for index, row in enumerate(rows.tolist()):
            used.setdefault(self.forecasts.distributions[row].coupling.dependence, []).append(index)
        for indices in used.values():
            coupling = self.forecasts.distributions[int(rows[indices[0]])].coupling
            yield coupling.until(leads), np.asarray(indices, dtype=np.int64)

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        distributions = [cast("Quantiles", self.forecasts.distributions[row]) for row in rows.tolist()]
        quantiles = np.stack([distribution.at_leads[: threshold.shape[1]] for distribution in distributions])
        return exceedance(threshold, quantiles, distributions[0].levels)
