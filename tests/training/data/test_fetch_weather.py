"""Fetching weather over a socket from servers that respond as Open-Meteo and ERDDAP do."""

import csv
import json
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

import numpy as np
import pytest

import sst
from forecasting.downloads import Downloader, FetchError
from forecasting.errors import ForecastError
from forecasting.readers import content_digest
from forecasting.readers.weather import read_weather
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from forecasting.weather_sources import ATTRIBUTION, OpenMeteo
from tests.servers.erddap import Answer, Erddap, error, running, serving
from tests.servers.open_meteo import DAILY, HOURLY, JSON, MINUTELY, OpenMeteoServer, air, refusal, wind
from training.data.fetch_weather import OPEN_METEO_SERVER, FetchedWeather, fetch_weather

pytestmark = pytest.mark.usefixtures("within_a_day")

DAY, HOUR = TimeStep.parse("day"), TimeStep.parse("hour")


def today() -> int:
    return int(np.datetime64("now", "D").astype(np.int64))


@pytest.fixture
def server() -> Iterator[OpenMeteoServer]:
    with running(OpenMeteoServer()) as server:
        yield server


def get(
    server: OpenMeteoServer, target: Path, step: TimeStep = DAY, days: int = 5, key: str = ""
) -> tuple[FetchedWeather, list[float], list[str]]:
    """What was fetched, the pauses between attempts, and what was said."""
    pauses: list[float] = []
    messages: list[str] = []
    with Downloader.open(pauses.append, messages.append, OPEN_METEO_SERVER) as downloader:
        fetched = fetch_weather(OpenMeteo(server.url, key), (43.61, 350.9), step, days, target, downloader)
    return fetched, pauses, messages


def rows_of(path: Path) -> list[dict[str, str]]:
    return [*csv.DictReader(path.read_text().splitlines())]


def day(position: int) -> str:
    return f"{np.datetime64(position, 'D')}T00:00:00Z"


def test_days_are_means_of_the_hours_of_utc_days_from_the_past_to_the_end_of_the_forecast(
    server: OpenMeteoServer, tmp_path: Path
) -> None:
    fetched, _, _ = get(server, tmp_path / "weather.csv")
    rows = rows_of(fetched.path)
    newest = [row for row in rows if not row["issued"]]
    days = np.arange(today() - 5, today() + 16)
    assert [row["time"] for row in newest] == [day(each) for each in days.tolist()]
    assert [float(row["air_temperature"]) for row in newest] == air(days, 43.61).round(2).tolist()
    assert [float(row["wind_speed"]) for row in newest] == wind(days).tolist()
    earlier = [row for row in rows if row["issued"] == day(today() - 4)]
    assert [row["time"] for row in earlier] == [day(each) for each in range(today() - 3, today() + 1)]
    leads, valid = np.arange(1, 5), np.arange(today() - 3, today() + 1)
    assert [float(row["wind_speed"]) for row in earlier] == (wind(valid) + leads / 2).tolist()
    assert [float(row["air_temperature"]) for row in earlier] == (air(valid, 43.61) + leads / 2).round(2).tolist()
    assert {row["issued"] for row in rows} == {"", *(day(each) for each in range(today() - 5, today()))}


def test_the_file_is_read_as_the_weather_that_was_fetched(server: OpenMeteoServer, tmp_path: Path) -> None:
    fetched, _, _ = get(server, tmp_path / "weather.csv", days=9)
    series = SstSeries(np.full(5, 10.0), np.datetime64(today() - 6, "D").astype("datetime64[s]"), DAY)
    found = read_weather(fetched.path).over("pier", series).weather
    assert found is not None
    assert (found.start, found.source) == (fetched.weather.start, ATTRIBUTION)
    np.testing.assert_allclose(found.values, fetched.weather.values, atol=0.006)
    assert [each.issued for each in found.issued] == [each.issued for each in fetched.weather.issued]
    for read, written in zip(found.issued, fetched.weather.issued, strict=True):
        np.testing.assert_allclose(read.values, written.values, atol=0.006)


def test_hours_are_of_the_hour_and_earlier_forecasts_were_known_when_they_were_issued(
    server: OpenMeteoServer, tmp_path: Path
) -> None:
    fetched, _, _ = get(server, tmp_path / "weather.csv", HOUR)
    weather = fetched.weather
    assert weather.start == np.datetime64(today() - 5, "D")
    days = np.arange(today() - 5, today() + 16)
    hours = air(days, 43.61)[:, None] + (np.arange(24) - 11.5) / 10
    np.testing.assert_allclose(weather.values[:, 0], hours.ravel(), atol=0.011)
    first, second, *_, last = weather.issued
    assert (first.issued, second.issued - first.issued) == (weather.start, np.timedelta64(3, "h"))
    assert last.issued == np.datetime64(today(), "D") + np.timedelta64(21, "h")
    assert len(first.values) == 72
    # From one to 24 hours ahead, what was known a day before; from 25 to 48, two days.
    np.testing.assert_allclose(first.values[:, 1] - weather.values[1 : 1 + len(first.values), 1],
                               (np.arange(len(first.values)) // 24 + 1) / 2)  # fmt: skip


def test_requests_have_documented_parameters_and_older_days_come_from_historical_forecasts(
    server: OpenMeteoServer, tmp_path: Path
) -> None:
    get(server, tmp_path / "weather.csv", days=180)
    recent, older, previous = ({name: v[0] for name, v in parse_qs(query).items()} for query in server.asked)
    shared = {"latitude": "43.61", "longitude": "-9.10", "wind_speed_unit": "ms", "timeformat": "unixtime",
              "timezone": "GMT", "cell_selection": "sea"}  # fmt: skip
    variables = {"hourly": "temperature_2m,wind_speed_10m"}
    assert recent == shared | variables | {"past_days": "92", "forecast_days": "16"}
    since, until = (str(np.datetime64(today() - each, "D")) for each in (180, 92))
    assert older == shared | variables | {"start_date": since, "end_date": until}
    assert (previous["start_date"], previous["end_date"]) == (since, str(np.datetime64(today(), "D")))
    assert previous["hourly"].split(",")[:3] == [
        "temperature_2m_previous_day1", "wind_speed_10m_previous_day1", "temperature_2m_previous_day2"
    ]  # fmt: skip
    assert len(previous["hourly"].split(",")) == 14


def test_a_key_is_sent_but_neither_written_nor_shown(server: OpenMeteoServer, tmp_path: Path) -> None:
    fetched, _, _ = get(server, tmp_path / "weather.csv", key="secret&1")
    assert all(parse_qs(query)["apikey"] == ["secret&1"] for query in server.asked)
    record = json.loads(fetched.record.read_text())
    assert "secret" not in fetched.record.read_text()
    assert len(record["urls"]) == 2
    assert all("latitude=43.61" in url for url in record["urls"])
    assert (record["attribution"], record["sha256"]) == (ATTRIBUTION, content_digest(fetched.path))
    server.faults = [refusal("The supplied API key is invalid.")]
    with pytest.raises(FetchError, match="responded 400: The supplied API key is invalid") as caught:
        get(server, tmp_path / "weather.csv", key="secret&1")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "key", "host"),
    [
        ("", "", "https://previous-runs-api.open-meteo.com/v1/forecast?"),
        ("", "k", "https://customer-previous-runs-api.open-meteo.com/v1/forecast?"),
        ("https://weather.example.org/", "", "https://weather.example.org/v1/forecast?"),
    ],
)
def test_subscribers_have_hosts_of_their_own(url: str, key: str, host: str) -> None:
    assert OpenMeteo(url, key).address("previous-runs-api", {"latitude": "1"}).startswith(host + "latitude=1")


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (MINUTELY, 60),
        (refusal(json.loads(MINUTELY.body)["reason"], 429, **{"Retry-After": "7"}), 7),
        (refusal("Too many concurrent requests", 429), 2),
        (Answer("", 429), 2),
        (Answer("<html>Bad Gateway</html>", 502), 2),
        (Answer('{"hourly": {"time": [1, 2', headers=JSON), 2),
        (Answer('{"hourly": {}}', headers=JSON, promised=100), 2),
    ],
)
def test_a_limit_or_another_temporary_fault_is_retried_after_a_pause(
    server: OpenMeteoServer, tmp_path: Path, fault: Answer, pause: float
) -> None:
    server.faults = [fault]
    fetched, pauses, messages = get(server, tmp_path / "weather.csv")
    assert (len(fetched.weather.values), pauses) == (21, [pause])
    assert messages[0].endswith(f"; trying again in {pause:.0f} s")


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (HOURLY, "responded 429: Hourly API request limit exceeded. Please try again in the next hour"),
        (DAILY, "responded 429: Daily API request limit exceeded. Please try again tomorrow"),
        (refusal("Latitude must be in range of -90 to 90°. Given: 91.0."), "responded 400: Latitude must be in"),
        (Answer("<html><title>Sign in</title></html>"), r"a web page \(Sign in\) instead of data; is --weather-url an"),
        (Answer('{"error": true, "reason": "Unexpected error"}', headers=JSON), "Open-Meteo: Unexp"),
        (Answer('{"latitude": 1}', headers=JSON), "did not send hourly weather as Open-Meteo does"),
        (Answer("[1]", headers=JSON), "did not send hourly weather"),
        (Answer("[]", headers=JSON), "sent the weather of 0 positions, not of 1"),
        (Answer("null\n", headers=JSON), "did not send hourly weather"),
        (Answer("time,sst\n", headers=JSON), "sent no JSON as Open-Meteo does"),
    ],
)  # fmt: skip
def test_a_permanent_fault_is_one_sentence_and_leaves_the_old_file(
    server: OpenMeteoServer, tmp_path: Path, fault: Answer, sentence: str
) -> None:
    (tmp_path / "weather.csv").write_text("of yesterday")
    server.faults = [fault]
    with pytest.raises(ForecastError, match=sentence) as caught:
        get(server, tmp_path / "weather.csv")
    assert "\n" not in str(caught.value)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("weather.csv", "of yesterday")]


UNITS = {"time": "unixtime", "temperature_2m": "°C", "wind_speed_10m": "m/s"}


def hourly(times: list[int], wind: list[float | None], **units: str) -> Answer:
    columns = {"time": times, "temperature_2m": [10.0] * len(wind), "wind_speed_10m": wind}
    return Answer(json.dumps({"hourly_units": UNITS | units, "hourly": columns}), headers=JSON)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (hourly([0, 3_600], [1.0, 2.0], wind_speed_10m="km/h"), "sent wind_speed_10m in 'km/h', not in m/s"),
        (hourly([3_600, 0], [1.0, 2.0]), "not ascending"),
        (hourly([0, 3_600 * 10**8], [1.0, 2.0]), "span more than ten years"),
        (hourly([0], [1.0, 2.0]), "did not send hourly weather"),
        (hourly([], []), "not ascending"),
        (hourly([0, 3_600], [1.0, 2.0]), "has no weather at this position"),
    ],
)
def test_a_response_that_cannot_be_weather_is_refused(
    server: OpenMeteoServer, tmp_path: Path, fault: Answer, sentence: str
) -> None:
    server.faults = [fault]
    with pytest.raises(ForecastError, match=sentence):
        get(server, tmp_path / "weather.csv")


def test_a_day_without_values_stays_empty(server: OpenMeteoServer, tmp_path: Path) -> None:
    server.gap = True
    fetched, _, _ = get(server, tmp_path / "weather.csv")
    assert np.flatnonzero(np.isnan(fetched.weather.values).all(axis=1)).tolist() == [4]
    assert f"{day(today() - 1)},,," in fetched.path.read_text()


def test_weather_without_its_earlier_forecasts_is_still_weather(server: OpenMeteoServer, tmp_path: Path) -> None:
    server.faults = [OpenMeteoServer().answer("/v1/forecast", QUERY), refusal("No data available")]
    fetched, pauses, messages = get(server, tmp_path / "weather.csv")
    assert (len(fetched.weather.values), fetched.weather.issued, pauses) == (21, (), [])
    assert re.fullmatch("no earlier forecasts of the weather: .* responded 400: No data available", messages[0])


QUERY = (
    "latitude=43.61&longitude=-9&hourly=temperature_2m,wind_speed_10m&wind_speed_unit=ms&past_days=5&forecast_days=16"
)


def test_the_command_says_what_it_wrote_whose_data_they_are_and_what_is_next(
    server: OpenMeteoServer, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SST_OPEN_METEO_URL", server.url)
    target = tmp_path / "weather.csv"
    arguments = ["fetch", "--weather", "open-meteo", "--lat", "43.6", "--lon=-9.1", "-o", str(target)]
    assert sst.run([*arguments, "--days", "10"]) == 0
    output = capsys.readouterr().out
    first, last = (str(np.datetime64(each, "D")) for each in (today() - 10, today() + 15))
    assert output.splitlines() == [
        f"{target}: weather of each day from {first} to {last}, and 10 earlier forecasts",
        f"{target}.source.json: source of the data",
        ATTRIBUTION,
        f"next: sst forecast FILE --weather {target}",
    ]
    with running(OpenMeteoServer(faults=[HOURLY])) as other:
        assert sst.run([*arguments, "--step", "hour", "--weather-url", other.url]) == 2
    assert "Hourly API request limit exceeded" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("--weather open-meteo --lat 1", "the following arguments are required: --lon"),
        ("--weather open-meteo --lat 1:2 --lon 1", "give --lat and --lon one number each"),
        ("--weather open-meteo --lat 91 --lon 1", "there is no position 91, 1"),
        ("--weather open-meteo --lat 1 --lon 361", "there is no position 1, 361"),
        ("--weather open-meteo --lat 1 --lon 1 --days 0", "--days 0 is out of range: 1 to 1500"),
        ("--weather open-meteo --lat 1 --lon 1 --days 1501", "--days 1501 is out of range"),
        ("--weather open-meteo --lat 1 --lon 1 --from 2020-01-01", "--from does not go with --weather open-meteo"),
        ("--weather open-meteo --lat 1 --lon 1 --dataset x", "--dataset does not go with --weather open-meteo"),
        ("--weather erddap --lat 1 --lon 1 --erddap http://x", "the following arguments are required: --dataset"),
        ("--weather erddap --lat 1 --lon 1 --erddap http://x --dataset x --variable t", "two or three times"),
        ("--weather open-meteo --lat 1 --lon 1 --weather-url ftp://x", "is not a server address: write --weather"),
        ("--erddap http://x --dataset x --variable t --days 3", "--days needs --weather"),
        ("--dataset x", "the following arguments are required: --erddap, --variable"),
    ],
)  # fmt: skip
def test_invalid_options_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, sentence: str
) -> None:
    assert sst.run(["fetch", *options.split(), "-o", str(tmp_path / "x.csv")]) == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


GFS_INFO = """Row Type,Variable Name,Attribute Name,Data Type,Value
attribute,NC_GLOBAL,title,String,Global Forecast System of a test
attribute,NC_GLOBAL,license,String,Free of charge
dimension,time,,double,"nValues=40, evenlySpaced=true, averageSpacing=3h 0m 0s"
attribute,time,actual_range,double,"{first}, {last}"
dimension,latitude,,double,"nValues=361, evenlySpaced=true, averageSpacing=0.5"
dimension,longitude,,double,"nValues=720, evenlySpaced=true, averageSpacing=0.5"
attribute,longitude,actual_range,double,"0.0, 359.5"
variable,tmp2m,,float,"time, latitude, longitude"
variable,ugrd10m,,float,"time, latitude, longitude"
variable,vgrd10m,,float,"time, latitude, longitude"
"""


def gfs(units: str = "K,m s-1,m s-1", missing: tuple[int, ...] = ()) -> str:
    """Three-hourly values over the last three days and two ahead: a wind of 5 m/s from all sides."""
    rows = ["time,latitude,longitude,tmp2m,ugrd10m,vgrd10m", f"UTC,degrees_north,degrees_east,{units}"]
    for i in range(40):
        time = np.datetime64(today() - 3, "D").astype("datetime64[s]") + i * np.timedelta64(3, "h")
        u, v = (3, 4) if i % 2 else (-5, 0)
        air = "NaN" if i in missing else f"{273.15 + i // 8:.2f}"
        rows.append(f"{time}Z,43.5,351.0,{air},{u},{v}")
    return "\n".join(rows) + "\n"


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        first = (today() - 3) * 86_400
        info = GFS_INFO.format(first=float(first), last=float(first + 39 * 10_800))
        server.files = {"/erddap/info/gfs/index.csv": Answer(info)}
        yield server


def fetch_gfs(erddap: Erddap, target: Path, *more: str) -> int:
    place = ["--weather", "erddap", "--erddap", erddap.url, "--dataset", "gfs", "--lat", "43.6", "--lon=-9.1"]
    return sst.run(["fetch", *place, "-o", str(target), *more])


def test_a_grid_of_winds_in_kelvin_becomes_weather_of_days(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    erddap.faults = [Answer(gfs())]
    target = tmp_path / "weather.csv"
    assert fetch_gfs(erddap, target) == 0
    assert "Global Forecast System of a test; Free of charge" in capsys.readouterr().out
    first = f"({day(today() - 3)}):1:last"
    assert erddap.asked == [
        f"/erddap/griddap/gfs.csv?tmp2m[{first}][(43.6):1:(43.6)][(350.9):1:(350.9)],"
        f"ugrd10m[{first}][(43.6):1:(43.6)][(350.9):1:(350.9)],vgrd10m[{first}][(43.6):1:(43.6)][(350.9):1:(350.9)]"
    ]
    rows = rows_of(target)
    assert [row["time"] for row in rows] == [day(today() - 3 + each) for each in range(5)]
    assert {row["wind_speed"] for row in rows} == {"5.0"}
    # Up to 21:00; then the mean of two three-hourly values at each hour.
    assert [float(row["air_temperature"]) for row in rows] == pytest.approx([0.04, 1.04, 2.04, 3.04, 4.0], abs=0.01)


def test_gaps_of_up_to_six_hours_are_interpolated_and_longer_ones_are_not(erddap: Erddap, tmp_path: Path) -> None:
    erddap.faults = [Answer(gfs(missing=(2, 10, 11)))]
    assert fetch_gfs(erddap, tmp_path / "weather.csv", "--step", "hour") == 0
    rows = rows_of(tmp_path / "weather.csv")
    assert [i for i, row in enumerate(rows) if not row["air_temperature"]] == [*range(28, 36)]


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(gfs("mm,m s-1,m s-1")), "tmp2m is in 'mm': name a variable in kelvin"),
        (Answer(gfs("K,m s-1,knots")), "vgrd10m is in 'knots': name a variable in m/s"),
        (Answer(gfs().replace("-5", "x")), "did not send rows of time and weather as ERDDAP does"),
        (Answer(error(404, "Not Found: Your query produced no matching results.")), "no matching results"),
    ],
)
def test_a_grid_that_is_no_weather_is_refused(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str], answer: Answer, sentence: str
) -> None:
    erddap.faults = [answer]
    assert fetch_gfs(erddap, tmp_path / "weather.csv") == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
