"""Scores of forecasts that were issued, against what was observed later; one lead at a time."""

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from forecasting.scores.accuracy import DECIMALS, rounded_one, skill
from forecasting.scores.probabilistic import crps
from forecasting.series.observations import TOLERANCE_STEPS
from forecasting.series.times import Bools, Floats, Times
from forecasting.series.timestep import TimeStep

OBSERVED_WITHIN_STEPS: Final = 2 * TOLERANCE_STEPS
"""How far an observation may be from the valid time that it verifies: both may be slightly off the grid."""


class Observed(NamedTuple):
    """The observations of one place, by their position on a grid that begins at ``start``.

    Of several observations in one step, the last counts, as it does for a forecast.
    """

    step: TimeStep
    start: np.datetime64
    positions: npt.NDArray[np.int64]
    values: Floats

    @classmethod
    def of(cls, times: Times, values: Floats, step: TimeStep, start: np.datetime64) -> "Observed":
        """Put observations on the grid of forecasts, and leave out those between two steps.

        Args:
            times: Times of the observations, UTC ``(n,)``, ascending.
            values: °C ``(n,)``; those that are NaN are left out.
            step: Step of the forecasts.
            start: the valid time of some forecast.
        """
        positions, near = positions_of(times, step, start)
        used = np.flatnonzero(near & np.isfinite(values))
        newest_first = used[::-1]
        distinct, last = np.unique(positions[newest_first], return_index=True)
        return cls(step, start, distinct, values[newest_first[last]])

    def at(self, times: Times) -> Floats:
        """Return what was observed at the valid times ``(n,)`` of forecasts, °C; NaN where nothing was."""
        if not len(self.values):
            return np.full(len(times), np.nan)
        positions = np.round(self.step.position(times, self.start)).astype(np.int64)
        row = np.minimum(np.searchsorted(self.positions, positions), len(self.positions) - 1)
        return np.where(self.positions[row] == positions, self.values[row], np.nan)


def positions_of(times: Times, step: TimeStep, start: np.datetime64) -> tuple[npt.NDArray[np.int64], Bools]:
    """Return how many steps after ``start`` each of ``times`` ``(n,)`` is, and whether it is near enough to count."""
    exact = step.position(times, start)
    positions = np.round(exact).astype(np.int64)
    return positions, np.abs(exact - positions) <= OBSERVED_WITHIN_STEPS


WIDEST_GAP: Final = 0.25
"""Quantiles give a CRPS only if their probabilities, with 0 and 1, are nowhere further apart than this.

The median and the intervals at 50, 80 and 95 % just do. For a normal distribution, the score is then 3.4 % too low.
"""

LEAST_SHARE: Final = 0.9
"""Share of the verified forecasts that a baseline must have been issued with to be compared with them."""

Temperatures = npt.NDArray[np.floating[Any]]
Indices = npt.NDArray[np.intp]

Intervals = Mapping[int, tuple[Temperatures, Temperatures]]
"""Lower and upper bounds, °C ``(n,)`` each, by level in percent; NaN where a forecast has none."""

K = TypeVar("K", bound=Hashable)

VerifiedKind = Literal["issued", "without_weather", "baseline"]


class ModelVerification(BaseModel, frozen=True):
    """Scores of one model at one lead.

    Attributes:
        kind: ``issued`` for the forecasts themselves, ``baseline`` for a reference that was issued with them,
            ``without_weather`` for the forecasts that were made without weather.
        n: number of pairs of forecast and observation.
        mae: mean absolute error, °C.
        rmse: root mean square error, °C.
        bias: mean of forecast minus observation, °C.
        skill: 1 − RMSE / RMSE of the baseline, over the pairs that both have, by baseline; None if the baseline has no
            error.
        crps: continuous ranked probability score, °C; None without enough quantiles.
        coverage: share of the observations inside the interval, by level in percent and by kind of interval.
    """

    model: str
    kind: VerifiedKind
    n: int
    mae: float
    rmse: float
    bias: float
    skill: dict[str, float | None] = {}
    crps: float | None = None
    coverage: dict[str, dict[str, float]] = {}


class LeadVerification(BaseModel, frozen=True):
    """Scores of the forecasts at one lead and of the baselines that were issued with them."""

    lead: int
    n: int
    models: tuple[ModelVerification, ...]


@dataclass(frozen=True, eq=False)
class Pairs:
    """Forecasts at one lead and what was observed at their valid times, °C, all of one shape; NaN where there is none.

    Attributes:
        references: those that were issued with the forecasts, by name.
        others: forecasts of others, by name: they are compared where they have one, and leave out no pair.
        intervals: as they were issued.
        plain: as they were before recalibration.
        without_weather: the forecasts that were made without weather; None if there are none.
        weights: of the pairs, such as the areas of cells; None if all count the same.
    """

    observed: Temperatures
    forecast: Temperatures
    references: Mapping[str, Temperatures] = field(default_factory=dict)
    others: Mapping[str, Temperatures] = field(default_factory=dict)
    intervals: Intervals = field(default_factory=dict)
    plain: Intervals = field(default_factory=dict)
    without_weather: Temperatures | None = None
    weights: Floats | None = None

    @cached_property
    def verified(self) -> Bools:
        """Which forecasts have an observation."""
        known: Bools = np.isfinite(self.observed) & np.isfinite(self.forecast)
        return known

    def shown_references(self) -> tuple[str, ...]:
        """Return the references that nearly all forecasts with an observation were issued with."""
        if not self.verified.any():
            return ()
        shares = {name: np.isfinite(values[self.verified]).mean() for name, values in self.references.items()}
        return tuple(name for name, share in shares.items() if share >= LEAST_SHARE)

    def part(self, rows: Indices, references: Iterable[str]) -> "Pairs":
        """Return some pairs, with some of the references, as 64-bit numbers ``(n,)``."""

        def chosen(values: Temperatures) -> Floats:
            return values.take(rows).astype(np.float64)

        def of(intervals: Intervals) -> Intervals:
            return {level: (chosen(lower), chosen(upper)) for level, (lower, upper) in intervals.items()}

        return Pairs(
            chosen(self.observed),
            chosen(self.forecast),
            {name: chosen(self.references[name]) for name in references},
            {name: chosen(values) for name, values in self.others.items()},
            of(self.intervals),
            of(self.plain),
            None if self.without_weather is None else chosen(self.without_weather),
            None if self.weights is None else chosen(self.weights),
        )


class Verification(Generic[K]):
    """Scores by group and lead; pairs can be added in parts.

    All models of a lead but those of others are scored on the same pairs, so that no score is of easier days: those
    with an observation, a forecast, and every reference that is shown. Pairs that are added in parts need the same
    ``references`` for all of them; else they are those of :meth:`Pairs.shown_references`.
    """

    def __init__(self, references: Sequence[str] | None = None) -> None:
        self.issued = self.verified = 0
        self._references = references
        self._sums: dict[tuple[K, int], _Sums] = {}

    def add(self, lead: int, pairs: Pairs, groups: Mapping[K, Indices]) -> Bools:
        """Add the pairs of each group, by their flat indices; returns which pairs all models are compared on."""
        self.issued += int(np.isfinite(pairs.forecast).sum())
        self.verified += int(pairs.verified.sum())
        shown = pairs.shown_references() if self._references is None else self._references
        references = [name for name in shown if name in pairs.references]
        common: Bools = np.logical_and.reduce(
            [pairs.verified, *(np.isfinite(pairs.references[name]) for name in references)]
        )
        for group, rows in groups.items():
            counted = rows[common.take(rows)]
            if len(counted):
                sums = self._sums.setdefault((group, lead), _Sums([*shown, *pairs.others]))
                sums.add(pairs.part(counted, references))
        return common

    def groups(self) -> list[K]:
        """Return the groups that have scores, in the order in which they were added."""
        return [*dict.fromkeys(group for group, _ in self._sums)]

    def leads(self, group: K, model: str = "best") -> tuple[LeadVerification, ...]:
        """Return the scores of a group at each lead that has any; ``model`` names the issued forecasts."""
        return tuple(self.at(group, lead, model) for lead in sorted(lead for of, lead in self._sums if of == group))

    def at(self, group: K, lead: int, model: str) -> LeadVerification:
        """Return the scores of a group at one lead; without models if it has no pair."""
        sums = self._sums.get((group, lead))
        models = () if sums is None else sums.scores(model)
        return LeadVerification(lead=lead, n=models[0].n if models else 0, models=models)


class _Sums:
    """Sums over pairs of one lead, from which the scores follow."""

    def __init__(self, baselines: Sequence[str]) -> None:
        self._sums: dict[tuple[str, ...], Floats] = {}
        self._baselines = baselines

    def add(self, pairs: Pairs) -> None:
        """Add pairs that have an observation and a forecast."""
        observed = np.asarray(pairs.observed, dtype=np.float64)
        error = pairs.forecast - observed
        weights = np.ones(len(observed)) if pairs.weights is None else pairs.weights
        self._add_errors(_ISSUED, error, weights)
        if pairs.without_weather is not None:
            self._add_errors(_DRY, pairs.without_weather - observed, weights)
        for name, values in {**pairs.references, **pairs.others}.items():
            other = values - observed
            self._add_errors(("baseline", name), other, weights)
            self._add(("skill", name), np.isfinite(other), weights, error**2, other**2)
        quantiles, probabilities = _quantiles_of(pairs.forecast, pairs.intervals)
        if _are_enough(probabilities):
            known = np.logical_and.reduce(np.isfinite(quantiles), axis=-1)
            each = np.full(len(observed), np.nan)
            each[known] = crps(observed[None, known], quantiles[None, known], probabilities)
            self._add(("crps",), known, weights, each)
        for kind, by_level in (("plain", pairs.plain), ("issued", pairs.intervals)):
            for level, (lower, upper) in by_level.items():
                known = np.isfinite(lower) & np.isfinite(upper)
                self._add(("coverage", str(level), kind), known, weights, (observed >= lower) & (observed <= upper))

    def _add_errors(self, key: tuple[str, ...], error: Floats, weights: Floats) -> None:
        self._add(key, np.isfinite(error), weights, np.abs(error), error**2, error)

    def _add(self, key: tuple[str, ...], known: Bools, weights: Floats, *values: npt.NDArray[Any]) -> None:
        """Add the number of the ``known`` values, their weight, and the weighted sum of each of ``values``."""
        if known.any():
            weight = weights[known]
            sums = [known.sum(), weight.sum(), *((weight * each[known]).sum() for each in values)]
            self._sums[key] = self._sums.get(key, np.zeros(len(sums))) + np.asarray(sums, dtype=np.float64)

    def _means(self, key: tuple[str, ...]) -> list[float]:
        _, weight, *sums = self._sums[key].tolist()
        return [each / weight for each in sums]

    def _errors(self, model: str, kind: VerifiedKind, key: tuple[str, ...]) -> ModelVerification:
        mae, square, bias = self._means(key)
        return ModelVerification(
            model=model,
            kind=kind,
            n=int(self._sums[key][0]),
            mae=rounded_one(mae),
            rmse=rounded_one(math.sqrt(square)),
            bias=rounded_one(bias),
        )

    def scores(self, model: str) -> tuple[ModelVerification, ...]:
        """Return the scores of all models."""
        coverage: dict[str, dict[str, float]] = {}
        for _, level, kind in sorted((key for key in self._sums if key[0] == "coverage"), key=lambda key: int(key[1])):
            coverage.setdefault(level, {})[kind] = rounded_one(self._means(("coverage", level, kind))[0])
        issued = self._errors(model, "issued", _ISSUED).model_copy(
            update={
                "skill": {name: self._skill(("skill", name)) for name in self._baselines},
                "crps": rounded_one(self._means(("crps",))[0]) if ("crps",) in self._sums else None,
                "coverage": coverage,
            }
        )
        dry = [self._errors(model, "without_weather", _DRY)] if _DRY in self._sums else []
        known = [name for name in self._baselines if ("baseline", name) in self._sums]
        others = [self._errors(name, "baseline", ("baseline", name)) for name in known]
        return (issued, *dry, *others)

    def _skill(self, key: tuple[str, ...]) -> float | None:
        if key not in self._sums:
            return None
        square, reference = self._means(key)
        return skill(math.sqrt(square), math.sqrt(reference))


_ISSUED: Final = ("issued",)
_DRY: Final = ("without_weather",)


def _are_enough(probabilities: Floats) -> bool:
    gaps = np.diff(np.concatenate([[0.0], probabilities, [1.0]]))
    return bool(gaps.max() <= WIDEST_GAP + 10**-DECIMALS)


def _quantiles_of(predicted: Temperatures, intervals: Intervals) -> tuple[Floats, Floats]:
    """Return forecasts as the median, and the intervals that any has, as quantiles and their probabilities."""
    known = {0.5: predicted}
    for level, (lower, upper) in intervals.items():
        if np.isfinite(lower).any():
            known[round(0.5 - level / 200, DECIMALS)] = lower
            known[round(0.5 + level / 200, DECIMALS)] = upper
    probabilities = sorted(known)
    quantiles = np.stack([known[probability] for probability in probabilities], axis=-1, dtype=np.float64)
    return quantiles, np.asarray(probabilities)
