"""Scores of forecasts that were issued, against what was observed later; one lead at a time."""

import math
from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple

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

Intervals = Mapping[int, tuple[Floats, Floats]]
"""Lower and upper bounds, °C ``(n,)`` each, by level in percent; NaN where a forecast has none."""


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


class CommonPairs(NamedTuple):
    """The pairs of forecast and observation on which all models are compared.

    Attributes:
        counts: which pairs have an observation, a forecast, and every baseline of :attr:`baselines` ``(n,)``.
        baselines: names of the references that nearly all forecasts with an observation were issued with.
    """

    counts: Bools
    baselines: tuple[str, ...]


def common_pairs(observed: Floats, predicted: Floats, baselines: Mapping[str, Floats]) -> CommonPairs:
    """Return the pairs on which forecasts and baselines are compared, so that no score is of easier days.

    Args:
        observed: °C ``(n,)``, NaN where nothing was observed.
        predicted: the forecasts, °C ``(n,)``.
        baselines: °C ``(n,)``, by name; NaN where a forecast was issued without it.
    """
    verified: Bools = np.isfinite(observed) & np.isfinite(predicted)
    shown = {
        name: np.isfinite(values)
        for name, values in baselines.items()
        if verified.any() and np.isfinite(values[verified]).mean() >= LEAST_SHARE
    }
    return CommonPairs(np.logical_and.reduce([verified, *shown.values()]), tuple(shown))


def verify_lead(
    lead: int,
    observed: Floats,
    predicted: Floats,
    baselines: Mapping[str, Floats],
    *,
    model: str = "best",
    intervals: Mapping[str, Intervals] | None = None,
    quantiles: tuple[Floats, Floats] | None = None,
    without_weather: Floats | None = None,
) -> LeadVerification:
    """Score forecasts of one lead. Pairs without an observation or without a forecast do not count.

    Call it with the pairs that :func:`common_pairs` returns.

    Args:
        lead: Lead of the forecasts, in steps.
        observed: °C ``(n,)``, NaN where nothing was observed.
        predicted: the forecasts, °C ``(n,)``.
        baselines: forecasts of references issued at the same times, °C ``(n,)``, by name; NaN where there is none.
        model: name of the issued forecasts.
        intervals: Intervals by their kind, such as ``plain`` and ``recalibrated``.
        quantiles: °C ``(n, probabilities)``, NaN where a forecast has none, and their probabilities, ascending. See
            :func:`quantiles_of`.
        without_weather: the forecasts that were made without weather, °C ``(n,)``; None if there are none.
    """
    sums = LeadSums()
    sums.add(observed, predicted, baselines, intervals=intervals, quantiles=quantiles, without_weather=without_weather)
    return sums.scores(lead, model)


class LeadSums:
    """Sums over pairs of one lead, from which the scores follow: pairs can be added in parts, and with weights."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], npt.NDArray[np.float64]] = {}
        self._baselines: dict[str, None] = {}

    def add(
        self,
        observed: Floats,
        predicted: Floats,
        baselines: Mapping[str, Floats],
        *,
        intervals: Mapping[str, Intervals] | None = None,
        quantiles: tuple[Floats, Floats] | None = None,
        without_weather: Floats | None = None,
        weights: Floats | None = None,
    ) -> None:
        """Add pairs.

        Args:
            observed: see :func:`verify_lead`, as for all others but ``weights``.
            predicted: the forecasts.
            baselines: by name.
            intervals: by kind.
            quantiles: of the forecasts.
            without_weather: the forecasts that were made without weather.
            weights: of the pairs, such as the areas of cells, ``(n,)``; None if all count the same.
        """
        weights = np.ones(len(observed)) if weights is None else weights
        error = predicted - observed
        self._add_errors(_ISSUED, error, weights)
        if without_weather is not None:
            self._add_errors(_DRY, without_weather - observed, weights)
        self._baselines |= dict.fromkeys(baselines)
        for name, values in baselines.items():
            other = values - observed
            both = np.isfinite(error) & np.isfinite(other)
            self._add_errors(("baseline", name), other, weights)
            self._add(("skill", name), both, weights, error**2, other**2)
        if quantiles is not None and _are_enough(quantiles[1]):
            known = np.isfinite(observed) & np.isfinite(quantiles[0]).all(axis=-1)
            each = np.full(len(observed), np.nan)
            each[known] = crps(observed[None, known], quantiles[0][None, known], quantiles[1])
            self._add(("crps",), known, weights, each)
        for kind, by_level in (intervals or {}).items():
            for level, (lower, upper) in by_level.items():
                known = np.isfinite(observed) & np.isfinite(lower) & np.isfinite(upper)
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

    def scores(self, lead: int, model: str = "best") -> LeadVerification:
        """Return the scores of all pairs; without models if there is none. ``model`` names the issued forecasts."""
        if _ISSUED not in self._sums:
            return LeadVerification(lead=lead, n=0, models=())
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
        return LeadVerification(lead=lead, n=issued.n, models=(issued, *dry, *others))

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


def quantiles_of(predicted: Floats, intervals: Intervals) -> tuple[Floats, Floats]:
    """Return central intervals as quantiles, °C ``(n, probabilities)``, and their probabilities.

    Args:
        predicted: taken as the median, °C ``(n,)``.
        intervals: Intervals by level in percent.
    """
    known = {0.5: predicted}
    for level, (lower, upper) in intervals.items():
        known[round(0.5 - level / 200, DECIMALS)] = lower
        known[round(0.5 + level / 200, DECIMALS)] = upper
    probabilities = sorted(known)
    return np.stack([known[probability] for probability in probabilities], axis=-1), np.asarray(probabilities)
