"""Whether a forecast is good, as QARTOD flags: only where past forecasts support it.

On past forecasts of the same series (of a grid: of the cell or a near one), no reference may have a lower RMSE. Against
persistence, held-out seas count too, as ten forecasts that do not overlap, with the relative RMSE that the release
states for a context of this length: the geometric mean of both, weighted by the number of such forecasts, has to be
below 1. Where the past is too short for that, held-out seas decide alone.
"""

from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from forecasting.climatology.global_climatology import Coefficients
from forecasting.forecasts.forecasts import Forecasts
from forecasting.models.base import Model, climatology_at
from forecasting.models.past_skill import PastSkills
from forecasting.models.universal.metadata import UniversalMetadata
from forecasting.models.universal.mixture import MIXTURE
from forecasting.qartod import FAIL, GOOD, MISSING, NOT_EVALUATED, SUSPECT
from forecasting.series.batch import SeriesBatch
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep

MEANINGS: Final = {
    GOOD: "good", NOT_EVALUATED: "not_evaluated", SUSPECT: "suspect", FAIL: "fail", MISSING: "missing"
}  # fmt: skip

RULE: Final = (
    "1: on past forecasts of the cell or a near one, no reference (persistence, climatology, damped, linear or "
    "usual_change) had a lower RMSE, and held-out seas at this length of context support the network against "
    "persistence; where the past is too short to tell, held-out seas alone do. 2: the input is too short to tell, or "
    "the chunk failed. 3: a reference was better on past forecasts; the window is unlike the training data; the "
    "position is on land or disagrees with the values; or the last value is missing or implausible. 4: an impossible "
    "sea temperature. 9: no forecast, for example over land."
)
"""The rule in the words of the output."""

_HELD_OUT_WEIGHT: Final = 10.0
_FEWEST_INDEPENDENT: Final = 3.0
"""Past forecasts that do not overlap, without which only held-out seas can support a model."""

Flags = npt.NDArray[np.int8]


def evaluate(to_persistence: Floats, to_best: Floats, independent: Floats, held_out: Floats) -> Flags:
    """Return the flag that the evidence supports, ``(n,)``."""
    own_weight = np.where(np.isfinite(to_persistence), independent, 0.0)
    seas_weight = np.where(np.isfinite(held_out), _HELD_OUT_WEIGHT, 0.0)
    evidence = own_weight * _log(to_persistence) + seas_weight * _log(held_out)
    is_enough = own_weight >= _FEWEST_INDEPENDENT
    is_supported = (evidence < 0) & ~(is_enough & (to_best > 1))
    is_known = (seas_weight > 0) | is_enough
    flags: Flags = np.where(is_known, np.where(is_supported, GOOD, SUSPECT), NOT_EVALUATED).astype(np.int8)
    return flags


def _log(ratio: Floats) -> Floats:
    """Return the logarithm of ratios, 0 where they are not known."""
    logarithm: Floats = np.log(np.maximum(np.where(np.isfinite(ratio), ratio, 1.0), 1e-6))
    return logarithm


def held_out_ratio(metadata: UniversalMetadata, counts: npt.NDArray[np.int64], horizon: int) -> Floats:
    """Return the RMSE relative to persistence on held-out seas, averaged over leads, for contexts of some lengths."""
    contexts = sorted(metadata.held_out, key=int)
    if not contexts:
        return np.full(len(counts), np.nan)
    leads = np.arange(1, horizon + 1)
    logs = []
    for context in contexts:
        ratios = {int(lead): ratio for lead, ratio in metadata.held_out[context].items()}
        known = sorted(ratios)
        logs.append(float(np.log(np.interp(leads, known, [ratios[lead] for lead in known]).mean())))
    lengths = np.log([int(context) for context in contexts])
    own_lengths = np.log(np.maximum(counts, 1))
    return np.where(own_lengths >= lengths[0], np.exp(np.interp(own_lengths, lengths, logs)), np.nan)


def flags_by_past(model: Model, batch: SeriesBatch, forecasts: Forecasts, longest: int, every: int = 1) -> Flags:
    """Return the flag that past forecasts, and held-out seas, support, ``(n,)``."""
    n, skills = len(forecasts), PastSkills.unknown(len(forecasts))
    if n:
        some = batch.take(forecasts.row[::every])
        starts = some.step.shift(some.starts, some.lengths - longest)
        sample = SeriesBatch.of_rows(some.tails(longest), starts, some.step)
        coefficients = climatology_of(some, forecasts.coefficients[::every], model)
        measured = model.past_skill(sample, coefficients, forecasts.horizon)
        nearest = neighbours(n, every)
        skills = PastSkills(*(column[nearest] for column in measured))
    metadata, held_out = model.networks[0].metadata, np.full(n, np.nan)
    if isinstance(metadata, UniversalMetadata):
        counts = np.isfinite(batch.tails(longest)[forecasts.row]).sum(axis=1)
        held_out = held_out_ratio(metadata, counts, forecasts.horizon)
    return evaluate(*skills, held_out)


def climatology_of(batch: SeriesBatch, used: Coefficients, model: Model) -> Coefficients:
    """Return the climatology of each series, °C ``(n, 7)``: the one ``used``, or if the model uses none, any."""
    is_used = isinstance(model.networks[0].metadata, UniversalMetadata)
    return used if is_used else climatology_at(batch.positions, len(batch))


def flags_by_backtest(forecasts: Forecasts, networks: Mapping[str, UniversalMetadata], step: TimeStep) -> Flags:
    """Return the flag that the backtest of each series, and held-out seas, support, ``(n,)``."""
    flags = np.full(len(forecasts), GOOD, dtype=np.int8)
    # On held-out seas, a mixture is taken to be as good as the network that has most of its weight on short series.
    best = min(networks.values(), key=lambda network: network.held_out_score)
    for i, (model, past) in enumerate(zip(forecasts.model, forecasts.past, strict=True)):
        metadata, series = best if model == MIXTURE else networks.get(model), forecasts.series[i]
        if metadata is None:
            continue
        ratio = series.step.seconds / step.seconds
        leads = min(max(round(forecasts.horizon * ratio), 1), metadata.horizon)
        count = np.asarray([round(np.isfinite(series.values).sum() * min(ratio, 1.0))])
        relative, independent = np.nan, 0.0
        if past is not None and model in past.relative_rmse:
            known = past.relative_rmse
            better = min(known.get(name, 1.0) for name in ("persistence", "usual_change"))
            relative, independent = known[model] / better, past.independent
        # Whether another reference is better by more than chance has been tested when the model was chosen.
        held_out = held_out_ratio(metadata, count, leads)
        flags[i] = evaluate(np.asarray([relative]), np.asarray([np.nan]), np.asarray([independent]), held_out)[0]
    return flags


def neighbours(count: int, every: int) -> npt.NDArray[np.intp]:
    """Return, for each of ``count`` series, the place of the nearest among every ``every``-th, ``(count,)``."""
    sampled = (count - 1) // every
    return np.minimum((np.arange(count) + every // 2) // every, sampled)
