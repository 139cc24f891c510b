"""Forecasts of a station, stored one after another, whose intervals learn from the readings."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from forecasting.models.universal.online_calibration import OnlineCalibration
from forecasting.series.times import Floats, iso_of
from forecasting.series.timestep import TimeStep
from service.plugins.stations.recalibration import Draft, store_forecasts
from service.plugins.stations.store.database import AFTER_ALL, BEFORE_ALL, Database
from service.plugins.stations.store.forecasts import (
    IssuedForecast,
    counting_forecasts,
    forecasts_after,
    get_calibrations,
    iterate_forecasts,
    newest_forecasts,
)
from service.plugins.stations.store.stations import StationSettings, get_station, put_station
from tests.service.plugins.stations.conftest import observe

DAY = 86_400
LEADS = 3
LEVELS = (50, 80, 95)
PROBABILITIES = (0.025, 0.1, 0.25, 0.75, 0.9, 0.975)
OFFSETS = np.array([-0.6, -0.4, -0.2, 0.2, 0.4, 0.6])
"""°C from the forecast, of quantiles that are too narrow for the values below."""

VALUES: list[float] = np.round(15 + np.random.default_rng(7).normal(0, 1, 30), 2).tolist()
"""°C, one a day."""


@pytest.fixture
def station(database: Database) -> int:
    with database.writing() as connection:
        put_station(connection, "pier", StationSettings("day"), 0)
        return get_station(connection, "pier").number


def receive(database: Database, station: int, readings: Mapping[float, float]) -> None:
    """Store the values of days, by number of the day, or of a part of one."""
    with database.writing() as connection:
        observe(connection, station, {round(day * DAY): value for day, value in readings.items()})


def issue(database: Database, station: int, day: int, **changes: Any) -> IssuedForecast:
    """Issue persistence from the value of a day, whose number is also that of the batch."""
    draft = draft_of(station, day, VALUES[day])
    with database.writing() as connection:
        (stored,) = store_forecasts(connection, [draft._replace(forecast=draft.forecast._replace(**changes))]).forecasts
    return stored


def draft_of(station: int, day: int, value: float, leads: int = LEADS) -> Draft:
    quantiles = value + np.arange(1, leads + 1)[:, None] ** 0.5 * OFFSETS
    content = {
        "timestamps": [iso_of((day + lead) * DAY) for lead in range(1, leads + 1)],
        "sst": [value] * leads,
        "intervals": [
            {"level": level, "lower": lower, "upper": upper, "calibrated": True}
            for level, lower, upper in zip(LEVELS, quantiles.T[2::-1].tolist(), quantiles.T[3:].tolist(), strict=True)
        ],
        "baselines": {"persistence": [value] * leads},
        "warnings": [],
    }
    forecast = IssuedForecast(station, day, day * DAY, day * DAY, False, "ocean-daily-gru", "1", content)
    return Draft(forecast, TimeStep.parse("day"), is_universal=True)


def quantiles(intervals: Sequence[Mapping[str, Any]]) -> Floats:
    by_level = {interval["level"]: interval for interval in intervals}
    columns = [by_level[level]["lower"] for level in (95, 80, 50)] + [by_level[level]["upper"] for level in LEVELS]
    return np.array(columns).T


def state(database: Database, station: int, model: str = "ocean-daily-gru") -> OnlineCalibration:
    with database.reading() as connection:
        calibration = get_calibrations(connection, [station])[station, model]
    return OnlineCalibration.model_validate(calibration.content)


def archive(database: Database, station: int) -> list[IssuedForecast]:
    with database.reading() as connection:
        return [*iterate_forecasts(connection, {station: (BEFORE_ALL, AFTER_ALL)})]


def feed(database: Database, station: int, days: Sequence[int]) -> None:
    for day in days:
        receive(database, station, {day: VALUES[day]})
        issue(database, station, day)


def test_each_forecast_has_the_intervals_that_the_earlier_ones_teach(database: Database, station: int) -> None:
    feed(database, station, range(len(VALUES)))
    issued: list[Floats] = []
    calibration = OnlineCalibration.start(LEADS)
    for day, forecast in enumerate(archive(database, station)):
        if day:
            origins = [day - lead for lead in range(1, LEADS + 1)]
            rows = [(origin, lead) for lead, origin in enumerate(origins) if origin >= 0]
            plain, past, observed = np.full((LEADS, 6), np.nan), np.full((LEADS, 6), np.nan), np.full(LEADS, np.nan)
            for origin, lead in rows:
                plain[lead] = quantiles(draft_of(station, origin, VALUES[origin]).forecast.content["intervals"])[lead]
                past[lead], observed[lead] = issued[origin][lead], VALUES[day]
            calibration = calibration.after(plain, past, PROBABILITIES, observed)
        expected = calibration.recalibrate(
            quantiles(draft_of(station, day, VALUES[day]).forecast.content["intervals"]), PROBABILITIES
        )
        issued.append(quantiles(forecast.content["intervals"]))
        assert issued[-1] == pytest.approx(expected, abs=1e-6)
        assert forecast.plain == (draft_of(station, day, VALUES[day]).forecast.content["intervals"] if day else None)
    assert state(database, station).verified == (29, 28, 27)
    # Twice as many misses as expected make intervals wider.
    assert issued[-1][0, -1] - issued[-1][0, 0] > 1.2


def test_a_forecast_that_is_stored_already_teaches_nothing_and_stays_as_it_is(database: Database, station: int) -> None:
    feed(database, station, range(5))
    before, learned = archive(database, station), state(database, station)
    assert issue(database, station, 4, content={}) == before[-1]
    assert archive(database, station) == before
    assert state(database, station) == learned


def test_several_days_at_once_teach_as_much_as_one_by_one(database: Database, station: int) -> None:
    feed(database, station, range(4))
    receive(database, station, {day: VALUES[day] for day in range(4, 7)})
    issue(database, station, 6)
    # Days 4, 5 and 6 are 1, 2 and 3 days after day 3, the last that was forecast from.
    assert state(database, station).verified == (3 + 1, 2 + 2, 1 + 3)


def test_stations_that_are_stored_together_learn_what_each_learns_alone(database: Database, station: int) -> None:
    histories = {station: [0, 1, 2, 3, 4]}
    for name, history in (("calm", [0, 1, 2, 3, 4]), ("gap", [1, 3]), ("new", [])):
        with database.writing() as connection:
            put_station(connection, name, StationSettings("day"), 0)
            histories[get_station(connection, name).number] = history
    for number, history in histories.items():
        feed(database, number, [*history, *([5] if number == station else [])])
    together = [*histories][1:]
    for number in together:
        receive(database, number, {5: VALUES[5]})
    with database.writing() as connection:
        result = store_forecasts(connection, [draft_of(number, 5, VALUES[5]) for number in together])
    assert (result.new, [forecast.station for forecast in result.forecasts]) == (3, together)
    assert [state(database, number).verified for number in together] == [(5, 4, 3), (0, 2, 0), (0, 0, 0)]
    calm, alone = archive(database, together[0]), archive(database, station)
    assert [forecast._replace(station=station) for forecast in calm] == alone
    assert state(database, together[0]) == state(database, station)


def test_a_correction_and_a_late_reading_teach_nothing(database: Database, station: int) -> None:
    feed(database, station, [0, 1, 3])
    learned = state(database, station)
    assert learned.verified == (1, 1, 1)
    receive(database, station, {2: VALUES[2], 3: 30.0})
    revised = issue(database, station, 3, batch=4)
    assert revised.plain is not None
    assert state(database, station) == learned
    # The next day verifies the forecast that was issued last from day 3, with the first reading of the day.
    receive(database, station, {4: VALUES[4]})
    receive(database, station, {4: -1.0})
    issue(database, station, 4, batch=5)
    assert revised.observed_until == 3 * DAY
    with database.writing() as connection:
        put_station(connection, "calm", StationSettings("day"), 0)
        calm = get_station(connection, "calm").number
    feed(database, calm, [0, 1, 3, 4])
    assert state(database, station) == state(database, calm)


@pytest.mark.parametrize("changes", [{"version": "2"}, {"content": draft_of(0, 9, 15.0, leads=2).forecast.content}])
def test_another_version_or_number_of_leads_starts_anew(
    database: Database, station: int, changes: dict[str, Any]
) -> None:
    feed(database, station, range(9))
    receive(database, station, {9: VALUES[9]})
    forecast = issue(database, station, 9, **changes)
    assert forecast.plain is None
    assert not any(state(database, station).verified)


def test_each_model_of_a_station_learns_from_its_own_forecasts(database: Database, station: int) -> None:
    feed(database, station, range(5))
    receive(database, station, {5: VALUES[5], 6: VALUES[6]})
    assert issue(database, station, 5, model="damped").plain is None
    assert state(database, station).verified == (4, 3, 2)
    issue(database, station, 6)
    assert state(database, station).verified == (5, 5, 4)
    assert state(database, station, "damped").verified == (0, 0, 0)


def test_a_forecast_that_later_readings_have_overtaken_keeps_its_plain_intervals(
    database: Database, station: int
) -> None:
    feed(database, station, [0, 1, 2, 3, 5])
    learned = state(database, station)
    overtaken = issue(database, station, 4)
    assert overtaken.plain is None
    assert state(database, station) == learned


def test_the_newest_forecast_is_that_of_the_last_batch_also_if_it_was_stored_first(
    database: Database, station: int
) -> None:
    for batch in (2, 3, 1):
        issue(database, station, 2, batch=batch)
    with database.reading() as connection:
        assert [forecast.batch for forecast in newest_forecasts(connection, [station])] == [3]
    forecasts = archive(database, station)
    assert [forecast.batch for forecast in forecasts][-2:] == [2, 3]
    assert [forecast.batch for forecast in counting_forecasts(forecasts)] == [3]


def test_a_page_goes_on_after_the_last_forecast_of_the_one_before(database: Database, station: int) -> None:
    for day, batch in ((2, 9), (3, 4), (3, 5), (4, 1)):
        issue(database, station, day, batch=batch)
    with database.reading() as connection:
        page = forecasts_after(connection, station, 2 * DAY, 4 * DAY, after=(3 * DAY, 4), limit=9)
    assert [(forecast.observed_until // DAY, forecast.batch) for forecast in page] == [(3, 5), (4, 1)]


def test_the_network_of_a_place_keeps_its_intervals_and_is_counted(database: Database, station: int) -> None:
    with database.writing() as connection:
        verified = []
        for day in range(4):
            observe(connection, station, {day * DAY: VALUES[day]})
            result = store_forecasts(connection, [draft_of(station, day, VALUES[day])._replace(is_universal=False)])
            verified += result.verified
        assert result.forecasts[0].plain is None
        assert get_calibrations(connection, [station]) == {}
    assert [(each.lead, each.kind) for each in verified] == [(1, "place"), (1, "place"), (1, "place"), (3, "place")]
    assert verified[-1].error == verified[-1].persistence == pytest.approx(abs(VALUES[3] - VALUES[0]))


def test_of_several_readings_in_one_step_the_last_teaches_once(database: Database, station: int) -> None:
    feed(database, station, range(5))
    learned, hour = state(database, station), 3_600 / DAY
    receive(database, station, {4 + hour: 30.0})
    issue(database, station, 4, batch=5, observed_until=4 * DAY + 3_600)
    assert state(database, station) == learned
    receive(database, station, {5: 30.0, 5 + hour: VALUES[5]})
    issue(database, station, 5, batch=6, observed_until=5 * DAY + 3_600)
    with database.writing() as connection:
        put_station(connection, "calm", StationSettings("day"), 0)
        calm = get_station(connection, "calm").number
    feed(database, calm, range(6))
    assert state(database, station) == state(database, calm)
