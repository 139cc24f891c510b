"""Store forecasts with intervals that have learned from the earlier forecasts that readings verify."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.forecasts.json import rounded
from forecasting.models.universal.online_calibration import OnlineCalibration
from forecasting.scores.events import PERSISTENCE, SIGNS
from forecasting.scores.verification import positions_of
from forecasting.series.times import SECONDS, seconds_of
from forecasting.series.timestep import TimeStep
from service.plugins.stations.durations import shifted
from service.plugins.stations.metrics import COUNTED_LEADS, COUNTED_LEVELS, ModelKind, VerifiedForecast
from service.plugins.stations.store.forecasts import (
    Calibration,
    IssuedForecast,
    add_forecasts,
    counting_forecasts,
    forecasts_of_batches,
    get_calibrations,
    iterate_forecasts,
    levels_of,
    newest_forecasts,
    probabilities_of,
    put_calibrations,
    quantiles_of,
)
from service.plugins.stations.store.observations import first_readings
from service.plugins.stations.store.stations import lock_stations


class Draft(NamedTuple):
    """A forecast before it is stored."""

    forecast: IssuedForecast
    step: TimeStep
    is_universal: bool

    @property
    def leads(self) -> int:
        """The number of leads."""
        return len(self.forecast.content["timestamps"])


class Stored(NamedTuple):
    """What was stored."""

    forecasts: list[IssuedForecast]
    new: int
    verified: list[VerifiedForecast]


def store_forecasts(connection: Connection, drafts: Sequence[Draft]) -> Stored:
    """Store forecasts, at most one of each station, with recalibrated intervals and what they were recalibrated by.

    A forecast for a batch of readings that has one already is left out, as is that of a deleted station. The rest
    happens in the transaction: a reading teaches once, whatever stops the service and however many services there are.
    """
    present = {*lock_stations(connection, [draft.forecast.station for draft in drafts])}
    stored = forecasts_of_batches(connection, [(draft.forecast.station, draft.forecast.batch) for draft in drafts])
    new = {draft.forecast.station: draft for draft in drafts if draft.forecast.station in present - stored.keys()}
    scores, calibrations = list[VerifiedForecast](), list[Calibration]()
    for station, learner, verified in _verified(connection, _learners(connection, new)):
        draft, forecast = new[station], new[station].forecast
        scores += [score for value, earlier in verified for score in _scored(draft, value, earlier)]
        if draft.is_universal:
            issued, state = _learned(forecast, learner.state, verified)
            new[station] = draft._replace(forecast=issued)
            content = state.model_dump(mode="json")
            calibrations.append(
                Calibration(station, forecast.model, forecast.version, forecast.observed_until, content)
            )
    add_forecasts(connection, [draft.forecast for draft in new.values()])
    put_calibrations(connection, calibrations)
    known = stored | {station: draft.forecast for station, draft in new.items()}
    return Stored([known.get(each.forecast.station, each.forecast) for each in drafts], len(new), scores)


class _Learner(NamedTuple):
    """The state that recalibrates the intervals of a draft, and the time of the last reading that it learned from."""

    draft: Draft
    state: OnlineCalibration
    until: int


def _learners(connection: Connection, drafts: Mapping[int, Draft]) -> Iterator[_Learner]:
    """Yield what each draft is recalibrated by, or what counts how good the network of a place was.

    A draft is left out if there is nothing to learn: another process has learned from later readings, which it must not
    know of.
    """
    known = get_calibrations(connection, [station for station, draft in drafts.items() if draft.is_universal])
    of_place = [station for station, draft in drafts.items() if not draft.is_universal]
    newest = {issued.station: issued.observed_until for issued in newest_forecasts(connection, of_place)}
    for station, draft in drafts.items():
        until = draft.forecast.observed_until
        # A new state has nothing to learn yet: no reading so far verifies a forecast that it is about.
        learner = _Learner(draft, OnlineCalibration.start(draft.leads), newest.get(station, until))
        calibration = known.get((station, draft.forecast.model))
        if calibration is not None and calibration.version == draft.forecast.version:
            state = OnlineCalibration.model_validate(calibration.content)
            if len(state.verified) == draft.leads:
                learner = _Learner(draft, state, calibration.until)
        if calibration is None or calibration.until <= until:
            yield learner


def _verified(
    connection: Connection, learners: Iterable[_Learner]
) -> Iterator[tuple[int, _Learner, list[tuple[float, dict[int, IssuedForecast]]]]]:
    """Yield each station, and each reading since its last learning, °C, with the forecasts that it verifies, by lead.

    All were made without it, since their last observation is an earlier one. Of several readings in one step, the last
    counts, as for a forecast; those in the step that was learned from last do not.
    """
    learning = {learner.draft.forecast.station: learner for learner in learners}
    due = {station: each for station, each in learning.items() if each.until < each.draft.forecast.observed_until}
    readings = first_readings(
        connection, {station: (each.until + 1, each.draft.forecast.observed_until) for station, each in due.items()}
    )
    # One step more than the leads, since a time may be slightly off the grid.
    issued = iterate_forecasts(
        connection,
        {
            station: (shifted(until, -draft.leads - 1, draft.step), draft.forecast.observed_until - 1)
            for station, (draft, _, until) in due.items()
        },
    )
    # Only the forecasts of one station are kept in memory.
    for station, own in groupby(issued, attrgetter("station")):
        learner = learning.pop(station)
        forecast = learner.draft.forecast
        alike = [*counting_forecasts(each for each in own if _is_alike(each, forecast))]
        yield station, learner, [*_pairs(learner, alike, readings[station])]
    for station, learner in learning.items():
        yield station, learner, []


def _pairs(
    learner: _Learner, earlier: Sequence[IssuedForecast], readings: Mapping[int, float]
) -> Iterator[tuple[float, dict[int, IssuedForecast]]]:
    """Yield the readings, °C by time, with the earlier forecasts that each verifies, at most one at each lead."""
    starts = [seconds_of(each.content["timestamps"][0]) for each in (learner.draft.forecast, *earlier)]
    times = np.array([*starts, learner.until, *readings], dtype=np.int64).view(SECONDS)
    places, near = positions_of(times, learner.draft.step, times[0])
    positions = [place if is_near else None for place, is_near in zip(places.tolist(), near.tolist(), strict=True)]
    _, *origins = positions[: len(starts)]
    learned, *observed = positions[len(starts) :]
    by_origin = dict(zip(origins, earlier, strict=True))
    for position, value in dict(zip(observed, readings.values(), strict=True)).items():
        if position is None or position == learned:
            continue
        leads = {lead: by_origin.get(position - lead + 1) for lead in range(1, learner.draft.leads + 1)}
        if forecasts := {lead: forecast for lead, forecast in leads.items() if forecast is not None}:
            yield value, forecasts


def _is_alike(earlier: IssuedForecast, forecast: IssuedForecast) -> bool:
    """Return whether two forecasts are of the same model and form."""
    ours, theirs = forecast.content, earlier.content
    return (
        (forecast.model, forecast.version) == (earlier.model, earlier.version)
        and len(ours["timestamps"]) == len(theirs["timestamps"])
        and levels_of(ours["intervals"]) == levels_of(theirs["intervals"])
    )


def _learned(
    forecast: IssuedForecast,
    state: OnlineCalibration,
    verified: Sequence[tuple[float, Mapping[int, IssuedForecast]]],
) -> tuple[IssuedForecast, OnlineCalibration]:
    """Return the forecast to issue, recalibrated if anything was learned yet, and the state after the readings."""
    plain = forecast.content["intervals"]
    probabilities = probabilities_of(levels_of(plain))
    for value, forecasts in verified:
        state = _after(state, value, forecasts, probabilities)
    if not any(state.verified):
        return forecast, state
    columns = rounded(state.recalibrate(quantiles_of(plain), probabilities)).T.tolist()
    by_probability = dict(zip(probabilities, columns, strict=True))
    intervals = []
    for interval in plain:
        lower, upper = probabilities_of((interval["level"],))
        intervals.append({**interval, "lower": by_probability[lower], "upper": by_probability[upper]})
    return forecast._replace(content={**forecast.content, "intervals": intervals}, plain=plain), state


def _after(
    state: OnlineCalibration, value: float, forecasts: Mapping[int, IssuedForecast], probabilities: tuple[float, ...]
) -> OnlineCalibration:
    """Return the state after a reading, °C, and the forecasts that it verifies, by lead."""
    leads = len(state.verified)
    plain, issued = (np.full((leads, len(probabilities)), np.nan) for _ in range(2))
    observed = np.full(leads, np.nan)
    for lead, forecast in forecasts.items():
        intervals = forecast.content["intervals"]
        issued[lead - 1] = quantiles_of(intervals)[lead - 1]
        plain[lead - 1] = quantiles_of(intervals if forecast.plain is None else forecast.plain)[lead - 1]
        observed[lead - 1] = value
    return state.after(plain, issued, probabilities, observed)


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
