"""The grid of a station, and which readings it accepts."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from sqlalchemy import text

from forecasting.errors import SeriesError
from forecasting.qartod import GOOD, NOT_EVALUATED, SUSPECT
from forecasting.series.times import Times
from forecasting.series.timestep import TimeStep
from service.plugins.stations.readings import Readings, check_together, ingest, nearby_steps, used_times
from service.plugins.stations.store.database import Database
from service.plugins.stations.store.observations import Outcome, get_observations
from service.plugins.stations.store.stations import StationSettings, get_station, lock_stations, put_station
from tests.processes import wait_until
from tests.service.plugins.stations.conftest import observe

DAY = TimeStep.parse("day")


def times(*texts: str) -> Times:
    return np.array(texts, dtype="datetime64[s]")


def hours(count: int) -> Times:
    return times("2026-06-01") + np.arange(count) * np.timedelta64(1, "h")


@pytest.mark.parametrize("step", ["day", "week", "PT6H"])
def test_readings_of_a_shorter_step_are_refused_together(step: str) -> None:
    with pytest.raises(SeriesError, match=r"^most of the readings are between two steps"):
        check_together(hours(24 * 21).astype(np.int64).tolist(), TimeStep.parse(step))


@pytest.mark.parametrize(
    "batch",
    [
        times(),
        times("2026-06-01T07:10"),
        times("2026-06-01T07:10", "2026-06-02T07:30", "2026-06-05T06:50"),
        times("2026-06-01", "2026-06-02T12:07"),
        times("2026-06-01", "2026-06-02", "2026-06-03T12:07", "2026-06-04"),
        times("2026-06-01T23:50", "2026-06-03T00:10", "2026-06-03T23:58"),
    ],
)
def test_readings_that_are_mostly_whole_steps_apart_pass_wherever_they_begin(batch: Times) -> None:
    check_together(batch.astype(np.int64).tolist(), DAY)


def test_months_are_whole_steps_whatever_their_day() -> None:
    check_together(times("2026-01-15", "2026-02-01", "2026-03-31").astype(np.int64).tolist(), TimeStep.parse("month"))


def test_a_time_is_between_the_steps_of_the_grid_around_it() -> None:
    start = np.datetime64("2026-06-01T06:00", "s")
    around = ("2026-05-28T06:00:00Z", "2026-05-29T06:00:00Z")
    assert nearby_steps(int(np.datetime64("2026-05-28T18:00", "s").astype(np.int64)), start, DAY) == around


def test_a_forecast_leaves_out_times_between_steps_and_the_earlier_of_two_in_one() -> None:
    series = times("2026-06-01", "2026-06-02", "2026-06-02T12:00", "2026-06-03", "2026-06-03T00:05", "2026-06-04")
    assert used_times(series, DAY).tolist() == [True, True, False, False, True, True]
    with pytest.raises(
        SeriesError, match=r"^the newest reading, of 2026-06-02T12:00:00Z, is not a whole number of steps"
    ):
        used_times(times("2026-05-31", "2026-06-01", "2026-06-02", "2026-06-02T12:00"), DAY)


@pytest.mark.parametrize("first", ["2026-05-31T12:00", "2026-05-31T07:00"])
def test_a_wrong_first_reading_is_left_out_of_forecasts(first: str) -> None:
    days = times("2026-06-01") + np.arange(20) * np.timedelta64(1, "D")
    assert used_times(np.concatenate([times(first), days]), DAY).tolist() == [False] + [True] * 20


DAY_SECONDS = 86_400


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_a_batch_that_begins_a_series_holds_no_station_while_it_waits_for_another(database: Database) -> None:
    with database.writing() as connection:
        for name in ("old", "new"):
            put_station(connection, name, StationSettings("day"), 0)
        old, new = (get_station(connection, name).number for name in ("old", "new"))
        observe(connection, old, {0: 15.0})

    def send() -> dict[str, Outcome]:
        with database.writing() as connection:
            return ingest(connection, {name: Readings({DAY_SECONDS: 15.0}) for name in ("old", "new")}, 0)

    with ThreadPoolExecutor(1) as sender, database.writing() as connection:
        lock_stations(connection, [old])
        sent = sender.submit(send)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: connection.scalar(waiting) == 1, "the batch does not wait")
        assert lock_stations(connection, [new]) == [new], "otherwise both would wait for each other"
    assert sent.result() == {"old": Outcome(new=1), "new": Outcome(new=1)}


def test_stations_of_one_batch_are_stored_and_tested_as_each_is_alone(database: Database) -> None:
    days = {day * DAY_SECONDS: 15 + day % 7 / 10 for day in range(120)}
    batches: list[dict[str, dict[int, float]]] = [
        {"history": days, "stuck": {**days, **dict.fromkeys([*days][60:], 15.0)}},
        # A revision and a spike in the past, one more day, a day later than that, and a first one.
        {
            "history": {5 * DAY_SECONDS: 15.7, 60 * DAY_SECONDS: 25.0, 120 * DAY_SECONDS: 15.1},
            "stuck": {121 * DAY_SECONDS: 15.0},
            "new": {0: 15.0},
        },
        {"history": {121 * DAY_SECONDS: 24.0}, "stuck": {122 * DAY_SECONDS + 43_200: 15.0}, "new": {43_200: 15.0}},
    ]

    def stored(prefix: str, parts: Callable[[dict[str, dict[int, float]]], list[list[str]]]) -> dict[str, Any]:
        results: dict[str, Any] = {}
        with database.writing() as connection:
            for name in ("history", "stuck", "new"):
                put_station(connection, prefix + name, StationSettings("day"), 0)
            for batch in batches:
                for names in parts(batch):
                    sent = {
                        prefix + name: Readings({**batch[name]}, indexes=dict.fromkeys(batch[name], 0))
                        for name in names
                    }
                    outcomes = ingest(connection, sent, 0)
                    for name in names:
                        read = sent[prefix + name]
                        results.setdefault(name, []).append((outcomes[prefix + name], read.doubted, read.refused))
            for name in results:
                station = get_station(connection, prefix + name)
                rows = get_observations(connection, station.number, limit=1_000, revisions=True)
                results[name] += [rows, station.batches]
        return results

    together, alone = stored("a", lambda batch: [[*batch]]), stored("b", lambda batch: [[name] for name in batch])
    assert together == alone
    assert [outcome for outcome, _, _ in together["history"][:3]] == [Outcome(120), Outcome(1, 2), Outcome(1)]
    assert {row.flag for row in together["stuck"][3]} == {GOOD, NOT_EVALUATED, SUSPECT}
    assert ["is between two steps" in place.message for place in together["stuck"][2][2]] == [True]


@pytest.mark.parametrize("store_url", ["postgresql"], indirect=True)
def test_two_batches_at_different_times_do_not_both_settle_a_station(database: Database) -> None:
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 0)
        ingest(connection, {"pier": Readings({0: 15.0})}, 0)

    def send() -> Readings:
        times = [day * DAY_SECONDS + DAY_SECONDS // 2 for day in range(20)]
        noons = Readings(dict.fromkeys(times, 15.0), indexes={time: i for i, time in enumerate(times)})
        with database.writing() as connection:
            ingest(connection, {"pier": noons}, 0)
        return noons

    with ThreadPoolExecutor(1) as sender, database.writing() as connection:
        ingest(connection, {"pier": Readings({day * DAY_SECONDS: 15.0 for day in range(20)})}, 0)
        sent = sender.submit(send)
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        wait_until(lambda: connection.scalar(waiting) == 1, "the batch does not wait")
    assert not sent.result().accepted
