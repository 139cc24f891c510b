"""``python -m research.studies.online_events FILE[@STEP] …``: events of a station, with and without recalibration.

Each series is replayed as in :mod:`research.studies.online_intervals`. The events are SST beyond percentiles of all
its values (fixed), and of those around the same day of the year (season).

A row has the Brier score of the plain probabilities, by how many percent that of the recalibrated ones is higher, with
its standard error, and for both the reliability: the mean distance, in percent, between the probabilities in a bin and
the frequency that was observed.
"""

from collections.abc import Iterator
from typing import Final

import numpy as np
import torch

from forecasting.events.baseline import DAYS, day_of_year
from forecasting.models.universal.distribution import exceedance
from forecasting.models.universal.network import UniversalForecaster
from forecasting.scores.events import score_event
from forecasting.scores.probabilistic import long_run_error
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from research.studies.online_intervals import long_series, recalibrate, replay, series_parser

_PERCENTILES: Final = (10, 25, 50, 75, 90)
_LEADS: Final = (1, 3, 7)
_DAYS_AROUND: Final = 15


def main() -> None:
    """Print a row for each series, kind of event and lead."""
    options = series_parser(__doc__).parse_args()
    torch.set_num_threads(1)
    titles = "Series", "Thresholds", "Lead", "n", "Brier", "recalibrated, %", "reliability", "recalibrated"
    print(f"| {' | '.join(titles)} |")
    print("|---" * len(titles) + "|")
    for name, series, network in long_series(options):
        print("\n".join(_rows(name, series, network)), flush=True)


def _rows(name: str, series: SstSeries, network: UniversalForecaster) -> Iterator[str]:
    levels = network.metadata.levels
    plain = replay(series, network, max(_LEADS))
    issued = recalibrate(series.values, plain, levels)
    for kind, thresholds in (("fixed", _fixed(series)), ("season", _of_season(series))):
        for lead in _LEADS:
            observed = series.values[lead:]
            known = np.flatnonzero(np.isfinite(observed) & np.isfinite(plain[:-lead, lead - 1, 0]))
            limits = thresholds[:, lead:][:, known]
            happened = (observed[known] > limits).astype(np.float64)
            probabilities = [
                np.stack([exceedance(limit, quantiles[:-lead, lead - 1][known], levels) for limit in limits])
                for quantiles in (plain, issued)
            ]
            yield _row([name, kind, str(lead), str(len(known))], probabilities[0], probabilities[1], happened, lead)


def _row(cells: list[str], plain: Floats, issued: Floats, happened: Floats, lead: int) -> str:
    """Return the scores of probabilities ``(thresholds, n)``."""
    groups = np.arange(happened.shape[1])
    before, after = (((probability - happened) ** 2).mean(axis=0) for probability in (plain, issued))
    change, error = (after - before).mean(), long_run_error(after - before, groups, lead)
    percent = 100 / before.mean()
    scores = [f"{before.mean():.4f}", f"{percent * change:+.2f} ± {percent * error:.2f}"]
    distances = [f"{_distance(probability, happened):.2f}" for probability in (plain, issued)]
    return f"| {' | '.join([*cells, *scores, *distances])} |"


def _distance(probability: Floats, happened: Floats) -> float:
    """Return the mean distance between probability and frequency, in percent, over the bins of a reliability table."""
    every = np.arange(probability.size)
    bins = score_event(probability.ravel(), happened.ravel(), {}, every).reliability
    return 100 * sum(part.n * abs(part.probability - part.frequency) for part in bins) / probability.size


def _fixed(series: SstSeries) -> Floats:
    """Return percentiles of all values, °C ``(percentiles, steps)``."""
    limits = np.nanpercentile(series.values, _PERCENTILES)
    return np.repeat(limits[:, None], len(series), axis=1)


def _of_season(series: SstSeries) -> Floats:
    """Return percentiles of the values around the same day of the year, °C ``(percentiles, steps)``."""
    day = day_of_year(series.times)
    by_day = np.full((len(_PERCENTILES), DAYS), np.nan)
    for each in np.unique(day).tolist():
        distance = np.abs(day - each)
        around = series.values[np.minimum(distance, DAYS - distance) <= _DAYS_AROUND]
        if np.isfinite(around).any():
            by_day[:, each] = np.nanpercentile(around, _PERCENTILES)
    limits: Floats = by_day[:, day]
    return limits


if __name__ == "__main__":
    main()
