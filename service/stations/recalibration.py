"""Stores forecasts with intervals that have learned from the earlier forecasts that readings verify."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.forecasts.json import rounded
from forecasting.models.universal.online_calibration import OnlineCalibration
from forecasting.scores.events import PERSISTENCE, SIGNS
from forecasting.scores.verification import positions_of
from forecasting.series.times import SECONDS, Floats, seconds_of
from forecasting.series.timestep import TimeStep
from service.stations.alerts import Draft, raise_alerts
from service.stations.readings import shifted
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
from service.telemetry.station_metrics import COUNTED_LEADS, COUNTED_LEVELS, ModelKind, VerifiedForecast

Intervals = Sequence[Mapping[str, Any]]
"""The intervals of an issued forecast: its ``level`` in percent, and ``lower`` and ``upper`` in °C by lead, of each."""


def levels_of(intervals: Intervals) -> tuple[float, ...]:
    """Return the levels of intervals in percent, in their order."""
    return tuple(interval["level"] for interval in intervals)


@lru_cache(maxsize=64)
def probabilities_of(levels: tuple[float, ...]) -> tuple[float, ...]:
    """Return the probabilities of the quantiles that bound intervals at ``levels`` percent, ascending."""
    tails = sorted((1 - level / 100) / 2 for level in levels)
    return (*tails, *(1 - tail for tail in reversed(tails)))


def quantiles_of(intervals: Intervals) -> Floats:
    """Return the bounds of intervals, °C ``(leads, probabilities)``, in the order of :func:`probabilities_of`."""
    outermost_first = sorted(intervals, key=lambda interval: -float(interval["level"]))
    lower = [interval["lower"] for interval in outermost_first]
    return np.array(lower + [interval["upper"] for interval in reversed(outermost_first)]).T


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
    verified: list[VerifiedForecast]
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
    learners = [*_learners(connection, wanted), *_counting(connection, wanted)]
    earlier = _earlier_forecasts(connection, learners)
    readings = _readings_since(connection, learners, earlier)
    new = {draft.forecast.station: draft for draft in wanted}
    calibrations, scores = [], list[VerifiedForecast]()
    for learner in learners:
        draft, station = learner.draft, learner.draft.forecast.station
        verified = [*learner.verified(earlier.get(station, ()), readings.get(station, ()))]
        scores += [score for value, forecasts in verified for score in _scored(draft, value, forecasts)]
        if draft.is_universal:
            state = learner.state
            for value, forecasts in verified:
                state = _after(state, value, forecasts, levels_of(draft.forecast.content["intervals"]))
            new[station] = draft._replace(forecast=_recalibrated(draft.forecast, state))
            forecast, content = draft.forecast, state.model_dump(mode="json")
            calibrations.append(
                Calibration(station, forecast.model, forecast.version, forecast.observed_until, content)
            )
    add_forecasts(connection, [draft.forecast for draft in new.values()])
    put_calibrations(connection, calibrations)
    alerts = raise_alerts(connection, [*new.values()])
    known = stored | {station: draft.forecast for station, draft in new.items()}
    return Stored([known.get(each.forecast.station, each.forecast) for each in drafts], len(new), scores, alerts)


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
        """Return whether an earlier forecast is of the same model and form."""
        ours = self.draft.forecast
        return (
            (forecast.model, forecast.version) == (ours.model, ours.version)
            and len(forecast.content["timestamps"]) == self.draft.leads
            and levels_of(forecast.content["intervals"]) == levels_of(ours.content["intervals"])
        )

    def verified(
        self, earlier: Sequence[IssuedForecast], readings: Sequence[Observation]
    ) -> Iterator[tuple[float, dict[int, IssuedForecast]]]:
        """Yield the value of each of ``readings`` with the forecasts that it verifies, at most one at each lead.

        All were made without it, since their last observation is an earlier one. Of several readings in one step, the
        last counts, as for a forecast; those in the step that was learned from last do not.

        Args:
            earlier: forecasts that it can learn from, one from each last observation.
            readings: the first reading of each time after :attr:`until`, in chronological order.
        """
        step, leads = self.draft.step, self.draft.leads
        start = np.datetime64(seconds_of(self.draft.forecast.content["timestamps"][0]), "s")
        by_position = {
            _position(seconds_of(forecast.content["timestamps"][0]), start, step): forecast for forecast in earlier
        }
        learned = _position(self.until, start, step)
        by_step = {_position(reading.time, start, step): reading for reading in readings}
        for position, reading in by_step.items():
            if position is None or position == learned:
                continue
            origins = {lead: position - lead + 1 for lead in range(1, leads + 1)}
            forecasts = {lead: by_position[origin] for lead, origin in origins.items() if origin in by_position}
            if forecasts:
                yield reading.value, forecasts


def _learners(connection: Connection, drafts: Sequence[Draft]) -> Iterator[Learner]:
    """Yield what drafts are recalibrated by.

    A draft is left out if another process has learned from later readings already, which it must not know of.
    """
    universal = [draft for draft in drafts if draft.is_universal]
    known = get_calibrations(connection, [draft.forecast.station for draft in universal])
    for draft in universal:
        before = known.get((draft.forecast.station, draft.forecast.model))
        if before is None or before.until <= draft.forecast.observed_until:
            yield Learner.of(draft, before)


def _counting(connection: Connection, drafts: Sequence[Draft]) -> Iterator[Learner]:
    """Yield what counts how good the network of a place was, whose intervals are not recalibrated."""
    of_place = {draft.forecast.station: draft for draft in drafts if not draft.is_universal}
    newest = newest_forecasts(connection, [*of_place]) if of_place else {}
    for station, before in newest.items():
        draft = of_place[station]
        if before.observed_until < draft.forecast.observed_until:
            yield Learner(draft, OnlineCalibration.start(draft.leads), before.observed_until)


def _earlier_forecasts(connection: Connection, learners: Sequence[Learner]) -> dict[int, list[IssuedForecast]]:
    """Return the forecasts that readings since the last learning may verify, by station."""
    learning = {learner.draft.forecast.station: learner for learner in learners}
    # One step more than the leads, since a time may be slightly off the grid.
    periods = {
        station: (
            shifted(learner.until, -learner.draft.leads - 1, learner.draft.step),
            learner.draft.forecast.observed_until - 1,
        )
        for station, learner in learning.items()
        if learner.until < learner.draft.forecast.observed_until
    }
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
            end = shifted(last, 1, learner.draft.step)
            periods[forecast.station] = learner.until + 1, min(end, forecast.observed_until)
    return first_readings(connection, periods)


def _scored(draft: Draft, value: float, forecasts: Mapping[int, IssuedForecast]) -> Iterator[VerifiedForecast]:
    """Yield what a reading says of the forecasts at the leads that are counted."""
    network: ModelKind = "universal" if draft.is_universal else "place"
    for lead in COUNTED_LEADS:
        if lead not in forecasts:
            continue
        forecast, i = forecasts[lead], lead - 1
        content, baselines = forecast.content, forecast.content["baselines"]
        persistence = baselines.get(PERSISTENCE)
        yield VerifiedForecast(
            lead=lead,
            kind="reference" if forecast.model in baselines else network,
            error=abs(content["sst"][i] - value),
            persistence=None if persistence is None else abs(persistence[i] - value),
            inside={
                interval["level"]: interval["lower"][i] <= value <= interval["upper"][i]
                for interval in content["intervals"]
                if interval["level"] in COUNTED_LEVELS
            },
            events=[
                (event["by_lead"][i], SIGNS[event["side"]] * (value - event["threshold"][i]) > 0)
                for event in content.get("events", ())
                if "side" in event and len(event.get("by_lead", ())) >= lead
            ],
        )


def _after(
    state: OnlineCalibration, value: float, forecasts: Mapping[int, IssuedForecast], levels: tuple[float, ...]
) -> OnlineCalibration:
    """Return the state after a reading, °C, and the forecasts that it verifies, by lead."""
    probabilities, leads = probabilities_of(levels), len(state.verified)
    plain, issued = (np.full((leads, len(probabilities)), np.nan) for _ in range(2))
    observed = np.full(leads, np.nan)
    for lead, forecast in forecasts.items():
        intervals = forecast.content["intervals"]
        issued[lead - 1] = quantiles_of(intervals)[lead - 1]
        plain[lead - 1] = quantiles_of(intervals if forecast.plain is None else forecast.plain)[lead - 1]
        observed[lead - 1] = value
    return state.after(plain, issued, probabilities, observed)


def _recalibrated(forecast: IssuedForecast, state: OnlineCalibration) -> IssuedForecast:
    """Return the forecast to issue; its plain intervals stay in ``plain`` if anything was learned yet."""
    if not any(state.verified):
        return forecast
    plain = forecast.content["intervals"]
    probabilities = probabilities_of(levels_of(plain))
    columns = rounded(state.recalibrate(quantiles_of(plain), probabilities)).T.tolist()
    by_probability = dict(zip(probabilities, columns, strict=True))
    intervals = []
    for interval in plain:
        lower, upper = probabilities_of((interval["level"],))
        intervals.append({**interval, "lower": by_probability[lower], "upper": by_probability[upper]})
    return replace(forecast, content={**forecast.content, "intervals": intervals}, plain=plain)


def _position(time: int, start: np.datetime64, step: TimeStep) -> int | None:
    """Return how many steps a time is after ``start``; None if it is between two steps."""
    positions, near = positions_of(np.array([time]).view(SECONDS), step, start)
    return int(positions[0]) if near[0] else None
