"""``sst station`` against a running service."""

import io
import json
import os
import re
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import NamedTuple

import httpx
import numpy as np
import pytest

from forecasting.console import OUTPUT_CLOSED, run_command
from service.plugins.stations.cli import main


class Ran(NamedTuple):
    status: int
    output: str
    errors: str


Run = Callable[..., Ran]

_numbers = count()


@pytest.fixture
def run(stations: httpx.Client, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command: ``run("show", "pier")``."""
    monkeypatch.setenv("SST_URL", str(stations.base_url))
    monkeypatch.delenv("SST_KEY", raising=False)

    def run(*arguments: object) -> Ran:
        status = main([*map(str, arguments)])
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def station(run: Run) -> str:
    """A daily station that no other test uses."""
    name = f"cli{next(_numbers):03}"
    assert run("add", name, "--step", "day").status == 0
    return name


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Forty days of readings."""
    days = np.datetime64("2026-05-01") + np.arange(40)
    lines = [f"{day},{20 + np.sin(i / 5):.2f}" for i, day in enumerate(days)]
    path = tmp_path / "forty.csv"
    path.write_text("\n".join(["time,sst", *lines]))
    return path


def test_a_station_is_added_listed_and_shown(run: Run, station: str, file: Path) -> None:
    added = run("add", station, "--step", "day", "--name", "The pier", "--latitude", 54.27, "--longitude", -8.61)
    assert added.status == 0
    assert "-8.61" in added.output
    run("push", station, file)
    listed = run("list")
    (row,) = [line for line in listed.output.splitlines() if line.strip().startswith(station)]
    assert "2026-06-09" in row
    shown = json.loads(run("show", station, "--format", "json").output)
    assert (shown["id"], shown["name"], shown["newest_time"]) == (station, "The pier", "2026-06-09T00:00:00Z")
    ids = [line.partition(",")[0] for line in run("list", "--format", "csv").output.splitlines()]
    assert ids[0] == "id"
    assert station in ids


def test_a_station_is_shared_and_given_an_owner(run: Run, station: str) -> None:
    shown = run("add", station, "--step", "day", "--visibility", "shared", "--owner", "boat").output
    assert re.search(r"^visibility +shared$", shown, re.MULTILINE)
    assert re.search(r"^owner +boat$", shown, re.MULTILINE)


def test_weather_is_one_word_or_a_file(run: Run, station: str, tmp_path: Path) -> None:
    place = ("--step", "day", "--latitude", 54.27, "--longitude", -8.61)
    assert "weather                  open-meteo" in run("add", station, *place, "--weather", "open-meteo").output
    origin = tmp_path / "weather.json"
    origin.write_text('{"erddap": {"server": "https://data.example/erddap", "dataset": "ncep_global"}}')
    assert run("add", station, *place, "--weather", origin).status == 0
    shown = json.loads(run("show", station, "--format", "json").output)
    assert shown["weather"]["erddap"]["dataset"] == "ncep_global"
    assert (shown["weather_fetch_until"], shown["weather_fetch_error"]) == (None, None)
    refused = run("add", station, "--step", "day", "--weather", "open-meteo")
    assert (refused.status, refused.errors) == (
        2, "sst station add: weather is that of a position: give latitude and longitude\n"
    )  # fmt: skip
    unknown = run("add", station, *place, "--weather", "openmeteo")
    expected = "sst station add: --weather openmeteo: write open-meteo, or name a JSON file\n"
    assert (unknown.status, unknown.errors) == (2, expected)


def test_the_age_of_the_newest_reading_is_shown_in_words(run: Run, station: str) -> None:
    assert "newest_age" not in run("show", station).output
    two_days_ago = np.datetime64("now", "s") - np.timedelta64(50, "h")
    run("push", station, "--reading", two_days_ago, "20.4")
    shown = dict(line.split(maxsplit=1) for line in run("show", station).output.splitlines())
    assert shown["newest_age"] == "2 days"


def test_pushing_a_file_shows_the_forecast_from_its_end(run: Run, station: str, file: Path) -> None:
    pushed = run("push", station, file)
    assert pushed.status == 0
    first, second, header, *rows = pushed.output.splitlines()
    assert first == f"{station}: 40 new, 0 revised, 0 unchanged"
    assert second.startswith(f"{station}: forecast by ocean-daily-")
    assert header.split()[:6] == ["time", "sst", "lower_80", "upper_80", "lower_95", "upper_95"]
    assert rows[0].startswith("2026-06-10")
    again = run("push", station, file)
    assert (again.status, again.output) == (0, f"{station}: 0 new, 0 revised, 40 unchanged\n")
    newest = run("forecast", station, "--levels", "80,95")
    assert newest.output.splitlines()[2:9] == rows[:7]
    assert run("forecast", station, "--levels", "60").output.splitlines()[1].split()[2:4] == ["lower_60", "upper_60"]
    unknown = run("forecast", station, "--levels", "80,81")
    assert (unknown.status, unknown.output) == (2, "")
    assert unknown.errors == (
        "sst station forecast: --levels: the forecast has no interval at 81 %; "
        "it has 10, 20, 30, 40, 50, 60, 70, 80, 90, 95, 98 %\n"
    )


def test_the_next_reading_is_pushed_in_a_file_on_standard_input_or_as_an_option(
    run: Run, station: str, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("push", station, file)
    next_day = file.with_name("next.csv")
    next_day.write_text("time,sst\n2026-06-10,20.9\n")
    assert run("push", station, next_day).output.startswith(f"{station}: 1 new")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"time,sst\n2026-06-11,20.8\n")))
    assert run("push", station, "-").output.startswith(f"{station}: 1 new")
    pushed = run("push", station, "--reading", "2026-06-12", "20.7", "--format", "json")
    answer = json.loads(pushed.output)
    assert (answer["new"], answer["refused"], answer["forecast_error"]) == (1, [], None)
    assert answer["forecast"][0]["time"] == "2026-06-13T00:00:00Z"
    csv = run("forecast", station, "--format", "csv").output.splitlines()
    assert csv[0].startswith("station,model,version")
    assert len(csv) == 8


@pytest.mark.parametrize(
    ("text", "stored", "note"),
    [
        (
            "time,sst\n2026-05-01,59\n",
            59.0,
            "the values are in fahrenheit, as for the station, as the file does not say",
        ),
        (
            "time,sst (degC)\n2026-05-01,15\n",
            59.0,
            "the values are in celsius, by the header, and were converted to fahrenheit",
        ),
    ],
    ids=["plain", "stated"],
)
def test_a_file_is_in_the_units_of_the_station_unless_it_states_its_own(
    run: Run, tmp_path: Path, text: str, stored: float, note: str
) -> None:
    name, path = f"cli{next(_numbers):03}", tmp_path / "readings.csv"
    run("add", name, "--step", "day", "--units", "fahrenheit")
    path.write_text(text)
    assert run("push", name, path).errors.splitlines()[0] == f"sst station push: {path}: {note}"
    assert json.loads(run("show", name, "--format", "json").output)["newest_sst"] == pytest.approx(stored)


def test_files_are_read_with_the_options_of_inspect(run: Run, station: str, tmp_path: Path) -> None:
    hours = [f"{name},2026-05-{1 + i // 24:02}T{i % 24:02}:00Z,{68 + i / 100:.2f}" for name in "ab" for i in range(480)]
    path = tmp_path / "hours.csv"
    path.write_text("\n".join(["station,time,sst", *hours]))
    refused = run("push", station, path)
    assert refused.status == 2
    assert "--station" in refused.errors
    options = ("--station", "b", "--units", "fahrenheit")
    refused = run("push", station, path, *options)
    assert refused.errors.endswith(
        "the step is one hour, but the step of the station is one day: push a file with this step, or make it coarser "
        "with --resample day\n"
    )
    assert run("push", station, path, *options, "--resample", "day").output.startswith(f"{station}: 20 new")


def test_forecasts_are_verified_once_their_times_have_readings(run: Run, station: str, file: Path) -> None:
    run("push", station, file)
    none = run("verify", station)
    assert (none.status, none.output) == (3, "")
    assert none.errors == (
        f"sst station verify: no forecast for {station!r} can be verified yet: "
        "none of the forecast times has a reading\n"
    )
    run("push", station, "--reading", "2026-06-10", "20.9")
    too_far = run("verify", station, "--lead", "8")
    assert (too_far.status, too_far.errors) == (
        2,
        f"sst station verify: --lead 8: the forecasts of {station!r} have leads 1 to 7\n",
    )
    later = run("verify", station, "--from", "2026-06-11")
    assert later.status == 3
    assert f"no forecast for {station!r} whose last observation is in this period can be verified yet" in later.errors
    verified = run("verify", station, "--lead", "1")
    header, issued, *baselines = verified.output.splitlines()
    assert verified.status == 0
    assert {"rmse", "skill_persistence", "coverage_80", "coverage_95_plain"} <= {*header.split()}
    assert not {"coverage_50", "coverage_80_recalibrated"} & {*header.split()}
    assert issued.split()[:5] == ["1", "1", "1", "best", "issued"]
    assert "persistence" in baselines[0]
    rows = run("verify", station, "--by", "month", "--format", "csv").output.splitlines()
    assert "coverage_50_plain" in rows[0]
    assert len(rows) == 1 + 2 * (1 + len(baselines))


@pytest.mark.usefixtures("no_names")
def test_events_and_webhooks_come_from_files_and_alerts_are_listed(run: Run, station: str, tmp_path: Path) -> None:
    assert run("alerts", station).output == "there are no alerts\n"
    events, hooks = tmp_path / "events.json", tmp_path / "hooks.json"
    events.write_text(json.dumps([{"name": "warm", "above": 25.0}]))
    hooks.write_text(json.dumps([{"url": "https://hooks.example/sst"}]))
    added = run("add", station, "--step", "day", "--events", events, "--webhooks", hooks)
    assert added.status == 0
    assert "https://hooks.example/...#" in added.output
    assert "whsec_" in added.output
    assert "whsec_" not in run("show", station).output
    days = np.datetime64("today", "D") - np.arange(20, -1, -1).astype("timedelta64[D]")
    readings = [("--reading", str(day), str(20 + i % 3)) for i, day in enumerate(days)]
    run("push", station, *[part for reading in readings[:-1] for part in reading])
    run("push", station, "--reading", str(days[-1]), "26")
    assert "held" in run("alerts", station).output
    run("correct", station, days[-1], "--flag", 1)
    listed = run("alerts", station)
    assert "began" in listed.output
    assert "0 of 1" in listed.output
    tried = run("test-webhooks", station)
    assert tried.status == 1
    assert "cannot find the host hooks.example" in tried.output
    hooks.unlink()
    assert "hooks.json: cannot read it: " in run("add", station, "--step", "day", "--webhooks", hooks).errors
    hooks.write_text("{")
    assert "hooks.json: not JSON: " in run("add", station, "--step", "day", "--webhooks", hooks).errors


def test_a_forecast_that_cannot_be_issued_is_status_3(run: Run, station: str) -> None:
    none = run("forecast", station)
    assert (none.status, none.errors) == (
        3,
        f"sst station forecast: no forecast has been issued for {station!r} yet: push readings, and the "
        "output says what is missing\n",
    )
    pushed = run("push", station, "--reading", "2026-06-12", "20.7")
    assert (pushed.status, pushed.output) == (3, f"{station}: 1 new, 0 revised, 0 unchanged\n")
    assert pushed.errors.startswith("sst station push: no forecast was issued: ")


def test_refused_readings_are_named_and_are_an_error_if_nothing_else_was_sent(
    run: Run, station: str, file: Path
) -> None:
    run("push", station, file)
    hot = ("--reading", "2026-06-10", "99")
    some = run("push", station, *hot, "--reading", "2026-06-11", "20.5")
    assert some.status == 0
    assert some.errors.startswith("sst station push: refused: 2026-06-10 99: the reading is 99 °C, outside the range")
    assert run("push", station, *hot).status == 2


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (("show", "nowhere"), 2, "no station 'nowhere': create it with '"),
        (("push", "nowhere", "--reading", "2026-06-12", "20"), 2, "no station 'nowhere'"),
        (("forecast", "nowhere"), 2, "no station 'nowhere'"),
        (("show", "../models"), 2, "invalid station ID '../models'"),
        (("add", "pier", "--step", "fortnight"), 2, "unknown step 'fortnight'"),
        (("add", "pier", "--step", "day", "--latitude", "54"), 2, "longitude is missing"),
        (("add", "pier", "--step", "day", "--name", "a\nb"), 2, "sst station add: name: must be one line"),
        (
            ("add", "pier", "--step", "day", "--horizon", "0"),
            2,
            "sst station add: horizon: must be greater than",
        ),
        (("remove", "nowhere"), 2, "no station 'nowhere'"),
        (("list", "--url", "http://127.0.0.1:9"), 1, "no response from http://127.0.0.1:9/stations"),
        (("list", "--url", "example"), 2, "invalid --url 'example'"),
        (("show", "pier", "--url", "{url}/stations"), 2, "no such path: /stations/stations/pier"),
    ],
)
def test_an_error_is_a_sentence_and_a_status(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], status: int, message: str
) -> None:
    monkeypatch.setattr("service.client.calls.FIRST_WAIT_SECONDS", 0.0)
    failed = run(*(argument.format(url=os.environ["SST_URL"].rstrip("/")) for argument in arguments))
    assert (failed.status, failed.output) == (status, "")
    assert message in failed.errors
    assert failed.errors.startswith(f"sst station {arguments[0]}: ")
    assert failed.errors.count("\n") == 1


@pytest.mark.parametrize(
    ("readings", "message"),
    [
        ((), "there are no readings: name a file, or give --reading TIME VALUE"),
        (("--reading", "June", "20"), "--reading June 20: time 'June' is not an ISO 8601 time"),
        (("--reading", "2026-06-12", "warm"), "--reading 2026-06-12 warm: 'warm' is not a temperature such as 20.4"),
        (("absent.csv",), "absent.csv"),
    ],
)
def test_readings_that_cannot_be_read_are_not_sent(
    run: Run, station: str, readings: tuple[str, ...], message: str
) -> None:
    failed = run("push", station, *readings)
    assert (failed.status, failed.output) == (2, "")
    assert message in failed.errors


@pytest.mark.parametrize("arguments", [("push", "pier", "--depth", "deep"), ("forecast", "pier", "--levels", "most")])
def test_invalid_options_are_refused(run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2


def test_an_api_key_is_read_from_the_environment_and_never_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SST_KEY", "not a key")
    refused = run("list")
    assert refused.status == 2
    assert "api_key is empty or holds a space" in refused.errors
    assert "not a key" not in refused.errors


def test_output_that_its_reader_closes_ends_the_command_quietly(
    run: Run, station: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reading_end, writing_end = os.pipe()
    os.close(reading_end)
    with os.fdopen(writing_end, "w", buffering=1) as closed:
        monkeypatch.setattr("sys.stdout", closed)
        assert run_command(lambda: main(["list"])) == OUTPUT_CLOSED
    assert capsys.readouterr().err == ""


def test_verify_shows_how_often_events_happened_by_forecast_probability(run: Run, station: str, tmp_path: Path) -> None:
    unwatched = run("verify", station, "--events")
    assert unwatched.status == 3
    assert f"{station!r} watches no events: set them with " in unwatched.errors
    (tmp_path / "events.json").write_text(json.dumps([{"name": "warm", "above": 20.0}]))
    assert run("add", station, "--step", "day", "--events", tmp_path / "events.json").status == 0
    unissued = run("verify", station, "--events")
    forecast = run("forecast", station)
    assert (unissued.status, unissued.errors) == (
        forecast.status,
        forecast.errors.replace(" forecast: ", " verify: ", 1),
    )
    readings = [("--reading", f"2026-06-{day:02}", str(24 + day % 3)) for day in range(1, 21)]
    run("push", station, *[part for reading in readings for part in reading])
    none = run("verify", station, "--events")
    assert (none.status, none.output) == (3, "")
    assert none.errors.endswith("can be verified yet: the readings that decide the outcomes have not arrived\n")
    run("push", station, "--reading", "2026-06-21", "25")
    shown = run("verify", station, "--events", "--lead", "1")
    heading, row = shown.output.splitlines()
    assert heading.split() == ["event", "lead", "brier", "probability", "happened"]
    assert row.split()[:2] == ["warm", "1"]
    assert row.endswith("1 of 1")
    csv = run("verify", station, "--events", "--format", "csv").output.splitlines()
    assert csv[0].startswith("event,kind,level,lead,n,frequency,brier,skill_persistence,minimum,maximum")
    assert csv[1].startswith("warm,threshold,,1,1,1.0,")


def test_readings_that_are_stored_but_doubted_are_named_and_status_4(
    run: Run, station: str, file: Path, tmp_path: Path
) -> None:
    run("push", station, file)
    pushed = run("push", station, "--reading", "2026-06-10", 36.9)
    assert (pushed.status, "1 new" in pushed.output) == (4, True)
    assert "warning: the reading of 2026-06-10T00:00:00Z, 36.9 °C, is suspect (" in pushed.errors
    corrected = run("correct", station, "2026-06-10", "--value", 20.7)
    assert (corrected.status, corrected.output) == (0, f"{station}: 2026-06-10 20.7, good, revision 1\n")
    taken = run("take-back", station, "2026-06-10", "--format", "json")
    assert (taken.status, json.loads(taken.output)["flag"]) == (0, 9)
    lines = file.read_text().splitlines()
    lines[20:20] = [f"{lines[20].partition(',')[0]},0"]
    other = tmp_path / "other.csv"
    other.write_text("\n".join(lines))
    pushed = run("push", station, other)
    assert pushed.status == 4
    assert "warning: 1 value is exactly 0 °C" in pushed.errors
    assert "warning: 1 time with different values, the first 2026-05-20 with 0 and" in pushed.errors
