"""``python -m research.studies.joint_events FILE[@LAT,LON] …``: skill and calibration for joint events.

The event is three consecutive days above the 90th percentile of the day of the year, within some days. Each file holds
daily series. Percentiles and frequencies come from the part of a series before the one that is scored.
"""

import itertools
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.errors import SeriesError
from forecasting.events.baseline import day_of_year
from forecasting.events.paths import Dependence
from forecasting.forecasts.forecast import Forecast
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.times import Bools, Floats, month_of
from research.studies.daily_places import BINS, CONTEXT, Place, open_daily, parser_of_parts, places_in, spread

_DURATION: Final = 3
_WITHIN: Final = (3, 7, 10, 14)
_HORIZON: Final = max(_WITHIN)
_ORIGINS: Final = 1_000
_PATHS: Final = 1_000

_FORECASTS: Final = ("joint", "generic", "independent", "climatology", "given state", "persistence")


@dataclass(frozen=True)
class Scored:
    """Probabilities of the event by each of the forecasts, by name, and whether it happened; all ``(n, within)``."""

    probabilities: dict[str, Floats]
    happened: Floats


def main() -> None:
    """Print Brier scores by place and number of days, and a reliability table of all places."""
    options = parser_of_parts(__doc__).parse_args()
    torch.set_num_threads(1)
    release = open_daily(options)
    print(f"| place | days | n | happened | Brier | {' | '.join(f'under {name}' for name in _FORECASTS[1:])} |")
    print("|---" * (5 + len(_FORECASTS) - 1) + "|")
    scored = []
    for place in places_in(options):
        result = score(place, release, options.part)
        if result is not None:
            scored.append(result)
            print("\n".join(_rows(place.name, result)), flush=True)
    if scored:
        pooled = Scored(
            {name: np.concatenate([part.probabilities[name] for part in scored]) for name in _FORECASTS},
            np.concatenate([part.happened for part in scored]),
        )
        print("\n".join([*_rows("all", pooled), "", *_reliability(pooled)]))


def score(place: Place, release: UniversalRelease, part: str) -> Scored | None:
    """Return the forecasts of a part of a series; None if it or what comes before is too short."""
    series, times = place.series, place.series.times.astype("datetime64[D]")
    begin, end = place.bounds(part)
    baseline = place.baseline_before(begin)
    if baseline is None:
        return None
    threshold = baseline.threshold[day_of_year(times)]
    above = np.where(np.isfinite(series.values), series.values > threshold, np.nan)
    happened = _within(above)
    known = np.isfinite(series.values) & np.isfinite(happened).all(axis=1)
    observed = np.flatnonzero(known[:end])
    origins = spread(observed[observed >= begin], _ORIGINS)
    if origins is None:
        return None
    earlier = np.flatnonzero(known[: begin - _HORIZON])
    forecasts = _forecasts(place, release, origins)
    forecast_rows = [i for i, forecast in enumerate(forecasts) if isinstance(forecast, Forecast)]
    origins, answers = origins[forecast_rows], [f for f in forecasts if isinstance(f, Forecast)]
    ahead = [threshold[origin + 1 : origin + 1 + _HORIZON] for origin in origins.tolist()]
    return Scored(
        {
            "joint": _probabilities(answers, ahead),
            "generic": _probabilities([_with(forecast, None) for forecast in answers], ahead),
            "independent": _probabilities([_with(forecast, _INDEPENDENT) for forecast in answers], ahead),
            "climatology": _frequency(happened, month_of(series.times), earlier, origins),
            "given state": _frequency(happened, above, earlier, origins),
            "persistence": np.repeat(above[origins, None], len(_WITHIN), axis=1),
        },
        happened[origins],
    )


_INDEPENDENT: Final = Dependence(correlation=tuple(map(tuple, np.eye(_HORIZON).tolist())))


def _forecasts(
    place: Place, release: UniversalRelease, origins: npt.NDArray[np.intp]
) -> list[Forecast[Quantiles] | SeriesError]:
    contexts = [place.series.part(max(0, origin + 1 - CONTEXT), origin + 1) for origin in origins.tolist()]
    coefficients = np.broadcast_to(place.coefficients, (len(contexts), 7))
    return release.forecast_many(contexts, _HORIZON, coefficients=coefficients)


def _with(forecast: Forecast[Quantiles], dependence: Dependence | None) -> Forecast[Quantiles]:
    known = forecast.distribution
    suited = replace(known, coupling=replace(known.coupling, dependence=dependence))
    return replace(forecast, distribution=suited)


def _probabilities(forecasts: list[Forecast[Quantiles]], thresholds: list[Floats]) -> Floats:
    shares = []
    for forecast, threshold in zip(forecasts, thresholds, strict=True):
        run = _runs(forecast.sample_paths(_PATHS) > threshold)
        shares.append([run[:, : days - _DURATION + 1].any(axis=1).mean() for days in _WITHIN])
    return np.asarray(shares)


def _runs(above: Bools) -> Bools:
    """Return whether a run of the event's duration begins at each step, ``(…, steps − duration + 1)``."""
    windows = np.lib.stride_tricks.sliding_window_view(above, _DURATION, axis=-1)
    runs: Bools = np.logical_and.reduce(windows, axis=-1)
    return runs


def _within(above: Floats) -> Floats:
    """Return whether the event happens after each step, ``(steps, within)``; NaN where a value is missing."""
    happened = np.full((len(above), len(_WITHIN)), np.nan)
    ahead = np.lib.stride_tricks.sliding_window_view(above[1:], _HORIZON)
    run = _runs(np.equal(ahead, 1.0))
    for column, days in enumerate(_WITHIN):
        happened[: len(ahead), column] = run[:, : days - _DURATION + 1].any(axis=1)
    happened[: len(ahead)][~np.isfinite(ahead).all(axis=1)] = np.nan
    return happened


def _frequency(
    happened: Floats, group: npt.NDArray[np.generic], earlier: npt.NDArray[np.intp], origins: npt.NDArray[np.intp]
) -> Floats:
    """Return how often the event happened after earlier steps of the same group, ``(origins, within)``."""
    shares = np.empty((len(origins), len(_WITHIN)))
    for value in np.unique(group[origins]):
        alike = earlier[group[earlier] == value]
        shares[group[origins] == value] = happened[alike if len(alike) else earlier].mean(axis=0)
    return shares


def _rows(name: str, scored: Scored) -> list[str]:
    brier = {by: ((p - scored.happened) ** 2).mean(axis=0) for by, p in scored.probabilities.items()}
    rows = []
    for column, days in enumerate(_WITHIN):
        joint = brier["joint"][column]
        under = [f"{100 * (1 - joint / max(brier[by][column], 1e-12)):.0f} %" for by in _FORECASTS[1:]]
        share = scored.happened[:, column].mean()
        rows.append(f"| {name} | {days} | {len(scored.happened)} | {share:.3f} | {joint:.4f} | {' | '.join(under)} |")
    return rows


def _reliability(scored: Scored) -> list[str]:
    """Return a table: how often the event happened, by forecast probability."""
    rows = ["| days | said | n | mean said | happened | said if independent |", "|---|---|---|---|---|---|"]
    for column, days in enumerate(_WITHIN):
        probability, happened = scored.probabilities["joint"][:, column], scored.happened[:, column]
        bins = np.clip(np.digitize(probability, BINS[1:-1]), 0, len(BINS) - 2)
        for place, (low, high) in enumerate(itertools.pairwise(BINS)):
            inside = bins == place
            if inside.any():
                independent = scored.probabilities["independent"][inside, column].mean()
                rows.append(
                    f"| {days} | {low:.2f}–{high:.2f} | {inside.sum()} | {probability[inside].mean():.3f} | "
                    f"{happened[inside].mean():.3f} | {independent:.3f} |"
                )
    return rows


if __name__ == "__main__":
    main()
