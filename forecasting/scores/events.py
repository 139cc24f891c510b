"""Scores of the probabilities of events, with their sampling errors.

Outcomes of forecasts from consecutive times depend on each other: an event that lasts is seen by many of them. All
errors and intervals here account for that.
"""

import math
from collections.abc import Mapping
from statistics import NormalDist
from typing import Final

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, Field

from forecasting.scores.accuracy import rounded_one
from forecasting.scores.probabilistic import BlockBootstrap, Groups, long_run_error
from forecasting.series.times import Floats

BIN_EDGES: Final = (0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0)
"""Bounds of the bins of a reliability table. Few cases have high probabilities, so that ten bins would be noisy."""

_SCORE_95: Final = NormalDist().inv_cdf(0.975)
_LEAST_VARIANCE: Final = 1e-12


class EventSkill(BaseModel, frozen=True, json_schema_serialization_defaults_required=True):
    """The Brier skill score over one reference."""

    brier: float = Field(description="The Brier score of the reference, for the same cases.")
    value: float | None = Field(
        default=None, description="1 − Brier score / that of the reference; null if the event always or never happened."
    )
    lower: float | None = Field(
        default=None, description="The lower bound of the 95 % block-bootstrap interval; null if it cannot be computed."
    )
    upper: float | None = None


class ReliabilityBin(BaseModel, frozen=True):
    """The forecasts whose probability was within some bounds."""

    minimum: float = Field(description="The lower bound, included.")
    maximum: float = Field(description="The upper bound, excluded unless it is 1.")
    n: int
    probability: float = Field(description="The mean of their probabilities.")
    frequency: float = Field(description="The share of them in which the event happened.")
    lower: float = Field(description="The lower bound of the 95 % interval of that share.")
    upper: float


class EventScore(BaseModel, frozen=True):
    """How good the probabilities of one event were; the bins of probability are those that have cases, ascending."""

    n: int = Field(description="The number of forecasts for which every lead was observed.")
    frequency: float = Field(description="The share of them in which the event happened.")
    brier: float = Field(description="The Brier score; lower is better.")
    brier_error: float = Field(description="The standard error of the Brier score.")
    skill: dict[str, EventSkill] = Field(
        description="By reference. `climatology`: how often the event happened within 15 days of the same date in "
        "earlier years; absent if too few years precede most forecasts. `persistence`: how often it had happened "
        "after the same number of steps beyond the threshold. `independent`: the same network with leads that do not "
        "depend on each other; absent if one lead is considered."
    )
    reliability: tuple[ReliabilityBin, ...]


def score_event(
    probability: Floats,
    happened: Floats,
    references: Mapping[str, Floats],
    groups: Groups,
    lead: int = 1,
    weights: Floats | None = None,
) -> EventScore:
    """Score the probabilities of an event.

    The Brier score is that of Brier (1950, Mon. Wea. Rev. 78, 1) in its form for one class, from 0 to 1. Its skill and
    the reliability table are those of Murphy (1973, J. Appl. Meteorol. 12, 595).

    Args:
        probability: Probability of the event, ``(n,)``.
        happened: 1 where it happened, else 0, ``(n,)``.
        references: probabilities by other forecasts of the same cases, ``(n,)``, by name.
        groups: index of the time of each case, in chronological order.
        lead: last lead of the event: forecasts that far ahead overlap.
        weights: how many cases each counts for, ``(n,)``; None if each is one.
    """
    if not len(happened):
        raise ValueError("scores need at least one case")
    weights = np.ones(len(happened)) if weights is None else weights
    squares = (probability - happened) ** 2
    resamples = BlockBootstrap(int(groups.max()) + 1, lead) if happened.std() else None
    inflation = _variance_inflation(happened - probability, groups, lead, weights)
    return EventScore(
        n=round(weights.sum()),
        frequency=rounded_one(np.average(happened, weights=weights)),
        brier=rounded_one(np.average(squares, weights=weights)),
        brier_error=rounded_one(long_run_error(squares, groups, lead, weights)),
        skill={
            name: _skill(weights * squares, weights * (reference - happened) ** 2, groups, resamples, weights.sum())
            for name, reference in references.items()
        },
        reliability=_reliability(probability, happened, inflation, weights),
    )


def _skill(
    squares: Floats, reference: Floats, groups: Groups, resamples: BlockBootstrap | None, n: float
) -> EventSkill:
    brier, total = rounded_one(reference.sum() / n), float(reference.sum())
    if resamples is None or total <= 0:
        return EventSkill(brier=brier)
    value = rounded_one(1 - float(squares.sum()) / total)
    ours, theirs = (resamples.totals(np.bincount(groups, part).astype(np.float64)) for part in (squares, reference))
    if not (theirs > 0).all():
        return EventSkill(brier=brier, value=value)
    lower, upper = np.quantile(1 - ours / theirs, (0.025, 0.975)).tolist()
    return EventSkill(brier=brier, value=value, lower=rounded_one(lower), upper=rounded_one(upper))


def _variance_inflation(differences: Floats, groups: Groups, lead: int, weights: Floats) -> float:
    """Return how many times larger the variance of the mean of ``differences`` is than if they were independent."""
    variance = float(np.average((differences - np.average(differences, weights=weights)) ** 2, weights=weights))
    if variance < _LEAST_VARIANCE:
        return 1.0
    return max(1.0, long_run_error(differences, groups, lead, weights) ** 2 * float(weights.sum()) / variance)


def bin_of(probability: float) -> tuple[float, float]:
    """Return the bounds of the bin of a reliability table that a probability is in."""
    index = int(_bins(np.array([probability]))[0])
    return BIN_EDGES[index], BIN_EDGES[index + 1]


def _bins(probability: Floats) -> npt.NDArray[np.int64]:
    bins_of_cases: npt.NDArray[np.int64] = np.searchsorted(BIN_EDGES, probability, side="right") - 1
    return np.clip(bins_of_cases, 0, len(BIN_EDGES) - 2)


def _reliability(
    probability: Floats, happened: Floats, inflation: float, weights: Floats
) -> tuple[ReliabilityBin, ...]:
    bins_of_cases = _bins(probability)
    bins = []
    for index in np.unique(bins_of_cases).tolist():
        inside = bins_of_cases == index
        n = float(weights[inside].sum())
        probable, frequency = (
            float(np.average(each[inside], weights=weights[inside])) for each in (probability, happened)
        )
        lower, upper = _wilson(frequency, n / inflation)
        bins.append(
            ReliabilityBin(
                minimum=BIN_EDGES[index],
                maximum=BIN_EDGES[index + 1],
                n=round(n),
                probability=rounded_one(probable),
                frequency=rounded_one(frequency),
                lower=rounded_one(lower),
                upper=rounded_one(upper),
            )
        )
    return tuple(bins)


def _wilson(share: float, n: float) -> tuple[float, float]:
    """Return the 95 % score interval of a share of ``n`` independent cases.

    Wilson (1927, J. Am. Stat. Assoc. 22, 209). It has a width even where the share is 0 or 1.
    """
    square = _SCORE_95**2
    centre = (share + square / (2 * n)) / (1 + square / n)
    reach = _SCORE_95 / (1 + square / n) * math.sqrt(share * (1 - share) / n + square / (4 * n**2))
    return max(centre - reach, 0.0), min(centre + reach, 1.0)


PERSISTENCE: Final = "persistence"
"""The reference that the state of the last observation stays."""

SIGNS: Final = {"above": 1.0, "below": -1.0}
"""By the side of its threshold on which an event is."""
