"""Store forecasts with intervals that have learned from the earlier forecasts that readings verify."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.forecasts.json import rounded
from forecasting.models.universal.online_calibration import OnlineCalibration
from forecasting.scores.events import PERSISTENCE, SIGNS
from forecasting.scores.verification import positions_of
from forecasting.series.times import SECONDS, seconds_of
from forecasting.series.timestep import TimeStep
from service.stations.alerts import Draft, raise_alerts
from service.stations.readings import shifted
from service.stations.store.forecasts import (
    Calibration,
    IssuedForecast,
    add_forecast,
    counting_forecasts,
    forecast_of_batch,
    get_calibration,
    iterate_forecasts,
    last_forecast,
    levels_of,
    probabilities_of,
    put_calibration,
    quantiles_of,
)
from service.stations.store.observations import first_readings
from service.stations.store.stations import lock_stations
from service.telemetry.station_metrics import COUNTED_LEADS, COUNTED_LEVELS, ModelKind, VerifiedForecast


class Stored(NamedTuple):
    """What was stored.

    Attributes:
        forecasts: The forecasts as they are stored, in the order of the drafts; those of deleted stations as they are.
        new: How many of them were not stored before.
        verified: The earlier forecasts that the readings verify, at the leads that are counted.
        alerts: How many alerts they raised.
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
    forecasts, scores, new, alerts = list[IssuedForecast](), list[VerifiedForecast](), 0, 0
    for draft in drafts:
        forecast = draft.forecast
        known = forecast_of_batch(connection, forecast.station, forecast.batch)
        if known is None and forecast.station in present:
            learner = _learner(connection, draft)
            verified = [] if learner is None else [*_verified(connection, learner)]
            scores += [score for value, earlier in verified for score in _scored(draft, value, earlier)]
            if learner is not None and draft.is_universal:
                forecast = _learned(connection, learner, verified)
            add_forecast(connection, forecast)
            new, alerts = new + 1, alerts + raise_alerts(connection, draft._replace(forecast=forecast))
        forecasts.append(known or forecast)
    return Stored(forecasts, new, scores, alerts)


class _Learner(NamedTuple):
    """The state that recalibrates the intervals of a draft, and the time of the last reading that it learned from."""

    draft: Draft
    state: OnlineCalibration
    until: int


def _learner(connection: Connection, draft: Draft) -> _Learner | None:
    """Return what a draft is recalibrated by, or what counts how good the network of a place was.

    None if there is nothing to learn: another process has learned from later readings, which it must not know of.
    """
    forecast, state = draft.forecast, OnlineCalibration.start(draft.leads)
    if not draft.is_universal:
        before = last_forecast(connection, forecast.station)
        is_later = before is not None and before.observed_until < forecast.observed_until
        return _Learner(draft, state, before.observed_until) if before is not None and is_later else None
    known = get_calibration(connection, forecast.station, forecast.model)
    if known is not None and known.until > forecast.observed_until:
        return None
    if known is not None and known.version == forecast.version:
        before_it = OnlineCalibration.model_validate(known.content)
        if len(before_it.verified) == draft.leads:
            return _Learner(draft, before_it, known.until)
    # It starts anew, and has nothing to learn yet: no reading so far verifies a forecast that it is about.
    return _Learner(draft, state, forecast.observed_until)


def _verified(connection: Connection, learner: _Learner) -> Iterator[tuple[float, dict[int, IssuedForecast]]]:
    """Yield each reading since the last learning, °C, with the forecasts that it verifies, at most one at each lead.

    All were made without it, since their last observation is an earlier one. Of several readings in one step, the last
    counts, as for a forecast; those in the step that was learned from last do not.
    """
    (draft, _, until), forecast = learner, learner.draft.forecast
    step, leads = draft.step, draft.leads
    if until >= forecast.observed_until:
        return
    # One step more than the leads, since a time may be slightly off the grid.
    begin = shifted(until, -leads - 1, step)
    issued = iterate_forecasts(connection, forecast.station, begin, forecast.observed_until - 1)
    earlier = [*counting_forecasts(each for each in issued if _is_alike(each, forecast))]
    if not earlier:
        return
    last = max(seconds_of(each.content["timestamps"][-1]) for each in earlier)
    end = min(shifted(last, 1, step), forecast.observed_until)
    start = np.datetime64(seconds_of(forecast.content["timestamps"][0]), "s")
    by_position = {_position(seconds_of(each.content["timestamps"][0]), start, step): each for each in earlier}
    readings = first_readings(connection, forecast.station, until + 1, end)
    by_step = {_position(reading.time, start, step): reading for reading in readings}
    learned = _position(until, start, step)
    for position, reading in by_step.items():
        if position is None or position == learned:
            continue
        origins = {lead: position - lead + 1 for lead in range(1, leads + 1)}
        if forecasts := {lead: by_position[origin] for lead, origin in origins.items() if origin in by_position}:
            yield reading.value, forecasts


def _is_alike(earlier: IssuedForecast, forecast: IssuedForecast) -> bool:
    """Return whether two forecasts are of the same model and form."""
    ours, theirs = forecast.content, earlier.content
    return (
        (forecast.model, forecast.version) == (earlier.model, earlier.version)
        and len(ours["timestamps"]) == len(theirs["timestamps"])
        and levels_of(ours["intervals"]) == levels_of(theirs["intervals"])
    )


def _learned(
    connection: Connection, learner: _Learner, verified: Sequence[tuple[float, Mapping[int, IssuedForecast]]]
) -> IssuedForecast:
    """Store what readings teach, and return the forecast to issue: recalibrated, if anything was learned yet."""
    forecast, state = learner.draft.forecast, learner.state
    plain = forecast.content["intervals"]
    probabilities = probabilities_of(levels_of(plain))
    for value, forecasts in verified:
        state = _after(state, value, forecasts, probabilities)
    content = state.model_dump(mode="json")
    put_calibration(
        connection,
        Calibration(forecast.station, forecast.model, forecast.version, forecast.observed_until, content),
    )
    if not any(state.verified):
        return forecast
    columns = rounded(state.recalibrate(quantiles_of(plain), probabilities)).T.tolist()
    by_probability = dict(zip(probabilities, columns, strict=True))
    intervals = []
    for interval in plain:
        lower, upper = probabilities_of((interval["level"],))
        intervals.append({**interval, "lower": by_probability[lower], "upper": by_probability[upper]})
    return forecast._replace(content={**forecast.content, "intervals": intervals}, plain=plain)


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


def _position(time: int, start: np.datetime64, step: TimeStep) -> int | None:
    """Return how many steps a time is after ``start``; None if it is between two steps."""
    positions, near = positions_of(np.array([time]).view(SECONDS), step, start)
    return int(positions[0]) if near[0] else None
