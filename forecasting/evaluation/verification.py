"""What a report says of a network beyond its errors: skill with its uncertainty, intervals, probabilities."""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from forecasting.evaluation.report import Coverage, ExceedanceReport, IntervalReport, Skill
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.intervals import ErrorDistribution
from forecasting.scores.accuracy import coverage, diebold_mariano, rounded, rounded_or_none, skill
from forecasting.scores.probabilistic import brier, crps, interval_score
from forecasting.scores.sampling import BlockBootstrap, coverage_error, skill_interval
from forecasting.scores.seasons import SEASONS, season_of
from forecasting.series.timestep import Floats, Times, month_of

THRESHOLDS: Final = (0.5, 0.75, 0.9)
"""Quantiles of what the weights were fitted on, whose exceedance is scored."""

_LEVELS: Final = (50, 80, 90, 95)


def skills(test: Evaluation, model: str, references: Sequence[str]) -> dict[str, Skill]:
    """Skill of ``model`` against each reference, lead by lead."""
    own = test.together(model)
    leads = range(own.shape[1])
    resamples = [BlockBootstrap(len(own), lead + 1) for lead in leads]
    found = {}
    for name in references:
        other = test.together(name)
        rows = [_skill(own[:, lead], other[:, lead], resamples[lead], lead + 1) for lead in leads]
        value, lower, upper, p_value = zip(*rows, strict=True)
        found[name] = Skill(value=value, lower=lower, upper=upper, p_value=p_value)
    return found


def intervals(test: Evaluation, model: str, errors: ErrorDistribution) -> dict[int, IntervalReport]:
    """Coverage, over all and by season, and score of the intervals of some levels."""
    observed, predicted, times = test.origins.targets, test.predicted[model], test.origins.times
    season, scale = season_of(times), errors.scale(test.origins.windows)
    found: dict[int, IntervalReport] = {}
    for level in _LEVELS:
        if level not in errors.half_width:
            continue
        width = np.broadcast_to(errors.half_widths(level, times, scale), observed.shape)
        parts = {name: np.where(season == k, observed, np.nan) for k, name in enumerate(SEASONS)}
        found[level] = IntervalReport(
            coverage=_coverage(test, observed, predicted, width, level),
            seasons={
                name: _coverage(test, part, predicted, width, level)
                for name, part in parts.items()
                if np.isfinite(part).any(axis=0).all()
            },
            score=rounded(interval_score(observed, predicted, width, level)),
        )
    return found


def probability_score(test: Evaluation, model: str, errors: ErrorDistribution) -> tuple[float, ...]:
    """Continuous ranked probability score by lead, °C."""
    quantiles = errors.quantiles_at(test.origins.times, errors.scale(test.origins.windows))
    return rounded(crps(test.residuals(model), quantiles, np.asarray(errors.probabilities)))


def exceedance(
    test: Evaluation, model: str, errors: ErrorDistribution, times: Times, values: Floats
) -> tuple[ExceedanceReport, ...]:
    """Brier scores at quantiles of what the weights were fitted on: ``values`` °C at ``times``, ``(n,)``."""
    scale, observed = errors.scale(test.origins.windows), test.origins.targets
    found = []
    for quantile in THRESHOLDS:
        threshold = round(float(np.nanquantile(values, quantile)), 2)
        says = errors.exceedance(test.predicted[model], test.origins.times, scale, threshold)
        usual = _frequency(times, values, threshold)(test.origins.times)
        found.append(
            ExceedanceReport(
                threshold=threshold,
                quantile=quantile,
                brier=rounded(brier(observed, says, threshold)),
                climatology=rounded(brier(observed, usual, threshold)),
            )
        )
    return tuple(found)


def _skill(
    own: Floats, other: Floats, resamples: BlockBootstrap, lead: int
) -> tuple[float | None, float | None, float | None, float | None]:
    rmse = [float(np.sqrt(np.nanmean(error**2))) for error in (own, other)]
    lower, upper = map(rounded_or_none, skill_interval(own, other, resamples) or (None, None))
    return skill(*rmse), lower, upper, rounded_or_none(diebold_mariano(own, other, lead))


def _coverage(test: Evaluation, observed: Floats, predicted: Floats, width: Floats, level: int) -> Coverage:
    off, groups = np.abs(observed - predicted), test.groups
    share = np.where(width > 0, off / np.where(width > 0, width, 1.0), np.where(off > 0, np.inf, off))
    errors = [coverage_error(share[:, lead], level, groups, lead + 1) for lead in range(share.shape[1])]
    return Coverage(
        n=tuple(map(int, np.isfinite(share).sum(axis=0))),
        share=coverage(observed, predicted - width, predicted + width),
        error=rounded(np.asarray(errors)),
    )


def _frequency(times: Times, values: Floats, threshold: float) -> Callable[[Times], Floats]:
    """How often ``values`` exceeded ``threshold`` in each calendar month; over all in a month without any."""
    known = np.isfinite(values)
    month, above = month_of(times[known]), values[known] > threshold
    n = np.bincount(month, minlength=12)
    share = np.where(n > 0, np.bincount(month, above, minlength=12) / np.maximum(n, 1), above.mean())
    return lambda asked: share[month_of(asked)]
