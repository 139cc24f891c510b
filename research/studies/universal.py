"""``python -m research.studies.universal FILE[@LAT,LON] …``: universal networks against a fitted autoregression.

Each file holds one series. All errors are relative to those of a linear autoregression on anomalies from three
harmonics, fitted to the first 80 % of the series. The networks, and the references beside them, see only the context of
each forecast; the references are fitted to it. All are scored on the last 20 %.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import torch

from forecasting.climatology.annual_cycle import annual_terms
from forecasting.climatology.global_climatology import GlobalClimatology
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.universal.network import UniversalForecaster
from forecasting.models.universal.release import UniversalRelease
from forecasting.readers import read
from forecasting.references.baselines import REFERENCES
from forecasting.releases.catalog import load_universal
from forecasting.scores.probabilistic import crps
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries
from research.spec import SPECS
from research.studies.options import add_places, study_parser

Floats = npt.NDArray[np.float64]

_FITTED: Final = 0.8
_LAGS: Final = 30
_ORIGINS: Final = 3_000
_BATCH: Final = 64
_CONTEXTS: Final = {"hour": (72, 336, 1440), "day": (60, 365, 730), "week": (104, 260, 520), "month": (24, 60, 240)}
_LEADS: Final = {"hour": (1, 6, 24), "day": (1, 3, 7), "week": (1, 4, 8), "month": (1, 3, 6)}
"""By the name of the step."""


@dataclass(frozen=True)
class _Place:
    """A series, the coefficients of its climatology (NaN without a position), and where its last part begins."""

    name: str
    series: SstSeries
    coefficients: npt.NDArray[np.float32]
    begin: int

    @property
    def step(self) -> str:
        return str(self.series.step)

    def origins(self, context: int) -> npt.NDArray[np.int64]:
        """Observed steps of the last part from which forecasts are made."""
        values, ahead = self.series.values, max(_LEADS[self.step])
        origins = np.arange(max(self.begin, context), len(values) - ahead)
        origins = origins[:: max(1, len(origins) // _ORIGINS)]
        return origins[np.isfinite(values[origins])]


def main() -> None:
    """Print a row for each place, context and lead."""
    parser = study_parser(__doc__)
    add_places(parser, "file with one series")
    options = parser.parse_args()
    torch.set_num_threads(1)
    columns = ["Place", "Context", "Lead", "RMSE °C", "Model", "With position", "Without", "80 %", "95 %", "CRPS"]
    columns += [name.replace("_", " ").capitalize() for name in REFERENCES]
    print(f"| {' | '.join(columns)} |")
    print("|---" * len(columns) + "|")
    for text in options.places:
        place = _read(text)
        release = load_universal(SPECS[place.step].release, options.artifacts)
        for context in _CONTEXTS[place.step]:
            for line in _rows(place, release, context):
                print(line, flush=True)


def _read(text: str) -> _Place:
    path, _, position = text.partition("@")
    series = read(Path(path)).series
    coefficients = np.full(7, np.nan, dtype=np.float32)
    if position:
        latitude, longitude = map(float, position.split(","))
        coefficients = GlobalClimatology.load().coefficients(latitude, longitude)
    if str(series.step) not in SPECS:
        raise SystemExit(f"{path}: expected a step of an hour, a day, a week or a month")
    return _Place(Path(path).stem, series, coefficients, int(_FITTED * len(series.values)))


def _rows(place: _Place, release: UniversalRelease, context: int) -> list[str]:
    origins, leads = place.origins(context), _LEADS[place.step]
    values = place.series.values
    truth = np.stack([values[origins + lead] for lead in leads], axis=1)
    fitted, residuals = _autoregression(place, origins)
    reference = _rmse(fitted - truth)
    references = _references(place, release, origins, context)
    beside = [_rmse(references[name] - truth) / reference for name in REFERENCES]
    usual = crps(
        truth - fitted, np.broadcast_to(_conformal(residuals, release), (len(truth), len(leads), 9)), _levels(release)
    )
    rows = []
    for network in release.networks.values():
        answers = _forecast(network, place, origins, context, place.coefficients)
        without = _forecast(network, place, origins, context, np.full(7, np.nan, dtype=np.float32))
        score = crps(truth - answers[:, :, 0], answers[:, :, 1:] - answers[:, :, :1], _levels(release)) / usual
        ratio, ratio_without = (_rmse(a[:, :, 0] - truth) / reference for a in (answers, without))
        for column, lead in enumerate(leads):
            rows.append(
                f"| {place.name} | {context} | {lead} | {reference[column]:.3f} | {network.metadata.model} | "
                f"{ratio[column]:.3f} | {ratio_without[column]:.3f} | "
                f"{_coverage(truth, answers, column, 0.1):.0f} | {_coverage(truth, answers, column, 0.025):.0f} | "
                f"{score[column]:.3f} | {' | '.join(f'{ratios[column]:.3f}' for ratios in beside)} |"
            )
    return rows


def _references(
    place: _Place, release: UniversalRelease, origins: npt.NDArray[np.int64], context: int
) -> dict[str, Floats]:
    """Forecasts by references that are fitted to each context, °C ``(origins, leads)``; NaN where it is too short."""
    leads = _LEADS[place.step]
    contexts = [place.series.part(origin + 1 - context, origin + 1) for origin in origins.tolist()]
    coefficients = np.broadcast_to(place.coefficients, (len(contexts), 7))
    batch, options = SeriesBatch.of(contexts, release.step), ForecastOptions(max(leads), backtest=False)
    made = release.model(release.best_on_held_out).columns(batch, options, coefficients, references=True)
    forecasts = {name: np.full((len(contexts), len(leads)), np.nan) for name in REFERENCES}
    for name in made.columns.references:
        forecasts[name][made.row] = made.reference(name)[:, [lead - 1 for lead in leads]]
    return forecasts


def _levels(release: UniversalRelease) -> Floats:
    return np.array(release.any_network.metadata.levels)


def _conformal(residuals: list[Floats], release: UniversalRelease) -> Floats:
    """Quantiles of the reference's residuals, °C ``(leads, levels)``."""
    return np.stack([np.quantile(lead, _levels(release)) for lead in residuals])


def _forecast(
    network: UniversalForecaster,
    place: _Place,
    origins: npt.NDArray[np.int64],
    context: int,
    coefficients: npt.NDArray[np.float32],
) -> Floats:
    """Mean and quantiles at the scored leads, °C ``(origins, leads, 1 + levels)``."""
    contexts = np.stack([place.series.values[origin + 1 - context : origin + 1] for origin in origins])
    seconds = place.series.times[origins].astype("datetime64[s]").astype(np.float64)
    answers = []
    for begin in range(0, len(origins), _BATCH):
        rows = slice(begin, begin + _BATCH)
        repeated = np.broadcast_to(coefficients, (len(contexts[rows]), 7)).copy()
        answers.append(network.predict(contexts[rows], seconds[rows], repeated))
    return np.concatenate(answers)[:, [lead - 1 for lead in _LEADS[place.step]]]


def _autoregression(place: _Place, origins: npt.NDArray[np.int64]) -> tuple[Floats, list[Floats]]:
    """Forecasts of the reference at the scored leads, °C ``(origins, leads)``, and its residuals by lead."""
    values, begin = place.series.values, place.begin
    terms = annual_terms(place.series.times)
    seen = np.isfinite(values[:begin])
    cycle = terms @ np.linalg.lstsq(terms[:begin][seen], values[:begin][seen], rcond=None)[0]
    anomaly = values - cycle
    last_seen = np.maximum.accumulate(np.where(np.isfinite(anomaly), np.arange(len(anomaly)), 0))
    filled = np.nan_to_num(anomaly[last_seen])
    lagged = np.stack([np.concatenate([np.zeros(lag), filled[: len(filled) - lag]]) for lag in range(_LAGS)], axis=1)
    lagged = np.column_stack([lagged, np.ones(len(filled))])
    forecasts, residuals = [], []
    for lead in _LEADS[place.step]:
        rows = np.arange(_LAGS, begin - lead)
        rows = rows[np.isfinite(anomaly[rows]) & np.isfinite(anomaly[rows + lead])]
        weights = np.linalg.lstsq(lagged[rows], anomaly[rows + lead], rcond=None)[0]
        forecasts.append(lagged[origins] @ weights + cycle[origins + lead])
        residuals.append(anomaly[rows + lead] - lagged[rows] @ weights)
    return np.stack(forecasts, axis=1), residuals


def _rmse(errors: Floats) -> Floats:
    known = np.isfinite(errors)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sqrt(np.where(known, errors**2, 0.0).sum(axis=0) / known.sum(axis=0)))


def _coverage(truth: Floats, answers: Floats, column: int, tail: float) -> float:
    """Percent of observations between the quantiles that leave ``tail`` out on either side."""
    low = {0.1: 3, 0.025: 1}[tail]
    inside = (truth[:, column] >= answers[:, column, low]) & (truth[:, column] <= answers[:, column, -low])
    return float(100 * inside[np.isfinite(truth[:, column])].mean())


if __name__ == "__main__":
    main()
