"""Verification of forecasts of events: what happened after many origins, and what could be known there."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.events.joint.dependence import Dependence
from forecasting.events.joint.joint_probability import event_probability
from forecasting.events.joint.occurrence import History, RunEvent, Steps
from forecasting.events.joint.paths import Coupling
from forecasting.scores.events import EventScore, score_event
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Floats, Times
from forecasting.series.timestep import TimeStep

CLIMATOLOGY: Final = "climatology"
PERSISTENCE: Final = "persistence"
INDEPENDENT: Final = "independent"
"""References: the frequency around the time of year, the frequency after the present state, and the same forecast with
independent leads. For a run of steps, only a forecast of the dependence between leads can beat the last."""

Threshold = Callable[[Times], Floats]
"""Returns the threshold at some times, °C."""


@dataclass(frozen=True, eq=False)
class EventCases:
    """An event after many origins of one series, or of several; each array has a row for each origin.

    Attributes:
        event: the event.
        step: of the series.
        origins: step of the last value that each forecast has seen.
        times: of these values, UTC.
        happened: 1 where it happened, else 0.
        before: number of steps beyond the threshold up to the origin.
        threshold: at each lead considered, °C ``(origins, leads)``.
        references: probabilities by :data:`CLIMATOLOGY` and :data:`PERSISTENCE`; without the former where too few years
            precede most origins.
    """

    event: RunEvent
    step: TimeStep
    origins: Steps
    times: Times
    happened: Floats
    before: Steps
    threshold: Floats
    references: Mapping[str, Floats]

    @classmethod
    def of(
        cls, event: RunEvent, series: SstSeries, origins: Steps, thresholds: Iterable[tuple[slice, Threshold]]
    ) -> "EventCases":
        """Find the event after each of ``origins`` whose every lead considered was observed.

        Origins before the first possible climatological frequency are left out, unless less than half of them, and less
        than a year, would remain.

        Args:
            event: the event.
            series: that was forecast, °C.
            origins: steps of the last value that each forecast has seen, ascending.
            thresholds: parts of ``origins``, at least one, and the threshold as it was known there.
        """
        parts = [cls._known(event, series, origins[rows], threshold) for rows, threshold in thresholds]
        return cls.joined(parts)._with_climatology()

    @classmethod
    def _known(cls, event: RunEvent, series: SstSeries, origins: Steps, threshold: Threshold) -> "EventCases":
        """Find the event after origins at which the same threshold was known."""
        by_step = threshold(series.times)
        history = History.of(event, series.step, series.values, by_step)
        known = origins[np.isfinite(history.happened[origins])]
        return cls(
            event=event,
            step=series.step,
            origins=known,
            times=series.times[known],
            happened=history.happened[known],
            before=history.run[known],
            threshold=by_step[known[:, None] + np.arange(event.first, event.last + 1)],
            references={CLIMATOLOGY: history.climatology(known), PERSISTENCE: history.persistence(known)},
        )

    def _with_climatology(self) -> "EventCases":
        """Return the cases with a climatological frequency, or all of them without it if those are too few."""
        known = np.isfinite(self.references[CLIMATOLOGY])
        if 2 * known.sum() < len(self) and known.sum() * self.step.seconds < YEAR:
            known, names = np.ones_like(known), [PERSISTENCE]
        else:
            names = [CLIMATOLOGY, PERSISTENCE]
        return EventCases(
            event=self.event,
            step=self.step,
            origins=self.origins[known],
            times=self.times[known],
            happened=self.happened[known],
            before=self.before[known],
            threshold=self.threshold[known],
            references={name: self.references[name][known] for name in names},
        )

    @classmethod
    def joined(cls, parts: "Sequence[EventCases]") -> "EventCases":
        """Join the cases of several series, with the references that all of them have."""
        first = parts[0]
        if len(parts) == 1:
            return first
        names = [name for name in first.references if all(name in part.references for part in parts)]
        return cls(
            first.event,
            first.step,
            np.concatenate([part.origins for part in parts]),
            np.concatenate([part.times for part in parts]),
            np.concatenate([part.happened for part in parts]),
            np.concatenate([part.before for part in parts]),
            np.concatenate([part.threshold for part in parts]),
            {name: np.concatenate([part.references[name] for part in parts]) for name in names},
        )

    def __len__(self) -> int:
        return len(self.origins)

    def score(self, probability: Floats, independent: Floats | None = None) -> EventScore:
        """Score the probabilities of a forecast.

        Args:
            probability: of the event, ``(origins,)``.
            independent: the same with independent leads; None if that is no different.

        Raises:
            ValueError: if there is no case.
        """
        references = dict(self.references)
        if independent is not None:
            references[INDEPENDENT] = independent
        distinct, groups = np.unique(self.times, return_inverse=True)
        spacing = self.step.seconds
        if len(distinct) > 1:
            spacing = max(spacing, int(np.median(np.diff(distinct)).astype(np.int64)))
        overlap = max(-(-self.event.last * self.step.seconds // spacing), 1)
        return score_event(probability, self.happened, references, groups, overlap)

    def probabilities(
        self, couplings: Iterable[tuple[Coupling, Steps]], exceedance: Floats
    ) -> tuple[Floats, Floats | None]:
        """Return the probability of the event by joint forecasts, ``(origins,)``, and the same with independent leads.

        The latter is None if a single lead is considered.

        Args:
            couplings: how the leads of the forecasts are related, and the origins to which this applies.
            exceedance: probability that SST exceeds :attr:`threshold` at each lead considered, ``(origins, leads)``.
        """
        probability = np.full(len(self), np.nan)
        for coupling, rows in couplings:
            probability[rows] = event_probability(self.event, coupling, exceedance[rows], self.before[rows])
        if self.event.first == self.event.last:
            return probability, None
        independent = independent_leads(self.event.last)
        return probability, event_probability(self.event, independent, exceedance, self.before)

    def score_forecast(self, coupling: Coupling, exceedance: Floats) -> EventScore:
        """Score joint forecasts whose leads are all related alike; ``exceedance`` is as for :meth:`probabilities`.

        Raises:
            ValueError: if there is no case.
        """
        return self.score(*self.probabilities([(coupling, np.arange(len(self)))], exceedance))


def independent_leads(leads: int) -> Coupling:
    """Return the coupling of forecasts whose errors at different leads have nothing to do with each other."""
    identity = tuple(tuple(row) for row in np.eye(leads).tolist())
    return Coupling(Dependence(correlation=identity), tuple(range(1, leads + 1)))
