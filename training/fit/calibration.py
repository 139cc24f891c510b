"""Out-of-sample residuals from before the validation part, to calibrate intervals on.

The validation part is a tenth of a series. At long leads it often yields only a handful of errors that do not overlap,
from some seasons only. The three tenths before it are therefore forecast too, one twentieth at a time, each by an
autoregression fitted to the data before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from forecasting.evaluation.division import TRAIN_TENTHS, is_still
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.device import CPU
from forecasting.networks.roller import NetworkRoller
from forecasting.series.origins import Origins, joined
from forecasting.series.times import Floats
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.examples.tensors import Examples
from training.fit.companion import autoregression
from training.fit.fit_data import leads_learnt

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
        """The residuals of several parts, one after the other."""
        return cls(joined([part.origins for part in parts]), np.concatenate([part.values for part in parts]))


def earlier_residuals(dataset: Dataset, config: TrainingConfig, first: int = FIRST_TWENTIETH) -> list[Residuals]:
    """Residuals of the training part to calibrate on, in addition to those of the validation part.

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
    """Residuals from ``begin`` until before ``end``, forecast by a fit to the data from ``start`` to ``begin``.

    None if that is too little data, or hardly changes.
    """
    past, past_origins = dataset.before(begin), dataset.origins_between(start, begin, leads_learnt(config))
    origins = dataset.origins_between(begin, end)
    if len(past_origins) < 2 * config.window or not len(origins) or is_still(past):
        return None
    network = autoregression(config, past, Examples.of(past_origins))
    roller = NetworkRoller(network.eval(), dataset.series.step, CPU)
    return Residuals(origins, Evaluation.run(origins, {_MODEL: roller}).residuals(_MODEL))
