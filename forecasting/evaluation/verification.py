"""The parts of a report about a network beyond its errors: skill and its uncertainty, intervals, probabilities."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from forecasting.evaluation.model_report import Coverage, ExceedanceReport, IntervalReport, Skill
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.uncertainty.intervals import ErrorDistribution
from forecasting.scores.accuracy import coverage, diebold_mariano, rounded, rounded_or_none, skill
from forecasting.scores.probabilistic import brier, crps, interval_score
from forecasting.scores.sampling import BlockBootstrap, coverage_error, skill_interval
from forecasting.scores.seasons import SEASONS, season_of
from forecasting.series.times import Floats, Times, month_of

THRESHOLDS: Final = (0.5, 0.75, 0.9)
"""Quantiles of the data that the weights were fitted on, which give the thresholds of exceedance."""

_LEVELS: Final = (50, 80, 90, 95)


def skills(test: Evaluation, model: str, references: Sequence[str]) -> dict[str, Skill]:
    """Return the skill of ``model`` against each reference, by lead."""
    errors = test.pooled_errors(model)
    leads = range(errors.shape[1])
    resamples = [BlockBootstrap(len(errors), lead + 1) for lead in leads]
    skills = {}
    for name in references:
        reference = test.pooled_errors(name)
        rows = [_skill(errors[:, lead], reference[:, lead], resamples[lead], lead + 1) for lead in leads]
        value, lower, upper, p_value = zip(*rows, strict=True)
        skills[name] = Skill(value=value, lower=lower, upper=upper, p_value=p_value)
    return skills


def skills_at(error: Floats, references: Mapping[str, Floats], lead: int) -> dict[str, Skill]:
    """Return the skill against each reference at ``lead``, as its only entry.

    Args:
        error: of the model at consecutive times, °C ``(n,)``.
        references: errors of the references at the same times, °C ``(n,)``, by name.
        lead: of the forecasts.
    """
    resamples = BlockBootstrap(len(error), lead)
    skills = {}
    for name, reference in references.items():
        value, lower, upper, p_value = _skill(error, reference, resamples, lead)
        skills[name] = Skill(value=(value,), lower=(lower,), upper=(upper,), p_value=(p_value,))
    return skills


def intervals(test: Evaluation, model: str, errors: ErrorDistribution) -> dict[int, IntervalReport]:
    """Return the coverage, overall and by season, and the score of the intervals at several levels."""
    observed, predicted, times = test.origins.targets, test.predicted[model], test.origins.times
    seasons, scale = season_of(times), errors.scale(test.origins.windows)
    reports: dict[int, IntervalReport] = {}
    for level in _LEVELS:
        if level not in errors.half_width:
            continue
        width = np.broadcast_to(errors.half_widths(level, times, scale), observed.shape)
        parts = {name: np.where(seasons == season, observed, np.nan) for season, name in enumerate(SEASONS)}
        reports[level] = IntervalReport(
            coverage=_coverage(test, observed, predicted, width, level),
            seasons={
                name: _coverage(test, part, predicted, width, level)
                for name, part in parts.items()
                if np.isfinite(part).any(axis=0).all()
            },
            score=rounded(interval_score(observed, predicted, width, level)),
        )
    return reports


def probability_score(test: Evaluation, model: str, errors: ErrorDistribution) -> tuple[float, ...]:
    """Return the continuous ranked probability score by lead, °C."""
    quantiles = errors.quantiles_at(test.origins.times, errors.scale(test.origins.windows))
    return rounded(crps(test.residuals(model), quantiles, np.asarray(errors.probabilities)))


def exceedance(
    test: Evaluation, model: str, errors: ErrorDistribution, times: Times, values: Floats
) -> tuple[ExceedanceReport, ...]:
    """Return Brier scores at quantiles of the fitted data: ``values`` °C at ``times``, both ``(n,)``."""
    scale, observed = errors.scale(test.origins.windows), test.origins.targets
    reports = []
    for quantile in THRESHOLDS:
        threshold = round(float(np.nanquantile(values, quantile)), 2)
        probability = errors.exceedance(test.predicted[model], test.origins.times, scale, threshold)
        frequency = _frequency(times, values, threshold)(test.origins.times)
        reports.append(
            ExceedanceReport(
                threshold=threshold,
                quantile=quantile,
                brier=rounded(brier(observed, probability, threshold)),
                climatology=rounded(brier(observed, frequency, threshold)),
            )
        )
    return tuple(reports)


def _skill(
    error: Floats, reference: Floats, resamples: BlockBootstrap, lead: int
) -> tuple[float | None, float | None, float | None, float | None]:
    rmse, reference_rmse = (float(np.sqrt(np.nanmean(errors**2))) for errors in (error, reference))
    lower, upper = map(rounded_or_none, skill_interval(error, reference, resamples) or (None, None))
    p_value = rounded_or_none(diebold_mariano(error, reference, lead))
    return skill(rmse, reference_rmse), lower, upper, p_value


def _coverage(test: Evaluation, observed: Floats, predicted: Floats, width: Floats, level: int) -> Coverage:
    error, groups = np.abs(observed - predicted), test.groups
    share = np.where(width > 0, error / np.where(width > 0, width, 1.0), np.where(error > 0, np.inf, error))
    errors = [coverage_error(share[:, lead], level, groups, lead + 1) for lead in range(share.shape[1])]
    return Coverage(
        n=tuple(map(int, np.isfinite(share).sum(axis=0))),
        share=coverage(observed, predicted - width, predicted + width),
        error=rounded(np.asarray(errors)),
    )


def _frequency(times: Times, values: Floats, threshold: float) -> Callable[[Times], Floats]:
    """Return how often ``values`` exceeded ``threshold`` by calendar month; overall for a month without values."""
    known = np.isfinite(values)
    month, above = month_of(times[known]), values[known] > threshold
    n = np.bincount(month, minlength=12)
    share = np.where(n > 0, np.bincount(month, above, minlength=12) / np.maximum(n, 1), above.mean())
    return lambda valid_times: share[month_of(valid_times)]
