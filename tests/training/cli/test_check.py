"""``inspect --check``: which values are implausible given the forecasts made before them."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import sst
from tests.forecasting.models.universal import tiny


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("releases")
    tiny.publish(folder, "ocean-daily", "day", {"gru": 0.0})
    return folder


def write(folder: Path, spikes: dict[int, float], hours: int = 24) -> Path:
    """A file of 100 values that begin in 2001."""
    times = np.datetime64("2001-01-01T00:00") + np.arange(100) * np.timedelta64(hours, "h")
    values = np.round(18 + np.sin(np.arange(100) / 20) + 0.2 * np.sin(1.7 * np.arange(100)), 2)
    values[[*spikes]] = [*spikes.values()]
    rows = [f"{time},{value}" for time, value in zip(times, values, strict=True)]
    path = folder / "series.csv"
    path.write_text("\n".join(["time,sst", *rows]))
    return path


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The printed lines about the check, without their indent."""
    printed = capsys.readouterr().out.splitlines()
    begin = next(i for i, line in enumerate(printed) if line.startswith("  check"))
    end = next(i for i, line in enumerate(printed) if line.startswith("  trainable"))
    return [line.removeprefix("  check").strip() for line in printed[begin:end]]


def test_implausible_values_are_counted_and_the_first_are_shown(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spikes = {20 + 10 * i: 30.0 + i for i in range(7)}
    assert sst.run(["inspect", str(write(tmp_path, spikes)), "--check", "--artifacts", str(releases)]) in (0, 1)
    first, *others = lines(capsys)
    assert first == "7 values are implausible: 79 good (1), 14 not evaluated (2), 7 suspect (3)"
    assert len(others) == 6
    assert others[0].startswith("2001-01-21  30 °C, expected 16.")
    assert others[-1] == "and 2 more; --json lists them all"


def test_the_check_does_not_change_the_exit_status(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(write(tmp_path, {50: 30.0}))
    plain = sst.run(["inspect", path])
    before = capsys.readouterr().out.splitlines()
    assert sst.run(["inspect", path, "--check", "--artifacts", str(releases)]) == plain
    after = capsys.readouterr().out.splitlines()
    assert [line for line in after if line in before] == before
    assert len(after) == len(before) + 2


def test_json_has_every_suspect_and_the_range_that_was_expected(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sst.run(["inspect", str(write(tmp_path, {50: 30.0, 99: 3.0})), "--json", "--check", "--artifacts", str(releases)])
    (station,) = json.loads(capsys.readouterr().out)["stations"]
    check = station["check"]
    assert check["problem"] is None
    assert check["flags"] == {"1": 84, "2": 14, "3": 2}
    assert [(suspect["time"], suspect["value"]) for suspect in check["suspects"]] == [
        ("2001-02-20T00:00:00Z", 30.0),
        ("2001-04-10T00:00:00Z", 3.0),
    ]
    assert all(suspect["upper"] - suspect["lower"] == pytest.approx(5.0, abs=0.1) for suspect in check["suspects"])


def test_a_plausible_file_is_reported_as_plausible(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sst.run(["inspect", str(write(tmp_path, {})), "--check", "--artifacts", str(releases)])
    assert lines(capsys) == ["no value is implausible: 86 good (1), 14 not evaluated (2)"]


@pytest.mark.parametrize(
    ("folder", "hours", "expected"),
    [
        ("releases", 3, "release has their step of 3 hours: resample them to one of one day (ocean-daily)"),
        ("empty", 24, "empty has no universal release: name a folder that has one with --artifacts"),
        ("missing", 24, "missing: No such file or directory"),
    ],
)
def test_a_check_that_is_not_possible_says_why(
    releases: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], folder: str, hours: int, expected: str
) -> None:
    (tmp_path / "empty").mkdir()
    artifacts = releases if folder == "releases" else tmp_path / folder
    sst.run(["inspect", str(write(tmp_path, {}, hours)), "--check", "--artifacts", str(artifacts)])
    (line,) = lines(capsys)
    assert line.startswith("the values are not checked")
    assert line.endswith(expected)


def test_only_a_check_imports_torch() -> None:
    code = "import sys; import sst; sst.run(['inspect', 'data/nino12.csv']); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
