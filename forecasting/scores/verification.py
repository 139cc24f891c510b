"""Scores of forecasts that were issued, against what was observed later; one lead at a time."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

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
    """Scores of the forecasts at one lead and of the baselines that were issued with them.

    Attributes:
        n: number of issued forecasts that have an observation.
        models: the issued forecasts first, then each baseline that has any pair; empty if ``n`` is 0.
    """

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
    error = predicted - observed
    if not np.isfinite(error).any():
        return LeadVerification(lead=lead, n=0, models=())
    issued = _errors(model, "issued", error).model_copy(
        update={
            "skill": {name: _skill(error, values - observed) for name, values in baselines.items()},
            "crps": None if quantiles is None else _crps(observed, *quantiles),
            "coverage": _coverages(observed, intervals or {}),
        }
    )
    dry = [] if without_weather is None else [_errors(model, "without_weather", without_weather - observed)]
    others = [
        _errors(name, "baseline", values - observed)
        for name, values in baselines.items()
        if np.isfinite(values - observed).any()
    ]
    return LeadVerification(lead=lead, n=issued.n, models=(issued, *dry, *others))


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


def _errors(model: str, kind: VerifiedKind, error: Floats) -> ModelVerification:
    known = error[np.isfinite(error)]
    return ModelVerification(
        model=model,
        kind=kind,
        n=len(known),
        mae=rounded_one(np.abs(known).mean()),
        rmse=rounded_one(np.sqrt((known**2).mean())),
        bias=rounded_one(known.mean()),
    )


def _skill(error: Floats, reference: Floats) -> float | None:
    both: Bools = np.isfinite(error) & np.isfinite(reference)
    if not both.any():
        return None
    rmse, reference_rmse = (float(np.sqrt((errors[both] ** 2).mean())) for errors in (error, reference))
    return skill(rmse, reference_rmse)


def _crps(observed: Floats, quantiles: Floats, probabilities: Floats) -> float | None:
    known = np.isfinite(observed) & np.isfinite(quantiles).all(axis=-1)
    gaps = np.diff(np.concatenate([[0.0], probabilities, [1.0]]))
    if not known.any() or gaps.max() > WIDEST_GAP + 10**-DECIMALS:
        return None
    return rounded_one(crps(observed[known][:, None], quantiles[known][:, None], probabilities)[0])


def _coverages(observed: Floats, intervals: Mapping[str, Intervals]) -> dict[str, dict[str, float]]:
    coverages: dict[str, dict[str, float]] = {}
    for kind, by_level in intervals.items():
        for level, (lower, upper) in by_level.items():
            known = np.isfinite(observed) & np.isfinite(lower) & np.isfinite(upper)
            if known.any():
                inside = (observed >= lower) & (observed <= upper)
                coverages.setdefault(str(level), {})[kind] = rounded_one(inside[known].mean())
    return dict(sorted(coverages.items(), key=lambda item: int(item[0])))
