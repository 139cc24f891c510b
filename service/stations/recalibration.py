"""Store forecasts with intervals that have learned from the earlier forecasts that readings verify."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.scores.events import PERSISTENCE, SIGNS
from forecasting.scores.verification import positions_of
from forecasting.series.times import SECONDS, Floats, Times, seconds_of
from forecasting.series.timestep import TimeStep
from forecasting.universal.online_calibration import OnlineCalibration
from service.engine.forecast_json import rounded
from service.stations.alerts import Judged, raise_alerts
from service.stations.store.forecasts import (
    Calibration,
    IssuedForecast,
    add_forecasts,
    counting_forecasts,
    forecasts_between,
    forecasts_of_batches,
    get_calibrations,
    newest_forecasts,
    put_calibrations,
)
from service.stations.store.observations import Observation, first_readings
from service.stations.store.stations import lock_stations
from service.telemetry.verification_metrics import COUNTED_LEADS, COUNTED_LEVELS, ModelKind, Verified

Intervals = Sequence[Mapping[str, Any]]
"""Of an issued forecast: each with its ``level`` in percent, and ``lower`` and ``upper`` in °C by lead."""


def levels_of(intervals: Intervals) -> tuple[float, ...]:
    """Return the levels of intervals in percent, in their order."""
    return tuple(interval["level"] for interval in intervals)


@lru_cache(maxsize=64)
def probabilities_of(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Return the probabilities of the quantiles that bound intervals at ``levels`` percent, ascending."""
    tails = sorted((1 - level / 100) / 2 for level in levels)
    return (*tails, *(1 - tail for tail in reversed(tails)))


def quantiles_of(intervals: Intervals, lead: int) -> list[float]:
    """Return the bounds of intervals at ``lead``, °C, in the order of :func:`probabilities_of`."""
    outermost_first = sorted(intervals, key=lambda interval: -float(interval["level"]))
    lower = [interval["lower"][lead - 1] for interval in outermost_first]
    return lower + [interval["upper"][lead - 1] for interval in reversed(outermost_first)]


def all_quantiles_of(intervals: Intervals) -> Floats:
    """Return the bounds of intervals at all leads, °C ``(leads, probabilities)``."""
    outermost_first = sorted(intervals, key=lambda interval: -float(interval["level"]))
    lower = [interval["lower"] for interval in outermost_first]
    return np.array(lower + [interval["upper"] for interval in reversed(outermost_first)]).T


def with_quantiles(intervals: Intervals, quantiles: Floats) -> list[dict[str, Any]]:
    """Return intervals with other bounds: ``quantiles`` °C ``(leads, probabilities)``."""
    columns = rounded(quantiles).T.tolist()
    by_probability = dict(zip(probabilities_of(levels_of(intervals)), columns, strict=True))
    changed = []
    for interval in intervals:
        lower, upper = probabilities_of((interval["level"],))
        changed.append({**interval, "lower": by_probability[lower], "upper": by_probability[upper]})
    return changed


class Draft(NamedTuple):
    """A forecast before it is stored.

    Attributes:
        forecast: with plain intervals.
        step: of the station.
        is_universal: whether a universal release made it, so that its intervals are recalibrated.
        events: that it has judged, as they are stored with the station.
        doubt: why the newest reading does not count; None if it does.
        doubted: the forecast if it did, which is not stored; None if no event depends on it.
    """

    forecast: IssuedForecast
    step: TimeStep
    is_universal: bool
    events: Sequence[dict[str, Any]] = ()
    doubt: str | None = None
    doubted: IssuedForecast | None = None

    @property
    def leads(self) -> int:
        """The number of leads."""
        return len(self.forecast.content["timestamps"])


class Learner(NamedTuple):
    """The state that recalibrates the intervals of a draft.

    Attributes:
        draft: the forecast.
        state: what was learned from earlier forecasts.
        until: the time of the last reading that it has learned from, Unix seconds.
    """

    draft: Draft
    state: OnlineCalibration
    until: int

    @classmethod
    def of(cls, draft: Draft, known: Calibration | None) -> "Learner":
        """Go on from what is ``known``; start anew if that is of another version or number of leads.

        A new one has nothing to learn yet: no reading so far verifies a forecast that it is about.
        """
        if known is not None and known.version == draft.forecast.version:
            state = OnlineCalibration.model_validate(known.content)
            if len(state.verified) == draft.leads:
                return cls(draft, state, known.until)
        return cls(draft, OnlineCalibration.start(draft.leads), draft.forecast.observed_until)

    def can_learn_from(self, forecast: IssuedForecast) -> bool:
        """Whether an earlier forecast is of the same model and form."""
        ours = self.draft.forecast
        return (
            (forecast.model, forecast.version) == (ours.model, ours.version)
            and len(forecast.content["timestamps"]) == self.draft.leads
            and levels_of(forecast.content["intervals"]) == levels_of(ours.content["intervals"])
        )

    def verified(
        self, earlier: Sequence[IssuedForecast], readings: Sequence[Observation]
    ) -> Iterator["VerifiedReading"]:
        """Yield each of ``readings`` with the forecasts that it verifies, at most one at each lead.

        All were made without it, since their last observation is an earlier one. Of several readings in one step, the
        last counts, as for a forecast; those in the step that was learned from last do not.

        Args:
            earlier: forecasts that it can learn from, one from each last observation.
            readings: the first reading of each time after :attr:`until`, in chronological order.
        """
        step, content = self.draft.step, self.draft.forecast.content
        start = np.datetime64(seconds_of(content["timestamps"][0]), "s")
        by_position = {
            _position(seconds_of(forecast.content["timestamps"][0]), start, step): forecast for forecast in earlier
        }
        learned = _position(self.until, start, step)
        by_step = {_position(reading.time, start, step): reading for reading in readings}
        for position, reading in by_step.items():
            if position is None or position == learned:
                continue
            forecasts = {
                lead: by_position[position - lead + 1]
                for lead in range(1, self.draft.leads + 1)
                if position - lead + 1 in by_position
            }
            if forecasts:
                yield VerifiedReading(reading.value, forecasts)

    def after(self, verified: Iterable["VerifiedReading"]) -> OnlineCalibration:
        """Return the state after these readings."""
        state, levels = self.state, levels_of(self.draft.forecast.content["intervals"])
        for reading in verified:
            state = _after(state, reading, levels)
        return state


class VerifiedReading(NamedTuple):
    """A reading, °C, and the forecasts that it verifies, by lead."""

    value: float
    forecasts: dict[int, IssuedForecast]

    def scored(self, *, is_universal: bool) -> Iterator[Verified]:
        """Yield what it says of the forecasts at the leads that are counted."""
        for lead in COUNTED_LEADS:
            if lead in self.forecasts:
                yield _scored(self.value, self.forecasts[lead], lead, is_universal=is_universal)


def _scored(value: float, forecast: IssuedForecast, lead: int, *, is_universal: bool) -> Verified:
    content, place = forecast.content, lead - 1
    baselines = content["baselines"]
    persistence = baselines.get(PERSISTENCE)
    network: ModelKind = "universal" if is_universal else "place"
    return Verified(
        lead=lead,
        kind="reference" if forecast.model in baselines else network,
        error=abs(content["sst"][place] - value),
        persistence=None if persistence is None else abs(persistence[place] - value),
        inside={
            interval["level"]: interval["lower"][place] <= value <= interval["upper"][place]
            for interval in content["intervals"]
            if interval["level"] in COUNTED_LEVELS
        },
        events=[
            (event["by_lead"][place], SIGNS[event["side"]] * (value - event["threshold"][place]) > 0)
            for event in content.get("events", ())
            if "side" in event and len(event.get("by_lead", ())) >= lead
        ],
    )


def recalibrated(draft: Draft, state: OnlineCalibration) -> IssuedForecast:
    """Return the forecast to issue; its plain intervals stay in ``plain`` if anything was learned yet."""
    if not any(state.verified):
        return draft.forecast
    content = draft.forecast.content
    plain = content["intervals"]
    quantiles = state.recalibrate(all_quantiles_of(plain), probabilities_of(levels_of(plain)))
    return replace(draft.forecast, content={**content, "intervals": with_quantiles(plain, quantiles)}, plain=plain)


def _after(state: OnlineCalibration, reading: VerifiedReading, levels: tuple[float, ...]) -> OnlineCalibration:
    probabilities, leads = probabilities_of(levels), len(state.verified)
    plain, issued = (np.full((leads, len(probabilities)), np.nan) for _ in range(2))
    observed = np.full(leads, np.nan)
    for lead, forecast in reading.forecasts.items():
        intervals = forecast.content["intervals"]
        issued[lead - 1] = quantiles_of(intervals, lead)
        plain[lead - 1] = quantiles_of(intervals if forecast.plain is None else forecast.plain, lead)
        observed[lead - 1] = reading.value
    return state.after(plain, issued, probabilities, observed)


def _position(time: int, start: np.datetime64, step: TimeStep) -> int | None:
    """Return how many steps a time is after ``start``; None if it is between two steps."""
    positions, near = positions_of(np.array([time]).view(SECONDS), step, start)
    return int(positions[0]) if near[0] else None


class Stored(NamedTuple):
    """What was stored.

    Attributes:
        forecasts: as they are stored, in the order of the drafts; those of deleted stations as they are.
        new: how many of them were not stored before.
        verified: earlier forecasts that the readings verify, at the leads that are counted.
        alerts: how many alerts they raised.
    """

    forecasts: list[IssuedForecast]
    new: int
    verified: list[Verified]
    alerts: int


def store_forecasts(connection: Connection, drafts: Sequence[Draft]) -> Stored:
    """Store forecasts, at most one of each station, with recalibrated intervals and what they were recalibrated by.

    Events that have changed raise alerts.

    A forecast for a batch of readings that has one already is left out, as is that of a deleted station. The rest
    happens in the transaction: a reading teaches once, whatever stops the service and however many services there are.
    """
    present = {*lock_stations(connection, [draft.forecast.station for draft in drafts])}
    stored = forecasts_of_batches(connection, {draft.forecast.station: draft.forecast.batch for draft in drafts})
    wanted = [draft for draft in drafts if draft.forecast.station in present - stored.keys()]
    new, calibrations, verified = _recalibrated(connection, wanted)
    add_forecasts(connection, [*new.values()])
    put_calibrations(connection, calibrations)
    judged = [Judged(new[each.forecast.station], each.events, each.doubt, each.doubted) for each in wanted]
    alerts = raise_alerts(connection, judged)
    known = stored | new
    forecasts = [known.get(draft.forecast.station, draft.forecast) for draft in drafts]
    return Stored(forecasts, len(new), verified, alerts)


def _recalibrated(
    connection: Connection, drafts: Sequence[Draft]
) -> tuple[dict[int, IssuedForecast], list[Calibration], list[Verified]]:
    """Return the forecasts to store by station, what was learned for them, and what it was learned from."""
    forecasts = {draft.forecast.station: draft.forecast for draft in drafts}
    learners = [*_learners(connection, drafts), *_counting(connection, drafts)]
    earlier = _earlier_forecasts(connection, learners)
    readings = _readings_since(connection, learners, earlier)
    calibrations, scored = [], list[Verified]()
    for learner in learners:
        forecast = learner.draft.forecast
        verified = [*learner.verified(earlier.get(forecast.station, ()), readings.get(forecast.station, ()))]
        scored += [score for each in verified for score in each.scored(is_universal=learner.draft.is_universal)]
        if not learner.draft.is_universal:
            continue
        state = learner.after(verified)
        forecasts[forecast.station] = recalibrated(learner.draft, state)
        calibrations.append(
            Calibration(
                forecast.station,
                forecast.model,
                forecast.version,
                forecast.observed_until,
                state.model_dump(mode="json"),
            )
        )
    return forecasts, calibrations, scored


def _learners(connection: Connection, drafts: Sequence[Draft]) -> list[Learner]:
    """Return what drafts are recalibrated by.

    A draft is left out if another process has learned from later readings already, which it must not know of.
    """
    universal = [draft for draft in drafts if draft.is_universal]
    known = get_calibrations(connection, [draft.forecast.station for draft in universal])
    learners = []
    for draft in universal:
        before = known.get((draft.forecast.station, draft.forecast.model))
        if before is None or before.until <= draft.forecast.observed_until:
            learners.append(Learner.of(draft, before))
    return learners


def _counting(connection: Connection, drafts: Sequence[Draft]) -> list[Learner]:
    """Return what counts how good the network of a place was, whose intervals are not recalibrated."""
    of_place = {draft.forecast.station: draft for draft in drafts if not draft.is_universal}
    newest = newest_forecasts(connection, [*of_place]) if of_place else {}
    return [
        Learner(of_place[station], OnlineCalibration.start(of_place[station].leads), before.observed_until)
        for station, before in newest.items()
        if before.observed_until < of_place[station].forecast.observed_until
    ]


def _earlier_forecasts(connection: Connection, learners: Sequence[Learner]) -> dict[int, list[IssuedForecast]]:
    """Return the forecasts that readings since the last learning may verify, by station."""
    learning = {learner.draft.forecast.station: learner for learner in learners}
    periods = {}
    for station, learner in learning.items():
        if learner.until < learner.draft.forecast.observed_until:
            # One step more than the leads, since a time may be slightly off the grid.
            begin = learner.draft.step.shift(_time(learner.until), -learner.draft.leads - 1)
            periods[station] = int(begin.astype(np.int64)), learner.draft.forecast.observed_until - 1
    return {
        station: [*counting_forecasts(filter(learning[station].can_learn_from, forecasts))]
        for station, forecasts in forecasts_between(connection, periods).items()
    }


def _readings_since(
    connection: Connection, learners: Sequence[Learner], earlier: Mapping[int, Sequence[IssuedForecast]]
) -> dict[int, list[Observation]]:
    """Return the first readings since the last learning that some forecast reaches, by station."""
    periods = {}
    for learner in learners:
        forecast = learner.draft.forecast
        if forecasts := earlier.get(forecast.station):
            last = max(seconds_of(earlier_one.content["timestamps"][-1]) for earlier_one in forecasts)
            end = int(learner.draft.step.shift(_time(last), 1).astype(np.int64))
            periods[forecast.station] = learner.until + 1, min(end, forecast.observed_until)
    return first_readings(connection, periods)


def _time(seconds: int) -> Times:
    return np.asarray(seconds).astype(SECONDS)
