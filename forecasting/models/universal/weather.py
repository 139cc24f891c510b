"""What the weather ahead changes in forecasts: a regression of a network's errors that each series updates.

The error that a network makes without weather is regressed on the weather between the origin and the lead, for some
leads. A prior learned from many seas says how water answers to weather; the past forecasts of a series update it, as
Bayesian linear regression with known noise does (Gelman et al., Bayesian Data Analysis, 3rd edition, section 14.8).

Past forecasts know the weather that happened. To tell what a forecast of the weather is worth, each of them is also
corrected as it would have been with a forecast of usual skill, by what was known of the series then.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from forecasting.forecast_warning import ForecastWarning
from forecasting.forecasts.forecast import WeatherUse
from forecasting.models.universal.backtest import errors_of
from forecasting.models.universal.contexts import Contexts
from forecasting.models.universal.metadata import WeatherPrior
from forecasting.models.universal.mixture import kernel_over_leads
from forecasting.models.universal.references import Past, Steps
from forecasting.series.times import DAY, YEAR, Bools, Floats, short, unix_seconds
from forecasting.series.timestep import TimeStep
from forecasting.series.weather import COVARIATES, lay_over

PREDICTORS: Final = (
    "air ahead",
    "air now",
    "water now",
    "air at the lead",
    "wind ahead",
    "wind now",
    "wind at the lead",
    "air ahead by season",
    "wind ahead by season",
)
"""Departures from the means of the last days at the same time of day, over their usual size; *ahead* is the mean up to
the lead. By season they are multiplied by a number from -1 (the coldest time of the year) to 1."""

SKILL: Final = {0: 0.985, 1: 0.96, 2: 0.93, 3: 0.88, 5: 0.74, 7: 0.55, 10: 0.31, 14: 0.12}
"""Correlation of anomalies of air temperature and wind in the forecasts of a good global model, by days ahead."""

_PERSISTENCE: Final = 0.7
"""Correlation of the errors of such a forecast a day apart."""

_MOST_FOLLOWED: Final = 0.5
"""Largest share of the water's own changes that is taken out of past air, which no forecast of the weather knows."""

_PRIOR_STEPS: Final = 20.0
"""Past steps at which half of how far air follows water is believed."""

_DAYS: Final = 30
_FEWEST_DAYS: Final = 5
"""Days whose mean is what weather departs from, and the fewest of them that count."""

_RECENT_SECONDS: Final = 3 * 3600
_LEAST_SIZE: Final = 0.1
"""°C and m/s; smaller departures than this are of no account."""

_LARGEST: Final = 5.0
"""Departures over their usual size are no larger, so that no forecast follows weather that nobody saw."""

_SAMPLED: Final = 240
"""Past values of the weather that tell how large departures are."""

_DRAWN: Final = 64
"""Origins and leads for which errors of forecasts of the weather are drawn."""

_MAX_OLDER: Final = 60
"""Origins before those of the networks, from which an autoregression forecasts."""

_LARGEST_ERROR: Final = 5.0
"""Errors over their usual size are no larger, as those of an autoregression on a short past may be."""

_PRIOR_ERRORS: Final = 5.0
"""Past errors that the spread which the network forecasts counts as."""

_REFRESH: Final = 4
"""Origins that share a posterior, so that fewer are solved for."""

_PRIOR_SHARE, _PRIOR_GAINS = 0.9, 3.0
"""Share of the correction that is expected to help, and how much that counts."""

_PRIOR_WIDTH: Final = 10.0
"""Past forecasts that do not overlap at which half of the narrowing of the quantiles is believed."""

_SMOOTHING: Final = 1.0
"""Standard deviation of the kernel in the logarithm of the lead by which shares are smoothed."""

_LEAST_RATIO: Final = 0.995
"""Ratio of past errors with weather to those without, above which weather is not used."""

_LEAST_SQUARE: Final = 1e-8
"""°C², of rounding."""

FEWEST_ORIGINS: Final = 20
"""Past forecasts that the worth of weather can be told from."""

_PRIOR_FORECASTS: Final = 30.0
"""Past forecasts of the weather at which half the trust is learned from them."""


def assumed_skill(step: TimeStep, leads: int) -> Floats:
    """Return the correlation that is assumed of forecasts of the weather at each lead, ``(leads,)``."""
    days = np.arange(1, leads + 1) * step.seconds / DAY
    return np.interp(days, [*SKILL], [*SKILL.values()])


def forecast_errors(random: np.random.Generator, shape: tuple[int, ...], step: TimeStep) -> Floats:
    """Draw errors of forecasts of the weather, of unit variance, ``(…, leads, 2)``, which persist from lead to lead."""
    decay = _PERSISTENCE ** (step.seconds / DAY)
    errors = random.standard_normal(shape)
    for lead in range(1, shape[-2]):
        errors[..., lead, :] *= np.sqrt(1 - decay**2)
        errors[..., lead, :] += decay * errors[..., lead - 1, :]
    return errors


class AlignedWeather(NamedTuple):
    """The weather over several series.

    Attributes:
        values: °C and m/s at the steps of the series and after their last observation, ``(n, steps + leads, 2)``; NaN
            where it is not known.
        issued: forecasts of the weather as they were issued at each origin, ``(n, origins, leads, 2)``; NaN where
            there are none. None without any.
        ahead: number of leads up to the last with each covariate, ``(n, 2)``; 0 for those that cannot be used.
    """

    values: Floats
    issued: Floats | None
    ahead: Steps

    @property
    def until(self) -> Steps:
        """Number of leads up to the last with weather, ``(n,)``; 0 where no weather can be used."""
        until: Steps = self.ahead.max(axis=1)
        return until

    @classmethod
    def of(cls, contexts: Contexts, origins: Steps, leads: int) -> "AlignedWeather":
        """Align the weather with ``contexts``.

        A covariate cannot be used without values ahead, or without some days of values before that vary.

        Args:
            contexts: the series.
            origins: past steps, ``(origins,)``.
            leads: number of leads.
        """
        n, steps = contexts.values.shape
        values, issued = np.full((n, steps + leads, len(COVARIATES)), np.nan), None
        index = {origin: i for i, origin in enumerate(origins.tolist())}
        for i, row in enumerate(contexts.row.tolist()):
            if (of_row := contexts.weather.get(row)) is None:
                continue
            times = np.array([of_row.start, *[older.issued for older in of_row.issued]])
            first, *places = np.rint(contexts.step.position(times, contexts.last_time[i])).astype(np.int64) + steps - 1
            lay_over(values[i], of_row.values, int(first))
            for older, place in zip(of_row.issued, places, strict=True):
                if (at := index.get(int(place))) is not None:
                    issued = np.full((n, len(origins), leads, len(COVARIATES)), np.nan) if issued is None else issued
                    lay_over(issued[i, at], older.values, 0)
        known = np.isfinite(values)
        last = leads - known[:, : steps - 1 : -1].argmax(axis=1)
        fewest = _FEWEST_DAYS * _steps_of_day(contexts.step)
        before = np.where(known[:, :steps], values[:, :steps], 0.0)
        count = np.maximum(known[:, :steps].sum(axis=1), 1)
        variance = (before**2).sum(axis=1) / count - (before.sum(axis=1) / count) ** 2
        usable = known[:, steps:].any(axis=1) & (count >= fewest) & (variance > _LEAST_SIZE**2)
        values[~np.broadcast_to(usable[:, None], values.shape)] = np.nan
        return cls(values, issued, np.where(usable, last, 0))


def _steps_of_day(step: TimeStep) -> int:
    return max(round(DAY / step.seconds), 1)


class Correction(NamedTuple):
    """What weather changes in the forecasts of a network.

    Attributes:
        shift: added to the forecasts from each origin, then from the end, °C ``(n, origins + 1, leads)``.
        width: factor for the distance of quantiles from the mean, ``(n, leads)``.
        used: whether weather is of use, ``(n,)``; where it is not, nothing changes.
        ratio: RMSE with weather over that without at the origins, ``(n,)``; NaN where they are too few.
        origins: number of past forecasts that this rests on, ``(n,)``.
    """

    shift: Floats
    width: Floats
    used: Bools
    ratio: Floats
    origins: Steps


@dataclass(frozen=True, eq=False)
class Predictors:
    """Departures of weather and water from their recent means, over their usual size; 0 where unknown.

    Attributes:
        happened: of the weather that followed each origin, ``(n, origins, leads, 2)``.
        forecast: of a forecast of the weather at each origin and at the end, times its trust, ``(n, origins + 1, …)``.
        now: of the weather at each origin and at the end, ``(n, origins + 1, 2)``.
        water: of the water, in units of the size of air temperature, ``(n, origins + 1)``.
        season: from -1 to 1, ``(n, origins + 1)``.
    """

    happened: Floats
    forecast: Floats
    now: Floats
    water: Floats
    season: Floats

    @classmethod
    def of(cls, contexts: Contexts, weather: AlignedWeather, origins: Steps, leads: int) -> "Predictors":
        """Return the predictors of ``leads``; see :func:`correct` for the other arguments."""
        steps, step = contexts.values.shape[1], contexts.step
        period = _steps_of_day(step)
        with_end = np.append(origins, steps - 1)
        past = weather.values[:, :steps]
        targets = with_end[:, None] + np.arange(1, leads + 1)
        usual = _recent_means(past, with_end, targets, period)
        actual = weather.values[:, np.minimum(targets, weather.values.shape[1] - 1)]
        actual[:, targets >= weather.values.shape[1]] = np.nan
        # The water at the targets: what followed each origin, as far as it is known.
        values = contexts.values
        later = values[:, np.minimum(targets[:-1], steps - 1)]
        changes = np.where(targets[:-1] < steps, later - values[:, origins, None], np.nan)
        happened = actual[:, :-1] - usual[:, :-1]
        happened[..., 0] -= _followed(past[..., 0], values)[:, None, None] * np.nan_to_num(changes)
        happened[:, targets[:-1] >= steps] = np.nan
        ahead = actual[:, -1:] - usual[:, -1:]
        size = _usual_size(past, period)[:, None, None]
        happened, ahead = (np.clip(part / size, -_LARGEST, _LARGEST) for part in (happened, ahead))
        trust = _trust(weather, happened, usual, size, step, leads)
        forecast = _as_forecast(happened, trust, step)
        if weather.issued is not None:
            issued = np.clip((weather.issued - usual[:, :-1]) / size, -_LARGEST, _LARGEST)
            forecast = np.where(np.isfinite(issued), issued, forecast)
        forecast = np.concatenate([forecast, ahead], axis=1)
        reach = np.arange(1, leads + 1)[:, None] <= weather.ahead[:, None]
        trusted = np.nan_to_num(forecast) * (trust * reach)[:, None]
        recent = max(round(_RECENT_SECONDS / step.seconds), 1)
        before = with_end[:, None] - np.arange(recent)
        now = past[:, np.maximum(before, 0)] - _recent_means(past, with_end, np.maximum(before, 0), period)
        now = np.nan_to_num(_mean_of_known(now) / size[:, 0])
        water = values[:, with_end]
        water -= _recent_means(values[..., None], with_end, with_end[:, None], period)[:, :, 0, 0]
        # Without air temperature, how warm the water is says nothing of the weather.
        water = np.where(weather.ahead[:, :1] > 0, np.nan_to_num(water) / size[:, 0, :, 0], 0.0)
        return cls(np.nan_to_num(happened), trusted, now, water, _season(contexts, with_end))

    def rows(self, knots: Steps, *, happened: bool) -> Floats:
        """Return the predictors at each lead of ``knots``, ``(n, origins, knots, predictors)``; 0 without weather."""
        ahead = self.happened if happened else self.forecast
        count = ahead.shape[1]
        total = np.cumsum(ahead, axis=2)[:, :, knots - 1] / knots[:, None]
        last = ahead[:, :, knots - 1]
        now = np.broadcast_to(self.now[:, :count, None], total.shape)
        water = np.broadcast_to(self.water[:, :count, None], total.shape[:3])
        season = self.season[:, :count, None]
        air, wind = total[..., 0], total[..., 1]
        parts = [air, now[..., 0], water, last[..., 0], wind, now[..., 1], last[..., 1], air * season, wind * season]
        return np.stack(parts, axis=-1)


def _trust(
    weather: AlignedWeather, happened: Floats, usual: Floats, size: Floats, step: TimeStep, leads: int
) -> Floats:
    """Return the factor of departures that a forecast of the weather is believed, ``(n, leads, 2)``.

    It is the regression of what happened on what was forecast: the correlation that is assumed, or, as far as there are
    forecasts as they were issued, that of the source.
    """
    assumed = np.broadcast_to(assumed_skill(step, leads)[:, None], (len(happened), leads, len(COVARIATES)))
    if weather.issued is None:
        return assumed
    forecast = np.clip((weather.issued - usual[:, :-1]) / size, -_LARGEST, _LARGEST)
    known = np.isfinite(forecast) & np.isfinite(happened)
    forecast, happened = (np.where(known, part, 0.0) for part in (forecast, happened))
    kernel = kernel_over_leads(np.arange(1, leads + 1), _SMOOTHING)
    kernel /= kernel.sum(axis=0)
    product, square = (np.einsum("nolc,lm->nmc", part, kernel) for part in (forecast * happened, forecast * forecast))
    trust: Floats = np.clip((product + _PRIOR_FORECASTS * assumed) / (square + _PRIOR_FORECASTS), 0.0, 1.0)
    return trust


def _as_forecast(happened: Floats, trust: Floats, step: TimeStep) -> Floats:
    """Return what a forecast would have said of what ``happened``, with the correlation ``trust`` and errors."""
    _, origins, leads, _ = happened.shape
    errors = _errors_of_forecasts(step)[(-np.arange(origins) - 1)[::-1, None] % _DRAWN, np.arange(leads) % _DRAWN]
    correlation = trust[:, None]
    return np.where(np.isfinite(happened), correlation * happened + np.sqrt(1 - correlation**2) * errors, np.nan)


@lru_cache(maxsize=8)
def _errors_of_forecasts(step: TimeStep) -> Floats:
    """Return errors, the same at each call, so that no forecast depends on others of its request."""
    return forecast_errors(np.random.default_rng(0), (_DRAWN, _DRAWN, len(COVARIATES)), step)


def _followed(air: Floats, water: Floats) -> Floats:
    """Return the share of the water's changes that air takes on, ``(n,)``, from 0 to what is taken out at most.

    It is the slope of the changes of air in those of the water, from one step to the next, °C ``(n, steps)`` each.
    """
    changes = np.diff(air[:, -_SAMPLED:], axis=1), np.diff(water[:, -_SAMPLED:], axis=1)
    known = np.isfinite(changes[0]) & np.isfinite(changes[1])
    of_air, of_water = (np.where(known, part, 0.0) for part in changes)
    count = known.sum(axis=1)
    slope = (of_air * of_water).sum(axis=1) / np.maximum((of_water**2).sum(axis=1), _LEAST_SQUARE)
    followed: Floats = np.clip(slope * count / (count + _PRIOR_STEPS), 0.0, _MOST_FOLLOWED)
    return followed


def _usual_size(past: Floats, period: int) -> Floats:
    """Return the root mean square of departures from the recent mean, °C and m/s ``(n, 2)``.

    Args:
        past: weather up to the last observation, ``(n, steps, 2)``; NaN where not known.
        period: steps of a day.
    """
    steps = np.arange(past.shape[1] - 1, -1, -max(period // 4, 1))[:_SAMPLED][::-1]
    departures = past[:, steps] - _recent_means(past, steps, steps[:, None], period)[:, :, 0]
    known = np.isfinite(departures)
    squares = np.where(known, departures, 0.0) ** 2
    size: Floats = np.sqrt(squares.sum(axis=1) / np.maximum(known.sum(axis=1), 1))
    return np.maximum(size, _LEAST_SIZE)


def _recent_means(values: Floats, origins: Steps, targets: Steps, period: int) -> Floats:
    """Return the means of the last days at the time of day of each target, ``(n, origins, leads, c)``.

    Where these are too few, it is the mean of all values so far.

    Args:
        values: ``(n, steps, c)``; NaN where missing.
        origins: last steps that are known, ``(origins,)``.
        targets: steps, ``(origins, leads)``.
        period: steps of a day, at least 1.
    """
    n, steps, columns = values.shape
    front = -steps % period
    padded = np.concatenate([np.full((n, front, columns), np.nan), values], axis=1) if front else values
    known = np.isfinite(padded)
    parts = np.stack([np.where(known, padded, 0.0), known], axis=-1)
    sums = _summed(parts.reshape(n, -1, period, columns, 2))
    phases = np.arange(period)
    end = (origins[:, None] + front - phases) // period + 1
    begin = np.maximum(end - _DAYS, 0)
    total, count = np.moveaxis(sums[:, end, phases] - sums[:, begin, phases], -1, 0)
    whole, whole_count = np.moveaxis(sums[:, end, phases].sum(axis=2), -1, 0)
    fallback = (whole / np.maximum(whole_count, 1.0))[:, :, None]
    means = np.where(count >= _FEWEST_DAYS, total / np.maximum(count, 1.0), fallback)
    at_targets: Floats = means[:, np.arange(len(origins))[:, None], (targets + front) % period]
    return at_targets


def _summed(values: Floats) -> Floats:
    """Return the sums along the second axis, from none on."""
    return np.concatenate([np.zeros_like(values[:, :1]), np.cumsum(values, axis=1)], axis=1)


def _mean_of_known(values: Floats) -> Floats:
    """Return the mean over the third axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(axis=2)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=2) / np.maximum(count, 1), np.nan)


def _season(contexts: Contexts, origins: Steps) -> Floats:
    """Return the season by the climatology of the position, from -1 to 1, ``(n, origins)``; 0 without one."""
    cosine, sine = np.nan_to_num(contexts.coefficients[:, 1:3].astype(np.float64)).T
    back = (contexts.values.shape[1] - 1 - origins) * contexts.step.seconds
    angle = 2 * np.pi / YEAR * (unix_seconds(contexts.last_time)[:, None] - back)
    size = np.maximum(np.hypot(cosine, sine), 0.5)
    season: Floats = (cosine[:, None] * np.cos(angle) + sine[:, None] * np.sin(angle)) / size[:, None]
    return season


class Rows(NamedTuple):
    """The rows of the regression of a network's errors: an origin and a lead each.

    Attributes:
        predictors: of the weather that happened, ``(n, origins, knots, predictors)``.
        target: observation minus forecast over its usual size, ``(n, origins, knots)``; 0 where unknown.
        known: where the target is known, ``(n, origins, knots)``.
        size: of the errors, °C ``(n, knots)``.
        weight: of each row, as those that overlap count as one, ``(origins, knots)``.
    """

    predictors: Floats
    target: Floats
    known: Bools
    size: Floats
    weight: Floats

    @classmethod
    def of(cls, past: Predictors, knots: Steps, origins: Steps, errors: Floats, spread: Floats) -> "Rows":
        """Return the rows at the leads ``knots``; see :func:`correct` for the other arguments."""
        errors = errors[..., knots - 1]
        known: Bools = np.isfinite(errors)
        errors = np.where(known, errors, 0.0)
        square = (errors**2).sum(axis=1) + _PRIOR_ERRORS * spread[:, knots - 1] ** 2
        size = np.sqrt(square / (known.sum(axis=1) + _PRIOR_ERRORS))
        predictors = past.rows(knots, happened=True) * known[..., None]
        target = np.clip(-errors / size[:, None], -_LARGEST_ERROR, _LARGEST_ERROR)
        apart = np.diff(origins, append=origins[-1:] + np.diff(origins)[-1:]) if len(origins) > 1 else origins * 0 + 1
        return cls(predictors, target, known, size, np.minimum(1.0, apart[:, None] / knots))

    def part(self, begin: int) -> "Rows":
        """Return the rows from the origin ``begin`` on."""
        return Rows(
            self.predictors[:, begin:],
            self.target[:, begin:],
            self.known[:, begin:],
            self.size,
            self.weight[begin:],
        )


def _coefficients(prior: WeatherPrior, rows: Rows, known_by: Steps) -> Floats:
    """Return the posterior mean at several times, ``(n, times, knots, predictors)``.

    Args:
        prior: of the release.
        rows: of which the posterior knows some.
        known_by: number of origins whose errors are known at each time, ``(times, knots)``.
    """
    count = rows.weight.shape[1]
    mean, precision = (np.asarray(part, dtype=np.float64)[:count] for part in (prior.mean, prior.precision))
    weight = rows.weight.T / np.asarray(prior.noise)[:count, None]
    x, y = rows.predictors, rows.target
    n, origins, _, size = x.shape
    gram = np.empty((n, len(known_by), count, size, size))
    product = np.empty((n, len(known_by), count, size))
    for k in range(count):
        of_knot, counted = x[:, :, k], weight[k] * (np.arange(origins) < known_by[:, k, None])
        outer = (of_knot[..., None] * of_knot[..., None, :]).reshape(n, origins, size * size)
        gram[:, :, k] = (counted @ outer).reshape(n, len(known_by), size, size)
        product[:, :, k] = counted @ (of_knot * y[:, :, k, None])
    gram += precision
    product += np.matvec(precision, mean)
    return np.asarray(np.linalg.solve(gram, product[..., None])[..., 0], dtype=np.float64)


class Older(NamedTuple):
    """Forecasts of an autoregression from before the origins of the network, which tell more of the weather.

    Network and autoregression err alike where the weather was not what it usually is.

    Attributes:
        origins: past steps, ``(origins,)``.
        errors: forecast minus observation, °C ``(n, origins, leads)``; NaN where unknown.
    """

    origins: Steps
    errors: Floats

    @classmethod
    def of(cls, contexts: Contexts, origins: Steps, leads: int, minimum: int) -> "Older":
        """Forecast from before ``origins``, at most as many times, after at least ``minimum`` observed values."""
        first = int(origins[0]) if len(origins) else 0
        older = np.arange(first - _older_stride(contexts.step), minimum - 1, -_older_stride(contexts.step))
        older = older[:_MAX_OLDER][::-1].astype(np.int64)
        if not len(older):
            return cls(older, np.empty((len(contexts), 0, leads)))
        forecasts = Past.of(contexts, older, leads).autoregression.forecast()
        return cls(older, errors_of(contexts, forecasts, older, minimum))


def _older_stride(step: TimeStep) -> int:
    """Return the steps between older origins: those of hours are of all times of the day."""
    return 3 if step.seconds >= DAY else max(round(DAY / 2 / step.seconds) - 1, 1)


def correct(
    prior: WeatherPrior,
    contexts: Contexts,
    weather: AlignedWeather,
    origins: Steps,
    older: Older,
    errors: Floats,
    spread: Floats,
    asked: Bools,
) -> Correction:
    """Return what weather changes in the forecasts of a network.

    Args:
        prior: of the release.
        contexts: the series.
        weather: over them; its origins are those of ``older``, then ``origins``.
        origins: past steps that were forecast from, ``(origins,)``; may be none.
        older: forecasts from before.
        errors: forecast minus observation at the origins, °C ``(n, origins, leads)``; NaN where unknown.
        spread: see :func:`spread_of`, ``(n, leads)``.
        asked: the leads at which weather has to be of use, ``(n, leads)``.
    """
    leads, begin = spread.shape[1], len(older.origins)
    knots = np.asarray([lead for lead in prior.leads if lead <= leads])
    every = np.concatenate([older.origins, origins])
    past = Predictors.of(contexts, weather, every, leads)
    rows = Rows.of(past, knots, every, np.concatenate([older.errors, errors], axis=1), spread)
    # At each origin, only errors of forecasts that had been verified by then are known.
    times = np.arange(0, len(origins), _REFRESH)
    verified = [np.searchsorted(every + lead, origins[times], side="right") for lead in knots.tolist()]
    known_by = np.append(np.stack(verified, axis=1), np.full((1, len(knots)), len(every)), axis=0).astype(np.int64)
    posterior = np.append(np.arange(len(origins)) // _REFRESH, len(times))
    coefficients = _coefficients(prior, rows, known_by)[:, posterior]
    change = np.vecdot(past.rows(knots, happened=False)[:, begin:], coefficients)
    rows = rows.part(begin)
    change *= _share(rows, change[:, :-1], knots)[:, None]
    shift = _at_leads(change * rows.size[:, None], knots, leads)
    ratio, count = _worth(errors, shift[:, :-1], asked)
    used = (weather.until > 0) & ~(ratio > _LEAST_RATIO)
    width = _at_leads(_width(rows, change[:, :-1], knots), knots, leads)
    return Correction(
        np.where(used[:, None, None], shift, 0.0), np.where(used[:, None], width, 1.0), used, ratio, count
    )


def weather_use(
    contexts: Contexts, weather: AlignedWeather, correction: Correction, horizon: int
) -> list[WeatherUse | None]:
    """Return what the forecast of each series made of its weather; warnings are added to ``contexts``."""
    uses: list[WeatherUse | None] = []
    for i, row in enumerate(contexts.row.tolist()):
        if (given := contexts.weather.get(row)) is None:
            uses.append(None)
            continue
        wanted, ahead = int(contexts.missing_after[i]) + horizon, int(weather.until[i])
        origins = int(correction.origins[i])
        last, until, end = contexts.step.shift(contexts.last_time[[i]], np.array([0, min(ahead, wanted), wanted]))
        of_each = zip(COVARIATES, weather.ahead[i].tolist(), strict=True)
        use = WeatherUse(
            used=tuple(name for name, reach in of_each if reach and correction.used[i]),
            until=until if ahead else None,
            past_rmse_ratio=None if np.isnan(correction.ratio[i]) else float(correction.ratio[i]),
            origins=origins,
            source=given.source,
        )
        uses.append(use)
        if not ahead and contexts.step.shift(np.array([given.start]), len(given.values) - 1)[0] <= last:
            message = (
                f"the weather has no value after the last observation, {short(last)}: the forecast does not use it"
            )
            warning = ForecastWarning("no_weather_ahead", message)
        elif not ahead:
            message = (
                f"the weather up to the last observation, {short(last)}, has less than {_FEWEST_DAYS} days of values, "
                "or does not vary, so that it does not tell what is usual: the forecast does not use it"
            )
            warning = ForecastWarning("weather_not_used", message)
        elif not correction.used[i]:
            message = (
                f"over {origins} past forecasts of this series, the RMSE with weather was {use.past_rmse_ratio:.2f} "
                "times that without: the forecast does not use it"
            )
            warning = ForecastWarning("weather_not_used", message)
        elif ahead < wanted:
            message = f"the weather ends {short(until)}, before the last lead, {short(end)}: later leads use it less"
            warning = ForecastWarning("weather_ends_early", message)
        else:
            continue
        contexts.warnings[row] = (*contexts.warnings.get(row, ()), warning)
    return uses


def _share(rows: Rows, change: Floats, knots: Steps) -> Floats:
    """Return the share of a change that would have been best at the origins, ``(n, knots)``."""
    counted = rows.weight * rows.known
    helped, squares = (
        (part * counted).sum(axis=1) @ kernel_over_leads(knots, _SMOOTHING)
        for part in (change * rows.target, change * change)
    )
    share: Floats = np.clip((helped + _PRIOR_SHARE * _PRIOR_GAINS) / (squares + _PRIOR_GAINS), 0.0, 1.0)
    return share


def _width(rows: Rows, change: Floats, knots: Steps) -> Floats:
    """Return the size of past errors with a change over that without, less sure where they are few."""
    counted, kernel = rows.weight * rows.known, kernel_over_leads(knots, _SMOOTHING)
    after, before = (((part * part) * counted).sum(axis=1) @ kernel for part in (rows.target - change, rows.target))
    count = counted.sum(axis=1) @ kernel
    ratio = np.where(before > 0, after / np.maximum(before, 1e-9), 1.0)
    width: Floats = np.sqrt(np.maximum(ratio, 1e-3)) ** (count / (count + _PRIOR_WIDTH))
    return width


def _worth(errors: Floats, shift: Floats, asked: Bools) -> tuple[Floats, Steps]:
    """Return the RMSE with weather over that without, averaged over leads, and the number of origins."""
    known = np.isfinite(errors) & asked[:, None]
    before, after = ((np.where(known, part, 0.0) ** 2).sum(axis=1) for part in (errors, errors + shift))
    count = np.where(asked, known.sum(axis=1), np.iinfo(np.int64).max).min(axis=1)
    count = np.where(asked.any(axis=1), count, 0)
    ratio = np.sqrt(after / np.maximum(before, _LEAST_SQUARE))
    mean = (ratio * asked).sum(axis=1) / np.maximum(asked.sum(axis=1), 1)
    return np.where(count >= FEWEST_ORIGINS, mean, np.nan), count


def _at_leads(values: Floats, knots: Steps, leads: int) -> Floats:
    """Interpolate ``values`` ``(…, knots)`` to all ``leads``, ``(…, leads)``; outside the knots they stay."""
    lead = np.arange(1, leads + 1)
    interpolated: Floats = values @ np.stack([np.interp(lead, knots, one) for one in np.eye(len(knots))])
    return interpolated
