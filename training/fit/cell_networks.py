"""The networks of one cell that a release holds, and the residuals that their intervals are calibrated on.

The validation part is a tenth of a series. At long leads it often yields only a handful of errors that do not overlap,
from some seasons only. The three tenths before it are therefore forecast too, one twentieth at a time, each by an
autoregression fitted to the data before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch

from forecasting.evaluation.division import TRAIN_TENTHS, Split, is_still
from forecasting.evaluation.report import LossCurves, StartReport
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.models.checkpoint import CPU
from forecasting.models.place.network import NetworkRoller
from forecasting.scores.accuracy import Accuracy, rounded
from forecasting.series.origins import Origins, joined
from forecasting.series.times import Floats, unix_seconds
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Examples
from training.fit.fit_data import Network, autoregression, leads_learnt
from training.fit.fitting import Fit
from training.fit.universal_start import MixedForecaster, UniversalAtPlace, UniversalStart

TWENTIETHS: Final = 20

TRAIN_TWENTIETHS: Final = 2 * TRAIN_TENTHS
"""Length of the training part, in twentieths of the series."""

FIRST_TWENTIETH: Final = 8
"""The first twentieth of the series that is forecast, counted from 0."""

_MODEL: Final = "autoregression"


@dataclass(frozen=True)
class Residuals:
    """Errors of forecasts that started from ``origins``: observation minus forecast, °C ``(n, leads)``."""

    origins: Origins
    values: Floats

    @classmethod
    def joined(cls, parts: Sequence["Residuals"]) -> "Residuals":
        """Return the residuals of several parts, one after the other."""
        return cls(joined([part.origins for part in parts]), np.concatenate([part.values for part in parts]))


def earlier_residuals(dataset: Dataset, config: TrainingConfig, first: int = FIRST_TWENTIETH) -> list[Residuals]:
    """Return the residuals of the training part to calibrate on, in addition to those of the validation part.

    Each twentieth from number ``first`` on, counted from 0, is forecast by a fit to the data before it. A twentieth
    with too little data before it is left out. Without an autoregression there are no residuals, since a cell would
    have to be trained for each twentieth.
    """
    if not config.autoregression:
        return []
    times = np.unique(np.concatenate([station.past("train").times for station in dataset.stations.values()]))
    end = dataset.series.step.shift(times[-1:], 1)[0]
    begins = [times[len(times) * twentieth // TRAIN_TWENTIETHS] for twentieth in range(first, TRAIN_TWENTIETHS)]
    candidates = [_forecast(dataset, config, times[0], *edges) for edges in pairwise([*begins, end])]
    return [residuals for residuals in candidates if residuals is not None]


def _forecast(
    dataset: Dataset, config: TrainingConfig, start: np.datetime64, begin: np.datetime64, end: np.datetime64
) -> Residuals | None:
    """Return residuals from ``begin`` until before ``end``, forecast by a fit to the data from ``start`` to ``begin``.

    None if that is too little data, or hardly changes.
    """
    past, past_origins = dataset.before(begin), dataset.origins_between(start, begin, leads_learnt(config))
    origins = dataset.origins_between(begin, end)
    if len(past_origins) < 2 * config.window or not len(origins) or is_still(past):
        return None
    network = autoregression(config, past, Examples.of(past_origins))
    return Residuals(origins, evaluate(network, _MODEL, origins).residuals(_MODEL))


SHARES: Final = {"place": 0.0, "quarter": 0.25, "half": 0.5, "three_quarters": 0.75, "universal": 1.0}
"""Weights of the universal network among which the validation part and what precedes it choose."""

DRAWN_RESIDUALS: Final = 40
"""Residuals drawn from a universal network's own quantiles, so that a short series has enough for its intervals."""

_DRAWING_STRIDE: Final = 17
"""Coprime to the number of residuals, so that quantiles are not in the order of their origins."""


AnyNetwork = Network | UniversalAtPlace | MixedForecaster


@dataclass(frozen=True)
class CellNetworks:
    """The networks of one cell, as they are exported."""

    cell: str
    seed: int
    evaluated: AnyNetwork
    final: AnyNetwork
    residuals: Residuals
    validation: Accuracy
    seconds: float = 0.0
    epochs: int | None = None
    loss: LossCurves | None = None
    start: StartReport | None = None
    drawn: Residuals | None = None


@dataclass(frozen=True)
class Ingredients:
    """The common basis of the networks of all cells of a run."""

    dataset: Dataset
    config: TrainingConfig
    earlier: Sequence[Residuals] = ()
    start: UniversalStart | None = None

    def networks(self, cell: str, fit: Fit | None) -> CellNetworks:
        """Combine what was fitted to the place, if anything, with the universal network, if that helps."""
        if fit is None:
            return self._only_universal(cell)
        validation = evaluate(fit.selected, cell, self.dataset.origins("validation"))
        residuals = Residuals.joined([*self.earlier, Residuals(validation.origins, validation.residuals(cell))])
        chosen = None
        if self.start is not None:
            # As in the test part, windows move away from the history that the network knows.
            history = self.dataset.before(residuals.origins.valid_time.min())
            universal = self.start.at_place(cell, self.config.window, history)
            others = evaluate(universal, cell, residuals.origins)
            chosen = choose_share(self.start, residuals.values, others.residuals(cell))
            residuals = Residuals(residuals.origins, _mean(residuals.values, others.residuals(cell), chosen.share))
            others = evaluate(universal, cell, validation.origins)
            mixed = _mean(validation.predicted[cell], others.predicted[cell], chosen.share)
            validation = Evaluation(validation.origins, {cell: mixed})
        share = chosen.share if chosen else 0.0
        return CellNetworks(
            cell=cell,
            seed=fit.seed,
            evaluated=self.mixed(cell, fit.evaluated, "validation", share),
            final=self.mixed(cell, fit.final, "test", share),
            residuals=residuals,
            validation=validation.accuracy(cell),
            seconds=fit.seconds,
            epochs=fit.epochs,
            loss=fit.loss,
            start=chosen,
        )

    def mixed(self, cell: str, fitted: Network, seen_until: Split, share: float) -> AnyNetwork:
        """Mix a network of the place with the universal one, which has the weight ``share`` and has seen as much."""
        if share == 0.0:
            return fitted
        universal = self._at_place(cell, seen_until)
        return universal if share == 1.0 else MixedForecaster(fitted, universal, share)

    def _at_place(self, cell: str, seen_until: Split) -> UniversalAtPlace:
        assert self.start is not None
        return self.start.at_place(cell, self.config.window, self.dataset.past(seen_until))

    def _only_universal(self, cell: str) -> CellNetworks:
        """Return the universal network at a place whose series is too short to fit another one."""
        universal, validation = self._at_place(cell, "validation"), self.dataset.origins("validation")
        origins = joined([self.dataset.origins("train"), validation])
        assert self.start is not None
        return CellNetworks(
            cell=cell,
            seed=self.config.seed,
            evaluated=universal,
            final=self._at_place(cell, "test"),
            residuals=Residuals(origins, evaluate(universal, cell, origins).residuals(cell)),
            validation=evaluate(universal, cell, validation).accuracy(cell),
            start=StartReport(release=self.start.release, share=1.0, n=len(origins), position=self.start.note),
            drawn=draw_residuals(universal, origins),
        )


def evaluate(network: AnyNetwork, cell: str, origins: Origins) -> Evaluation:
    """Forecast ``origins`` with the network of a cell."""
    return Evaluation.run(origins, {cell: NetworkRoller(network.eval(), origins.step, CPU)})


def choose_share(start: UniversalStart, fitted: Floats, universal: Floats) -> StartReport:
    """Choose the weight of the universal network by out-of-sample errors of both, °C ``(n, leads)``.

    The lowest geometric mean of the RMSE over all leads decides.
    """
    known = np.isfinite(fitted) & np.isfinite(universal)
    errors = {name: np.where(known, _mean(fitted, universal, share), np.nan) for name, share in SHARES.items()}
    rmse = {name: np.sqrt(np.nanmean(of_share**2, axis=0)) for name, of_share in errors.items()}
    means = {name: float(np.log(by_lead).mean()) for name, by_lead in rmse.items()}
    best = min(means, key=lambda name: means[name])
    return StartReport(
        release=start.release,
        share=SHARES[best],
        n=int(known[:, 0].sum()),
        rmse={name: rounded(by_lead) for name, by_lead in rmse.items()},
        position=start.note,
    )


def draw_residuals(universal: UniversalAtPlace, origins: Origins) -> Residuals:
    """Draw errors from the quantiles that a universal network forecasts from some of ``origins``."""
    count = DRAWN_RESIDUALS
    selected = origins.take(np.linspace(0, len(origins) - 1, count).round().astype(np.intp))
    seconds = torch.from_numpy(unix_seconds(selected.valid_time))
    with torch.inference_mode():
        forecast = universal.distribution(torch.from_numpy(selected.windows.astype(np.float32)), seconds).numpy()
    levels = list(universal.universal.levels)
    probabilities = (np.arange(count) * _DRAWING_STRIDE % count + 0.5) / count
    errors = np.empty(selected.targets.shape)
    for row, lead in np.ndindex(errors.shape):
        mean, quantiles = forecast[row, lead, 0], forecast[row, lead, 1:]
        errors[row, lead] = np.interp(probabilities[row], levels, quantiles) - mean
    return Residuals(selected, errors)


def _mean(fitted: Floats, universal: Floats, share: float) -> Floats:
    return fitted if share == 0.0 else (1 - share) * fitted + share * universal
