"""Verification of event forecasts: what happened after many origins of a series, and what could be known there."""

from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Protocol

import numpy as np

from forecasting.errors import SeriesError
from forecasting.events.baseline import Baseline, Position, day_of_year
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.outlook import GivenBaseline, baseline_for
from forecasting.events.paths import Coupling, Dependence
from forecasting.events.probability import History, RunEvent, Steps, event_probability
from forecasting.models.metadata import CheckpointMetadata
from forecasting.scores.events import EventScore, score_event
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import YEAR, Floats, Times
from forecasting.series.timestep import TimeStep
from forecasting.wording import counted


class JointForecasts(Protocol):
    """Forecasts from several origins."""

    def couplings(self, rows: Steps, leads: int) -> Iterable[tuple[Coupling, Steps]]:
        """Yield how the leads of each forecast are related, and the indices within ``rows`` of those alike."""
        ...

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds a threshold, ``(rows, leads)``.

        Args:
            rows: positions of the origins.
            threshold: °C at each lead from the first, °C ``(rows, leads)``.
        """
        ...


@dataclass(frozen=True, eq=False)
class PlaceForecasts:
    """Forecasts of a network of one place from several origins.

    Attributes:
        predicted: °C, ``(origins, leads)``.
        times: valid times, ``(origins, leads)``.
        scale: factor for the errors, ``(origins,)``.
    """

    predicted: Floats
    times: Times
    scale: Floats
    metadata: CheckpointMetadata

    def couplings(self, rows: Steps, leads: int) -> Iterable[tuple[Coupling, Steps]]:
        """Yield how the ``leads`` of all forecasts are related."""
        yield Coupling(self.metadata.dependence, tuple(range(1, leads + 1))), np.arange(len(rows))

    def exceedance(self, rows: Steps, threshold: Floats) -> Floats:
        """Return the probability that SST exceeds ``threshold`` °C, both ``(rows, leads)``."""
        leads = slice(0, threshold.shape[1])
        predicted, times = self.predicted[rows, leads], self.times[rows, leads]
        return self.metadata.errors.exceedance(predicted, times, self.scale[rows], threshold)


CLIMATOLOGY: Final = "climatology"
PERSISTENCE: Final = "persistence"
INDEPENDENT: Final = "independent"
"""References: the frequency around the time of year, the frequency after the present state, and the same forecast with
independent leads. For a run of steps, only a forecast of the dependence between leads can beat the last."""

Threshold = Callable[[Times], Floats]
"""Returns the threshold at some times, °C."""


_BY_ORIGIN: Final = ("origins", "times", "happened", "before", "threshold")
_BY_NAME: Final = ("references", "probability", "independent")


@dataclass(frozen=True, eq=False)
class EventCases:
    """An event after many origins of one series, or of several; each array has a row for each origin.

    Attributes:
        origins: step of the last value that each forecast has seen.
        times: UTC times of these values.
        before: number of steps beyond the threshold up to the origin.
        threshold: °C at each lead considered, ``(origins, leads)``.
        references: probabilities by :data:`CLIMATOLOGY` and :data:`PERSISTENCE`; without the former where too few years
            precede most origins.
        probability: probability of the event by the forecasts of several networks, ``(origins,)``, by their names.
        independent: the same with independent leads; empty if a single lead is considered.
    """

    event: RunEvent
    step: TimeStep
    origins: Steps
    times: Times
    happened: Floats
    before: Steps
    threshold: Floats
    references: Mapping[str, Floats]
    probability: Mapping[str, Floats] = field(default_factory=dict)
    independent: Mapping[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(
        cls, event: RunEvent, series: SstSeries, origins: Steps, thresholds: Iterable[tuple[slice, Threshold]]
    ) -> "EventCases":
        """Find the event after each of ``origins`` whose every lead considered was observed.

        Origins before the first possible climatological frequency are left out, unless less than half of them, and less
        than a year, would remain.

        Args:
            event: the event.
            series: the series that was forecast, °C.
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
        known, references = np.isfinite(self.references[CLIMATOLOGY]), dict(self.references)
        if 2 * known.sum() < len(self) and known.sum() * self.step.seconds < YEAR:
            known = np.ones_like(known)
            del references[CLIMATOLOGY]
        rows: dict[str, Any] = {name: getattr(self, name)[known] for name in _BY_ORIGIN}
        return replace(self, **rows, references={name: values[known] for name, values in references.items()})

    @classmethod
    def joined(cls, parts: "Sequence[EventCases]") -> "EventCases":
        """Join the cases of several series, with the references and networks that all of them have."""
        first = parts[0]
        rows: dict[str, Any] = {name: np.concatenate([getattr(part, name) for part in parts]) for name in _BY_ORIGIN}
        for field_name in _BY_NAME:
            given: list[Mapping[str, Floats]] = [getattr(part, field_name) for part in parts]
            shared = [name for name in given[0] if all(name in each for each in given)]
            rows[field_name] = {name: np.concatenate([each[name] for each in given]) for name in shared}
        return replace(first, **rows)

    def __len__(self) -> int:
        return len(self.origins)

    def score(self, probability: Floats, independent: Floats | None = None) -> EventScore:
        """Score the probabilities of a forecast.

        Args:
            probability: Probability of the event, ``(origins,)``.
            independent: the same with independent leads; None if that is no different.
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

    def score_network(self, name: str) -> EventScore:
        """Return the scores of one network."""
        return self.score(self.probability[name], self.independent.get(name))

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
        """Score joint forecasts whose leads are all related alike; ``exceedance`` is as for :meth:`probabilities`."""
        return self.score(*self.probabilities([(coupling, np.arange(len(self)))], exceedance))


def independent_leads(leads: int) -> Coupling:
    """Return the coupling of forecasts whose errors at different leads have nothing to do with each other."""
    identity = tuple(tuple(row) for row in np.eye(leads).tolist())
    return Coupling(Dependence(correlation=identity), tuple(range(1, leads + 1)))


_REFIT_GROWTH: Final = 1.1
"""The baseline is computed again whenever the past has grown by this factor."""

_TRIES: Final = 100
"""Number of evenly spread origins at which to look for a first baseline."""


@dataclass(frozen=True, eq=False)
class RequestedEvents:
    """The events to verify on a series."""

    definitions: Sequence[ThresholdEvent]
    baseline: GivenBaseline | SeriesError = None

    @property
    def reach(self) -> int:
        """The last lead that an event considers; 0 without events."""
        return max((event.within or 1 for event in self.definitions), default=0)


NO_EVENTS: Final = RequestedEvents(())


Verified = Mapping[str, EventCases | SeriesError]
"""By name of the event: its cases, with the probabilities of each network, or why there are none."""


def verifying(
    requested: RequestedEvents, series: SstSeries, origins: Steps, networks: Mapping[str, JointForecasts]
) -> Generator[None, None, Verified]:
    """Verify events on a series; the generator yields between pieces of work.

    Nothing that came after an origin is known there: neither the baseline nor the references.

    Args:
        requested: the events.
        series: the series that was forecast.
        origins: step of the last value that each forecast has seen, ascending, ``(origins,)``.
        networks: their forecasts from these origins, with at least as many leads as the events consider, by name.
    """
    verified: dict[str, EventCases | SeriesError] = {}
    for event in requested.definitions:
        try:
            cases = _cases(event, requested.baseline, series, origins)
        except SeriesError as error:
            verified[event.name] = error
            continue
        yield
        rows = np.searchsorted(origins, cases.origins)
        probability, independent = dict[str, Floats](), dict[str, Floats]()
        for name, forecasts in networks.items():
            exceedance = forecasts.exceedance(rows, cases.threshold)
            couplings = forecasts.couplings(rows, cases.event.last)
            probability[name], alone = cases.probabilities(couplings, exceedance)
            if alone is not None:
                independent[name] = alone
            yield
        verified[event.name] = replace(cases, probability=probability, independent=independent)
    return verified


def pooled(parts: Sequence[Verified]) -> Verified:
    """Join the verification of several series, leaving out those without one; an error if none has one."""
    together: dict[str, EventCases | SeriesError] = {}
    for name, first in parts[0].items():
        usable = [part for verified in parts if isinstance(part := verified[name], EventCases)]
        together[name] = EventCases.joined(usable) if usable else first
    return together


def _cases(
    event: ThresholdEvent, baseline: GivenBaseline | SeriesError, series: SstSeries, origins: Steps
) -> EventCases:
    """Return the cases of an event."""
    run = RunEvent.of(event, event.within or 1)
    if isinstance(event.threshold, Percentile):
        if isinstance(baseline, SeriesError):
            raise baseline
        thresholds = list(_known_thresholds(event.threshold.percent, baseline, series, origins))
    else:
        level = event.threshold
        thresholds = [(slice(None), lambda times: np.full(len(times), level))]
    cases = EventCases.of(run, series, origins, thresholds)
    if not len(cases):
        raise SeriesError(
            f"there is nothing to compare event {event.name!r} with: no forecast is followed by "
            f"{counted(run.last, 'observed step')}; send a longer series"
        )
    return cases


def _by_day(baseline: Baseline) -> Threshold:
    def threshold(times: Times) -> Floats:
        values: Floats = baseline.threshold[day_of_year(times)]
        return values

    return threshold


def _known_thresholds(
    percentile: float, given: GivenBaseline, series: SstSeries, origins: Steps
) -> Iterator[tuple[slice, Threshold]]:
    """Yield parts of ``origins``, and the percentile that was known at each; those before the first are left out.

    The baseline of the past is computed again whenever the past has grown by a tenth.
    """
    if isinstance(given, Baseline | Position):
        yield slice(None), _by_day(baseline_for(series, given, percentile))
        return
    baseline_for(series.part(0, int(origins[-1]) + 1), given, percentile)
    first = 0
    while first < len(origins):
        begin = int(origins[first])
        end = max(int(np.searchsorted(origins, (begin + 1) * _REFIT_GROWTH)), first + 1)
        try:
            yield slice(first, end), _by_day(baseline_for(series.part(0, begin + 1), given, percentile))
        except SeriesError:
            end = min(end, first + max(len(origins) // _TRIES, 1))
        first = end
