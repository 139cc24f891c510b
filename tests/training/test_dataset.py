import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.series import SstSeries
from forecasting.timestep import MONTH
from tests.conftest import daily
from training.config import TrainingConfig
from training.dataset import Dataset

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
    found = dataset.origins("test", horizon=1)
    assert found.targets[:, 0].tolist() == nino12.values[585:].tolist()


@pytest.mark.parametrize("n", [2, 60, 128])
def test_a_short_series_is_refused_with_the_length_that_it_needs(n: int) -> None:
    with pytest.raises(SeriesError, match=f"{n} values are too few.*at least 129.*--window"):
        Dataset.divide(wave(n), DAILY)
    Dataset.divide(wave(150), DAILY)


def test_a_series_that_is_mostly_gaps_is_refused() -> None:
    series = wave(400)
    series.values[:270:7] = np.nan
    series.values[1:270:7] = np.nan
    series.values[2:270:7] = np.nan
    series.values[3:270:7] = np.nan
    with pytest.raises(SeriesError, match="too much is missing: the train part has"):
        Dataset.divide(series, DAILY)


def test_a_series_that_never_changes_is_refused() -> None:
    with pytest.raises(SeriesError, match="hardly change"):
        Dataset.divide(daily(np.full(400, 15.0)), DAILY)
