"""The part of a report about events: probabilities of extremes for the time of year, against what happened."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from pydantic import BaseModel

from forecasting.evaluation.event_cases import EventCases, Threshold
from forecasting.evaluation.rolling_origin import Evaluation
from forecasting.evaluation.seasonal_percentile import seasonal_percentile
from forecasting.events.definitions import Side
from forecasting.events.joint.occurrence import RunEvent
from forecasting.events.joint.paths import Coupling
from forecasting.networks.metadata import CheckpointMetadata
from forecasting.networks.uncertainty import error_quantiles
from forecasting.scores.events import EventScore
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.wording import counted

PERCENTILES: Final[dict[Side, float]] = {"above": 90.0, "below": 10.0}

_RUN_STEPS: Final = 3
_RUN_WITHIN: Final = 10


class EventReport(BaseModel, frozen=True):
    """Probabilities of one event on the test part.

    Attributes:
        side: of the threshold.
        percentile: of the time of year, which gives the threshold; from the data before the test part.
        duration: number of consecutive steps beyond the threshold.
        first: the first lead considered.
        last: the last lead considered.
        assumed: whether the dependence between leads was assumed to be that of a random walk, for want of a learned
            one.
        score: of the probabilities.
    """

    side: Side
    percentile: float
    duration: int
    first: int
    last: int
    assumed: bool = False
    score: EventScore

    @property
    def description(self) -> str:
        """The event in words: ``above the 90th percentile, 7 steps ahead``."""
        beyond = f"{self.side} the {self.percentile:g}th percentile"
        if self.first == self.last:
            return f"{beyond}, {counted(self.last, 'step')} ahead"
        return f"{counted(self.duration, 'step')} in a row {beyond}, within {counted(self.last, 'step')}"


@dataclass(frozen=True, eq=False)
class VerifiedSeries:
    """One series with the forecasts of its test part.

    Attributes:
        series: the whole series.
        past: the part before the test part.
        test: forecasts of the test part.
    """

    series: SstSeries
    past: SstSeries
    test: Evaluation


def standard_events(horizon: int) -> tuple[RunEvent, ...]:
    """Return the events of a report: extremes at the first, the middle and the last lead, and a run of three steps."""
    leads = sorted({1, (horizon + 1) // 2, horizon})
    single = tuple(RunEvent.at(side, lead) for side in PERCENTILES for lead in leads)
    run = RunEvent("above", _RUN_STEPS, 1, min(_RUN_WITHIN, horizon))
    return (*single, run) if horizon >= _RUN_STEPS else single


def event_reports(
    tested: Sequence[VerifiedSeries], networks: Mapping[str, CheckpointMetadata]
) -> dict[str, tuple[EventReport, ...]]:
    """Return the report on the standard events of each network, over all series.

    An event that no series has a case of is left out.

    Args:
        tested: the series.
        networks: metadata of the networks, by name in the forecasts.

    Raises:
        SeriesError: if a series is too short for a climatology.
    """
    horizon = min(metadata.horizon for metadata in networks.values())
    thresholds = [{side: seasonal_percentile(member.past, p) for side, p in PERCENTILES.items()} for member in tested]
    reports: dict[str, list[EventReport]] = {name: [] for name in networks}
    for event in standard_events(horizon):
        members = zip(tested, thresholds, strict=True)
        parts = [_cases(member, event, by_side[event.side]) for member, by_side in members]
        cases = EventCases.joined(parts)
        if not len(cases):
            continue
        for name, metadata in networks.items():
            pairs = zip(tested, parts, strict=True)
            exceedance = np.concatenate([_exceedance(member, part, name, metadata) for member, part in pairs])
            coupling = Coupling(metadata.dependence, tuple(range(1, horizon + 1)))
            reports[name].append(
                EventReport(
                    side=event.side,
                    percentile=PERCENTILES[event.side],
                    duration=event.duration,
                    first=event.first,
                    last=event.last,
                    assumed=event.first < event.last and metadata.dependence is None,
                    score=cases.score_forecast(coupling, exceedance),
                )
            )
    return {name: tuple(rows) for name, rows in reports.items()}


def _cases(member: VerifiedSeries, event: RunEvent, threshold: Threshold) -> EventCases:
    """Return the cases of the test part, whose leads are all inside it."""
    inside = np.isfinite(member.test.origins.targets[:, event.first - 1 : event.last]).all(axis=1)
    origins = member.test.origins.position[inside] - 1
    return EventCases.of(event, member.series, origins, [(slice(None), threshold)])


def _exceedance(member: VerifiedSeries, cases: EventCases, name: str, metadata: CheckpointMetadata) -> Floats:
    """Return the probability of more than the threshold at each lead considered, ``(origins, leads)``."""
    rows = np.searchsorted(member.test.origins.position, cases.origins + 1)
    leads, origins = slice(cases.event.first - 1, cases.event.last), member.test.origins.take(rows)
    errors = metadata.errors
    quantiles = errors.quantiles_at(origins.times, errors.scale(origins.windows))[:, leads]
    margin = cases.threshold - member.test.predicted[name][rows, leads]
    return error_quantiles.exceedance(margin, quantiles, errors.probabilities)
