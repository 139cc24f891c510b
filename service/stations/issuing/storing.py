"""Stores the forecasts of stations once their intervals have learned from those that the readings verify."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from sqlalchemy import Connection

from forecasting.series.times import SECONDS, Times, seconds_of
from forecasting.universal.online_calibration import OnlineCalibration
from service.stations.alerts.alerting import Judged, raise_alerts
from service.stations.issuing.recalibration import Draft, Learner, recalibrated
from service.stations.record.counted import counted
from service.store.calibrations import Calibration, get_calibrations, put_calibrations
from service.store.issued_forecasts import (
    IssuedForecast,
    add_forecasts,
    forecasts_between,
    forecasts_of_batches,
    newest_forecasts,
)
from service.store.observations import Observation, first_readings
from service.store.stations import lock_stations
from service.telemetry.verification_metrics import Verified


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
        station: [*counted(filter(learning[station].can_learn_from, forecasts))]
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
