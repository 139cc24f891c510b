"""``python -m research.studies.heatwave_states FILE[@LAT,LON] …``: are probabilities of heatwave days calibrated?

Each file holds daily series. The baseline of heatwaves and the frequencies come from the part of a series before the
one that is scored. Persistence is the state on the day of the last observation, as it is known afterwards.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from forecasting.events.definitions import MarineEvent
from forecasting.events.detection import find_events
from forecasting.events.evaluate import evaluate
from forecasting.forecasts.forecast import Forecast
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.times import Bools, Floats, month_of
from research.studies.daily_places import BINS, CONTEXT, Place, open_daily, parser_of_parts, places_in, spread

_ORIGINS: Final = 500
_HEATWAVE: Final = MarineEvent("heatwave")


@dataclass(frozen=True)
class Scored:
    """Probability of being in a heatwave, that of references, and whether it was one; all ``(n, leads)``."""

    probability: Floats
    climatology: Floats
    persistence: Floats
    happened: Bools


def main() -> None:
    """Print Brier scores by place and lead, and a reliability table of the last lead of all places."""
    parser = parser_of_parts(__doc__)
    parser.add_argument("--horizon", type=int, default=7, metavar="DAYS", help="default: %(default)s")
    parser.add_argument("--late", type=int, default=0, metavar="DAYS", help="without a value before (default: 0)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    release = open_daily(options)
    print("| place | lead | n | happened | said | Brier | under climatology | under persistence |\n" + "|---" * 8 + "|")
    scored = []
    for place in places_in(options):
        result = score(place, release, options.part, options.horizon, options.late)
        if result is not None:
            scored.append(result)
            print("\n".join(_rows(place.name, result)), flush=True)
    if scored:
        columns = [[getattr(part, name) for part in scored] for name in Scored.__annotations__]
        pooled = Scored(*map(np.concatenate, columns))
        print("\n".join([*_rows("all", pooled), "", *_reliability(pooled)]))


def score(place: Place, release: UniversalRelease, part: str, horizon: int, late: int) -> Scored | None:
    """Return the forecasts of a part of a series; None if it or what comes before is too short."""
    series, times = place.series, place.series.times.astype("datetime64[D]")
    begin, end = place.bounds(part)
    baseline = place.baseline_before(begin)
    if baseline is None:
        return None
    inside = np.zeros(len(series), dtype=np.bool_)
    for event in find_events(series, baseline, _HEATWAVE.kind):
        inside[np.searchsorted(times, event.start) : np.searchsorted(times, event.end) + 1] = True
    known = np.flatnonzero(np.isfinite(series.values[: end - horizon - late - 7]))
    origins = spread(known[known >= begin], _ORIGINS)
    if origins is None:
        return None
    contexts = []
    for origin in origins.tolist():
        context = series.part(max(0, origin + 1 - CONTEXT), origin + 1 + late)
        values = context.values.copy()
        values[len(values) - late :] = np.nan
        contexts.append(type(context)(values, context.start, context.step))
    coefficients = np.broadcast_to(place.coefficients, (len(contexts), 7))
    forecasts = release.forecast_many(contexts, horizon, coefficients=coefficients)
    probabilities, forecast_rows = [], []
    for i, (context, forecast) in enumerate(zip(contexts, forecasts, strict=True)):
        if isinstance(forecast, Forecast):
            probabilities.append(evaluate(_HEATWAVE, forecast.outlook(context, baseline=baseline)).probability)
            forecast_rows.append(i)
    ahead = origins[forecast_rows, None] + late + np.arange(1, horizon + 1)
    month, earlier = month_of(series.times), np.arange(begin)
    usual = np.asarray([inside[earlier][month[earlier] == m].mean() for m in range(12)])
    return Scored(
        np.asarray(probabilities),
        usual[month[ahead]],
        np.repeat(inside[origins[forecast_rows], None].astype(np.float64), horizon, axis=1),
        inside[ahead],
    )


def _rows(name: str, scored: Scored) -> list[str]:
    brier, usual, persistent = (
        ((p - scored.happened) ** 2).mean(axis=0) for p in (scored.probability, scored.climatology, scored.persistence)
    )
    return [
        f"| {name} | {lead + 1} | {len(scored.probability)} | {scored.happened[:, lead].mean():.3f} | "
        f"{scored.probability[:, lead].mean():.3f} | {brier[lead]:.4f} | "
        f"{100 * (1 - brier[lead] / usual[lead]):.0f} % | "
        f"{100 * (1 - brier[lead] / max(persistent[lead], 1e-12)):.0f} % |"
        for lead in range(scored.probability.shape[1])
    ]


def _reliability(scored: Scored) -> list[str]:
    """Return a table of the last lead: how often it was in a heatwave, by forecast probability."""
    probability, happened = scored.probability[:, -1], scored.happened[:, -1]
    bins = np.clip(np.digitize(probability, BINS[1:-1]), 0, len(BINS) - 2)
    return [
        "| said | n | mean said | happened |",
        "|---" * 4 + "|",
        *(
            f"| {BINS[place]:.2f}–{BINS[place + 1]:.2f} | {(bins == place).sum()} | "
            f"{probability[bins == place].mean():.3f} | {happened[bins == place].mean():.3f} |"
            for place in np.unique(bins).tolist()
        ),
    ]


if __name__ == "__main__":
    main()
