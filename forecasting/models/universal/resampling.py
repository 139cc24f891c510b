"""Series at another step than a release: moved to its step, and their forecasts moved back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import SeriesError
from forecasting.events.paths import Coupling
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.models.base import climatology_at
from forecasting.models.universal.checks import LAST_VALUES
from forecasting.models.universal.contexts import late_warning, outside_error, read_contexts
from forecasting.models.universal.distribution import Quantiles, normal_scores
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.series.batch import SeriesBatch
from forecasting.series.doubts import flat_end
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import DAY, Floats, short
from forecasting.series.timestep import TimeStep, in_words
from forecasting.series.units import outside_sea_range

_LEAST_VALUES_IN_A_MEAN = 2


@dataclass(frozen=True)
class Resampling:
    """How series at ``step`` are forecast at ``other``, the step of a release.

    Where ``other`` holds several steps, means are forecast; where ``step`` is a multiple of ``other``, the values
    between are missing; else values are interpolated. Both grids share the last observation.
    """

    step: TimeStep
    other: TimeStep

    @property
    def ratio(self) -> float:
        """Number of steps of the series in a step of the release."""
        return self.other.seconds / self.step.seconds

    @property
    def takes_means(self) -> bool:
        """Whether the values of the release are means of those of the series."""
        return self.ratio >= _LEAST_VALUES_IN_A_MEAN

    @property
    def leaves_gaps(self) -> bool:
        """Whether every value of the series is one of the release, which has more."""
        return self.step.seconds % self.other.seconds == 0

    def resampled(self, series: SstSeries) -> SstSeries:
        """Return ``series`` at the other step, without missing values at its end."""
        if not np.isfinite(series.values).any():
            raise SeriesError("every value of the series is missing")
        if outside_sea_range(series.values).any():
            raise outside_error(series.values)
        known = series.until_last_observation()
        last = known.start + np.timedelta64((len(known) - 1) * self.step.seconds, "s")
        if self.takes_means:
            values = self.means(known.values)
            last -= np.timedelta64((self.other.seconds - self.step.seconds) // 2, "s")
        else:
            values = self._between(known.values)
        start = last - np.timedelta64((len(values) - 1) * self.other.seconds, "s")
        return SstSeries(values, start, self.other, series.notes)

    def means(self, values: Floats) -> Floats:
        """Return the means of the values in each step of the release that are not missing; the last ends the series.

        Values before the first whole step are left out.
        """
        back = np.floor((len(values) - 1 - np.arange(len(values))) / self.ratio + 1e-9).astype(np.int64)
        count = max(int(len(values) / self.ratio + 1e-9), 1)
        known = np.isfinite(values) & (back < count)
        indices = count - 1 - back[known]
        number = np.bincount(indices, minlength=count)
        total = np.bincount(indices, values[known], count)
        means: Floats = np.divide(total, number, out=np.full(count, np.nan), where=number > 0)
        return means

    def _between(self, values: Floats) -> Floats:
        """Return values at the other step, interpolated; missing beside missing ones, and between if it divides."""
        count = (len(values) - 1) * self.step.seconds // self.other.seconds + 1
        indices = len(values) - 1 - np.arange(count - 1, -1, -1) * self.other.seconds / self.step.seconds
        before = np.floor(indices + 1e-9).astype(np.int64)
        share = np.maximum(indices - before, 0.0)
        after = np.minimum(before + 1, len(values) - 1)
        if self.leaves_gaps:
            return np.where(share < 1e-6, values[before], np.nan)
        return np.where(share < 1e-6, values[before], values[before] * (1 - share) + values[after] * share)

    def leads(self, missing_after: int, horizon: int) -> Floats:
        """Return the leads at the other step, which may be fractions, of the steps after the end of a series."""
        leads = missing_after + np.arange(1.0, horizon + 1)
        if self.takes_means:
            return (leads - 0.5) / self.ratio + 0.5
        return leads / self.ratio

    def needed(self, missing_after: int, horizon: int) -> int:
        """Return how many leads at the other step a forecast needs."""
        return math.ceil(float(self.leads(missing_after, horizon)[-1]) - 1e-9)

    def longest(self, missing_after: int, horizon: int, reach: int) -> int:
        """Return the longest horizon below ``horizon`` that needs at most ``reach`` leads; 0 if there is none."""
        return next((steps for steps in range(horizon - 1, 0, -1) if self.needed(missing_after, steps) <= reach), 0)


def nearest_step(step: TimeStep, horizons: Mapping[TimeStep, int], horizon: int = 1) -> TimeStep | None:
    """Return the step of a release that forecasts series at ``step``; None if there is none.

    That is ``step`` itself or the nearest one by ratio, among those that reach far enough if any does. Series that
    resolve the daily cycle prefer a release that does. A calendar month is near to itself only, because its times do
    not follow a number of seconds.
    """
    if step in horizons or step.calendar_month:
        return step if step in horizons else None
    fixed = [other for other in horizons if not other.calendar_month]
    reaching = [other for other in fixed if Resampling(step, other).needed(0, horizon) <= horizons[other]]

    def distance(other: TimeStep) -> tuple[bool, float]:
        loses_cycle = step.daily_harmonics(1) > 0 and not other.is_under_a_day
        return loses_cycle, abs(math.log(other.seconds / step.seconds))

    return min(reaching or fixed, key=distance, default=None)


_DAYS: Final = 30
"""Days at the end of a series that its daily cycle is estimated from."""

_LEAST_DAYS: Final = 3
_LEAST_SHARE: Final = 0.75
"""Share of the values of a mean that must be known for departures from it."""

_LEAST_PAIRS: Final = 20
_LAGS_IN_A_MEAN: Final = 8
"""The decay is estimated from values that are this fraction of a mean apart, beyond most noise of the sensor."""


@dataclass(frozen=True, eq=False)
class Detail:
    """What means leave out of one series.

    Attributes:
        cycle: usual departure from the mean, °C, of each of the steps after the last observation that make up a day,
            ``(phases,)``; a single zero without a daily cycle.
        last: departure of the last value from the last mean and the cycle, °C.
        decay: share of a departure that remains after a step.
        spread: standard deviation of departures, °C.
    """

    cycle: Floats
    last: float
    decay: float
    spread: float

    @classmethod
    def of(cls, values: Floats, resampling: Resampling) -> "Detail":
        """Estimate the detail of ``values`` ``(n,)``; the last must be observed."""
        size = max(round(resampling.ratio), 1)
        phases = _phases(resampling)
        recent = values[-max(_DAYS * DAY // resampling.step.seconds, 8 * size) :]
        indices = (np.arange(len(recent)) - len(recent)) % phases
        cycle = _cycle(recent - _centred(recent, size), indices, phases)
        level = recent - cycle[indices]
        residual = level - _trailing(level, size)
        around = level - _centred(level, size)
        spread = float(np.sqrt(np.nanmean(around**2))) if np.isfinite(around).any() else 0.0
        last = float(residual[-1]) if np.isfinite(residual[-1]) else 0.0
        return cls(cycle, last, _decay(residual, max(size // _LAGS_IN_A_MEAN, 1)), spread)

    def ahead(self, steps: Floats) -> Floats:
        """Return the departure from the mean at ``steps`` after the last observation, °C ``(n,)``."""
        indices = (steps.astype(np.int64) - 1) % len(self.cycle)
        departures: Floats = self.cycle[indices] + self.last * self.decay**steps
        return departures

    def spread_ahead(self, steps: Floats) -> Floats:
        """Return the standard deviation of the departure at ``steps`` after the last observation, °C ``(n,)``."""
        spread: Floats = self.spread * np.sqrt(1 - self.decay ** (2 * steps))
        return spread

    def without_cycle(self, values: Floats) -> Floats:
        """Return ``values`` ``(n,)``, which end in the last observation, without the daily cycle."""
        level: Floats = values - self.cycle[(np.arange(len(values)) - len(values)) % len(self.cycle)]
        return level


def _phases(resampling: Resampling) -> int:
    """Return the number of steps in a day; 1 if the release resolves the day, or the step does not divide it."""
    count, rest = divmod(DAY, resampling.step.seconds)
    return 1 if rest or count < 2 or resampling.other.is_under_a_day else count


def _cycle(departures: Floats, indices: npt.NDArray[np.int64], phases: int) -> Floats:
    """Return the mean departure at each time of day, whose mean is zero; zero if the days are too few."""
    known = np.isfinite(departures)
    number = np.bincount(indices[known], minlength=phases)
    if phases == 1 or number.min() < _LEAST_DAYS:
        return np.zeros(phases)
    cycle = np.bincount(indices[known], departures[known], phases) / number
    centred: Floats = cycle - cycle.mean()
    return centred


def _trailing(values: Floats, size: int) -> Floats:
    """Return the mean of the last ``size`` values at each step; NaN where too few are known."""
    known = np.isfinite(values)
    total = np.concatenate([np.zeros(size), np.cumsum(np.where(known, values, 0.0))])
    number = np.concatenate([np.zeros(size), np.cumsum(known)])
    count = number[size:] - number[:-size]
    mean: Floats = np.divide(
        total[size:] - total[:-size], count, out=np.full(len(values), np.nan), where=count >= _LEAST_SHARE * size
    )
    return mean


def _centred(values: Floats, size: int) -> Floats:
    """Return the mean around each step; NaN at the ends. Of an even ``size``, the outermost values count half."""
    before, after = size // 2, (size - 1) // 2
    trailing = _trailing(values, size)
    first = np.concatenate([trailing[after:], np.full(after, np.nan)])[: len(values)]
    if before == after:
        return first
    second = np.concatenate([trailing[before:], np.full(before, np.nan)])[: len(values)]
    centred: Floats = (first + second) / 2
    return centred


def _decay(residual: Floats, lag: int) -> float:
    """Return the share of a departure that remains after a step, from values ``lag`` steps apart."""
    before, after = residual[:-lag], residual[lag:]
    known = np.isfinite(before) & np.isfinite(after)
    size = float((before[known] ** 2).sum())
    if known.sum() < _LEAST_PAIRS or size <= 0:
        return 0.0
    share = float((before[known] * after[known]).sum()) / size
    return float(np.clip(share, 0.0, 0.999) ** (1 / lag))


_PERSISTENCE: Final = "persistence"
_CLIMATOLOGY: Final = "climatology"


@dataclass(frozen=True, eq=False)
class Resampled:
    """One series at the step of a release."""

    resampling: Resampling
    sent: SstSeries
    series: SstSeries
    missing_after: int
    detail: Detail | None

    @classmethod
    def of(cls, sent: SstSeries, resampling: Resampling) -> "Resampled":
        """Resample a series."""
        series = resampling.resampled(sent)
        known = sent.until_last_observation().values
        detail = None
        if resampling.takes_means:
            detail = Detail.of(known, resampling)
            # Without the cycle, a mean in which a time of day is missing is not off by it.
            series = replace(series, values=resampling.means(detail.without_cycle(known)))
        return cls(resampling, sent, series, len(sent) - len(known), detail)

    def without(self, kept: SstSeries) -> "Resampled":
        """Return the series without the values in those steps of :attr:`series` that are missing in ``kept`` alone."""
        left_out = np.isfinite(self.series.values) & np.isnan(kept.values)
        known = len(self.sent) - self.missing_after
        back = np.floor((known - 1 - np.arange(known)) / self.resampling.ratio + 1e-9).astype(np.int64)
        values = self.sent.values.copy()
        within = back < len(left_out)
        values[:known][within] = np.where(left_out[-1 - back[within]], np.nan, values[:known][within])
        return Resampled.of(replace(self.sent, values=values), self.resampling)

    def needed(self, horizon: int) -> int:
        """Return how many leads of the release reach ``horizon`` steps after the end of the series."""
        return self.resampling.needed(self.missing_after, horizon)

    def beyond(self, metadata: UniversalMetadata, horizon: int) -> SeriesError | None:
        """Return the error that ``horizon`` steps after the end reach further than the networks do; None if not."""
        if self.needed(horizon) <= metadata.horizon:
            return None
        longest = self.resampling.longest(self.missing_after, horizon, metadata.horizon)
        return too_far(metadata, self.resampling, horizon, longest)

    def back(self, forecast: Forecast[Quantiles], horizon: int, release: str) -> Forecast[Quantiles]:
        """Return a forecast of :attr:`series` at the step of the caller, with a warning that says so.

        Between two leads it is interpolated. Before the first, spread grows with the square root of time.
        """
        # All steps after the last observation, also those before the end of the series.
        steps = np.arange(1.0, self.missing_after + horizon + 1)
        leads, ahead = self.resampling.leads(0, len(steps)), slice(self.missing_after, None)
        departures, noise = np.zeros(len(steps)), np.zeros(len(steps))
        cycle = departures
        if self.detail:
            departures, noise = self.detail.ahead(steps), self.detail.spread_ahead(steps)
            cycle = replace(self.detail, last=0.0).ahead(steps)
        sst = self._interpolated(forecast.sst, leads) + departures
        quantiles = sst[:, None] + self._spread(forecast, leads, steps, noise)
        baselines = {
            name: (self._interpolated(values, leads) + departures)[ahead] for name, values in forecast.baselines.items()
        }
        if _PERSISTENCE in baselines:
            baselines[_PERSISTENCE] = np.full(horizon, self._last_value)
        usual = forecast.usual
        if usual is not None:
            # It does not depend on the last value.
            climatology = self._interpolated(forecast.baselines[_CLIMATOLOGY], leads, usual.sst)
            baselines[_CLIMATOLOGY] = (climatology + cycle)[ahead]
            usual = usual._replace(sst=usual.sst + (float(self.detail.cycle[-1]) if self.detail else 0.0))
        warnings = tuple(self._named(warning) for warning in forecast.warnings if warning.code != "flat_line")
        line = flat_end(self.sent.values)
        if line is not None:
            warnings = (line.warning(self.sent.times), *warnings)
        if self.missing_after:
            observed = self.sent.times[-1 - self.missing_after]
            warnings = (*warnings, late_warning(observed, self.missing_after, self.sent.step))
        chosen = forecast.chosen
        if chosen is not None:
            known = np.arange(1, len(forecast.sst) + 1)
            rmse, weights = (
                {name: np.interp(leads, known, row)[ahead] for name, row in rows.items()}
                for rows in (chosen.rmse_by_lead, chosen.weights)
            )
            chosen = replace(chosen, rmse_by_lead=rmse, weights=weights)
        return replace(
            forecast,
            times=self.sent.step.shift(self.sent.times[-1], np.arange(1, horizon + 1)),
            sst=sst[ahead],
            distribution=Quantiles(
                coupling=self._coupling(forecast, leads, quantiles, noise),
                horizon=horizon,
                unobserved=self.missing_after,
                quantiles=quantiles,
                levels=forecast.distribution.levels,
            ),
            baselines=baselines,
            usual=usual,
            chosen=chosen,
            warnings=(*warnings, self._warning(release)),
        )

    def _named(self, warning: ForecastWarning) -> ForecastWarning:
        """Return a warning about a suspect mean at the end with the value of the caller that stands out most."""
        if not (self.detail and starts_from_suspect([warning])):
            return warning
        last = np.arange(len(self.sent) - self.missing_after)[-round(LAST_VALUES * self.resampling.ratio) :]
        distance = np.abs(self.sent.values[last] - np.nanmedian(self.sent.values))
        index = int(last[np.nanargmax(distance)])
        value, time = self.sent.values[index], short(self.sent.times[index])
        message = f"{warning.message}; among the values that were averaged, {value:g} °C of {time} stands out"
        return replace(warning, message=message)

    def _coupling(self, forecast: Forecast[Quantiles], leads: Floats, quantiles: Floats, noise: Floats) -> Coupling:
        """Return how the leads are related: the means as in the release, the ``noise`` as the detail does."""
        known = forecast.distribution.coupling.dependence
        if self.detail is None or not noise.any():
            return Coupling(known, tuple(leads.tolist()))
        scores = normal_scores(forecast.distribution.levels)
        spread = (quantiles[:, -1] - quantiles[:, 0]) / (scores[-1] - scores[0])
        share = np.clip(noise / np.maximum(spread, 1e-6), 0.0, 1.0) ** 2
        return Coupling(known, tuple(leads.tolist()), tuple(share.tolist()), self.detail.decay)

    @property
    def _last_value(self) -> float:
        return float(self.sent.values[-1 - self.missing_after])

    def _interpolated(self, values: Floats, leads: Floats, at_end: float | None = None) -> Floats:
        """Return ``values`` of whole leads, and ``at_end`` or the last value at lead 0, at other ``leads``."""
        with_last = np.concatenate([[self.series.values[-1] if at_end is None else at_end], values])
        interpolated: Floats = np.interp(leads, np.arange(len(with_last)), with_last)
        return interpolated

    def _spread(self, forecast: Forecast[Quantiles], leads: Floats, steps: Floats, noise: Floats) -> Floats:
        """Return quantiles minus mean at each lead, °C ``(horizon, levels)``, with the ``noise`` that means leave out.

        Both are independent, so that their squares add up. Values that are interpolated between coarser ones vary less
        than those of a random walk would.
        """
        known, probabilities = forecast.distribution.at_leads - forecast.sst[:, None], forecast.distribution.levels
        whole = np.arange(1, len(known) + 1)
        spread = np.stack([np.interp(leads, whole, level) for level in known.T], axis=1)
        first_whole = (self.resampling.ratio + 1) / 2 if self.detail else self.resampling.ratio
        early = steps < first_whole
        spread[early] = known[0] * np.sqrt(steps[early, None] / first_whole)
        if not self.resampling.leaves_gaps:
            spread *= max(1 / self.resampling.ratio, 1.0) ** 0.5
        scores = normal_scores(probabilities)
        added = scores * noise[:, None]
        middle = spread[:, len(probabilities) // 2, None]
        widened: Floats = middle + np.sign(scores) * np.hypot(spread - middle, added)
        return widened

    def _warning(self, release: str) -> ForecastWarning:
        resampling = self.resampling
        theirs, ours = in_words(str(resampling.step)), in_words(str(resampling.other))
        if self.detail:
            how = f"means over {ours} were forecast and interpolated; the last value"
            how += " and the usual daily cycle were added" if len(self.detail.cycle) > 1 else " was taken into account"
        elif resampling.leaves_gaps:
            count = resampling.step.seconds // resampling.other.seconds
            how = f"it was forecast at steps of {ours}, and every {_ordinal(count)} was kept"
        else:
            how = f"it was interpolated to steps of {ours}, and the forecast was interpolated back"
        return ForecastWarning(
            "resampled", f"the series has a step of {theirs}, but {release} forecasts steps of {ours}: {how}"
        )


def _ordinal(number: int) -> str:
    suffix = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{suffix}"


def refusal_at_any_step(
    metadata: UniversalMetadata, series: SstSeries, coefficients: Coefficients | None = None
) -> SeriesError | None:
    """Return why the networks of a release cannot forecast one step of ``series``, at any step; None if they can.

    Args:
        metadata: of the networks, which are not run.
        series: in °C.
        coefficients: climatology of its position, °C, float32 ``(7,)``; None without one.
    """
    resampling, horizon = Resampling(series.step, metadata.time_step), 1
    if resampling.step != resampling.other:
        try:
            resampled = Resampled.of(series, resampling)
        except SeriesError as error:
            return error
        if beyond := resampled.beyond(metadata, horizon):
            return beyond
        series, horizon = resampled.series, resampled.needed(horizon)
    known = climatology_at(None, 1) if coefficients is None else coefficients[None]
    batch = SeriesBatch.of([series], metadata.time_step)
    _, failures = read_contexts(batch, known, horizon, metadata, metadata.maximum)
    refused = failures.get(0)
    if refused is None or resampling.step == resampling.other:
        return refused
    return after_resampling(refused, resampling)


def after_resampling(error: SeriesError, resampling: Resampling) -> SeriesError:
    """Return the error of a series that was resampled, which says so."""
    theirs, ours = (in_words(str(step)) for step in (resampling.step, resampling.other))
    return SeriesError(f"{error}; the series has a step of {theirs}, and was resampled to {ours}")


def too_far(metadata: UniversalMetadata, resampling: Resampling, horizon: int, longest: int) -> SeriesError:
    """Return the error that a horizon reaches too far; ``longest`` is one that would not, 0 without."""
    words = in_words(str(resampling.step))
    if longest:
        remedy = f"ask for at most {longest}"
    elif resampling.step.seconds > metadata.horizon * resampling.other.seconds:
        remedy = "send a series with a shorter step"
    else:
        remedy = "send newer values"
    return SeriesError(
        f"horizon {horizon}, in steps of {words} after the end of the series, reaches further than {metadata.dataset} "
        f"forecasts ({metadata.horizon} steps of {in_words(metadata.step)} after the last observation): {remedy}"
    )
