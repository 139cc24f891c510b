"""Several stations, or cells of a grid, that one model is trained on."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import iris_sample_data
import numpy as np
import pytest

import sst
from forecasting.errors import SeriesError
from forecasting.evaluation.division import check_parts
from forecasting.evaluation.report import Report, parse_report
from forecasting.readers import ReadingOptions, read
from forecasting.references.baselines import BASELINES
from forecasting.releases.release import PlaceRelease
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import short
from forecasting.series.timestep import MONTH, TimeStep
from tests.conftest import daily
from training.config import TrainingConfig
from training.data.dataset import Dataset
from training.data.inputs import Scaling

DAILY = TrainingConfig.for_step(daily([0, 1]).step)


def wave(n: int) -> SstSeries:
    return daily(15 + np.sin(np.arange(n)) + 3 * np.cos(np.arange(n) / 58))


def test_nino12_is_divided_into_70_10_and_20_percent_in_time(nino12: SstSeries) -> None:
    dataset = Dataset.divide(nino12, TrainingConfig.for_step(MONTH))
    assert dataset.bounds == {"train": (0, 512), "validation": (512, 585), "test": (585, 732)}
    test = dataset.periods()["test"]
    assert (test.start, test.end, test.n) == ("1998-10-01T00:00:00Z", "2010-12-01T00:00:00Z", 147)


def test_the_test_part_is_forecast_step_by_step(nino12: SstSeries) -> None:
    dataset = Dataset.divide(nino12, TrainingConfig.for_step(MONTH))
    test = dataset.origins("test", horizon=1)
    assert test.targets[:, 0].tolist() == nino12.values[585:].tolist()


@pytest.mark.parametrize("n", [2, 60, 147])
def test_a_short_series_is_refused_with_the_length_that_it_needs(n: int) -> None:
    with pytest.raises(SeriesError, match=f"{n} values are too few.*at least 148.*smaller window or horizon"):
        Dataset.divide(wave(n), DAILY)


def test_the_length_that_the_error_asks_for_is_enough() -> None:
    assert len(Dataset.divide(wave(148), DAILY).origins("validation")) >= 10


@pytest.mark.parametrize("n", [1_000, 2_000, 148, 151])
def test_tenths_are_not_lost_to_rounding(n: int) -> None:
    bounds = Dataset(wave(n), DAILY.shape).bounds
    assert (bounds["train"][1], bounds["validation"][1]) == (n * 7 // 10, n * 8 // 10)


def test_a_long_gap_near_the_end_moves_the_start_of_the_datasets_own_forecast() -> None:
    series = wave(400)
    series.values[370:380] = np.nan
    assert Dataset.divide(series, DAILY).last_usable_end() == 370
    assert Dataset.divide(wave(400), DAILY).last_usable_end() == 400


def test_a_series_that_is_mostly_gaps_is_refused() -> None:
    series = wave(400)
    series.values[:270:7] = np.nan
    series.values[1:270:7] = np.nan
    series.values[2:270:7] = np.nan
    series.values[3:270:7] = np.nan
    with pytest.raises(SeriesError, match=r"too many values are missing: .*in the train part can be forecast"):
        Dataset.divide(series, DAILY)


def test_a_part_needs_no_more_values_than_it_says() -> None:
    dataset = Dataset.divide(wave(400), DAILY)
    usable = 80
    train = dataset.past("train")
    check_parts(train, dataset.origins, DAILY.horizon, {"test": usable})
    with pytest.raises(SeriesError, match=f"only {usable} values in the test part .* but training needs {usable + 1}"):
        check_parts(train, dataset.origins, DAILY.horizon, {"test": usable + 1})


def test_a_series_that_never_changes_is_refused() -> None:
    with pytest.raises(SeriesError, match="hardly change"):
        Dataset.divide(daily(np.full(400, 15.0)), DAILY)


OSTIA = Path(iris_sample_data.path) / "ostia_monthly.nc"
QUICK = ("--epochs", "1", "--hidden", "2", "--cells", "gru", "--quiet", "--workers", "1")


def stations(count: int, n: int = 400, seed: int = 0) -> dict[str, SstSeries]:
    """Days with a common wave and noise of their own, each a degree warmer than the one before."""
    rng = np.random.default_rng(seed)
    wave = 3 * np.cos(np.arange(n) / 58)
    return {f"s{i}": daily(15 + i + wave + np.cumsum(rng.normal(0, 0.1, n))) for i in range(count)}


def long_csv(folder: Path, series: dict[str, SstSeries]) -> Path:
    path = folder / "stations.csv"
    rows = [
        f"{str(time)[:10]},{name},{value:.4f}"
        for name, member in series.items()
        for time, value in zip(member.times, member.values, strict=True)
    ]
    path.write_text("\n".join(["time,station,sst", *rows]) + "\n")
    return path


def trained(path: Path, out: Path, *options: str) -> tuple[Report, Path]:
    out.mkdir(exist_ok=True)
    assert sst.run(["train", "--data", str(path), "--name", "panel", "--out", str(out), *QUICK, *options]) == 0
    (release,) = out.glob("panel/2*")
    return parse_report((release / "report.json").read_bytes()), release


@pytest.fixture(scope="module")
def five(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, Path, str]:
    """The report and the folder of a release of five stations, and what training printed."""
    folder = tmp_path_factory.mktemp("five")
    with redirect_stdout(StringIO()) as printed:
        report, release = trained(long_csv(folder, stations(5)), folder / "out", "--horizon", "3")
    return report, release, printed.getvalue()


def test_one_model_is_trained_on_many_stations_and_scored_on_each_and_on_those_left_out(
    five: tuple[Report, Path, str],
) -> None:
    series = stations(5)
    report, release, _ = five
    assert next(station.name for station in report.stations if station.trained_on) == "s0"
    (left,) = [station for station in report.stations if not station.trained_on]
    assert len(report.stations) == 5
    assert report.left_out["gru"] == left.accuracy["gru"]
    assert set(left.accuracy) == {"gru", "persistence", "climatology", "damped", "linear"}
    each = [station.accuracy["gru"] for station in report.stations if station.trained_on]
    whole = report.networks[0].accuracy["test"]
    assert whole.n[0] == sum(accuracy.n[0] for accuracy in each) == 4 * 80
    squares = sum(accuracy.n[0] * accuracy.rmse[0] ** 2 for accuracy in each)
    assert whole.rmse[0] == pytest.approx((squares / whole.n[0]) ** 0.5, abs=1e-5)
    loaded = PlaceRelease.open(release).load()
    assert loaded.recent.values[-1] == pytest.approx(series["s0"].values[-1], abs=1e-4)
    card = (release / "MODEL_CARD.md").read_text()
    assert card.count("left out of training and used for testing only: " + left.name) == 1
    assert f"{report.periods['train'].n} steps over all stations: fits the weights" in card


def test_the_summary_counts_the_stations_where_references_are_better_or_intervals_miss(
    five: tuple[Report, Path, str],
) -> None:
    report, release, printed = five
    texts = (printed, (release / "MODEL_CARD.md").read_text(), (release / "report.md").read_text())
    members = [station for station in report.stations if station.trained_on]
    for lead in (1, 3):
        rmse = [{name: accuracy.rmse[lead - 1] for name, accuracy in station.accuracy.items()} for station in members]
        behind = sum(by_name["gru"] > min(by_name[name] for name in BASELINES) for by_name in rmse)
        sentence = (
            f"At lead {lead}, GRU is behind the best reference of the station at {behind or 'none'} of the 4 stations "
            f"used for training{'; the largest gap is at' if behind else '.'}"
        )
        assert all(sentence in text for text in texts)
    missed = sum(bool(station.coverage[80].misses(80)) for station in members)
    assert (
        "Coverage of the 80 % interval is off by more than 3 points and two standard errors at some lead at "
        f"{missed or 'none'} of the 4 stations used for training{'; the largest miss is at' if missed else '.'}"
    ) in printed


@pytest.mark.long
def test_a_station_that_is_left_out_has_no_part_in_the_weights(tmp_path: Path) -> None:
    series = stations(4)
    other = series | {"s2": daily(np.flip(series["s2"].values) + 5)}
    (tmp_path / "other").mkdir()
    reports = [
        trained(long_csv(folder, given), folder / "out", "--leave-out", "s2", "--horizon", "2")[0]
        for folder, given in ((tmp_path, series), (tmp_path / "other", other))
    ]
    first, second = (report.networks[0].accuracy for report in reports)
    assert first == second
    assert reports[0].left_out["gru"] != reports[1].left_out["gru"]


def test_stations_are_divided_at_the_same_dates() -> None:
    series = stations(3)
    series["s1"] = series["s1"].part(100, 400)
    panel = Dataset.panel(series, TrainingConfig.for_step(series["s0"].step, horizon=2), ())
    starts = {station.periods()["test"].start for station in panel.stations.values()}
    assert len(starts) == 1
    assert len(panel.origins("test", 1)) == 3 * len(panel.stations["s1"].origins("test", 1))


def test_a_panel_is_scaled_by_what_stations_hold_and_not_by_where_they_meet() -> None:
    series = stations(3)
    panel = Dataset.panel(series, TrainingConfig.for_step(series["s0"].step, horizon=2), ())
    scalings = [Scaling.of(station.past("train")) for station in panel.stations.values()]
    whole = Scaling.of(panel.past("train"))
    assert whole.spread == pytest.approx(np.mean([scaling.spread for scaling in scalings]), rel=0.05)
    assert whole.mean == pytest.approx(np.mean([scaling.mean for scaling in scalings]))
    assert not whole.annual  # 280 days of each, however many there are together


def test_cells_of_a_grid_are_drawn_by_a_seed_and_are_those_that_their_place_names() -> None:
    drawn = read(OSTIA, ReadingOptions(sample=5, seed=3)).stations
    assert [station.name for station in drawn] == [
        station.name for station in read(OSTIA, ReadingOptions(sample=5, seed=3)).stations
    ]
    assert [station.name for station in drawn] != [
        station.name for station in read(OSTIA, ReadingOptions(sample=5, seed=4)).stations
    ]
    for station in drawn:
        assert station.series is not None
        assert station.name is not None
        lat, lon = (float(part[:-1]) * (-1 if part[-1] in "SW" else 1) for part in station.name.split())
        assert station.series.values.tolist() == read(OSTIA, ReadingOptions(at=(lat, lon))).series.values.tolist()


def test_drawn_cells_can_be_taken_alone_by_their_place(capsys: pytest.CaptureFixture[str]) -> None:
    assert sst.run(["inspect", str(OSTIA), "--sample", "2"]) in (0, 1)
    printed = capsys.readouterr().out
    assert "is a grid; " in printed
    assert "were drawn from it; choose one with --at LAT,LON" in printed
    assert "--station" not in printed


@pytest.mark.long
def test_a_panel_is_trained_from_a_grid_in_kelvin(tmp_path: Path) -> None:
    report, _ = trained(OSTIA, tmp_path / "out", "--sample", "30", "--window", "12", "--horizon", "3")
    assert len(report.stations) == 30
    assert sum(not station.trained_on for station in report.stations) == 6
    assert 10 < report.drift.minimum < report.drift.maximum < 35 if report.drift else False


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> tuple[Report, str]:
    """The report of a release of six stations, and what training printed.

    ``s2`` is short, ``s3`` has an outlier, ``s4`` begins late, and the sensor of ``s5`` is stuck for a while.
    """
    folder = tmp_path_factory.mktemp("odd")
    series = stations(6)
    series["s2"] = series["s2"].part(0, 50)
    series["s4"] = series["s4"].part(330, 400)
    series["s5"].values[100:200] = 15
    path = long_csv(folder, series)
    path.write_text(path.read_text().replace("2001-02-01,s3,", "2001-02-01,s3,9"))
    with redirect_stdout(StringIO()) as printed:
        report, _ = trained(path, folder / "out", "--leave-out", "none", "--horizon", "2")
    return report, printed.getvalue()


def test_stations_that_cannot_be_used_are_skipped_and_named(odd: tuple[Report, str]) -> None:
    report, printed = odd
    assert [station.name for station in report.stations] == ["s0", "s1", "s5"]
    for reason in (
        "not used: s3: line",
        "outside the range of sea temperatures",
        "not used: s2: too many values are missing",
    ):
        assert reason in printed
        assert any(reason in note for note in report.notes)


def test_a_station_that_begins_after_the_training_part_is_named_with_the_reason(odd: tuple[Report, str]) -> None:
    start = short(stations(1)["s0"].times[330])
    begins = f"not used: s4: it begins at {start}, but the training part of all stations ends before"
    assert any(note.startswith(begins) for note in odd[0].notes)


def test_a_stuck_sensor_is_named_at_any_station(odd: tuple[Report, str]) -> None:
    assert [
        note
        for note in odd[0].notes
        if note.startswith("s5: 100 values in a row, from 2001-04-11 to 2001-07-19, are 15 °C")
    ]


@pytest.mark.long
def test_the_window_depends_on_the_step_of_most_stations_not_of_the_first(tmp_path: Path) -> None:
    monthly = SstSeries(15 + np.cos(np.arange(200)), np.datetime64("2001-01-01", "s"), TimeStep.parse("month"))
    report, _ = trained(long_csv(tmp_path, {"monthly": monthly, **stations(2)}), tmp_path / "out")
    assert (report.step, report.window, report.horizon) == ("day", 30, 14)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--leave-out", "pier"], "--leave-out: unknown station 'pier'; available: s0, s1, s2"),
        (["--leave-out", "s0,s1,s2"], "every station would be left out of training"),
        (["--window", "200"], "values in the train part can be forecast from a window without long gaps"),
        (["--window", "300"], "none of its stations can be trained on: s0: too many values are missing"),
        (["--sample", "3", "--at", "1,2"], "a grid cell cannot be both chosen and drawn at random"),
        (["--station", "s1", "--leave-out", "s0"], "holds one series; --sample and --leave-out need several"),
    ],
)
def test_an_impossible_panel_is_refused_in_one_sentence_and_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], sentence: str
) -> None:
    path = long_csv(tmp_path, stations(3))
    assert (
        sst.run(["train", "--data", str(path), "--name", "panel", "--out", str(tmp_path / "out"), *QUICK, *options])
        == 2
    )
    printed = capsys.readouterr().err
    assert sentence in printed
    assert printed.count("\n") == 1
    assert not (tmp_path / "out").exists()
