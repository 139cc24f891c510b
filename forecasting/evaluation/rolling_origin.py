"""Rolling-origin evaluation: the forecasts of each model for every step of a part, and how good they are.

Errors, skill and its uncertainty, intervals, and the probabilities of thresholds and events.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.events import EventCases, Threshold
from forecasting.evaluation.report import Coverage, EventReport, ExceedanceReport, IntervalReport, Skill
from forecasting.events.baseline import Baseline, day_of_year
from forecasting.events.definitions import Side
from forecasting.events.paths import Coupling
from forecasting.events.probability import RunEvent
from forecasting.models import error_quantiles
from forecasting.models.intervals import ErrorDistribution
from forecasting.models.metadata import CheckpointMetadata
from forecasting.references.climatology import Climatology
from forecasting.scores.accuracy import Accuracy, coverage, diebold_mariano, rounded, rounded_or_none, skill
from forecasting.scores.probabilistic import (
    BlockBootstrap,
    Groups,
    brier,
    coverage_error,
    crps,
    interval_score,
    skill_interval,
)
from forecasting.series.origins import Origins, Roller, joined
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, SEASONS, Floats, Times, iso, month_of, season_of
from forecasting.series.timestep import TimeStep

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Evaluation:
    """Forecasts of one part from every origin: °C ``(origins, leads)``, by model."""

    origins: Origins
    predicted: Mapping[str, Floats]

    @classmethod
    def run(cls, origins: Origins, rollers: Mapping[str, Roller]) -> "Evaluation":
        """Forecast every origin with every model."""
        leads = origins.targets.shape[1]
        rolled = {name: roller.roll(origins.windows, origins.valid_time, leads) for name, roller in rollers.items()}
        return cls(origins, rolled)

    @classmethod
    def joined(cls, parts: Sequence["Evaluation"]) -> "Evaluation":
        """Join the evaluations of several series, with the models that all of them have."""
        if len(parts) == 1:
            return parts[0]
        names = [name for name in parts[0].predicted if all(name in part.predicted for part in parts)]
        predicted = {name: np.concatenate([part.predicted[name] for part in parts]) for name in names}
        return cls(joined([part.origins for part in parts]), predicted)

    def accuracy(self, model: str) -> Accuracy:
        """Return the accuracy of one model, by lead."""
        return Accuracy.of(self.origins.targets, self.predicted[model])

    def residuals(self, model: str) -> Floats:
        """Return observation minus forecast, °C ``(origins, leads)``, NaN where nothing was observed."""
        return self.origins.targets - self.predicted[model]

    @property
    def groups(self) -> Groups:
        """Index of the distinct time of each origin, from 0; with one series, each origin has its own time."""
        groups: Groups = np.unique(self.origins.valid_time, return_inverse=True)[1]
        return groups

    def pooled_errors(self, model: str) -> Floats:
        """Return the root of the sum of squared errors over all series, by time, °C ``(times, leads)``."""
        squares, groups = self.residuals(model) ** 2, self.groups
        known = np.isfinite(squares)
        total, count = np.zeros((2, int(groups.max()) + 1, squares.shape[1]))
        np.add.at(total, groups, np.where(known, squares, 0.0))
        np.add.at(count, groups, known)
        errors: Floats = np.sqrt(np.where(count > 0, total, np.nan))
        return errors

    def p_values(self, model: str, references: list[str]) -> tuple[float | None, ...]:
        """Return p-values of the Diebold–Mariano test against the reference with the lowest RMSE, by lead."""
        rmse = {name: self.accuracy(name).rmse for name in references}
        errors = self.pooled_errors(model)
        reference_errors = {name: self.pooled_errors(name) for name in references}
        p_values = []
        for lead in range(errors.shape[1]):
            best = min(references, key=lambda name: rmse[name][lead])
            p_value = diebold_mariano(errors[:, lead], reference_errors[best][:, lead], lead + 1)
            p_values.append(rounded_or_none(p_value))
        return tuple(p_values)

    def coverage(self, model: str, errors: ErrorDistribution) -> dict[int, tuple[float, ...]]:
        """Return the share of observations inside the intervals, by level, per lead."""
        scale = errors.scale(self.origins.windows)
        return errors.coverage(self.origins.targets, self.predicted[model], self.origins.times, scale)

    def one_step(self) -> "pd.DataFrame":
        """Return observed and predicted °C of one series at lead 1, a column for each model, by ISO time."""
        import pandas as pd

        known = np.isfinite(self.origins.targets[:, 0])
        columns = {"observed": self.origins.targets[known, 0]}
        columns |= {name: predicted[known, 0] for name, predicted in self.predicted.items()}
        times = [iso(time) for time in self.origins.valid_time[known]]
        return pd.DataFrame(columns, index=pd.Index(times, name="time"))


THRESHOLDS: Final = (0.5, 0.75, 0.9)
"""Quantiles of the data that the weights were fitted on, which give the thresholds of exceedance."""

_LEVELS: Final = (50, 80, 90, 95)


def skills(test: Evaluation, model: str, references: Sequence[str]) -> dict[str, Skill]:
    """Return the skill of ``model`` against each reference, by lead."""
    errors = test.pooled_errors(model)
    leads = range(1, errors.shape[1] + 1)
    return {name: _skill(errors, test.pooled_errors(name), leads) for name in references}


def skills_at(error: Floats, references: Mapping[str, Floats], lead: int) -> dict[str, Skill]:
    """Return the skill against each reference at ``lead``, as its only entry.

    Args:
        error: Errors of the model at consecutive times, °C ``(n,)``.
        references: Errors of the references at the same times, °C ``(n,)``, by name.
        lead: Lead of the forecasts.
    """
    return {name: _skill(error[:, None], reference[:, None], [lead]) for name, reference in references.items()}


def _skill(errors: Floats, references: Floats, leads: Sequence[int]) -> Skill:
    """Return the skill from errors of a model and a reference, °C ``(n, leads)``."""
    rows = []
    for error, reference, lead in zip(errors.T, references.T, leads, strict=True):
        rmse, reference_rmse = (float(np.sqrt(np.nanmean(part**2))) for part in (error, reference))
        bounds = skill_interval(error, reference, BlockBootstrap(len(error), lead)) or (None, None)
        p_value = diebold_mariano(error, reference, lead)
        rows.append((skill(rmse, reference_rmse), *map(rounded_or_none, (*bounds, p_value))))
    value, lower, upper, p_values = zip(*rows, strict=True)
    return Skill(value=value, lower=lower, upper=upper, p_value=p_values)


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


_LEAST_YEARS: Final = 5
"""Years of values that the spread of anomalies needs to be that of each season."""

_MONTHS: Final = 12


def seasonal_percentile(past: SstSeries, percent: float) -> Threshold:
    """Return a percentile for any time of year.

    With ten years of daily values, it is that of marine heatwaves (Hobday et al. 2016). Otherwise it is the climatology
    plus the percentile of the anomalies: of those in the calendar month and its two neighbours with five years of
    values, of all with fewer.
    """
    if past.step == TimeStep(DAY):
        try:
            by_day = Baseline.fit(past, percent).threshold
        except SeriesError:
            pass
        else:
            return lambda times: by_day[day_of_year(times)]
    climatology, observed = Climatology.fit(past), np.isfinite(past.values)
    months = month_of(past.times[observed])
    anomalies = past.values[observed] - climatology(past.times[observed])
    overall = float(np.percentile(anomalies, percent))
    departures = np.full(_MONTHS, overall)
    if past.observed_years >= _LEAST_YEARS:
        distance = (months[None] - np.arange(_MONTHS)[:, None] + 1) % _MONTHS
        near = [anomalies[row <= 2] for row in distance]
        departures = np.asarray([np.percentile(values, percent) if len(values) else overall for values in near])

    def threshold(times: Times) -> Floats:
        values: Floats = climatology(times) + departures[month_of(times)]
        return values

    return threshold


PERCENTILES: Final[dict[Side, float]] = {"above": 90.0, "below": 10.0}

_RUN_STEPS: Final = 3
_RUN_WITHIN: Final = 10


@dataclass(frozen=True, eq=False)
class VerifiedSeries:
    """One series with the forecasts of its test part."""

    series: SstSeries
    past: SstSeries
    test: Evaluation


def standard_events(horizon: int) -> tuple[RunEvent, ...]:
    """Return the events of a report: extremes at the first, the middle and the last lead, and a run of three steps."""
    leads = sorted({1, (horizon + 1) // 2, horizon})
    single = tuple(RunEvent.at(side, lead) for side in PERCENTILES for lead in leads)
    run = RunEvent("above", _RUN_STEPS, 1, min(_RUN_WITHIN, horizon))
    return (*single, run) if horizon >= _RUN_STEPS else single


def event_reports(
    tested: Sequence[VerifiedSeries], networks: Mapping[str, CheckpointMetadata]
) -> dict[str, tuple[EventReport, ...]]:
    """Return the report on the standard events of each network, over all series.

    An event that no series has a case of is left out.
    """
    horizon = min(metadata.horizon for metadata in networks.values())
    thresholds = [{side: seasonal_percentile(member.past, p) for side, p in PERCENTILES.items()} for member in tested]
    reports: dict[str, list[EventReport]] = {name: [] for name in networks}
    for event in standard_events(horizon):
        members = zip(tested, thresholds, strict=True)
        parts = [_cases(member, event, by_side[event.side]) for member, by_side in members]
        cases = EventCases.joined(parts)
        if not len(cases):
            continue
        for name, metadata in networks.items():
            pairs = zip(tested, parts, strict=True)
            exceedance = np.concatenate([_exceedance(member, part, name, metadata) for member, part in pairs])
            coupling = Coupling(metadata.dependence, tuple(range(1, horizon + 1)))
            reports[name].append(
                EventReport(
                    side=event.side,
                    percentile=PERCENTILES[event.side],
                    duration=event.duration,
                    first=event.first,
                    last=event.last,
                    assumed=event.first < event.last and metadata.dependence is None,
                    score=cases.score_forecast(coupling, exceedance),
                )
            )
    return {name: tuple(rows) for name, rows in reports.items()}


def _cases(member: VerifiedSeries, event: RunEvent, threshold: Threshold) -> EventCases:
    """Return the cases of the test part, whose leads are all inside it."""
    inside = np.isfinite(member.test.origins.targets[:, event.first - 1 : event.last]).all(axis=1)
    origins = member.test.origins.position[inside] - 1
    return EventCases.of(event, member.series, origins, [(slice(None), threshold)])


def _exceedance(member: VerifiedSeries, cases: EventCases, name: str, metadata: CheckpointMetadata) -> Floats:
    """Return the probability of more than the threshold at each lead considered, ``(origins, leads)``."""
    rows = np.searchsorted(member.test.origins.position, cases.origins + 1)
    leads, origins = slice(cases.event.first - 1, cases.event.last), member.test.origins.take(rows)
    errors = metadata.errors
    quantiles = errors.quantiles_at(origins.times, errors.scale(origins.windows))[:, leads]
    margin = cases.threshold - member.test.predicted[name][rows, leads]
    return error_quantiles.exceedance(margin, quantiles, errors.probabilities)
