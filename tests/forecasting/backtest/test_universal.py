"""Universal networks that ship with the project, rolled through a series."""

from collections.abc import Generator

import numpy as np
import pytest

from forecasting.backtest.backtest import Backtest
from forecasting.models.base import ALL
from forecasting.releases.release import SeaRelease, open_current
from forecasting.series.sst_series import SstSeries
from tests.conftest import ROOT

NOWHERE = np.full(2, np.nan)

Rolling = Generator[None, None, Backtest]


@pytest.fixture(scope="module")
def weekly() -> SeaRelease:
    release = open_current(ROOT / "artifacts", "ocean-weekly").load()
    assert isinstance(release, SeaRelease)
    return release


def series(loaded: SeaRelease, n: int) -> SstSeries:
    weeks = np.arange(n)
    values = 18 - 3 * np.cos(2 * np.pi * weeks / 52.18) + np.random.default_rng(1).normal(0, 0.2, n)
    return SstSeries(values, np.datetime64("1990-01-01T00:00:00"), loaded.step)


def finish(rolling: Rolling) -> tuple[Backtest, int]:
    """Return the backtest, and after how many parts it was complete."""
    parts, backtest = 0, None
    while backtest is None:
        try:
            next(rolling)
            parts += 1
        except StopIteration as stop:
            backtest = stop.value
    assert isinstance(backtest, Backtest)
    return backtest, parts


def test_networks_that_are_compared_together_forecast_what_each_does_alone(weekly: SeaRelease) -> None:
    past = series(weekly, 150)
    together, _ = finish(weekly.backtest(ALL, past, NOWHERE, 2))
    assert set(weekly.cells) <= set(together.predicted)
    for cell in weekly.cells:
        alone, _ = finish(weekly.backtest(cell, past, NOWHERE, 2))
        np.testing.assert_array_equal(alone.predicted[cell], together.predicted[cell])


def test_a_long_series_is_left_between_its_parts(weekly: SeaRelease) -> None:
    length = 2 * weekly.universal.any_network.metadata.maximum
    _, parts = finish(weekly.backtest(ALL, series(weekly, length), NOWHERE, 1))
    assert parts >= 3
