import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH
from tests.conftest import daily
from training.config import TrainingConfig
from training.data.dataset import Dataset

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


def test_a_series_that_never_changes_is_refused() -> None:
    with pytest.raises(SeriesError, match="hardly change"):
        Dataset.divide(daily(np.full(400, 15.0)), DAILY)
