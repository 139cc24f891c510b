"""Events of the cells of a grid: marine events and heat stress of many cells at once, others cell by cell."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, Final

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
    Kind,
    Position,
    baselines_of_positions,
    days_from,
)
from forecasting.events.definitions import EventDefinition, HeatStress, MarineEvent
from forecasting.events.detection import DAYS_AFTER
from forecasting.events.fields import Arrays, Futures, heat_stress, marine_events
from forecasting.events.heat_stress import LEVELS, WINDOW_DAYS, maximum_monthly_mean
from forecasting.events.outlook import baseline_for
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.universal.distribution import Quantiles, quantiles_at
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, YEAR, Bools, Floats
from forecasting.series.timestep import TimeStep
from forecasting.series.units import outside_sea_range
from scoring.errors import in_one_line, kind_of
from scoring.events import ALERT_LEVELS, LEVEL_PROBABILITIES, EventRequest, Place, evaluate_events
from scoring.job import Counts

_PATHS: Final = 100
"""Sample paths that events of a cell are evaluated by."""

_LEAST_DAYS_OF_MEANS: Final = 3_600
"""A shorter past has no maximum monthly mean of its own."""

_CELLS_AT_ONCE: Final = 2_048

Rows = npt.NDArray[np.intp]


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
        for definition, name in zip(self.events.definitions, self.events.names, strict=True):
            rest = np.ones(n, dtype=np.bool_)
            refusal = self._refusal(definition)
            if refusal is not None:
                counts.count("unjudged", f"{definition.name}: {kind_of(refusal)}", n)
                continue
            for rows, futures in self._together:
                if not isinstance(definition, MarineEvent | HeatStress):
                    break
                done, found, codes = self._evaluate_together(definition, rows, futures)
                rest[rows[done]] = False
                for short, values in found.items():
                    if f"event_{name}_{short}" in arrays:
                        arrays[f"event_{name}_{short}"][rows[done]] = values
                for code, number in codes.items():
                    counts.count("warnings", code, number)
            self._evaluate_one_by_one(definition, name, np.flatnonzero(rest), arrays, counts)
        return arrays, counts

    def _refusal(self, definition: EventDefinition) -> str | None:
        """Return why no cell can have an event: the baselines of the file are for the other kind; None if not."""
        if not isinstance(definition, MarineEvent) or self.given is None:
            return None
        usual = self._given(0, PERCENTILES[definition.kind])
        nothing = SstSeries(np.full(1, np.nan), self.start, self.step)
        try:
            baseline_for(nothing, usual, PERCENTILES[definition.kind])
        except SeriesError as error:
            return in_one_line(error)
        return None

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
        return Baseline(climatology, threshold, None, first if which == 1 else percentile)

    @cached_property
    def _together(self) -> list[tuple[Rows, Futures]]:
        """The cells that can be evaluated together: of days, observed to the last day, with the same dependence."""
        if self.step != TimeStep(DAY):
            return []
        alike: dict[tuple[int, int], list[int]] = {}
        known: dict[int, Quantiles] = {}
        for row, distribution in enumerate(self.forecasts.distributions):
            if isinstance(distribution, Quantiles) and not distribution.unobserved:
                alike.setdefault((id(distribution.coupling), len(distribution.quantiles)), []).append(row)
                known[row] = distribution
        return [
            (np.asarray(part), self._futures([known[row] for row in part], np.asarray(part)))
            for rows in alike.values()
            for part in (rows[i : i + _CELLS_AT_ONCE] for i in range(0, len(rows), _CELLS_AT_ONCE))
        ]

    def _futures(self, distributions: list[Quantiles], rows: Rows) -> Futures:
        levels, first = distributions[0].levels, distributions[0]
        quantiles = np.stack([distribution.quantiles for distribution in distributions])
        return Futures(
            past=_sea_only(self.past[:, rows].T),
            start=self.start,
            quantiles=lambda some, probabilities: quantiles_at(probabilities, quantiles[some], levels),
            steps=len(first.quantiles),
            coupling=first.coupling,
            horizon=self.forecasts.horizon,
            paths=self.events.paths or _PATHS,
        )

    def _evaluate_together(
        self, definition: MarineEvent | HeatStress, rows: Rows, futures: Futures
    ) -> tuple[Rows, Arrays, dict[str, int]]:
        """Evaluate an event of some cells."""
        if isinstance(definition, HeatStress):
            return self._heat_stress(definition, rows, futures)
        climatology, threshold, codes = self._baselines(definition.kind, rows, futures.past)
        day = days_from(self.start, len(self.past) + futures.horizon + DAYS_AFTER)
        done = np.flatnonzero(np.isfinite(climatology[:, day]).all(axis=1) & np.isfinite(threshold[:, day]).all(axis=1))
        found = marine_events(_some(futures, done), definition.kind, climatology[done], threshold[done])
        return done, found, {code: int(which[done].sum()) for code, which in codes.items()}

    def _baselines(self, kind: Kind, rows: Rows, past: Floats) -> tuple[Floats, Floats, dict[str, Bools]]:
        """Return climatology and threshold of some cells, °C ``(rows, 366)``, NaN where they are to be refused.

        Also which of them have a warning, by its kind.
        """
        if self.given is not None:
            values = self.given[0][:, :, rows].astype(np.float64)
            return values[0].T, values[self._threshold(PERCENTILES[kind])].T, {}
        if not self.events.of_position:
            return self._fitted(kind, rows)
        climatology, threshold = baselines_of_positions(self.positions[rows], PERCENTILES[kind])
        anomalies = past - climatology[:, days_from(self.start, past.shape[1])]
        years = np.isfinite(past).sum(axis=1) * (DAY / YEAR)
        climatology[agreement_of(past, anomalies, years) != Agreement.AGREES] = np.nan
        return climatology, threshold, {COARSE_BASELINE.code: np.ones(len(rows), dtype=np.bool_)}

    def _fitted(self, kind: Kind, rows: Rows) -> tuple[Floats, Floats, dict[str, Bools]]:
        climatology, threshold = np.full((2, len(rows), DAYS), np.nan)
        codes: dict[str, Bools] = {}
        for i, row in enumerate(rows.tolist()):
            baseline = self._own(row).get(kind)
            if baseline is None:
                continue  # the reason is found when the cell is evaluated by itself
            climatology[i], threshold[i] = baseline.climatology, baseline.threshold
            for warning in baseline.warnings:
                codes.setdefault(warning.code, np.zeros(len(rows), dtype=np.bool_))[i] = True
        return climatology, threshold, codes

    @cached_property
    def _own(self) -> Callable[[int], dict[Kind, Baseline]]:
        """Returns the baselines of a cell from its past for each kind of event, which are fitted together."""
        kinds = list(dict.fromkeys(event.kind for event in self.events.definitions if isinstance(event, MarineEvent)))

        @cache
        def own(row: int) -> dict[Kind, Baseline]:
            try:
                return dict(zip(kinds, Baseline.fit_each(self._past_of(row), kinds, self.events.period), strict=True))
            except SeriesError:
                return {}

        return own

    def _heat_stress(self, definition: HeatStress, rows: Rows, futures: Futures) -> tuple[Rows, Arrays, dict[str, int]]:
        codes = dict[str, int]()
        if definition.maximum_monthly_mean is not None:
            warmest = np.full(len(rows), definition.maximum_monthly_mean)
        elif self.warmest is not None:
            warmest = self.warmest[rows].astype(np.float64)
        elif len(self.past) < _LEAST_DAYS_OF_MEANS:
            coefficients = self.forecasts.coefficients[rows]
            warmest = annual_cycle.maximum_monthly_mean(coefficients).astype(np.float64)
            codes["approximate_mmm"] = int(np.isfinite(warmest).sum())
        else:
            warmest, is_approximate = self._warmest_of_pasts(rows)
            codes["approximate_mmm"] = int(is_approximate.sum())
        done = np.flatnonzero(np.isfinite(warmest))
        found = heat_stress(_some(futures, done), warmest[done])
        by_level = np.stack([found.pop(f"level_{i}") for i in range(len(LEVELS))])
        found["likely_alert"] = by_level.argmax(axis=0)
        for level, name in LEVEL_PROBABILITIES.items():
            found[name] = np.minimum(by_level[ALERT_LEVELS.index(level) :].sum(axis=0), 1.0)
        observed = np.isfinite(futures.past[done, -WINDOW_DAYS:]).sum(axis=1)
        return done, found, codes | {"incomplete_past": int((observed < WINDOW_DAYS).sum())}

    def _warmest_of_pasts(self, rows: Rows) -> tuple[Floats, Bools]:
        """Return the maximum monthly means of some cells with a long past, °C, and which of them are approximate."""
        warmest, is_approximate = np.full(len(rows), np.nan), np.zeros(len(rows), dtype=np.bool_)
        for i, row in enumerate(rows.tolist()):
            coefficients = self.forecasts.coefficients[row]
            try:
                usual = maximum_monthly_mean(self._past_of(row), coefficients)
            except SeriesError:
                continue  # the reason is found when the cell is evaluated by itself
            warmest[i], is_approximate[i] = usual.sst, bool(usual.warnings)
        return warmest, is_approximate

    def _past_of(self, row: int) -> SstSeries:
        return SstSeries(_sea_only(self.past[:, row]), self.start, self.step)

    def _evaluate_one_by_one(
        self, definition: EventDefinition, name: str, rows: Rows, arrays: Arrays, counts: Counts
    ) -> None:
        """Evaluate an event of some cells, each by itself, which also tells why it cannot be evaluated."""
        if not len(rows):
            return
        one = replace(self.events, definitions=(definition,), names=(name,))
        paths = self.events.paths or _PATHS
        evaluated = evaluate_events(one, self._places(definition, rows), len(rows), self.forecasts.horizon, paths)
        for column, values in evaluated.values.items():
            arrays[column][rows] = values
        counts.add(Counts(unjudged=evaluated.unjudged(one)))
        for kinds in evaluated.warnings:
            for kind in sorted(kinds):
                counts.count("warnings", kind)

    def _places(self, definition: EventDefinition, rows: Rows) -> Iterator[Place]:
        for row in rows.tolist():
            baseline: Any = self.events.baseline_at(Position(*self.positions[row]))
            if self.given is not None:
                baseline = self._given(row, PERCENTILES[definition.kind] if isinstance(definition, MarineEvent) else 90)
            yield Place(self.forecasts[row], self._past_of(row), baseline, self.forecasts.coefficients[row])


def _some(futures: Futures, rows: Rows) -> Futures:
    """Return some of the series."""
    if len(rows) == len(futures.past):
        return futures
    return replace(
        futures,
        past=futures.past[rows],
        quantiles=lambda some, probabilities: futures.quantiles(rows[some], probabilities),
    )


def _sea_only(values: npt.NDArray[np.float32]) -> Floats:
    """Return °C in float64, with NaN instead of temperatures that no sea has."""
    celsius = values.astype(np.float64)
    celsius[outside_sea_range(celsius)] = np.nan
    return celsius
