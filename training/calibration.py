"""Residuals out of sample that intervals are calibrated on, from before the validation part.

The validation part is a tenth of a series: at long leads often a handful of errors that do not overlap, and of some
seasons only. So the tenths before it are forecast too, each by an autoregression that is fitted to what came before it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import torch

from forecasting.checkpoint import script
from forecasting.division import TRAIN_TENTHS, VALIDATION_TENTHS, is_still
from forecasting.evaluation import Evaluation
from forecasting.intervals import SEASON_YEARS
from forecasting.network import NetworkRoller
from forecasting.rolling import Origins, joined
from forecasting.timestep import YEAR, Floats
from training.config import TrainingConfig
from training.dataset import Dataset
from training.fit import fit_autoregression, leads_learnt

FIRST_TENTH: Final = 4
"""Of the series, before which nothing is forecast."""

ENOUGH: Final = 20
"""Errors at the longest lead that do not overlap, from which on the validation part is let alone."""

_MODEL: Final = "autoregression"


@dataclass(frozen=True)
class Residuals:
    """Errors of forecasts that started from ``origins``: observation minus forecast, °C ``(n, leads)``."""

    origins: Origins
    values: Floats

    @classmethod
    def joined(cls, parts: Sequence["Residuals"]) -> "Residuals":
        """Those of several parts."""
        return cls(joined([one.origins for one in parts]), np.concatenate([one.values for one in parts]))


def earlier_residuals(dataset: Dataset, config: TrainingConfig) -> list[Residuals]:
    """What to calibrate on besides the residuals of the validation part: rolled ones, where those do not suffice."""
    return [] if suffices(dataset) else rolled_residuals(dataset, config)


def suffices(dataset: Dataset) -> bool:
    """Whether the validation part, which lies next to what is forecast, affords residuals enough.

    It does if many errors do not overlap, and it holds two years, so that seasons can be told apart, or rolling would
    not give two years either.
    """
    steps = min(end - begin for begin, end in (one.bounds["validation"] for one in dataset.stations.values()))
    years = steps * dataset.series.step.seconds / YEAR
    with_rolled = years * (TRAIN_TENTHS + VALIDATION_TENTHS - FIRST_TENTH) / VALIDATION_TENTHS
    return steps >= ENOUGH * dataset.horizon and (years >= SEASON_YEARS or with_rolled < SEASON_YEARS)


def rolled_residuals(dataset: Dataset, config: TrainingConfig, first: int = FIRST_TENTH) -> list[Residuals]:
    """Residuals of the training part from its ``first`` tenth on, each tenth forecast by a fit to what came before.

    A tenth whose past is too short to learn from is left out. There are none where the networks have no autoregression:
    a cell would have to be taught for each.
    """
    if not config.autoregression:
        return []
    times = np.unique(np.concatenate([one.past("train").times for one in dataset.stations.values()]))
    end = dataset.series.step.shift(times[-1:], 1)[0]
    begins = [times[len(times) * tenth // TRAIN_TENTHS] for tenth in range(first, TRAIN_TENTHS)]
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
    network = fit_autoregression(config, past, learnt)
    roller = NetworkRoller(script(network), dataset.series.step, torch.device("cpu"))
    return Residuals(origins, Evaluation.run(origins, {_MODEL: roller}).residuals(_MODEL))
