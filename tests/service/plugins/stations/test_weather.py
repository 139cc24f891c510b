"""The weather of stations: fetched on a schedule, given to forecasts, kept with them and compared."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import httpx
import numpy as np
import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, make_url

from forecasting.series.times import iso
from forecasting.series.timestep import TimeStep
from forecasting.weather_sources import ATTRIBUTION, OpenMeteo
from service.plugins.stations.outbound import Outbound
from service.plugins.stations.sources import SourceReader
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.forecasts import IssuedForecast, add_forecasts
from service.plugins.stations.store.stations import (
    WEATHER_KIND,
    Fetch,
    StationSettings,
    get_fetches,
    get_station,
    put_station,
)
from service.plugins.stations.store.tables import WEATHER
from service.plugins.stations.store.weather import forecasts_of_weather, get_weather
from service.plugins.stations.verification import Selection, verify
from service.plugins.stations.weather_fetching import WeatherFetcher
from service.settings import Settings
from tests.processes import wait_until
from tests.servers.erddap import Answer, Erddap, running, serving
from tests.servers.open_meteo import DAILY, HOURLY, JSON, MINUTELY, OpenMeteoServer, air, refusal, wind
from tests.service.plugins.stations.conftest import observe
from tests.service.requests import Json, answered
from tests.serving import serve
from tests.training.data.test_fetch_weather import GFS_INFO, gfs, today

pytestmark = pytest.mark.usefixtures("within_a_day")

DAY = 86_400
TEN = [f"s{i}" for i in range(10)]


@pytest.fixture
def server() -> Iterator[OpenMeteoServer]:
    with running(OpenMeteoServer()) as server:
        yield server
        server.go_on.set()


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        first = (today() - 3) * DAY
        info = GFS_INFO.format(first=float(first), last=float(first + 39 * 10_800))
        server.files = {"/erddap/info/gfs/index.csv": Answer(info)}
        yield server


@pytest.fixture
def store(store_url: str) -> Iterator[StationStore]:
    with closing(StationStore(make_url(store_url))) as store:
        yield store


def put(
    connection: Connection, /, station: str, weather: Json | str | None = "open-meteo", now: int = 1, **settings: Any
) -> None:
    place: dict[str, Any] = {"step": "day", "latitude": 43.6, "longitude": -9.1} | settings
    put_station(connection, station, StationSettings(**place, weather=weather), now)


async def fetch(
    store: StationStore, server: OpenMeteoServer, *, later: float = 0, seconds: float = 600, private: bool = True
) -> None:
    """Fetch what is due some seconds after noon."""
    outbound = Outbound(allow_private=private)
    reader = SourceReader(outbound, store, 10**7, seconds)
    own = Outbound(allow_private=True)
    servers = OpenMeteo(server.url)
    noon = today() * DAY + DAY / 2  # some hours later, it is still the same day
    await WeatherFetcher(store, reader, servers, own, 10**7, seconds, lambda: noon + later).fetch_due()


def fetch_of(connection: Connection, name: str) -> Fetch:
    number = get_station(connection, name).number
    return get_fetches(connection, [number], WEATHER_KIND)[number]


def content_of(connection: Connection, name: str) -> Json:
    number = get_station(connection, name).number
    return get_weather(connection, [number])[number][1]


def grid_of(erddap: Erddap, **fields: str) -> Json:
    return {"erddap": {"server": erddap.url, "dataset": "gfs"} | fields}


def asked(server: OpenMeteoServer) -> list[dict[str, str]]:
    return [{name: values[0] for name, values in parse_qs(query).items()} for query in server.asked]


def test_one_request_serves_many_stations_first_with_all_that_a_backtest_needs_and_then_with_a_week(
    store: StationStore, server: OpenMeteoServer
) -> None:
    async def main() -> None:
        for i, name in enumerate(TEN):
            await store.write(put, name, latitude=40.0 + i)
        await fetch(store, server)
        await fetch(store, server, later=3 * 3_600)

    asyncio.run(main())
    recent, older, previous, week = asked(server)
    assert [len(each["latitude"].split(",")) for each in (recent, older, previous, week)] == [10] * 4
    assert (recent["past_days"], week["past_days"]) == ("92", "7")
    assert older["start_date"] == previous["start_date"] == str(np.datetime64(today() - 180, "D"))
    for i, name in enumerate(TEN):
        content = asyncio.run(store.read(content_of, name))
        days = np.arange(today() - 180, today() + 16)
        assert content["start"] == (today() - 180) * DAY
        assert content["air_temperature"] == air(days, 40.0 + i).round(2).tolist()
        assert content["wind_speed"] == wind(days).tolist()
        assert [len(each["wind_speed"]) for each in content["earlier"]["days"]] == [181] * 7
        assert content["earlier"]["days"][1]["wind_speed"][:180] == (wind(days[:180]) + 1).tolist()
    fetched = asyncio.run(store.read(fetch_of, "s0"))
    assert (fetched.failures, fetched.error, fetched.until) == (0, None, (today() + 15) * DAY)
    assert fetched.content == {"attribution": ATTRIBUTION}


def test_what_is_fetched_later_renews_the_weather_and_drops_what_is_too_old(
    store: StationStore, server: OpenMeteoServer
) -> None:
    async def main() -> None:
        await store.write(put, "pier")
        await fetch(store, server)
        await store.write(age, 10 * DAY)
        await fetch(store, server, later=3 * 3_600)

    def age(connection: Connection, seconds: int) -> None:
        """Make the weather that of some days ago."""
        number = get_station(connection, "pier").number
        _, content = get_weather(connection, [number])[number]
        old = content | {"start": content["start"] - seconds}
        connection.execute(WEATHER.update().values(content=old | {"air_temperature": [1.0] * 196}))

    asyncio.run(main())
    content = asyncio.run(store.read(content_of, "pier"))
    assert content["start"] == (today() - 187) * DAY
    assert content["air_temperature"][-23:] == air(np.arange(today() - 7, today() + 16), 43.6).round(2).tolist()
    assert set(content["air_temperature"][:-23]) == {1.0}
    assert len(content["earlier"]["days"]) == 7


def test_earlier_forecasts_that_could_not_be_had_are_fetched_the_next_time(
    store: StationStore, server: OpenMeteoServer
) -> None:
    async def main() -> list[int]:
        for name in ("a", "b"):
            await store.write(put, name)
        found = []
        for hours in (0, 3, 6):
            await fetch(store, server, later=hours * 3_600)
            earlier = (await store.read(content_of, "b"))["earlier"]
            found.append(0 if earlier is None else len(earlier["days"]))
            server.faults = []
        return found

    answer = OpenMeteoServer().answer
    query = "latitude=43.60,43.60&longitude=-9.10,-9.10&hourly=temperature_2m,wind_speed_10m&wind_speed_unit=ms"
    since, until = (str(np.datetime64(today() - each, "D")) for each in (180, 92))
    server.faults = [
        answer("/v1/forecast", f"{query}&past_days=92&forecast_days=16"),
        answer("/v1/forecast", f"{query}&start_date={since}&end_date={until}"),
        MINUTELY,
    ]
    assert asyncio.run(main()) == [0, 7, 7]
    assert [("_previous_day1" in query) for query in server.asked] == [False, False, True, False, True, False]
    assert asked(server)[4]["start_date"] == since
    assert asyncio.run(store.read(fetch_of, "a")).error is None


def test_a_limit_on_earlier_forecasts_ends_the_turn_of_the_server(store: StationStore, server: OpenMeteoServer) -> None:
    answer = OpenMeteoServer().answer
    query = "latitude=43.60&longitude=-9.10&hourly=temperature_2m,wind_speed_10m&wind_speed_unit=ms"
    server.faults = [answer("/v1/forecast", f"{query}&past_days=60&forecast_days=16"), HOURLY]

    async def main() -> None:
        await store.write(put, "hours", step="hour")
        await store.write(put, "days")
        await fetch(store, server)

    asyncio.run(main())
    assert len(server.asked) == 2
    hours, days = (asyncio.run(store.read(fetch_of, name)) for name in ("hours", "days"))
    assert (hours.failures, hours.error) == (0, None)
    assert asyncio.run(store.read(content_of, "hours"))["earlier"] is None
    assert days.error is not None
    assert days.attempted is not None
    assert "Hourly API request limit exceeded" in days.error
    assert (days.failures, days.next_attempt - days.attempted) == (1, 3_600)


def test_hours_are_kept_for_all_other_steps(store: StationStore, server: OpenMeteoServer) -> None:
    async def main() -> None:
        await store.write(put, "hourly", step="hour")
        await store.write(put, "half-hourly", step="PT30M")
        await fetch(store, server)

    asyncio.run(main())
    recent, previous = asked(server)
    assert (recent["past_days"], previous["start_date"]) == ("60", str(np.datetime64(today() - 60, "D")))
    for name in ("hourly", "half-hourly"):
        content = asyncio.run(store.read(content_of, name))
        assert len(content["wind_speed"]) == 76 * 24
        assert [len(each["wind_speed"]) for each in content["earlier"]["days"]] == [61 * 24] * 3


@pytest.mark.parametrize(
    ("fault", "sentence", "pause"),
    [
        (MINUTELY, "Open-Meteo responded 429: Minutely API request limit exceeded", 60),
        (HOURLY, "Open-Meteo responded 429: Hourly API request limit exceeded", 3_600),
        (DAILY, "Open-Meteo responded 429: Daily API request limit exceeded", DAY),
        (refusal("Too many concurrent requests", 429, **{"Retry-After": "700"}), "Too many concurrent requests", 700),
        (refusal("Too many concurrent requests", 429), "Too many concurrent requests", 60),
        (Answer("", 429, {"Retry-After": "999999"}), "Open-Meteo responded 429: Too Many Requests", DAY),
        (Answer("<html>Bad Gateway</html>", 502), "Open-Meteo responded 502: Bad Gateway", 60),
        (Answer("", 302, {"Location": "/elsewhere"}), "Open-Meteo responded 302: Found", 60),
        (Answer("not JSON", headers=JSON), "sent no JSON as Open-Meteo does", 60),
        (Answer("[{}]", headers=JSON), "sent the weather of 1 positions, not of 2", 60),
        (Answer('{"a": 1}', headers=JSON, promised=9), "the request to 127.0.0.1 failed", 60),
        (refusal("The supplied API key is invalid.", 401), "Open-Meteo responded 401: The supplied API key", 60),
    ],
)
def test_a_server_that_fails_is_left_alone_for_a_while_and_the_others_are_not(
    store: StationStore, server: OpenMeteoServer, erddap: Erddap, fault: Answer, sentence: str, pause: int
) -> None:
    async def main() -> None:
        for name in ("a", "b"):
            await store.write(put, name)
        await store.write(put, "hours", step="hour")
        await store.write(put, "c", grid_of(erddap))
        await fetch(store, server)

    server.faults, erddap.faults = [fault], [Answer(gfs())]
    asyncio.run(main())
    assert len(server.asked) == 1
    for name in ("a", "b", "hours"):
        fetched = asyncio.run(store.read(fetch_of, name))
        assert fetched.error is not None
        assert sentence in fetched.error
        assert fetched.attempted is not None
        assert (fetched.failures, fetched.succeeded, fetched.next_attempt - fetched.attempted) == (1, None, pause)
    assert asyncio.run(store.read(fetch_of, "c")).error is None


def test_each_failure_doubles_the_pause_up_to_three_hours(store: StationStore, server: OpenMeteoServer) -> None:
    async def main() -> list[int]:
        await store.write(put, "pier")
        pauses, later = [], 0
        for _ in range(10):
            server.faults = [Answer("", 500)]
            await fetch(store, server, later=later)
            fetched = await store.read(fetch_of, "pier")
            assert fetched.attempted is not None
            pauses.append(fetched.next_attempt - fetched.attempted)
            later += pauses[-1] + 1
        return pauses

    assert asyncio.run(main()) == [60, 120, 240, 480, 960, 1_920, 3_840, 7_680, 10_800, 10_800]


def test_a_position_that_is_refused_costs_only_its_own_station(store: StationStore, server: OpenMeteoServer) -> None:
    server.refused = (44.0,)

    async def main() -> None:
        for i, name in enumerate(TEN):
            await store.write(put, name, latitude=40.0 + i)
        await fetch(store, server)

    asyncio.run(main())
    fetches = {name: asyncio.run(store.read(fetch_of, name)) for name in TEN}
    assert [name for name, fetched in fetches.items() if fetched.error] == ["s4"]
    assert fetches["s4"].error == "Open-Meteo responded 400: No data is available for this location {44.0}"


def test_a_dataset_that_is_refused_costs_only_its_own_station(store: StationStore, erddap: Erddap) -> None:
    async def main() -> None:
        await store.write(put, "a", grid_of(erddap, dataset="nothing"))
        await store.write(put, "b", grid_of(erddap, air_temperature="t2m"))
        await store.write(put, "c", grid_of(erddap))
        await fetch(store, OpenMeteoServer())

    erddap.faults = [Answer(gfs())]
    asyncio.run(main())
    errors = [asyncio.run(store.read(fetch_of, name)).error for name in "abc"]
    assert errors[0] is not None
    assert "unknown datasetID=nothing" in errors[0]
    assert errors[1:] == ["gfs has no variable 't2m'; its variables: tmp2m, ugrd10m, vgrd10m", None]
    content = asyncio.run(store.read(content_of, "c"))
    assert (content["source"], content["attribution"]) == ("gfs", "Global Forecast System of a test; Free of charge")
    assert content["wind_speed"] == [5.0] * 5


def test_many_stations_of_one_server_leave_the_others_their_turn(
    store: StationStore, server: OpenMeteoServer, erddap: Erddap
) -> None:
    names = [f"grid{i:02}" for i in range(12)]

    async def main() -> list[int]:
        for name in names:
            await store.write(put, name, grid_of(erddap))
        asked = []
        for _ in range(3):
            await fetch(store, server)
            asked.append(len(erddap.asked))
        return asked

    erddap.faults = [Answer(gfs())] * 12
    assert asyncio.run(main()) == [10, 12, 12]
    assert all(asyncio.run(store.read(fetch_of, name)).error is None for name in names)


@pytest.mark.long
def test_a_slow_server_is_given_up_and_holds_up_no_other(
    store: StationStore, server: OpenMeteoServer, erddap: Erddap
) -> None:
    server.slow, erddap.faults = True, [Answer(gfs())]

    async def main() -> None:
        for name in ("a", "b"):
            await store.write(put, name, step="day" if name == "a" else "hour")
        await store.write(put, "c", grid_of(erddap))
        await fetch(store, server, seconds=5)

    asyncio.run(main())
    errors = [asyncio.run(store.read(fetch_of, name)).error for name in "abc"]
    assert errors == ["127.0.0.1 did not send a complete response within 5 seconds"] * 2 + [None]
    assert len(server.asked) <= 1


def test_servers_on_private_networks_are_not_called(store: StationStore, erddap: Erddap) -> None:
    async def main() -> None:
        await store.write(put, "pier", grid_of(erddap))
        await fetch(store, OpenMeteoServer(), private=False)

    asyncio.run(main())
    fetched = asyncio.run(store.read(fetch_of, "pier"))
    assert fetched.error is not None
    assert "127.0.0.1 is on a private network" in fetched.error
    assert erddap.asked == []


@pytest.mark.parametrize("changed", [{"latitude": 10.0}, {"longitude": 10.0}, {"step": "hour"}])
def test_weather_of_a_station_that_has_moved_or_changed_its_step_meanwhile_is_not_stored(
    store: StationStore, server: OpenMeteoServer, changed: dict[str, Any]
) -> None:
    server.slow = True

    async def main() -> None:
        await store.write(put, "pier")
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(store, server))
            while not server.asked:
                await asyncio.sleep(0)
            await store.write(put, "pier", **changed)
            server.go_on.set()

    asyncio.run(main())
    fetched = asyncio.run(store.read(fetch_of, "pier"))
    assert (fetched.attempted, fetched.until) == (None, None)
    assert not asyncio.run(store.read(lambda connection: get_weather(connection, [1])))


def test_a_failure_to_fetch_for_the_place_before_delays_no_fetch_for_the_new_one(
    store: StationStore, server: OpenMeteoServer
) -> None:
    server.slow, server.faults = True, [DAILY]

    async def main() -> None:
        await store.write(put, "pier")
        async with asyncio.TaskGroup() as group:
            group.create_task(fetch(store, server))
            while not server.asked:
                await asyncio.sleep(0)
            await store.write(put, "pier", now=2, latitude=10.0)
            server.go_on.set()

    asyncio.run(main())
    assert asyncio.run(store.read(fetch_of, "pier")) == Fetch(1, WEATHER_KIND, next_attempt=2, since=2)


@pytest.mark.parametrize("changed", [{"latitude": 10.0}, {"step": "hour"}, {"weather": None}])
def test_another_place_step_or_source_begins_anew(
    store: StationStore, server: OpenMeteoServer, changed: dict[str, Any]
) -> None:
    async def main() -> None:
        await store.write(put, "pier")
        await fetch(store, server)
        await store.write(put, "pier", name="The pier")
        assert await store.read(content_of, "pier")
        await store.write(put, "pier", **changed)

    asyncio.run(main())
    assert not asyncio.run(store.read(lambda connection: get_weather(connection, [1])))
    fetches = asyncio.run(store.read(lambda connection: get_fetches(connection, [1], WEATHER_KIND)))
    assert [fetch.attempted for fetch in fetches.values()] == ([] if "weather" in changed else [None])


def forecast(station: int, day: int, **fields: Any) -> IssuedForecast:
    """A forecast of two days, of 10 and 11 °C."""
    times = [iso(np.datetime64((day + lead) * DAY, "s")) for lead in (1, 2)]
    baselines = {"persistence": [9.0, 9.0]}
    content = {"timestamps": times, "sst": [10.0, 11.0], "intervals": [], "warnings": [], "baselines": baselines}
    return IssuedForecast(station, day, day * DAY, day * DAY, False, "m", "1", content)._replace(**fields)


def test_forecasts_without_weather_are_scored_beside_those_with_it(store: StationStore) -> None:
    def fill(connection: Connection) -> None:
        put(connection, "pier")
        observe(connection, 1, {day * DAY: 10.0 for day in range(6)})
        with_weather = {"used": ["wind_speed"], "without": [10.5, 12.0]}
        unused: Json = {"used": [], "without": None}
        weather = [None, unused, with_weather, with_weather]
        add_forecasts(connection, [forecast(1, day, weather=each) for day, each in enumerate(weather)])

    asyncio.run(store.write(fill))
    result = asyncio.run(store.read(verify, "pier", Selection()))
    for lead, errors in zip(result.leads, np.array([[0, 0, 0.5, 0.5], [1, 1, 2, 2]]), strict=True):
        rows = [(row.kind, row.model) for row in lead.models]
        assert rows == [("issued", "best"), ("without_weather", "best"), ("baseline", "persistence")]
        without = lead.models[1]
        assert without.mae == pytest.approx(errors.mean())
        assert without.bias == pytest.approx(errors.mean())
        assert without.rmse == pytest.approx(np.sqrt((errors**2).mean()), abs=1e-6)


def test_without_weather_there_is_no_row_about_it(store: StationStore) -> None:
    def fill(connection: Connection) -> None:
        put(connection, "pier")
        observe(connection, 1, {day * DAY: 10.0 for day in range(6)})
        unused: Json = {"used": [], "without": None}
        add_forecasts(connection, [forecast(1, 1), forecast(1, 2, weather=unused)])

    asyncio.run(store.write(fill))
    result = asyncio.run(store.read(verify, "pier", Selection()))
    assert {row.kind for lead in result.leads for row in lead.models} == {"issued", "baseline"}


def given(number: float) -> Json:
    return {"air_temperature": [number], "wind_speed": [number]}


def test_trust_is_learned_from_what_forecasts_were_given_but_for_replayed_ones(
    store: StationStore,
) -> None:
    def fill(connection: Connection) -> None:
        put(connection, "pier", step="hour")
        forecasts = [forecast(1, day, weather=given(day), replayed=day == 3) for day in range(6)]
        between = forecast(1, 9, weather=given(9))._replace(observed_until=4 * DAY + 2 * 3_600)
        later = forecast(1, 8, weather=given(8))._replace(observed_until=4 * DAY + 3 * 3_600)
        corrected = forecast(1, 10, weather=given(10))._replace(observed_until=4 * DAY)
        add_forecasts(connection, [*forecasts, between, later, corrected, forecast(1, 11)])

    asyncio.run(store.write(fill))
    found = asyncio.run(store.read(forecasts_of_weather, {1: (DAY, TimeStep.parse("hour"))}))
    assert [(time / DAY, content["wind_speed"]) for time, content in found[1]] == [
        (1, [1]), (2, [2]), (4, [10]), (4.125, [8]), (5, [5])
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("step", "seconds", "expected"),
    [
        ("hour", [0, 3_600, 10_750, 10_848, 12_600, 14_400, 21_599], [0, 10_750, 10_848, 21_599]),
        ("hour", [8_999, 9_000, 12_599, 12_600], [9_000, 12_599]),
        ("PT3H", [0, 10_801, 21_500], [0, 10_801, 21_500]),
        ("day", [0, DAY + 48, 2 * DAY - 43_100], [0, DAY + 48, 2 * DAY - 43_100]),
    ],
)
def test_trust_is_learned_from_readings_that_are_not_on_exact_times(
    store: StationStore, step: str, seconds: list[int], expected: list[int]
) -> None:
    def fill(connection: Connection) -> None:
        put(connection, "pier", step=step)
        times = enumerate(seconds)
        add_forecasts(connection, [forecast(1, i, weather=given(i), issued=1, observed_until=t) for i, t in times])

    asyncio.run(store.write(fill))
    found = asyncio.run(store.read(forecasts_of_weather, {1: (0, TimeStep.parse(step))}))
    assert [time for time, _ in found[1]] == expected


@pytest.mark.parametrize(
    ("changed", "days"),
    [
        ({"latitude": 10.0}, [4, 5]),
        ({"longitude": 10.0}, [4, 5]),
        ({"weather": {"erddap": {"server": "https://sea.example", "dataset": "gfs"}}}, [4, 5]),
        ({"name": "The pier"}, [1, 2, 3, 4, 5]),
    ],
)
def test_no_trust_is_learned_from_weather_of_another_place_or_source(
    store: StationStore, server: OpenMeteoServer, changed: dict[str, Any], days: list[int]
) -> None:
    async def main() -> list[int]:
        await store.write(put, "pier")
        await store.write(put, "pier", now=4 * DAY, **changed)
        if "weather" not in changed:
            await fetch(store, server)
        await store.write(add_forecasts, [forecast(1, day, weather=given(day)) for day in range(1, 6)])
        found = await store.read(forecasts_of_weather, {1: (0, TimeStep.parse("day"))})
        return [time // DAY for time, _ in found[1]]

    assert asyncio.run(main()) == days


@pytest.fixture
def service(seas: Path, tmp_path: Path, server: OpenMeteoServer) -> Iterator[httpx.Client]:
    store = SecretStr(f"sqlite:///{tmp_path}/service.db")
    with serve(Settings(artifacts=seas, store=store, open_meteo_url=server.url, request_seconds=600)) as client:
        yield client


PIER = {"step": "day", "latitude": 43.6, "longitude": -9.1, "weather": "open-meteo", "units": "fahrenheit"}


def test_a_pier_gets_the_weather_by_one_word(service: httpx.Client, server: OpenMeteoServer) -> None:
    service.put("/stations/pier", json=PIER).raise_for_status()
    wait_until(lambda: answered(service.get("/stations/pier"))["weather_fetch"]["attempted"], "no weather was fetched")
    station = answered(service.get("/stations/pier"))
    assert station["weather"] == "open-meteo"
    state = station["weather_fetch"]
    assert (state["failures"], state["error"], state["attribution"]) == (0, None, ATTRIBUTION)
    assert state["until"] == f"{np.datetime64(today() + 15, 'D')}T00:00:00Z"
    assert state["next"] > state["attempted"] == state["succeeded"]
    start = str(np.datetime64(today() - 60, "D"))
    readings = {"start": f"{start}T12:00Z", "values": [59.0 + i % 3 for i in range(60)]}
    stored = answered(service.post("/stations/pier/observations", json=readings))
    issued = answered(service.get("/stations/pier/forecast"))
    assert stored["forecast"]["weather"] == issued["weather"]
    days = np.arange(today(), today() + 7)
    weather = issued["weather"]
    assert weather["air_temperature"] == pytest.approx((air(days, 43.6) * 1.8 + 32).tolist(), abs=0.02)
    assert weather["wind_speed"] == wind(days).tolist()
    assert (weather["source"], weather["attribution"]) == ("open-meteo", ATTRIBUTION)
    assert issued["timestamps"][0] == f"{np.datetime64(today(), 'D')}T12:00:00Z"
    (archived,) = answered(service.get("/stations/pier/forecasts"))["forecasts"]
    assert archived["weather"] == weather
    codes = {warning["code"] for warning in issued["warnings"]}
    assert not codes & {"weather_unavailable", "weather_late"}


def test_a_station_whose_weather_cannot_be_had_issues_without_it_and_says_so(
    service: httpx.Client, server: OpenMeteoServer
) -> None:
    server.faults = [DAILY] * 9
    service.put("/stations/pier", json=PIER).raise_for_status()
    wait_until(lambda: answered(service.get("/stations/pier"))["weather_fetch"]["attempted"], "no weather was fetched")
    start = str(np.datetime64(today() - 60, "D"))
    readings = {"start": start, "values": [59.0 + i % 3 for i in range(60)]}
    issued = answered(service.post("/stations/pier/observations", json=readings))["forecast"]
    assert (len(issued["sst"]), issued["weather"], issued["sst_without_weather"]) == (7, None, None)
    (warning,) = (each for each in issued["warnings"] if each["code"] == "weather_unavailable")
    assert warning["message"] == (
        "no weather: Open-Meteo responded 429: Daily API request limit exceeded. Please try again tomorrow; the "
        "forecast is made without it"
    )


@pytest.mark.parametrize(
    ("settings", "location", "sentence"),
    [
        ({"latitude": None, "longitude": None}, "body.weather", "give latitude and longitude"),
        ({"step": "week", "horizon": 1}, "body.weather", "exactly an hour or a day use weather, not week: leave"),
        ({"step": "PT10M", "horizon": 1}, "body.weather", "exactly an hour or a day use weather, not PT10M: leave"),
        ({"step": "PT6H", "horizon": 1}, "body.weather", "exactly an hour or a day use weather, not PT6H: leave"),
        ({"weather": "gfs"}, "body.weather", "must be 'open-meteo', an object with erddap, or null"),
        ({"weather": {}}, "body.weather.erddap", "required"),
        ({"weather": {"erddap": {"server": "https://sea.example"}}}, "body.weather.erddap.dataset", "required"),
        ({"weather": {"erddap": {"server": "ftp://a", "dataset": "d"}}}, "body.weather.erddap.server", "https://"),
        ({"weather": {"erddap": {"server": "http://[::1]", "dataset": "d"}}}, "body.weather.erddap.server", "private"),
        ({"step": "month", "model": "nino12-gru"}, "body.weather", "is the network of a place and uses no weather"),
    ],
)
def test_weather_that_no_forecast_could_use_is_refused(
    stations: httpx.Client, settings: Json, location: str, sentence: str
) -> None:
    answer = stations.put("/stations/refused", json=PIER | settings)
    assert answer.status_code == 422, answer.text
    places = answer.json()["errors"]
    assert [place["location"] for place in places] == [location]
    assert sentence in places[0]["message"]
    assert json.dumps(answer.json())
