"""Training that starts from universal networks, with the commands that a user runs."""

from pathlib import Path

import numpy as np
import pytest

import sst
from forecasting.models.intervals import LEVELS
from forecasting.releases.release import PlaceRelease, open_current
from forecasting.series.shape import ForecastShape
from tests.forecasting.models.universal import tiny
from training.data.dataset import Dataset
from training.fit.cell_networks import SHARES

TINY = ("--epochs", "1", "--hidden", "2", "--workers", "1", "--quiet")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """A folder with a universal release, whose networks forecast the last value."""
    tiny.publish(tmp_path / "artifacts", "ocean-daily", "day", {"rnn": 0.3, "lstm": 0.0, "gru": 0.1}, 0.15)
    return tmp_path / "artifacts"


def walk(folder: Path, n: int) -> Path:
    path = folder / "walk.csv"
    series = tiny.walk(n)
    rows = (f"{time},{value:.4f}" for time, value in zip(series.times, series.values, strict=True))
    path.write_text("time,sst\n" + "\n".join(rows) + "\n")
    return path


def train(out: Path, n: int, *options: str) -> int:
    return sst.run(["train", "--data", str(walk(out.parent, n)), "--name", "pier", "--out", str(out), *TINY, *options])


def test_sixty_days_make_a_release(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(out, 60) == 0
    printed = capsys.readouterr().out
    assert "  too short to fit networks to: ocean-daily is used as is, with this series" in printed
    assert "  no position: the universal networks do not know the usual temperatures of the place" in printed
    sentence = (
        "The series is too short to fit networks to: RNN, LSTM, GRU are those of ocean-daily 20260101T000000Z, and "
        "know the series of the place. The test part has only 12 values, so its figures say little."
    )
    assert sentence in printed
    release = open_current(out, "pier").load()
    assert isinstance(release, PlaceRelease)
    card = (release.card or b"").decode()
    assert f"\n- {sentence}\n" in card
    assert "recurrent networks that were trained on simulated seas, and know the series of this place" in card
    report = release.report
    assert (report.window, report.horizon) == (20, 14)
    assert {cell: start.share for cell, start in report.starts.items()} == {"rnn": 1.0, "lstm": 1.0, "gru": 1.0}
    assert report.best.accuracy["test"].n == (12,) * 14
    forecast = release.forecasters["rnn"].forecast(release.recent, horizon=14)
    assert forecast.sst == pytest.approx(np.repeat(release.recent.values[-1] + 0.3, 14), abs=1e-4)
    widths = [upper - lower for lower, upper in map(forecast.interval, forecast.levels)]
    assert (widths[1] > widths[0]).all()
    assert set(LEVELS[:6]) <= set(release.forecasters["lstm"].metadata.errors.half_width)


@pytest.mark.long
def test_fewer_values_than_a_place_needs_are_refused_with_the_number(
    out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(out, 41) == 2
    assert (
        "41 values are too few to train on: starting from ocean-daily, a place needs 42; use a longer series, or send "
        "it to POST /forecast without training"
    ) in capsys.readouterr().err
    assert train(out, 42) == 0
    assert train(out, 60, "--from-scratch") == 2
    assert "a window of 30 and a horizon of 14 need at least 148" in capsys.readouterr().err


@pytest.mark.long
def test_the_networks_of_a_longer_series_start_where_that_helps(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A walk is forecast best by its last value, which two of the universal networks miss by a bias."""
    assert train(out, 160) == 0
    release = open_current(out, "pier").load()
    assert isinstance(release, PlaceRelease)
    starts = release.report.starts
    assert starts["lstm"].share > 0
    assert starts["rnn"].share < 1
    for start in starts.values():
        means = {SHARES[name]: np.log(rmse).mean() for name, rmse in start.rmse.items()}
        assert means[start.share] <= min(means.values()) + 1e-3
    printed = capsys.readouterr().out
    assert "Networks may be those of ocean-daily 20260101T000000Z, fitted to the place, or a mean of both" in printed
    assert "\nLSTM is " in printed
    series = tiny.walk(160)
    test = Dataset(series, ForecastShape(30, 14, 3)).origins("test")
    for cell, network in release.load_evaluated()[0].items():
        errors = network.roll(test.windows, test.valid_time, 14) - test.targets
        stated = next(model for model in release.report.networks if model.name == cell).accuracy["test"]
        assert np.sqrt(np.nanmean(errors**2, axis=0)) == pytest.approx(stated.rmse, abs=1e-3)


@pytest.mark.parametrize(
    ("options", "status", "sentence"),
    [
        (["--latitude", "48", "--longitude", "10"], 2, "the position 48, 10 is on land: check --latitude and"),
        (["--latitude", "43"], 2, "--latitude and --longitude belong together: give both"),
        (["--latitude", "43.6", "--longitude", "9.1"], 0, "position 43.6, 9.1"),
        (["--latitude", "-1", "--longitude", "-140"], 0, "the values disagree with the usual temperatures at -1, -140"),
    ],
)
def test_a_position_tells_the_usual_temperatures(
    out: Path, capsys: pytest.CaptureFixture[str], options: list[str], status: int, sentence: str
) -> None:
    assert train(out, 210 if "disagree" in sentence else 60, *options, *(["--cells", "rnn"])) == status
    printed = capsys.readouterr()
    assert sentence in printed.out + printed.err


def test_a_position_of_several_stations_is_refused(out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = out.parent / "wide.csv"
    rows = (f"{time},15,16" for time in tiny.walk(60).times)
    path.write_text("time,a_sst,b_sst\n" + "\n".join(rows) + "\n")
    options = ["--latitude", "43.6", "--longitude", "9.1"]
    assert sst.run(["train", "--data", str(path), "--name", "pier", "--out", str(out), *TINY, *options]) == 2
    assert "--latitude and --longitude are for a single series" in capsys.readouterr().err
