"""How good event forecasts are on a user's series, judged from its past steps."""

from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from forecasting.errors import SeriesError
from forecasting.evaluation.event_cases import EventCases, Threshold
from forecasting.evaluation.joint_forecasts import JointForecasts
from forecasting.events.baseline import Baseline, Period
from forecasting.events.days import day_of_year
from forecasting.events.definitions import Percentile, ThresholdEvent
from forecasting.events.joint.occurrence import RunEvent, Steps
from forecasting.events.outlook import baseline_for
from forecasting.scores.events import EventScore
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats, Times
from forecasting.wording import counted

_REFIT_GROWTH: Final = 1.1
"""The baseline is computed again whenever the past has grown by this factor."""

_TRIES: Final = 100
"""Number of evenly spread origins at which to look for a first baseline."""


@dataclass(frozen=True, eq=False)
class RequestedEvents:
    """The events to verify on a series.

    Attributes:
        definitions: the events; each says how many leads it considers.
        baseline: of the place, or the period of the series to compute it from, or why it cannot be used; None for the
            past of the series.
    """

    definitions: Sequence[ThresholdEvent]
    baseline: Baseline | Period | SeriesError | None = None

    @property
    def reach(self) -> int:
        """The last lead that an event considers; 0 without events."""
        return max((event.within or 1 for event in self.definitions), default=0)


NO_EVENTS: Final = RequestedEvents(())


@dataclass(frozen=True, eq=False)
class VerifiedEvent:
    """Probabilities of an event by several networks, for the same cases.

    Attributes:
        cases: the cases.
        probability: of the event, ``(origins,)``, by network.
        independent: the same with independent leads, by network; empty if a single lead is considered.
    """

    cases: EventCases
    probability: Mapping[str, Floats]
    independent: Mapping[str, Floats]

    @classmethod
    def joined(cls, parts: "Sequence[VerifiedEvent]") -> "VerifiedEvent":
        """Join the cases of several series."""
        first = parts[0]
        return cls(
            EventCases.joined([part.cases for part in parts]),
            {name: np.concatenate([part.probability[name] for part in parts]) for name in first.probability},
            {name: np.concatenate([part.independent[name] for part in parts]) for name in first.independent},
        )

    def score(self, network: str) -> EventScore:
        """Return the scores of one network."""
        return self.cases.score(self.probability[network], self.independent.get(network))


Verified = Mapping[str, VerifiedEvent | SeriesError]
"""By name of the event: its verification, or why there is none."""


def verifying(
    requested: RequestedEvents, series: SstSeries, origins: Steps, networks: Mapping[str, JointForecasts]
) -> Generator[None, None, Verified]:
    """Verify events on a series; the generator yields between pieces of work.

    Nothing that came after an origin is known there: neither the baseline nor the references.

    Args:
        requested: the events.
        series: that was forecast.
        origins: step of the last value that each forecast has seen, ascending, ``(origins,)``.
        networks: their forecasts from these origins, with at least as many leads as the events consider, by name.
    """
    verified: dict[str, VerifiedEvent | SeriesError] = {}
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
        verified[event.name] = VerifiedEvent(cases, probability, independent)
    return verified


def pooled(parts: Sequence[Verified]) -> Verified:
    """Join the verification of several series, leaving out those without one; an error if none has one."""
    together: dict[str, VerifiedEvent | SeriesError] = {}
    for name, first in parts[0].items():
        usable = [part for verified in parts if isinstance(part := verified[name], VerifiedEvent)]
        together[name] = VerifiedEvent.joined(usable) if usable else first
    return together


def _cases(
    event: ThresholdEvent, baseline: Baseline | Period | SeriesError | None, series: SstSeries, origins: Steps
) -> EventCases:
    """Return the cases of an event.

    Raises:
        SeriesError: if there are none, or no baseline for a percentile.
    """
    run = RunEvent.of(event, event.within or 1)
    if isinstance(event.threshold, Percentile):
        if isinstance(baseline, SeriesError):
            raise baseline
        thresholds = list(_known_thresholds(event.threshold.percent, baseline, series, origins))
    else:
        thresholds = [(slice(None), _constant(event.threshold))]
    cases = EventCases.of(run, series, origins, thresholds)
    if not len(cases):
        raise SeriesError(
            f"there is nothing to compare event {event.name!r} with: no forecast is followed by "
            f"{counted(run.last, 'observed step')}; send a longer series"
        )
    return cases


def _constant(threshold: float) -> Threshold:
    return lambda times: np.full(len(times), threshold)


def _by_day(baseline: Baseline) -> Threshold:
    def threshold(times: Times) -> Floats:
        values: Floats = baseline.threshold[day_of_year(times)]
        return values

    return threshold


def _known_thresholds(
    percentile: float, given: Baseline | Period | None, series: SstSeries, origins: Steps
) -> Iterator[tuple[slice, Threshold]]:
    """Yield parts of ``origins``, and the percentile that was known at each; those before the first are left out.

    The baseline of the past is computed again whenever the past has grown by a tenth.

    Raises:
        SeriesError: if there is no baseline even at the last origin.
    """
    if isinstance(given, Baseline):
        yield slice(None), _by_day(baseline_for(series, given, percentile))
        return
    baseline_for(series.part(0, int(origins[-1]) + 1), given, percentile)
    place = 0
    while place < len(origins):
        begin = int(origins[place])
        end = max(int(np.searchsorted(origins, (begin + 1) * _REFIT_GROWTH)), place + 1)
        try:
            yield slice(place, end), _by_day(baseline_for(series.part(0, begin + 1), given, percentile))
        except SeriesError:
            end = min(end, place + max(len(origins) // _TRIES, 1))
        place = end
