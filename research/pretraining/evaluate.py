"""How the networks do on simulated seas that they have not seen: errors, dependence between leads, events."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from torch import Tensor

from forecasting.evaluation.events import CLIMATOLOGY, INDEPENDENT, PERSISTENCE, independent_leads
from forecasting.events.paths import Coupling, Dependence
from forecasting.events.probability import History, RunEvent, Steps, event_probability
from forecasting.models.universal.distribution import exceedance, scores_of
from forecasting.models.universal.report import HeldOutEvent, HeldOutRow
from forecasting.scores.events import score_event
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from research.pretraining.examples import Panel
from research.pretraining.network import LEVELS, AnyModule
from research.spec import Spec

_BATCH = 64


@dataclass(frozen=True)
class HeldOutContexts:
    """Contexts of one length, and what followed."""

    sst: Tensor
    last_time: Tensor
    climatology: Tensor
    observed: Tensor
    usual: Tensor


def score_held_out(module: AnyModule, spec: Spec, panel: Panel) -> list[HeldOutRow]:
    """Score a network on a panel that it has not seen, by length of context and lead.

    Each series is forecast once for every length of context.
    """
    scores = []
    for context in spec.contexts:
        asked = cut_contexts(spec, panel, context)
        forecast = forecast_contexts(module, asked)
        for lead in spec.scored_leads:
            scores += _score_lead(asked, forecast, context, lead)
    return scores


@torch.no_grad()
def forecast_contexts(module: AnyModule, asked: HeldOutContexts) -> Tensor:
    """Return mean and quantiles, °C, ``(n, horizon, 1 + levels)``."""
    forecasts = [
        module.quantiles(*(part[i : i + _BATCH] for part in (asked.sst, asked.last_time, asked.climatology)))
        for i in range(0, len(asked.sst), _BATCH)
    ]
    return torch.cat(forecasts).double()


def cut_contexts(spec: Spec, panel: Panel, context: int) -> HeldOutContexts:
    """Return the context that ends before the last leads of each series, if its end and most of it were observed."""
    steps = panel.sst.shape[1]
    end = steps - spec.horizon
    there = torch.isfinite(panel.sst[:, end - 1]) & (
        torch.isfinite(panel.sst[:, end - context : end]).double().mean(1) > 0.5
    )
    sst, observed = panel.sst[there, end - context : end], panel.sst[there, end:]
    leads = torch.arange(1, spec.horizon + 1)
    changes = [
        (panel.sst[there, lead:] - panel.sst[there, :-lead]).square().nanmean(1).sqrt() for lead in leads.tolist()
    ]
    last = panel.last_time[there] - spec.horizon * spec.step_seconds
    return HeldOutContexts(
        sst.float(), last, panel.climatology[there].float(), observed, torch.stack(changes, 1).clamp(min=1e-3)
    )


def _score_lead(asked: HeldOutContexts, forecast: Tensor, context: int, lead: int) -> list[HeldOutRow]:
    scores = []
    known = torch.isfinite(asked.climatology[:, 0])
    truth, usual = asked.observed[:, lead - 1], asked.usual[:, lead - 1]
    for positioned in (True, False):
        chosen = torch.isfinite(truth) & (known == positioned)
        if not bool(chosen.any()):
            continue
        at, true = forecast[chosen, lead - 1], truth[chosen]
        error = ((at[:, 0] - true) / usual[chosen]).square().mean().sqrt()
        persistence = ((asked.sst[chosen, -1] - true) / usual[chosen]).square().mean().sqrt()
        inside = [((true >= at[:, low]) & (true <= at[:, high])).double().mean() for low, high in ((3, 7), (1, 9))]
        scores.append(
            HeldOutRow(
                context=context,
                lead=lead,
                positioned=positioned,
                n=int(chosen.sum()),
                relative_rmse=round(float(error / persistence), 4),
                coverage_80=round(float(inside[0]), 4),
                coverage_95=round(float(inside[1]), 4),
            )
        )
    return scores


def mean_by_context(scores: list[HeldOutRow]) -> dict[str, dict[str, float]]:
    """Return the relative RMSE by context and lead, with and without a position alike."""
    table: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        table.setdefault(str(score.context), {}).setdefault(str(score.lead), []).append(score.relative_rmse)
    return {c: {lead: round(float(np.mean(v)), 4) for lead, v in leads.items()} for c, leads in table.items()}


PAST: Final = 60
"""Past forecasts of each sea; as many as decide which model forecasts a series."""

STRIDE: Final = 3
_PAST_BATCH: Final = 50


@torch.no_grad()
def past_errors(module: AnyModule, spec: Spec, panel: Panel) -> tuple[Floats, Floats]:
    """Forecast the last part of each series from several steps; those that end in a missing value are left out."""
    parts = [_errors(module, spec, part) for part in _batches(panel)]
    scores, errors = (np.concatenate(part) for part in zip(*parts, strict=True))
    return scores, errors


def _batches(panel: Panel) -> list[Panel]:
    """Split the series that end in an observation."""
    there = torch.isfinite(panel.sst[:, -1])
    columns = [column[there].split(_PAST_BATCH) for column in panel]
    return [Panel(*part) for part in zip(*columns, strict=True)]


def _errors(module: AnyModule, spec: Spec, panel: Panel) -> tuple[Floats, Floats]:
    last = panel.sst.shape[1] - spec.horizon - 1
    origins = np.arange(last, max(spec.minimum, last - PAST * STRIDE), -STRIDE)[::-1].copy()
    forecast = module.backtest(
        panel.sst.float(), panel.last_time, panel.climatology.float(), torch.from_numpy(origins)
    ).double()
    truth = np.stack([panel.sst[:, o + 1 : o + 1 + spec.horizon].numpy() for o in origins.tolist()], axis=1)
    truth[~np.isfinite(panel.sst[:, origins].numpy())] = np.nan
    return scores_of(truth, forecast[..., 1:].numpy(), LEVELS), truth - forecast[..., 0].numpy()


_PERCENTILE: Final = 90.0
_DURATION: Final = 3
_WITHIN: Final = 10


def score_events(module: AnyModule, spec: Spec, panel: Panel, dependence: Dependence | None) -> list[HeldOutEvent]:
    """Score the probability of three steps in a row above the 90th percentile of the context, by length of context.

    The references know what happened in the other seas: ``climatology`` is the share of them in which the event
    happened, ``persistence`` that among those with as many steps above the threshold before the forecast, and
    ``independent`` is the same forecast with leads that do not depend on each other. Neither the network nor the
    ``dependence`` between leads, that of a random walk if None, was fitted to the panel.
    """
    leads = tuple(range(1, spec.horizon + 1))
    event = RunEvent("above", _DURATION, 1, min(_WITHIN, spec.horizon))
    couplings = {"": Coupling(dependence, leads), INDEPENDENT: independent_leads(spec.horizon)}
    events = []
    for context in spec.contexts:
        contexts = cut_contexts(spec, panel, context)
        sst, observed = contexts.sst.double().numpy(), contexts.observed.numpy()[:, : event.last]
        threshold = np.nanpercentile(sst, _PERCENTILE, axis=1)
        happened, before = _outcomes(event, spec, sst, observed, threshold)
        known = np.isfinite(happened)
        if not known.any():
            continue
        quantiles = forecast_contexts(module, contexts).numpy()[known, : event.last, 1:]
        beyond = exceedance(np.repeat(threshold[known, None], event.last, axis=1), quantiles, LEVELS)
        probability = {name: event_probability(event, c, beyond, before[known]) for name, c in couplings.items()}
        references = {
            CLIMATOLOGY: _frequency_by_state(happened[known], np.zeros_like(before[known])),
            PERSISTENCE: _frequency_by_state(happened[known], np.minimum(before[known], _DURATION)),
            INDEPENDENT: probability[INDEPENDENT],
        }
        score = score_event(probability[""], happened[known], references, np.arange(int(known.sum())))
        events.append(
            HeldOutEvent(
                context=context,
                side=event.side,
                percentile=_PERCENTILE,
                duration=_DURATION,
                within=event.last,
                score=score,
            )
        )
    return events


def _outcomes(event: RunEvent, spec: Spec, sst: Floats, observed: Floats, threshold: Floats) -> tuple[Floats, Steps]:
    """Return whether the event happened, NaN where a lead is missing, and the steps beyond the threshold before it."""
    origin, step = sst.shape[1] - 1, TimeStep.parse(spec.step)
    histories = [
        History.of(event, step, values, float(limit))
        for values, limit in zip(np.hstack([sst, observed]), threshold, strict=True)
    ]
    happened = np.asarray([history.happened[origin] for history in histories])
    return happened, np.asarray([history.run[origin] for history in histories])


def _frequency_by_state(happened: Floats, state: Steps) -> Floats:
    """Return how often the event happened in the other seas of the same state; 0.5 where there is no other."""
    frequency = np.empty_like(happened)
    for value in np.unique(state).tolist():
        alike = state == value
        others = int(alike.sum()) - 1
        frequency[alike] = (happened[alike].sum() - happened[alike]) / others if others else 0.5
    return frequency
