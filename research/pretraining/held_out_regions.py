"""How the networks do at real places, in regions that were held out of training."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.base import BEST
from forecasting.models.universal.mixture import MIXTURE
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.references import Steps
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.report import RealRow
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Bools, Floats
from research.pretraining.real_series import RealSeries
from research.spec import Spec

_ORIGINS: Final = 40
"""Forecasts of each place, spread over its series."""

_FEWEST: Final = 20
"""Forecasts of a place that a score needs."""

_LEAST_OBSERVED: Final = 0.7
"""Share of the context."""

_LEAST_KNOWN: Final = 0.5
"""Share of the forecasts of a place that a reference has to know."""

LEVEL: Final = 80
_SCORES: Final = ["relative_rmse", "coverage_80"]


def score_regions(
    networks: Mapping[str, UniversalForecaster], spec: Spec, series: Sequence[RealSeries]
) -> list[RealRow]:
    """Forecast each series, with its position, by each network and by the mixture that serves by default."""
    metadata = next(iter(networks.values())).metadata
    release = UniversalRelease(metadata.dataset, metadata.version, networks)
    return rows_by_region(
        row for real in series for context in spec.contexts for row in _score_place(release, spec, real, context)
    )


def rows_by_region(scores: Iterable[dict[str, Any]]) -> list[RealRow]:
    """Return the means over the places of each region of what :func:`scores_of` yields for each place."""
    table = pd.DataFrame(scores)
    if table.empty:
        return []
    table["relative_rmse"] = np.log(table["relative_rmse"])
    rows = []
    for (region, context, lead), of_lead in table.groupby(["region", "context", "lead"]):
        means = of_lead.groupby("kind", sort=False)[_SCORES].mean()
        rows.append(
            RealRow(
                region=region,
                context=context,
                lead=lead,
                places=of_lead["place"].nunique(),
                n=of_lead.groupby("place")["n"].first().sum(),
                relative_rmse=np.exp(means["relative_rmse"]).round(4).to_dict(),
                coverage_80=means["coverage_80"].round(4).to_dict(),
            )
        )
    return rows


def _score_place(release: UniversalRelease, spec: Spec, real: RealSeries, context: int) -> Iterator[dict[str, Any]]:
    """Yield the scores of each model at each lead; none if the series is too short."""
    values, leads = real.series.values, np.asarray(spec.scored_leads)
    ends = choose_ends(values, context, spec.horizon)
    if not len(ends):
        return
    series = replace(real.series, weather=None)
    batch = SeriesBatch.of([series.part(end - context, end) for end in ends.tolist()], release.step)
    truth = values[ends[:, None] + leads - 1]
    options = ForecastOptions(spec.horizon, levels=(LEVEL,))
    coefficients = np.broadcast_to(real.climatology.astype(np.float32), (len(batch), len(real.climatology)))
    cells = {MIXTURE: BEST, **{network.metadata.model: cell for cell, network in release.networks.items()}}
    made = {name: release.model(cell).columns(batch, options, coefficients) for name, cell in cells.items()}
    mixture, at = made[MIXTURE], leads - 1
    observations = truth[mixture.row]
    # All models are compared on the forecasts that they have in common.
    references = [mixture.reference(reference)[:, at] for reference in mixture.columns.references]
    references = [each for each in references if np.isfinite(each).mean() >= _LEAST_KNOWN]
    known = np.logical_and.reduce(np.isfinite([observations, *references]))
    best = np.min([rmse(each, observations, known) for each in references], axis=0)
    yield from scores_of(real, context, leads, made, observations, known, best)


def scores_of(
    real: RealSeries,
    context: int,
    leads: Steps,
    made: Mapping[str, Forecasts],
    observations: Floats,
    known: Bools,
    baseline: Floats,
) -> Iterator[dict[str, Any]]:
    """Yield the scores of each kind of forecast at each lead that has enough of them."""
    at, count = leads - 1, known.sum(axis=0).tolist()
    for kind, forecasts in made.items():
        low, high = (bound[:, at] for bound in forecasts.bounds(LEVEL))
        inside = (known & (observations >= low) & (observations <= high)).sum(axis=0)
        relative = rmse(forecasts.sst[:, at], observations, known) / baseline
        for i, lead in enumerate(leads.tolist()):
            if count[i] >= _FEWEST and np.isfinite(relative[i]):
                yield {
                    "region": real.region,
                    "place": real.name,
                    "context": context,
                    "lead": lead,
                    "n": count[i],
                    "kind": kind,
                    "relative_rmse": relative[i],
                    "coverage_80": inside[i] / count[i],
                }


def choose_ends(
    values: Floats, context: int, horizon: int, usable: Bools | None = None, at_most: int = _ORIGINS
) -> Steps:
    """Return the ends (exclusive) of contexts to forecast from, spread over a series; none if they are too few."""
    observed = np.concatenate([[0], np.cumsum(np.isfinite(values))])
    ends = np.arange(context, len(values) + 1 - horizon)
    enough = observed[ends] - observed[ends - context] >= _LEAST_OBSERVED * context
    ends = ends[enough & np.isfinite(values[ends - 1]) & (True if usable is None else usable[ends - 1])]
    chosen: Steps = np.unique(np.linspace(0, len(ends) - 1, at_most).astype(int)) if len(ends) >= _FEWEST else ends[:0]
    selected: Steps = ends[chosen]
    return selected


def rmse(forecasts: Floats, observations: Floats, known: Bools) -> Floats:
    """Return the RMSE at each lead over what is ``known``, °C ``(leads,)``."""
    squares = np.where(known, forecasts - observations, 0.0) ** 2
    rmse: Floats = np.sqrt(squares.sum(axis=0) / np.maximum(known.sum(axis=0), 1))
    return rmse
