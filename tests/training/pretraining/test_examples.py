from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forecasting.errors import FileError
from training.config import SPECS
from training.pretraining.examples import read_real_series, real_panel

DAY = replace(SPECS["day"], training_steps=100)


def write(path: Path, days: int, position: bool = True, step: int = 1) -> Path:
    times = np.datetime64("2020-01-01") + step * np.arange(days)
    values = 18 + 4 * np.sin(2 * np.pi * np.arange(days) * step / 365)
    header, place = ("time,sst,latitude,longitude", ",43.5,9.25") if position else ("time,sst", "")
    lines = [f"{time},{value:.2f}{place}" for time, value in zip(times, values, strict=True)]
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


def test_a_series_is_cut_into_overlapping_stretches_with_its_position_and_without(tmp_path: Path) -> None:
    (series,) = read_real_series(DAY, [write(tmp_path / "pier.csv", 180)])
    panel = real_panel(DAY, [series])
    assert panel.sst.shape == (8, 100)  # ends after 180, 130, 80 and 30 days, each twice
    assert panel.positioned.tolist() == [0.0] * 4 + [1.0] * 4
    np.testing.assert_allclose(panel.sst[0], series.series.values[80:])
    assert torch.isnan(panel.sst[3]).sum() == 70
    np.testing.assert_allclose(panel.last_time[:2].diff(), -50 * 86_400)
    assert float(panel.anomaly[4].mean().abs()) < 6 < float(panel.anomaly[0].mean())


def test_a_series_without_a_position_enters_once(tmp_path: Path) -> None:
    (series,) = read_real_series(DAY, [write(tmp_path / "pier.csv", 60, position=False)])
    panel = real_panel(DAY, [series])
    assert panel.positioned.tolist() == [0.0, 0.0]
    torch.testing.assert_close(panel.anomaly, panel.sst, equal_nan=True)


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
