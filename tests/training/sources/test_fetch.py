"""Fetching from a server that answers as ERDDAP does, over a socket."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from forecasting.readers import content_digest, read
from forecasting.releases.registry import load_forecaster
from tests.training.erddap_server import GRID, TABLE, Answer, Erddap, error, serving
from training.cli.main import main
from training.sources.download import Downloader, FetchError
from training.sources.erddap import SeriesQuery, server_address
from training.sources.fetch import Fetched, fetch

GRID_QUERY = SeriesQuery(("sst",), lat=(43.6, 43.6), lon=(-9.1, -9.1))
TABLE_QUERY = SeriesQuery(("sea_water_temperature",), station="46042")


@pytest.fixture
def erddap() -> Iterator[Erddap]:
    with serving() as server:
        yield server


def get(
    erddap: Erddap, target: Path, query: SeriesQuery = GRID_QUERY, dataset: str = "oisst"
) -> tuple[Fetched, list[float]]:
    """What was fetched, and the pauses that were made; each was told."""
    pauses: list[float] = []
    told: list[str] = []
    with Downloader.open(pauses.append, told.append) as downloader:
        done = fetch(erddap.url, dataset, query, target, downloader)
    assert [said.rpartition("; ")[2] for said in told] == [f"asked again in {pause:.0f} s" for pause in pauses]
    return done, pauses


def test_a_cell_of_a_grid_comes_as_the_server_sent_it_with_its_source(erddap: Erddap, tmp_path: Path) -> None:
    done, pauses = get(erddap, tmp_path / "sst.csv")
    assert (done.path.read_text(), done.rows, pauses) == (GRID, 3, [])
    assert erddap.asked == ["/erddap/griddap/oisst.csv?sst[0:1:last][0][(43.6):1:(43.6)][(350.9):1:(350.9)]"]
    source = json.loads((tmp_path / "sst.csv.source.json").read_text())
    assert source["title"] == "Analysis of a test, daily"
    assert source["url"].startswith(f"{erddap.url}/griddap/oisst.csv?sst%5B0:1:last%5D")
    assert source["sha256"] == content_digest(done.path)
    assert read(done.path).series.values.tolist() == [13.87, 13.88, 13.41]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["sst.csv", "sst.csv.source.json"]


def test_a_station_of_a_table_comes_with_its_flags(erddap: Erddap, tmp_path: Path) -> None:
    query = SeriesQuery(("sea_water_temperature",), "2001-01-01T00:00:00Z", "2001-02-01T00:00:00Z", station='46042 "x"')
    done, _ = get(erddap, tmp_path / "sst.csv", query, "buoy")
    assert erddap.asked == [
        "/erddap/tabledap/buoy.csv?time,station,latitude,longitude,sea_water_temperature,sea_water_temperature_qc_agg"
        '&time>=2001-01-01T00:00:00Z&time<=2001-02-01T00:00:00Z&station="46042 \\"x\\""'
    ]
    assert done.path.read_text() == TABLE
    (station,) = read(done.path).stations
    assert station.flags == {1: 1, 3: 1, 4: 1, 9: 1}


def test_the_command_says_what_came_and_how_to_go_on(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "sst.csv"
    arguments = ["fetch", "--erddap", f"{erddap.url}/griddap/oisst.html", "--dataset", "oisst", "--variable", "sst",
                 "--lat", "43.6", "--lon=-9.1", "--from", "2001-01-01", "--to", "2001-01-03T12:00",
                 "-o", str(target)]  # fmt: skip
    assert main(arguments) == 0
    assert f"{target}: 3 rows from {erddap.url}/griddap/oisst.csv?sst" in capsys.readouterr().out
    assert "[(2001-01-01T00:00:00Z):1:(2001-01-03T12:00:00Z)]" in erddap.asked[0]
    assert main(["inspect", str(target)]) == 1  # three days are too few


def test_two_commands_lead_from_a_server_to_a_daily_release_of_ones_own_place(
    erddap: Erddap, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sst, out = str(tmp_path / "pier.csv"), tmp_path / "artifacts"
    assert main(["fetch", "--erddap", erddap.url, "--dataset", "year", "--variable", "sst",
                 "--lat", "43.6", "--lon=-9.1", "-o", sst]) == 0  # fmt: skip
    assert main(["--data", sst, "--name", "pier", "--out", str(out), "--workers", "1", "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "366 values, one a day, from 2024-01-01T12:00Z to 2024-12-31T12:00Z" in said
    assert "is now serving" in said
    forecast = load_forecaster("pier-gru", out).forecast(read(sst).series, 7, levels=(80,))
    assert str(forecast.times[0]) == "2025-01-01T12:00:00"
    assert (forecast.intervals[0].lower < forecast.sst).all()
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
def test_a_fault_that_passes_is_tried_again_after_a_pause(
    erddap: Erddap, tmp_path: Path, fault: Answer, pause: float
) -> None:
    erddap.faults = [fault]
    done, pauses = get(erddap, tmp_path / "sst.csv")
    assert (done.path.read_text(), pauses) == (GRID, [pause])


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
def test_rows_of_a_grid_are_held_against_its_axes(
    erddap: Erddap, tmp_path: Path, dataset: str, query: SeriesQuery, rows: str | None
) -> None:
    erddap.faults = [Answer(CUT_AT_A_ROW)] * 4
    if rows is None:
        assert get(erddap, tmp_path / "sst.csv", query, dataset)[0].rows == 2
        return
    with pytest.raises(FetchError, match=f"the answer was cut short: {rows}, 4 times; try again later"):
        get(erddap, tmp_path / "sst.csv", query, dataset)
    assert erddap.looked_up == ["/erddap/griddap/months.csv?time[(2001-01-01T12:00:00Z):1:last]"] * (
        dataset == "months"
    )


def test_a_table_whose_end_nothing_proves_is_held_against_the_last_time_of_its_stations(
    erddap: Erddap, tmp_path: Path
) -> None:
    query = SeriesQuery(("sea_water_temperature",), "2001-01-01T00:00:00Z", station="46042")
    erddap.faults = [Answer("".join(TABLE.splitlines(keepends=True)[:4]), sized=False), Answer(TABLE, sized=False)]
    done, pauses = get(erddap, tmp_path / "sst.csv", query, "buoy")
    assert (done.path.read_text(), pauses) == (TABLE, [2])
    assert erddap.looked_up == [
        '/erddap/tabledap/buoy.csv?station,time&time>=2001-01-01T00:00:00Z&station="46042"&orderByMax("station,time")'
    ]


def test_a_redirect_is_followed(erddap: Erddap, tmp_path: Path) -> None:
    erddap.faults = [Answer("", 302, {"Location": "/erddap/griddap/oisst.csv"})]
    done, _ = get(erddap, tmp_path / "sst.csv")
    assert done.path.read_text() == GRID


NO_MATCH = error(404, "Not Found: Your query produced no matching results. (nRows = 0)")
HTML = "<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>"


@pytest.mark.parametrize(
    ("faults", "said", "requests"),
    [
        ([BUSY] * 4, "the server answered 503: Service Unavailable: busy, 4 times; try again later", 4),
        ([Answer(GRID[:-20])] * 4, "the answer was cut short, 4 times", 4),
        ([Answer(NO_MATCH, 404)], "answered 404: Not Found: Your query produced no matching results.*widen --from", 1),
        ([Answer(error(400, "Bad Request: Query error: x"), 400)], "answered 400: Bad Request: Query error: x", 1),
        ([Answer(CUT_AT_A_ROW, sized=False)] * 4, "the answer was cut short: 2 of 3 rows, 4 times; try again", 4),
        ([Answer(GRID + OUT_OF_MEMORY)] * 4, "the server answered 500: Internal Server Error: OutOfMemory, 4 times", 4),
        ([Answer(GRID + error(404, "Not Found: gone"))], "Not Found: gone$", 1),
        ([Answer(NO_MATCH)], "Not Found: Your query produced no matching results", 1),
        ([Answer("\n".join(GRID.splitlines()[:2]) + "\n")], "sent no rows of oisst; widen --from", 1),
        (
            [Answer(re.sub(r"13\.\d+", "NaN", GRID))],
            "sent 3 rows of oisst without a value of sst: .* or ice; choose",
            1,
        ),
        ([Answer(HTML)], r"answered with a web page \(Sign in\), not data", 1),
        ([Answer(HTML, 403)], "answered 403: Sign in", 1),
        ([Answer("", 302, {"Location": "/erddap/griddap/oisst.csv"})] * 30, "sends every request on to another", 21),
    ],
)
def test_a_fault_that_stays_is_one_sentence_and_leaves_the_old_file(
    erddap: Erddap, tmp_path: Path, faults: list[Answer], said: str, requests: int
) -> None:
    (tmp_path / "sst.csv").write_text("of yesterday")
    erddap.faults = faults
    with pytest.raises(FetchError, match=said) as caught:
        get(erddap, tmp_path / "sst.csv")
    assert "\n" not in str(caught.value)
    assert len(erddap.asked) == requests
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("sst.csv", "of yesterday")]


@pytest.mark.parametrize(
    ("dataset", "query", "said"),
    [
        ("oisst", SeriesQuery(("sst",), lat=(1, 1)), "oisst has 1440 values of longitude: choose with --lon"),
        ("oisst", SeriesQuery(("tos",)), "oisst has no variable 'tos'; it has sst"),
        (
            "oisst",
            SeriesQuery(("sst",), station="x"),
            "is a grid, without stations; choose a place with --lat and --lon",
        ),
        ("buoy", SeriesQuery(("sea_water_temperature",), depth=(1, 1)), "buoy has no depth to choose by"),
        (
            "elsewhere",
            SeriesQuery(("sst",)),
            "answered 404: Not Found: Currently unknown datasetID=elsewhere; check --dataset",
        ),
    ],
)
def test_what_the_dataset_does_not_have_is_said_before_data_are_asked_for(
    erddap: Erddap, tmp_path: Path, dataset: str, query: SeriesQuery, said: str
) -> None:
    with pytest.raises(FetchError, match=said):
        get(erddap, tmp_path / "sst.csv", query, dataset)
    assert erddap.asked == []
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_written_is_said_before_anything_is_asked_for(erddap: Erddap, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="cannot be written: No such file or directory"):
        get(erddap, tmp_path / "nowhere" / "sst.csv")
    assert erddap.asked == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--erddap", "ftp://x/erddap"], "is no address of a server"),
        (["--erddap", "http://127.0.0.1:1/erddap", "--lat", "north"], "'north' is neither a number nor two"),
        (["--erddap", "http://127.0.0.1:1/erddap", "--from", "soon"], "'soon' is not an ISO 8601 time"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], said: str
) -> None:
    try:
        status = main(["fetch", "--dataset", "x", "--variable", "sst", "-o", str(tmp_path / "x.csv"), *options])
    except SystemExit as ended:
        status = int(ended.code or 0)
    assert status == 2
    assert said in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("page", ["", "/", "/index.html", "/griddap/oisst.html?sst[0]", "/tabledap/buoy.graph"])
def test_any_page_of_a_server_names_it(page: str) -> None:
    assert server_address(f"https://example.org/erddap{page}") == "https://example.org/erddap"
