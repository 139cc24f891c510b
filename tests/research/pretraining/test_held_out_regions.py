from dataclasses import replace

import numpy as np
import pytest

from forecasting.models.universal.release import UniversalRelease
from forecasting.series.sst_series import SstSeries
from research.pretraining.held_out_regions import score_regions
from research.pretraining.real_series import RealSeries
from research.spec import SPECS
from tests.forecasting.models.universal.conftest import daily, universal_artifacts
from tests.forecasting.models.universal.tiny import series, walk

__all__ = ["daily", "universal_artifacts"]

DAY = replace(SPECS["day"], contexts=(30, 60), scored_leads=(1, 7))


def real(name: str, region: str, values: SstSeries) -> RealSeries:
    return RealSeries(name, region, values, np.full(7, np.nan))


def test_models_are_scored_against_the_best_reference_of_each_place(daily: UniversalRelease) -> None:
    series_of = [real("a", "north", walk(400)), real("b", "north", walk(400, seed=1)), real("c", "south", walk(300))]
    rows = score_regions(daily.networks, DAY, series_of)
    asked = [(region, context, lead) for region in ("north", "south") for context in (30, 60) for lead in (1, 7)]
    assert [(row.region, row.context, row.lead) for row in rows] == asked
    assert [row.places for row in rows] == [2] * 4 + [1] * 4
    # From 30 values, an autoregression cannot always be fitted; then no model is scored.
    assert [row.n for row in rows if row.context == 60] == [80, 80, 40, 40]
    assert all(30 * row.places < row.n < 40 * row.places for row in rows if row.context == 30)
    for row in rows:
        assert row.relative_rmse.keys() == {"mixture", "ocean-daily-lstm", "ocean-daily-gru"}
        # The GRU forecasts the last value, as persistence does, and the LSTM 0.3 °C more.
        assert 1 <= row.relative_rmse["ocean-daily-gru"] < row.relative_rmse["ocean-daily-lstm"]
    (north,) = (row for row in rows if (row.region, row.context, row.lead) == ("north", 60, 1))
    alone = [score_regions(daily.networks, DAY, [one])[2] for one in series_of[:2]]
    for name, ratio in north.relative_rmse.items():
        assert ratio == pytest.approx(np.prod([row.relative_rmse[name] for row in alone]) ** 0.5, abs=1e-3)
        assert north.coverage_80[name] == pytest.approx(np.mean([row.coverage_80[name] for row in alone]), abs=1e-3)


def test_places_that_are_too_short_or_hardly_observed_are_not_scored(daily: UniversalRelease) -> None:
    sparse = walk(400).values.copy()
    sparse[np.arange(400) % 5 > 0] = np.nan
    assert score_regions(daily.networks, DAY, [real("short", "a", walk(60)), real("sparse", "b", series(sparse))]) == []
