from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from forecasting.climatology.annual_cycle import evaluate
from forecasting.errors import FileError
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import TimeStep
from research.pretraining.real_series import TEST, RealSeries, read_real_series, real_panel, summary
from research.spec import SPECS

DAY = replace(SPECS["day"], training_steps=100)


def write(path: Path, days: int, position: bool = True, step: int = 1) -> Path:
    times = np.datetime64("2020-01-01") + step * np.arange(days)
    values = 18 + 4 * np.sin(2 * np.pi * np.arange(days) * step / 365)
    header, place = ("time,sst,latitude,longitude", ",43.5,9.25") if position else ("time,sst", "")
    lines = [f"{time},{value:.2f}{place}" for time, value in zip(times, values, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def write_folder(folder: Path, **columns: list[object]) -> Path:
    """Write a folder of three places: two in the north, where water has 10 and 11 °C, and one in the south with 20."""
    places = {
        "place": ["n1", "n2", "s1"],
        "step": ["day"] * 3,
        "region": ["north", "north", "south"],
        "latitude": [60.0, 61.0, -43.5],
        "longitude": [-20.0, -21.0, 160.0],
    }
    pd.DataFrame(places | columns).to_csv(folder / "places.csv", index=False)
    times = pd.date_range("2020-01-01", periods=300).delete(50)
    values = [pd.DataFrame({"place": p, "time": times, "sst": v}) for p, v in (("n1", 10), ("n2", 11), ("s1", 20))]
    pd.concat(values).to_parquet(folder / "day.parquet")
    return folder


def panel_of(*paths: Path, at_most: int = 1000) -> torch.Tensor:
    return real_panel(DAY, read_real_series(DAY, paths), at_most, np.random.default_rng(0)).sst


def test_stretches_hold_the_values_before_their_ends_as_anomalies_where_the_position_is_shown(tmp_path: Path) -> None:
    (real,) = read_real_series(DAY, [write(tmp_path / "pier.csv", 1800)])
    panel = real_panel(DAY, [real], 1000, np.random.default_rng(0))
    assert panel.sst.shape == (36, 100)  # each value is in two
    for row, last in enumerate(panel.last_time.tolist()):
        end = int((last - real.series.start.astype(float)) / 86_400) + 1
        np.testing.assert_allclose(panel.sst[row], real.series.values[end - 100 : end])
    shown = panel.positioned > 0.5
    assert 8 < int(shown.sum()) < 28
    assert torch.equal(torch.isfinite(panel.climatology[:, 0]), shown)
    torch.testing.assert_close(panel.anomaly[~shown], panel.sst[~shown])
    usual = panel.sst[shown] - panel.anomaly[shown]
    assert [round(float(extreme)) for extreme in (usual.min(), usual.max())] == [14, 25]  # in the Ligurian Sea


@pytest.mark.parametrize("days", [60, 100])
def test_a_series_that_is_no_longer_than_a_stretch_ends_it(tmp_path: Path, days: int) -> None:
    panel = panel_of(write(tmp_path / "pier.csv", days, position=False))
    assert panel.shape == (2, 100)
    assert torch.isnan(panel).sum(1).tolist() == [100 - days] * 2


@pytest.mark.parametrize(
    ("days", "step", "message"),
    [
        (20, 1, "pier.csv: 20 values are too few to train on; 28 are needed"),
        (60, 7, "pier.csv has steps of one week, but the networks forecast steps of one day"),
    ],
)
def test_a_series_that_cannot_be_trained_on_is_refused(tmp_path: Path, days: int, step: int, message: str) -> None:
    with pytest.raises(FileError, match=message):
        read_real_series(DAY, [write(tmp_path / "pier.csv", days, step=step)])


def test_regions_of_a_folder_count_alike(tmp_path: Path) -> None:
    folder = write_folder(tmp_path)
    series = read_real_series(DAY, [folder])
    assert summary(series) == ("north (2 places)", "south (1 place)")
    means = panel_of(folder, at_most=12).nanmean(1).round().tolist()
    assert means.count(20) == 6
    assert {10, 11} < set(means)
    assert len(panel_of(folder, at_most=4)) == 4
    every = panel_of(folder).nanmean(1).round().tolist()
    assert (len(every), every.count(20)) == (18, 6)  # a region that is short is not repeated


def test_times_may_say_that_they_are_utc_and_positions_may_be_unknown(tmp_path: Path) -> None:
    folder = write_folder(tmp_path, latitude=[60.0, None, -43.5])
    table = pd.read_parquet(folder / "day.parquet")
    table.assign(time=table["time"].dt.tz_localize("UTC")).to_parquet(folder / "day.parquet")
    series = read_real_series(DAY, [folder])
    assert [str(real.series.start) for real in series] == ["2020-01-01T00:00:00"] * 3
    assert [np.isfinite(real.climatology).all() for real in series] == [True, False, True]


@pytest.mark.parametrize(
    ("columns", "kept"),
    [
        ({"open": [True, False, True]}, ["n1", "s1"]),
        ({"part": ["train", "train", "validation"]}, ["n1", "n2"]),
        ({"step": ["day", "hour", "day"]}, ["n1", "s1"]),
    ],
)
def test_places_of_a_folder_that_are_not_for_training_are_left_out(
    tmp_path: Path, columns: dict[str, list[object]], kept: list[str]
) -> None:
    assert [real.name for real in read_real_series(DAY, [write_folder(tmp_path, **columns)])] == kept


@pytest.mark.parametrize(("part", "held_out"), [(["test", "test", "train"], ["n1", "n2"]), (["train"] * 3, [])])
def test_places_to_test_on_are_those_of_that_part(tmp_path: Path, part: list[object], held_out: list[str]) -> None:
    folder, file = write_folder(tmp_path, part=part), write(tmp_path / "pier.csv", 60)
    assert [real.name for real in read_real_series(DAY, [folder, file], TEST)] == held_out


def test_a_folder_without_parts_is_all_to_train_on(tmp_path: Path) -> None:
    assert read_real_series(DAY, [write_folder(tmp_path)], TEST) == []


def test_usual_values_are_those_in_the_middle_of_each_day() -> None:
    times = np.datetime64("2020-01-01T00:00:00") + np.arange(400) * np.timedelta64(86_400, "s")
    cycle = np.asarray([15.0, -4.0, -3.0, 0.5, 0.2, 0.0, 0.0])
    values = evaluate(cycle, times + np.timedelta64(43_200, "s"))
    real = RealSeries("a", "a", SstSeries(values, times[0], TimeStep.parse("day")), cycle)
    panel = real_panel(DAY, [real], 1000, np.random.default_rng(0))
    assert panel.anomaly[panel.positioned > 0.5].abs().max() < 1e-4


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("no places", "places.csv: No such file or directory"),
        ("no values", "day.parquet: No such file or directory"),
        ("no region", "places.csv has no column 'region'; expected place, step, region, latitude, longitude"),
        ("damaged", "cannot be read: "),
        ("nothing left", "has no series of at least 28 values at steps of one day in the part train"),
        ("no names", "places.csv: a place without a name: ''"),
        ("no regions", "places.csv: a place without a region: 'n2'"),
        ("twice", "places.csv: a place has two rows for the step: 'n1'"),
        ("other part", "places.csv: the part of a place is not train, validation or test: 'n2'"),
        ("shared region", "places.csv: the region of a place is in several parts: 'n1'"),
        ("open", "places.csv: expected True or False in every row of the column open"),
        ("latitude", "places.csv: n2: latitude must be from -90 to 90 degrees, not 95"),
        ("longitude", "places.csv: n2: could not convert string to float: '21 W'"),
    ],
)
def test_a_folder_that_cannot_be_trained_on_is_refused(tmp_path: Path, change: str, message: str) -> None:
    columns: dict[str, dict[str, list[object]]] = {
        "nothing left": {"part": ["test"] * 3},
        "no names": {"place": ["n1", "", "s1"]},
        "no regions": {"region": ["north", "", "south"]},
        "twice": {"place": ["n1", "n1", "s1"]},
        "other part": {"part": ["train", "Train", "test"]},
        "shared region": {"part": ["train", "test", "test"]},
        "open": {"open": ["yes", "no", "yes"]},
        "latitude": {"latitude": [60.0, 95.0, -43.5]},
        "longitude": {"longitude": ["-20", "21 W", "160"]},
    }
    write_folder(tmp_path, **columns.get(change, {}))
    places, values = tmp_path / "places.csv", tmp_path / "day.parquet"
    if change in ("no places", "no values"):
        {"no places": places, "no values": values}[change].unlink()
    if change == "no region":
        pd.read_csv(places).drop(columns="region").to_csv(places, index=False)
    if change == "damaged":
        values.write_bytes(b"PAR1 is not enough")
    with pytest.raises(FileError, match=message):
        read_real_series(DAY, [tmp_path])
