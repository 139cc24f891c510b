"""How good the networks' probabilities of events are, on simulated seas that they have not seen."""

from typing import Final

import numpy as np

from forecasting.evaluation.event_cases import CLIMATOLOGY, INDEPENDENT, PERSISTENCE
from forecasting.events.joint.dependence import Dependence
from forecasting.events.joint.joint_probability import event_probability
from forecasting.events.joint.occurrence import History, RunEvent, Steps
from forecasting.events.joint.paths import Coupling
from forecasting.scores.events import score_event
from forecasting.series.times import Bools, Floats
from forecasting.series.timestep import TimeStep
from forecasting.universal.distribution import exceedance
from forecasting.universal.report import HeldOutEvent
from training.pretraining.data.examples import Panel
from training.pretraining.evaluation.evaluate import cut_contexts, forecast_contexts
from training.pretraining.export import AnyModule
from training.pretraining.network import LEVELS
from training.pretraining.spec import Spec

_PERCENTILE: Final = 90.0
_DURATION: Final = 3
_WITHIN: Final = 10


def score_events(module: AnyModule, spec: Spec, panel: Panel, dependence: Dependence | None) -> list[HeldOutEvent]:
    """Score the probability of three steps in a row above the 90th percentile of the context, by length of context.

    The references know what happened in the other seas: ``climatology`` is the share of them in which the event
    happened, ``persistence`` that among those with as many steps above the threshold before the forecast, and
    ``independent`` is the same forecast with leads that do not depend on each other.

    Args:
        module: the network.
        spec: of its time step.
        panel: series that neither the network nor ``dependence`` was fitted to; each is forecast once for every length
            of context.
        dependence: between the leads; that of a random walk if None.
    """
    leads = tuple(range(1, spec.horizon + 1))
    event = RunEvent("above", _DURATION, 1, min(_WITHIN, spec.horizon))
    couplings = {"": Coupling(dependence, leads), INDEPENDENT: Coupling(_independent(spec.horizon), leads)}
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
            CLIMATOLOGY: _frequency_elsewhere(happened[known], np.ones_like(known[known])),
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


def _independent(horizon: int) -> Dependence:
    return Dependence(correlation=tuple(tuple(row) for row in np.eye(horizon).tolist()))


def _outcomes(event: RunEvent, spec: Spec, sst: Floats, observed: Floats, threshold: Floats) -> tuple[Floats, Steps]:
    """Return whether the event happened, NaN where a lead is missing, and the steps beyond the threshold before it."""
    origin, step = sst.shape[1] - 1, TimeStep.parse(spec.step)
    histories = [
        History.of(event, step, values, float(limit))
        for values, limit in zip(np.hstack([sst, observed]), threshold, strict=True)
    ]
    happened = np.asarray([history.happened[origin] for history in histories])
    return happened, np.asarray([history.run[origin] for history in histories])


def _frequency_elsewhere(happened: Floats, alike: Bools) -> Floats:
    """Return how often the event happened in the other seas among ``alike``; 0.5 where there is no other."""
    others = alike.sum() - alike
    return np.where(others > 0, ((happened * alike).sum() - happened * alike) / np.maximum(others, 1), 0.5)


def _frequency_by_state(happened: Floats, state: Steps) -> Floats:
    frequency = np.empty_like(happened)
    for value in np.unique(state).tolist():
        alike = state == value
        frequency[alike] = _frequency_elsewhere(happened, alike)[alike]
    return frequency
