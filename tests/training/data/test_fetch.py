"""Fetching over a socket from a server that responds as ERDDAP does."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sst
from forecasting.console import in_command_line
from forecasting.downloads import Downloader, FetchError
from forecasting.erddap import SeriesQuery, server_address
from forecasting.errors import ForecastError
from forecasting.readers import content_digest, read
from forecasting.releases.catalog import load_forecaster
from tests.servers.erddap import GRID, TABLE, Answer, Erddap, error, serving
from training.data.fetch import Fetched, fetch

GRID_QUERY = SeriesQuery(("sst",), lat=(43.6, 43.6), lon=(-9.1, -9.1))


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        yield server


def get(
    erddap: Erddap, target: Path, query: SeriesQuery = GRID_QUERY, dataset: str = "oisst"
) -> tuple[Fetched, list[float]]:
    """What was fetched, and the pauses between attempts; each was announced."""
    pauses: list[float] = []
    messages: list[str] = []
    with Downloader.open(pauses.append, messages.append) as downloader:
        fetched = fetch(erddap.url, dataset, query, target, downloader)
    announced = [message.rpartition("; ")[2] for message in messages]
    assert announced == [f"trying again in {pause:.0f} s" for pause in pauses]
    return fetched, pauses


def test_a_cell_of_a_grid_comes_as_the_server_sent_it_with_its_source(erddap: Erddap, tmp_path: Path) -> None:
    fetched, pauses = get(erddap, tmp_path / "sst.csv")
    assert (fetched.path.read_text(), fetched.rows, pauses) == (GRID, 3, [])
    assert erddap.asked == ["/erddap/griddap/oisst.csv?sst[0:1:last][0][(43.6):1:(43.6)][(350.9):1:(350.9)]"]
    source = json.loads((tmp_path / "sst.csv.source.json").read_text())
    assert source["title"] == "Analysis of a test, daily"
    assert source["url"].startswith(f"{erddap.url}/griddap/oisst.csv?sst%5B0:1:last%5D")
    assert source["sha256"] == content_digest(fetched.path)
    assert read(fetched.path).series.values.tolist() == [13.87, 13.88, 13.41]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sst.csv", "sst.csv.source.json"]


def test_a_station_of_a_table_comes_with_its_flags(erddap: Erddap, tmp_path: Path) -> None:
    query = SeriesQuery(("sea_water_temperature",), "2001-01-01T00:00:00Z", "2001-02-01T00:00:00Z", station='46042 "x"')
    fetched, _ = get(erddap, tmp_path / "sst.csv", query, "buoy")
    assert erddap.asked == [
        "/erddap/tabledap/buoy.csv?time,station,latitude,longitude,sea_water_temperature,sea_water_temperature_qc_agg"
        '&time>=2001-01-01T00:00:00Z&time<=2001-02-01T00:00:00Z&station="46042 \\"x\\""'
    ]
    assert fetched.path.read_text() == TABLE
    (station,) = read(fetched.path).stations
    assert station.flags == {1: 1, 3: 1, 4: 1, 9: 1}


def test_the_command_prints_what_was_fetched_and_the_next_command(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "sst.csv"
    arguments = ["fetch", "--erddap", f"{erddap.url}/griddap/oisst.html", "--dataset", "oisst", "--variable", "sst",
                 "--lat", "43.6", "--lon=-9.1", "--from", "2001-01-01", "--to", "2001-01-03T12:00",
                 "-o", str(target)]  # fmt: skip
    assert sst.run(arguments) == 0
    assert f"{target}: 3 rows from {erddap.url}/griddap/oisst.csv?sst" in capsys.readouterr().out
    assert "[(2001-01-01T00:00:00Z):1:(2001-01-03T12:00:00Z)]" in erddap.asked[0]
    assert sst.run(["inspect", str(target)]) == 1  # three days are too few


@pytest.mark.long
def test_two_commands_lead_from_a_server_to_a_daily_release_of_a_place(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = str(tmp_path / "pier.csv"), tmp_path / "artifacts"
    place = ["--erddap", erddap.url, "--dataset", "year", "--variable", "sst", "--lat", "43.6", "--lon=-9.1"]
    assert sst.run(["fetch", *place, "-o", path]) == 0
    options = ["--workers", "1", "--quiet", "--from-scratch", "--epochs", "2", "--hidden", "4"]
    assert sst.run(["train", "--data", path, "--name", "pier", "--out", str(out), *options]) == 0
    printed = capsys.readouterr().out
    assert "366 values, one a day, from 2024-01-01T12:00Z to 2024-12-31T12:00Z" in printed
    assert "is now serving" in printed
    forecast = load_forecaster("pier-gru", out).forecast(read(path).series, 7, levels=(80,))
    assert str(forecast.times[0]) == "2025-01-01T12:00:00"
    assert (forecast.interval(80)[0] < forecast.sst).all()
    (release,) = out.glob("pier/2*")
    card = (release / "MODEL_CARD.md").read_text()
    assert "- test: " in card
    assert "pier.csv" in card


OUT_OF_MEMORY = error(500, "Internal Server Error: OutOfMemory")
CUT_AT_A_ROW = GRID[: -len(GRID.splitlines()[-1]) - 1]
BUSY = Answer(error(503, "Service Unavailable: busy"), 503)


@pytest.mark.parametrize(
    ("fault", "pause"),
    [
        (Answer("<html>Internal Server Error</html>", 500), 2),
        (Answer("", 503, {"Retry-After": "7"}), 7),
        (Answer("", 429, {"Retry-After": "99999"}), 60),
        (Answer(GRID[:60], promised=len(GRID)), 2),
        (Answer(GRID[:-20]), 2),
        (Answer(""), 2),
        (Answer(GRID[:60], promised=1, chunked=True), 2),
        (Answer(CUT_AT_A_ROW, sized=False), 2),
        (Answer(CUT_AT_A_ROW), 2),
        (Answer(CUT_AT_A_ROW + OUT_OF_MEMORY), 2),
    ],
)
def test_a_temporary_fault_is_retried_after_a_pause(
    erddap: Erddap, tmp_path: Path, fault: Answer, pause: float
) -> None:
    erddap.faults = [fault]
    fetched, pauses = get(erddap, tmp_path / "sst.csv")
    assert (fetched.path.read_text(), pauses) == (GRID, [pause])


@pytest.mark.parametrize(
    ("dataset", "query", "rows"),
    [
        ("oisst", GRID_QUERY, "2 of 3 rows"),
        ("oisst", SeriesQuery(("sst",), "2001-01-01T12:00:00Z", lat=(1, 1), lon=(1, 1)), "2 of 3 rows"),
        ("oisst", SeriesQuery(("sst",), None, "2001-01-03T12:00:00Z", lat=(1, 1), lon=(1, 1)), "2 of 3 rows"),
        ("oisst", SeriesQuery(("sst",), "2001-01-01T21:00:00Z", "2001-01-02T13:00:00Z", (1, 1), (1, 1)), None),
        ("oisst", SeriesQuery(("sst",), "2001-01-02T00:00:00Z", lat=(1, 1), lon=(1, 1)), None),  # halfway: two or three
        ("months", SeriesQuery(("sst",), "2001-01-01T12:00:00Z", lat=(1, 1), lon=(1, 1)), "2 of 3 rows"),
    ],
)
def test_rows_of_a_grid_are_compared_with_its_axes(
    erddap: Erddap, tmp_path: Path, dataset: str, query: SeriesQuery, rows: str | None
) -> None:
    erddap.faults = [Answer(CUT_AT_A_ROW)] * 4
    if rows is None:
        assert get(erddap, tmp_path / "sst.csv", query, dataset)[0].rows == 2
        return
    with pytest.raises(FetchError, match=rf"the response was cut short: {rows} \(4 attempts\); try again later"):
        get(erddap, tmp_path / "sst.csv", query, dataset)
    assert erddap.looked_up == ["/erddap/griddap/months.csv?time[(2001-01-01T12:00:00Z):1:last]"] * (
        dataset == "months"
    )


def test_a_table_without_a_proven_end_is_compared_with_the_last_time_of_its_stations(
    erddap: Erddap, tmp_path: Path
) -> None:
    query = SeriesQuery(("sea_water_temperature",), "2001-01-01T00:00:00Z", station="46042")
    erddap.faults = [Answer("".join(TABLE.splitlines(keepends=True)[:4]), sized=False), Answer(TABLE, sized=False)]
    fetched, pauses = get(erddap, tmp_path / "sst.csv", query, "buoy")
    assert (fetched.path.read_text(), pauses) == (TABLE, [2])
    assert erddap.looked_up == [
        '/erddap/tabledap/buoy.csv?station,time&time>=2001-01-01T00:00:00Z&station="46042"&orderByMax("station,time")'
    ]


def test_a_redirect_is_followed(erddap: Erddap, tmp_path: Path) -> None:
    erddap.faults = [Answer("", 302, {"Location": "/erddap/griddap/oisst.csv"})]
    fetched, _ = get(erddap, tmp_path / "sst.csv")
    assert fetched.path.read_text() == GRID


NO_MATCH = error(404, "Not Found: Your query produced no matching results. (nRows = 0)")
HTML = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"


@pytest.mark.parametrize(
    ("faults", "sentence", "requests"),
    [
        ([BUSY] * 4, r"the server responded 503: Service Unavailable: busy \(4 attempts\); try again later", 4),
        ([Answer(GRID[:-20])] * 4, r"the response was cut short \(4 attempts\)", 4),
        ([Answer(NO_MATCH, 404)], "responded 404: Not Found: Your query produced no matching results.*widen --from", 1),
        ([Answer(error(400, "Bad Request: Query error: x"), 400)], "responded 400: Bad Request: Query error: x", 1),
        (
            [Answer(CUT_AT_A_ROW, sized=False)] * 4,
            r"the response was cut short: 2 of 3 rows \(4 attempts\); try again",
            4,
        ),
        (
            [Answer(GRID + OUT_OF_MEMORY)] * 4,
            r"the server responded 500: Internal Server Error: OutOfMemory \(4 attempts\)",
            4,
        ),
        ([Answer(GRID + error(404, "Not Found: gone"))], "Not Found: gone$", 1),
        ([Answer(NO_MATCH)], "Not Found: Your query produced no matching results", 1),
        ([Answer("\n".join(GRID.splitlines()[:2]) + "\n")], "sent no rows of oisst; widen --from", 1),
        (
            [Answer(re.sub(r"13\.\d+", "NaN", GRID))],
            "sent 3 rows of oisst without a value of sst: .* under ice; choose",
            1,
        ),
        ([Answer(HTML)], r"sent a web page \(Sign in\) instead of data", 1),
        ([Answer(HTML, 403)], "responded 403: Sign in", 1),
        (
            [Answer("", 302, {"Location": "/erddap/griddap/oisst.csv"})] * 30,
            "redirects endlessly; check --erddap",
            21,
        ),
    ],
)
def test_a_permanent_fault_is_one_sentence_and_leaves_the_old_file(
    erddap: Erddap, tmp_path: Path, faults: list[Answer], sentence: str, requests: int
) -> None:
    (tmp_path / "sst.csv").write_text("of yesterday")
    erddap.faults = faults
    with pytest.raises(FetchError, match=sentence) as caught:
        get(erddap, tmp_path / "sst.csv")
    assert "\n" not in str(caught.value)
    assert len(erddap.asked) == requests
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("sst.csv", "of yesterday")]


@pytest.mark.parametrize(
    ("dataset", "query", "sentence"),
    [
        ("oisst", SeriesQuery(("sst",), lat=(1, 1)), "oisst has 1440 values of longitude: choose with --lon"),
        ("oisst", SeriesQuery(("tos",)), "oisst has no variable 'tos'; its variables: sst"),
        (
            "oisst",
            SeriesQuery(("sst",), station="x"),
            "is a grid and has no stations; choose a place with --lat and --lon",
        ),
        ("buoy", SeriesQuery(("sea_water_temperature",), depth=(1, 1)), "buoy has no depth to choose by"),
        (
            "elsewhere",
            SeriesQuery(("sst",)),
            "responded 404: Not Found: Currently unknown datasetID=elsewhere; check --dataset",
        ),
    ],
)
def test_a_query_that_the_dataset_cannot_meet_fails_before_data_are_requested(
    erddap: Erddap, tmp_path: Path, dataset: str, query: SeriesQuery, sentence: str
) -> None:
    with pytest.raises(ForecastError) as caught:
        get(erddap, tmp_path / "sst.csv", query, dataset)
    assert re.search(sentence, caught.value.written(in_command_line))
    assert erddap.asked == []
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_fails_before_anything_is_requested(erddap: Erddap, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"cannot write .*: No such file or directory"):
        get(erddap, tmp_path / "nowhere" / "sst.csv")
    assert erddap.asked == []


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--erddap", "ftp://x/erddap"], "is not a server address"),
        (
            ["--erddap", "http://127.0.0.1:1/erddap", "--lat", "north"],
            "expected a number, or two as in 43.5:44, got 'north'",
        ),
        (["--erddap", "http://127.0.0.1:1/erddap", "--from", "soon"], "'soon' is not an ISO 8601 time"),
    ],
)
def test_invalid_options_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    try:
        status = sst.run(["fetch", "--dataset", "x", "--variable", "sst", "-o", str(tmp_path / "x.csv"), *options])
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == 2
    assert sentence in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("page", ["", "/", "/index.html", "/griddap/oisst.html?sst[0]", "/tabledap/buoy.graph"])
def test_any_page_of_a_server_gives_its_address(page: str) -> None:
    assert server_address(f"https://example.org/erddap{page}") == "https://example.org/erddap"
