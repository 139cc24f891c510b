import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import anyio
import numpy as np
import pytest
from sqlalchemy import make_url

from forecasting.errors import SeriesError
from forecasting.readers import ReadingOptions
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import iso
from forecasting.series.timestep import TimeStep
from service.plugins.stations.outbound import Outbound, OutboundError
from service.plugins.stations.sources import Source, SourceReader, in_source, read_series
from service.plugins.stations.store.database import StationStore
from service.plugins.stations.store.stations import Observation, Station, StationSettings
from tests.servers.erddap import GRID, Answer, Erddap, error, serving

NOW = np.datetime64("2025-01-02T06:00", "s")
YEAR = {"dataset": "year", "variable": "sst", "latitude": 43.625, "longitude": -9.125}
NO_MATCH = error(404, "Not Found: Your query produced no matching results. (nRows = 0)")


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        yield server


def station(step: str = "day", newest: str | None = None) -> Station:
    time = None if newest is None else int(np.datetime64(newest, "s").astype(np.int64))
    observed = None if time is None else Observation(time, 15.0, 0, time, 1)
    return Station("pier", 1, 0, 0, 0, None, StationSettings(step), observed)


def fetched(
    source: dict[str, Any], station: Station, folder: Path, max_bytes: int = 10**6, until: str | None = None
) -> SstSeries | None:
    given = None if until is None else int(np.datetime64(until, "s").astype(np.int64))
    with closing(StationStore(make_url(f"sqlite:///{folder}/sst.db"))) as store:
        reader = SourceReader(Outbound(allow_private=True), store, max_bytes)
        return anyio.run(reader.read, station, Source.load(source), NOW, given)


def year(erddap: Erddap, **query: object) -> dict[str, Any]:
    return {"erddap": {"server": f"{erddap.url}/index.html", **YEAR, **query}}


@pytest.mark.parametrize(
    ("newest", "until", "source", "begin"),
    [
        (None, None, {}, "2022-04-08T06:00:00Z"),
        ("2024-12-30T12:00", None, {}, "2022-04-08T06:00:00Z"),
        ("2021-12-30T12:00", None, {}, "2021-12-20T12:00:00Z"),
        ("2024-12-30T12:00", None, {"since": "2024-02-01"}, "2024-02-01T00:00:00Z"),
        ("2024-12-30T12:00", "2024-06-30T12:00", {"since": "2024-02-01"}, "2024-06-20T12:00:00Z"),
    ],
    ids=[
        "the last thousand steps",
        "the last thousand steps, whatever was pushed",
        "from before the newest reading, if it is older",
        "from since",
        "from before the newest reading that the source gave, whatever was pushed since",
    ],
)
def test_a_period_is_asked_for_that_readings_may_be_new_in(
    erddap: Erddap, tmp_path: Path, newest: str | None, until: str | None, source: dict[str, Any], begin: str
) -> None:
    series = fetched(year(erddap) | source, station(newest=newest), tmp_path, until=until)
    assert series is not None
    assert (len(series), iso(series.start)) == (366, "2024-01-01T12:00:00Z")
    (asked,) = erddap.asked
    assert asked == f"/erddap/griddap/year.csv?sst[({begin}):1:last][0][(43.625):1:(43.625)][(350.875):1:(350.875)]"


def test_no_new_readings_are_not_a_failure_once_there_are_observations(erddap: Erddap, tmp_path: Path) -> None:
    erddap.faults = [Answer(NO_MATCH, 404)] * 2
    assert fetched(year(erddap), station(newest="2024-12-30"), tmp_path) is None
    with pytest.raises(OutboundError, match=r"no readings in the period: check it, and set since to an earlier time$"):
        fetched(year(erddap), station(), tmp_path)


@pytest.mark.parametrize(
    ("fault", "sentence"),
    [
        (Answer(error(500, "Internal Server Error: out of memory"), 500), "responded 500: .*out of memory$"),
        (Answer("<html><title>Busy</title><p>Come back later</p></html>", 503), "responded 503: Busy Come back later$"),
        (Answer("<html><title>Sign in</title></html>"), "sent a web page instead of data: check the address$"),
        (Answer(GRID + error(404, "gone")), "the response was cut short|cannot be read|line"),
        (Answer(GRID[:-4], sized=False), "the response was cut short$"),
        (Answer(GRID, promised=100), "the request to 127.0.0.1 failed: "),
        (Answer("x\n" * 10**6), "the response from 127.0.0.1 has more than 1000000 bytes$"),
        (Answer("", 302, {"Location": "/erddap/griddap/year.csv"}), None),
    ],
)
def test_an_answer_that_is_not_data_is_one_sentence(
    erddap: Erddap, tmp_path: Path, fault: Answer, sentence: str | None
) -> None:
    erddap.faults = [fault]
    if sentence is None:
        assert fetched(year(erddap), station(), tmp_path) is not None
        return
    with pytest.raises((OutboundError, SeriesError), match=sentence) as caught:
        fetched(year(erddap), station(), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_server_that_redirects_endlessly_is_left(erddap: Erddap, tmp_path: Path) -> None:
    erddap.faults = [Answer("", 302, {"Location": "/erddap/griddap/year.csv"})] * 6
    with pytest.raises(OutboundError, match="redirects more than 5 times: use the final address"):
        fetched(year(erddap), station(), tmp_path)


def test_a_redirect_to_a_private_network_is_not_followed(erddap: Erddap, tmp_path: Path) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "erddap.example" else ["10.0.0.1"]

    port = re.findall(r":(\d+)/", erddap.url)[0]
    with closing(StationStore(make_url(f"sqlite:///{tmp_path}/sst.db"))) as store:
        reader = SourceReader(Outbound(allow_private=False, resolve=resolve), store, 10**6)
        source = Source.load({"file": {"url": f"http://erddap.example:{port}/sst.csv"}})
        with pytest.raises(OutboundError, match=r"erddap\.example is on a private network"):
            anyio.run(reader.read, station(), source, NOW)


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"dataset": "elsewhere"}, "responded 404: Not Found: Currently unknown datasetID=elsewhere"),
        ({"variable": "tos"}, "has no variable 'tos'; its variables: sst"),
        ({"longitude": None}, "has 1440 values of longitude: choose with longitude$"),
        ({"station": "46042"}, "is a grid and has no stations; choose a place with latitude and longitude$"),
    ],
)
def test_a_source_that_the_server_does_not_have_is_named_with_its_fields(
    erddap: Erddap, tmp_path: Path, query: dict[str, Any], sentence: str
) -> None:
    with pytest.raises((OutboundError, SeriesError)) as caught:
        fetched(year(erddap, **query), station(), tmp_path)
    message = caught.value.written(in_source) if isinstance(caught.value, SeriesError) else str(caught.value)
    assert re.search(sentence, message)


def hourly(days: int, first: str = "2024-12-01T05:00") -> bytes:
    times = np.datetime64(first, "s") + np.arange(24 * days) * np.timedelta64(3_600, "s")
    rows = [f"{time}Z,{10 + i // 24}" for i, time in enumerate(times)]
    return "\n".join(["time,sst", *rows, ""]).encode()


DAY = TimeStep.parse("day")


def test_a_finer_series_becomes_means_of_whole_steps() -> None:
    now = np.datetime64("2024-12-04T20:00", "s")
    series = read_series(hourly(4), ReadingOptions(), DAY, now, 10**6)
    assert [iso(time)[:10] for time in series.times] == ["2024-12-02", "2024-12-03"]
    assert series.values == pytest.approx([10 + 19 / 24, 11 + 19 / 24])


def test_a_step_that_is_not_over_is_left_out_until_it_is() -> None:
    content = hourly(3)
    before = read_series(content, ReadingOptions(), DAY, np.datetime64("2024-12-03T23:59", "s"), 10**6)
    after = read_series(content, ReadingOptions(), DAY, np.datetime64("2024-12-04T00:00", "s"), 10**6)
    assert (len(before), len(after)) == (1, 2)


DAYS = b"time,sst\n2024-01-01,10\n2024-01-02,11\n2024-01-03,12\n"
TWO_STATIONS = b"time,station,sst\n2024-01-01,a,10\n2024-01-02,a,10\n2024-01-01,b,10\n2024-01-02,b,10\n"


@pytest.mark.parametrize(
    ("content", "step", "sentence"),
    [
        (hourly(1), "day", "no step of one day is complete yet: wait for more readings"),
        (DAYS, "hour", "the step of the source is one day, but the step of the station is one hour"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "day", "the file is not text: use erddap, or name a text file"),
        (TWO_STATIONS, "day", "the file holds 2 stations: a, b; choose one with station"),
        (
            DAYS.replace(b"10", b"283"),
            "day",
            "leave it empty or declare it as missing (missing=283)",
        ),
    ],
)
def test_a_file_without_the_series_is_named_with_its_remedy(content: bytes, step: str, sentence: str) -> None:
    with pytest.raises(SeriesError) as caught:
        read_series(content, ReadingOptions(), TimeStep.parse(step), NOW, 10**6)
    assert sentence in str(caught.value)
