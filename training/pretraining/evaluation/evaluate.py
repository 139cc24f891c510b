"""How the networks do on simulated seas that they have not seen."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from forecasting.universal.report import HeldOutScore
from training.pretraining.data.examples import Panel
from training.pretraining.export import AnyModule
from training.pretraining.spec import Spec

_BATCH = 64


@dataclass(frozen=True)
class HeldOutContexts:
    """Contexts of one length, and what followed.

    Attributes:
        sst: of the contexts, °C ``(n, context)``.
        last_time: of the contexts, Unix seconds ``(n,)``.
        climatology: of the position, ``(n, 7)``; NaN where it is not known.
        observed: °C, ``(n, horizon)``.
        usual: root mean square of the changes of each sea over 1, 2, … steps, °C ``(n, horizon)``.
    """

    sst: Tensor
    last_time: Tensor
    climatology: Tensor
    observed: Tensor
    usual: Tensor


def score_held_out(module: AnyModule, spec: Spec, panel: Panel) -> list[HeldOutScore]:
    """Score a network on a panel that it has not seen, by length of context and lead.

    Args:
        module: the network.
        spec: of its time step.
        panel: series; each is forecast once for every length of context.
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
    answers = [
        module.quantiles(*(part[i : i + _BATCH] for part in (asked.sst, asked.last_time, asked.climatology)))
        for i in range(0, len(asked.sst), _BATCH)
    ]
    return torch.cat(answers).double()


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


def _score_lead(asked: HeldOutContexts, forecast: Tensor, context: int, lead: int) -> list[HeldOutScore]:
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
            HeldOutScore(
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


def mean_by_context(scores: list[HeldOutScore]) -> dict[str, dict[str, float]]:
    """Relative RMSE by context and lead, with and without a position alike."""
    table: dict[str, dict[str, list[float]]] = {}
    for score in scores:
        table.setdefault(str(score.context), {}).setdefault(str(score.lead), []).append(score.relative_rmse)
    return {c: {lead: round(float(np.mean(v)), 4) for lead, v in leads.items()} for c, leads in table.items()}
