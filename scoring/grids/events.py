"""Events of the cells of a grid, of many cells at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology import annual_cycle
from forecasting.climatology.usual import Agreement, agreement_of
from forecasting.errors import SeriesError
from forecasting.events.baseline import (
    COARSE_BASELINE,
    DAYS,
    PERCENTILES,
    Baseline,
    Position,
    baselines_of_positions,
    days_from,
)
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent, Percentile, percentile_of
from forecasting.events.heat_stress import WINDOW_DAYS, heat_stress, maximum_monthly_mean
from forecasting.events.marine_event import marine_events
from forecasting.events.outlook import Arrays, Futures, GivenBaseline, Rows, baseline_for
from forecasting.events.threshold_event import threshold_events
from forecasting.forecasts.distribution import Distribution
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.universal.distribution import Quantiles, quantiles_at
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Bools, Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import outside_sea_range
from scoring.errors import in_one_line, kind_of
from scoring.events import EventRequest
from scoring.job import Counts

_PATHS: Final = 100
"""Sample paths that events of a cell are evaluated by."""

_LEAST_DAYS_OF_MEANS: Final = 3_600
"""A shorter past has no maximum monthly mean of its own."""

_CELLS_AT_ONCE: Final = 2_048


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells of a grid that were forecast."""

    events: EventRequest
    forecasts: Forecasts
    past: npt.NDArray[np.float32]
    start: np.datetime64
    step: TimeStep
    positions: Floats
    given: "tuple[npt.NDArray[np.float32], float] | None"
    warmest: Floats | None = None

    def evaluate(self) -> tuple[Arrays, Counts]:
        """Return the values of the columns of all events, ``(n,)`` or ``(n, horizon)``, and what is not known."""
        n, horizon = len(self.forecasts), self.forecasts.horizon
        arrays: Arrays = {column.name: column.empty(n, horizon) for column in self.events.columns}
        counts = Counts()
        for definition, columns in zip(self.events.definitions, self.events.by_event, strict=True):
            refusal = self._refusal(definition)
            if refusal is not None:
                counts.count("unjudged", f"{definition.name}: {kind_of(refusal)}", n)
                continue
            for rows, futures in self._together:
                done, found, codes = self._evaluate(definition, rows, futures)
                for short, column in columns.items():
                    arrays[column.name][rows[done]] = found[short]
                for code, number in codes.items():
                    counts.count("warnings", code, number)
                for i in np.setdiff1d(np.arange(len(rows)), done).tolist():
                    reason = self._reason(definition, rows[i], futures)
                    counts.count("unjudged", f"{definition.name}: {kind_of(reason)}")
        return arrays, counts

    def _refusal(self, definition: EventDefinition) -> str | None:
        """Return why no cell can have an event: the baselines of the file are for the other kind; None if not."""
        percentile = percentile_of(definition)
        if percentile is None or self.given is None:
            return None
        nothing = SstSeries(np.full(1, np.nan), self.start, self.step)
        try:
            baseline_for(nothing, self._given(0, percentile), percentile)
        except SeriesError as error:
            return in_one_line(error)
        return None

    def _reason(self, definition: EventDefinition, row: int, futures: Futures) -> str:
        """Return why one cell cannot have an event."""
        baseline: GivenBaseline = self.events.baseline_at(Position(*self.positions[row]))
        percentile, past = percentile_of(definition), self._past_of(row)
        try:
            if percentile is None:
                maximum_monthly_mean(past, self.forecasts.coefficients[row])
            else:
                given = baseline if self.given is None else self._given(row, percentile)
                baseline_for(past, given, percentile).at(self.step.range(self.start, len(past) + futures.horizon))
        except SeriesError as error:
            return in_one_line(error)
        raise AssertionError(f"{definition} can be evaluated")

    def _threshold(self, percentile: float) -> int:
        """Return which of the given variables is the threshold: that of cold spells for them, if there is one."""
        assert self.given is not None
        return 2 if len(self.given[0]) == 3 and percentile < 50 else 1

    def _given(self, row: int, percentile: float) -> Baseline:
        """Return the given baseline of a cell for events of a percentile, which may be for the other kind."""
        assert self.given is not None
        values, first = self.given
        which = self._threshold(percentile)
        climatology, threshold = values[[0, which], :, row].astype(np.float64)
        return Baseline(climatology, threshold, None, first if which == 1 else PERCENTILES["marine_cold_spell"])

    @cached_property
    def _together(self) -> list[tuple[Rows, Futures]]:
        """The cells that can be evaluated together: observed to the same step, with the same dependence."""
        alike: dict[tuple[int, int], list[int]] = {}
        known = [*self.forecasts.distributions]
        for row, distribution in enumerate(known):
            alike.setdefault((id(distribution.coupling), distribution.unobserved), []).append(row)
        return [
            (np.asarray(part), self._futures([known[row] for row in part], np.asarray(part)))
            for rows in alike.values()
            for part in (rows[i : i + _CELLS_AT_ONCE] for i in range(0, len(rows), _CELLS_AT_ONCE))
        ]

    def _futures(self, distributions: list[Distribution], rows: Rows) -> Futures:
        first = distributions[0]
        return Futures.coupled(
            past=_sea_only(self.past[: len(self.past) - first.unobserved, rows].T),
            start=self.start,
            step=self.step,
            horizon=self.forecasts.horizon,
            unobserved=first.unobserved,
            paths=self.events.paths or _PATHS,
            quantiles=_quantiles(distributions),
            coupling=first.coupling,
        )

    def _evaluate(
        self, definition: EventDefinition, rows: Rows, futures: Futures
    ) -> tuple[Rows, Arrays, dict[str, int]]:
        """Return which of some cells can have an event, the values of its columns there, and how many have warnings."""
        if isinstance(definition, HeatStress):
            return self._heat_stress(definition, rows, futures)
        if isinstance(definition, MarineEvent):
            done, climatology, by_day, codes = self._usual(PERCENTILES[definition.kind], rows, futures)
            return done, marine_events(futures.some(done), definition.kind, climatology, by_day), codes
        n, days, threshold = len(rows), futures.past.shape[1], definition.threshold
        if isinstance(threshold, Percentile):
            done, _, by_day, codes = self._usual(threshold.percent, rows, futures)
            limit = by_day[:, days_from(self.start, days + futures.steps)]
            ahead: list[float | Floats] = [*limit[:, days + futures.unobserved :]]
        else:
            done, codes = np.arange(n), {}
            limit, ahead = np.full((n, days + futures.steps), threshold), [threshold] * n
        distributions = self.forecasts.distributions
        above = [distributions[row].exceedance(each) for row, each in zip(rows[done].tolist(), ahead, strict=True)]
        found = threshold_events(definition, futures.some(done), limit, np.reshape(above, (-1, futures.horizon)))
        considered = futures.unobserved + (definition.within or futures.horizon)
        short = found["steps"] + considered < definition.duration
        return done, found, codes | {"short_horizon": int(short.sum())}

    def _usual(self, percentile: float, rows: Rows, futures: Futures) -> tuple[Rows, Floats, Floats, dict[str, int]]:
        """Return which of some cells have a baseline, its two parts, °C ``(done, 366)``, and how many have warnings."""
        climatology, threshold, doubts = self._baselines(percentile, rows, futures.past)
        last_and_ahead = days_from(self.start, futures.past.shape[1] + futures.steps)[-futures.steps - 1 :]
        done = np.flatnonzero(np.isfinite(climatology[:, last_and_ahead]).all(axis=1))
        return done, climatology[done], threshold[done], {code: int(each[done].sum()) for code, each in doubts.items()}

    def _baselines(self, percentile: float, rows: Rows, past: Floats) -> tuple[Floats, Floats, dict[str, Bools]]:
        """Return climatology and threshold of some cells, °C ``(rows, 366)``, NaN where they are to be refused.

        Also which of them have a warning, by its kind.
        """
        if self.given is not None:
            values = self.given[0][:, :, rows].astype(np.float64)
            return values[0].T, values[self._threshold(percentile)].T, {}
        if not self.events.of_position:
            return self._fitted(percentile, rows)
        climatology, threshold = baselines_of_positions(self.positions[rows], percentile)
        anomalies = past - climatology[:, days_from(self.start, past.shape[1])]
        years = np.isfinite(past).sum(axis=1) * (DAY / YEAR)
        climatology[agreement_of(past, anomalies, years) != Agreement.AGREES] = np.nan
        return climatology, threshold, {COARSE_BASELINE.code: np.ones(len(rows), dtype=np.bool_)}

    def _fitted(self, percentile: float, rows: Rows) -> tuple[Floats, Floats, dict[str, Bools]]:
        climatology, threshold = np.full((2, len(rows), DAYS), np.nan)
        codes: dict[str, Bools] = {}
        for i, row in enumerate(rows.tolist()):
            baseline = self._own(row).get(percentile)
            if baseline is None:
                continue  # the reason is found later
            climatology[i], threshold[i] = baseline.climatology, baseline.threshold
            for warning in baseline.warnings:
                codes.setdefault(warning.code, np.zeros(len(rows), dtype=np.bool_))[i] = True
        return climatology, threshold, codes

    @cached_property
    def _own(self) -> Callable[[int], dict[float, Baseline]]:
        """Returns the baselines of a cell from its past for each percentile, which are fitted together."""
        every = map(percentile_of, self.events.definitions)
        percentiles = [*dict.fromkeys(each for each in every if each is not None)]

        @cache
        def own(row: int) -> dict[float, Baseline]:
            try:
                fitted = Baseline.fit_each(self._past_of(row), percentiles, self.events.period)
            except SeriesError:
                return {}
            return dict(zip(percentiles, fitted, strict=True))

        return own

    def _heat_stress(self, definition: HeatStress, rows: Rows, futures: Futures) -> tuple[Rows, Arrays, dict[str, int]]:
        warmest, is_approximate = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.bool_)
        if definition.maximum_monthly_mean is not None:
            warmest[:] = definition.maximum_monthly_mean
        elif self.warmest is not None:
            warmest[:] = self.warmest[rows]
        unknown = np.flatnonzero(np.isnan(warmest))
        if len(self.past) < _LEAST_DAYS_OF_MEANS:
            warmest[unknown] = annual_cycle.maximum_monthly_mean(self.forecasts.coefficients[rows[unknown]])
            is_approximate[unknown] = True
        else:
            for i in unknown.tolist():
                try:
                    usual = maximum_monthly_mean(self._past_of(rows[i]), self.forecasts.coefficients[rows[i]])
                except SeriesError:
                    continue  # the reason is found later
                warmest[i], is_approximate[i] = usual.sst, bool(usual.warnings)
        done = np.flatnonzero(np.isfinite(warmest))
        observed = np.isfinite(futures.past[done, -WINDOW_DAYS:]).sum(axis=1)
        codes = {"approximate_mmm": is_approximate[done].sum(), "incomplete_past": (observed < WINDOW_DAYS).sum()}
        found = heat_stress(futures.some(done), warmest[done])
        return done, found, {code: int(number) for code, number in codes.items()}

    def _past_of(self, row: int) -> SstSeries:
        return SstSeries(_sea_only(self.past[:, row]), self.start, self.step)


def _quantiles(distributions: list[Distribution]) -> Callable[[Rows | slice, tuple[float, ...]], Floats]:
    """Return what returns the quantiles of some distributions, °C ``(some, steps, probabilities)``."""
    known = [each for each in distributions if isinstance(each, Quantiles)]
    if len(known) < len(distributions):
        every = np.arange(len(distributions))
        return lambda some, at: np.stack([distributions[i].quantiles_at(at) for i in every[some].tolist()])
    quantiles, levels = np.stack([each.quantiles for each in known]), known[0].levels
    return lambda some, at: quantiles_at(at, quantiles[some], levels)


def _sea_only(values: npt.NDArray[np.float32]) -> Floats:
    """Return °C in float64, with NaN instead of temperatures that no sea has."""
    celsius = values.astype(np.float64)
    celsius[outside_sea_range(celsius)] = np.nan
    return celsius
