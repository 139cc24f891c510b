"""How the errors of a universal network at different leads are related, on simulated seas that it has not seen."""

from dataclasses import fields
from typing import Final

import numpy as np
import torch

from forecasting.events.joint.dependence import Dependence
from forecasting.series.times import Floats
from forecasting.universal.distribution import scores_of
from training.pretraining.data.examples import Panel
from training.pretraining.export import AnyModule
from training.pretraining.network import LEVELS
from training.pretraining.spec import Spec

PAST: Final = 60
"""Past forecasts of each sea; as many as decide which model answers for a series."""

STRIDE: Final = 3
_BATCH: Final = 50


def held_out_dependence(module: AnyModule, spec: Spec, panel: Panel) -> Dependence:
    """Estimate how the errors of a network at different leads are related.

    Args:
        module: the network.
        spec: of its time step.
        panel: series that it has not seen.
    """
    scores, errors = past_errors(module, spec, panel)
    return Dependence.of_series(scores, errors)


@torch.no_grad()
def past_errors(module: AnyModule, spec: Spec, panel: Panel) -> tuple[Floats, Floats]:
    """Forecast the last part of each series from several steps.

    Args:
        module: the network.
        spec: of its time step.
        panel: series; those that end in a missing value are left out.

    Returns:
        Normal scores of what followed in the distributions that were forecast, and observation minus forecast, °C. Both
        are ``(n, past, leads)``, NaN where nothing was observed.
    """
    parts = [_errors(module, spec, part) for part in _batches(panel)]
    scores, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
    return scores, errors


def _batches(panel: Panel) -> list[Panel]:
    """Split the series that end in an observation."""
    there = torch.isfinite(panel.sst[:, -1])
    columns = [getattr(panel, part.name)[there].split(_BATCH) for part in fields(Panel)]
    return [Panel(*part) for part in zip(*columns, strict=True)]


def _errors(module: AnyModule, spec: Spec, panel: Panel) -> tuple[Floats, Floats]:
    last = panel.sst.shape[1] - spec.horizon - 1
    origins = np.arange(last, max(spec.minimum, last - PAST * STRIDE), -STRIDE)[::-1].copy()
    answer = module.backtest(
        panel.sst.float(), panel.last_time, panel.climatology.float(), torch.from_numpy(origins)
    ).double()
    truth = np.stack([panel.sst[:, o + 1 : o + 1 + spec.horizon].numpy() for o in origins.tolist()], axis=1)
    truth[~np.isfinite(panel.sst[:, origins].numpy())] = np.nan
    return scores_of(truth, answer[..., 1:].numpy(), LEVELS), truth - answer[..., 0].numpy()
