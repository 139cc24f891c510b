"""Returns forecasts of resampled series to the step of the caller."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from forecasting.events.joint.paths import Coupling
from forecasting.forecast_warning import ForecastWarning, starts_from_suspect
from forecasting.forecasts.forecast import Forecast
from forecasting.series.doubts import flat_end
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, short
from forecasting.series.timestep import in_words
from forecasting.universal.checks.warnings import LAST_VALUES
from forecasting.universal.contexts.lateness import late_warning
from forecasting.universal.distribution import Quantiles, normal_scores
from forecasting.universal.steps.detail import Detail
from forecasting.universal.steps.resampling import Resampling

_PERSISTENCE: Final = "persistence"
_CLIMATOLOGY: Final = "climatology"


@dataclass(frozen=True, eq=False)
class Resampled:
    """One series at the step of a release.

    Attributes:
        resampling: from one step to the other.
        sent: as the caller sent it.
        series: at the step of the release, without missing values at its end.
        missing_after: missing values at the end of ``sent``.
        detail: what its means leave out; None if it is not averaged.
    """

    resampling: Resampling
    sent: SstSeries
    series: SstSeries
    missing_after: int
    detail: Detail | None

    @classmethod
    def of(cls, sent: SstSeries, resampling: Resampling) -> "Resampled":
        """Resample a series.

        Raises:
            SeriesError: if every value is missing, or one is not a sea temperature.
        """
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

    def back(self, forecast: Forecast[Quantiles], horizon: int, release: str) -> Forecast[Quantiles]:
        """Return a forecast of :attr:`series` at the step of the caller, with a warning that says so.

        Between two leads it is interpolated. Before the first, spread grows with the square root of time.

        Args:
            forecast: of :meth:`needed` leads.
            horizon: number of steps after the end of the series.
            release: name of the release.
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
            warnings=(*warnings, self._warning(release)),
        )

    def _named(self, warning: ForecastWarning) -> ForecastWarning:
        """Return a warning about a suspect mean at the end with the value of the caller that stands out most."""
        if not (self.detail and starts_from_suspect([warning])):
            return warning
        last = np.arange(len(self.sent) - self.missing_after)[-round(LAST_VALUES * self.resampling.ratio) :]
        distance = np.abs(self.sent.values[last] - np.nanmedian(self.sent.values))
        place = int(last[np.nanargmax(distance)])
        value, time = self.sent.values[place], short(self.sent.times[place])
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
