"""Residuals out of sample that intervals are calibrated on, from before the validation part.

The validation part is a tenth of a series: at long leads often a handful of errors that do not overlap, and of some
seasons only. So the three tenths before it are forecast too, twentieth by twentieth, each by an autoregression that is
fitted to what came before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch

from forecasting.evaluation.division import TRAIN_TENTHS, is_still
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.networks.checkpoint import script
from forecasting.networks.roller import NetworkRoller
from forecasting.series.origins import Origins, joined
from forecasting.series.times import Floats
from training.config import TrainingConfig
from training.examples.dataset import Dataset
from training.examples.windows import Examples
from training.fit.companion import autoregression
from training.fit.fitting import leads_learnt

TRAIN_TWENTIETHS: Final = 2 * TRAIN_TENTHS
"""Of the series, that make the training part."""

FIRST_TWENTIETH: Final = 8
"""Twentieths before which nothing is forecast."""

_MODEL: Final = "autoregression"


@dataclass(frozen=True)
class Residuals:
    """Errors of forecasts that started from ``origins``: observation minus forecast, °C ``(n, leads)``."""

    origins: Origins
    values: Floats

    @classmethod
    def joined(cls, parts: Sequence["Residuals"]) -> "Residuals":
        """The residuals of several parts, one after the other."""
        return cls(joined([one.origins for one in parts]), np.concatenate([one.values for one in parts]))


def earlier_residuals(dataset: Dataset, config: TrainingConfig, first: int = FIRST_TWENTIETH) -> list[Residuals]:
    """What to calibrate on besides the residuals of the validation part.

    Those of the training part from twentieth ``first`` on, counted from 0, each forecast by a fit to what came before.
    One whose past is too short to learn from is left out. There are none where the networks have no autoregression: a
    cell would have to be taught for each.
    """
    if not config.autoregression:
        return []
    times = np.unique(np.concatenate([one.past("train").times for one in dataset.stations.values()]))
    end = dataset.series.step.shift(times[-1:], 1)[0]
    begins = [times[len(times) * twentieth // TRAIN_TWENTIETHS] for twentieth in range(first, TRAIN_TWENTIETHS)]
    found = [_forecast(dataset, config, times[0], *edges) for edges in pairwise([*begins, end])]
    return [one for one in found if one is not None]


def _forecast(
    dataset: Dataset, config: TrainingConfig, start: np.datetime64, begin: np.datetime64, end: np.datetime64
) -> Residuals | None:
    """The values from ``begin`` until before ``end``, forecast by those from ``start`` to ``begin``.

    None where these are too few, or hardly change.
    """
    past, learnt = dataset.before(begin), dataset.origins_between(start, begin, leads_learnt(config))
    origins = dataset.origins_between(begin, end)
    if len(learnt) < 2 * config.window or not len(origins) or is_still(past):
        return None
    network = autoregression(config, past, Examples.of(learnt))
    roller = NetworkRoller(script(network), dataset.series.step, torch.device("cpu"))
    return Residuals(origins, Evaluation.run(origins, {_MODEL: roller}).residuals(_MODEL))
