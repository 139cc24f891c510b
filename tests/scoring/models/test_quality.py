"""The flag that past forecasts support."""

import numpy as np
import pytest

from forecasting.qartod import GOOD, NOT_EVALUATED, SUSPECT
from scoring.models.own_past import independent_forecasts, neighbours, relative_rmse, spread_origins
from scoring.models.quality import held_out_ratio, judge
from tests.forecasting.universal import tiny

NAN = float("nan")


@pytest.mark.parametrize(
    ("relative", "independent", "held_out", "flag"),
    [
        (0.9, 20, NAN, GOOD),
        (1.1, 20, NAN, SUSPECT),
        (0.5, 2, NAN, NOT_EVALUATED),
        (NAN, 0, NAN, NOT_EVALUATED),
        (NAN, 0, 0.9, GOOD),
        (NAN, 0, 1.1, SUSPECT),
        # Ten forecasts of held-out seas outweigh two of the own past, and thirty outweigh them.
        (1.1, 2, 0.9, GOOD),
        (1.1, 30, 0.9, SUSPECT),
    ],
)
def test_a_forecast_is_good_only_where_past_forecasts_support_it(
    relative: float, independent: float, held_out: float, flag: int
) -> None:
    assert judge(np.array([relative]), np.array([independent]), np.array([held_out])).tolist() == [flag]


def test_held_out_seas_are_interpolated_between_contexts_and_leads() -> None:
    described = tiny.metadata(tiny.LastValue("day"), "ocean-daily", "gru", "day", 0.9)
    held_out = {"30": {"1": 0.8, "3": 1.0}, "120": {"1": 0.4, "3": 0.5}}
    metadata = described.model_copy(update={"held_out": held_out})
    ratios = held_out_ratio(metadata, np.array([29, 30, 60, 120, 700]), 3)
    np.testing.assert_allclose(ratios, [NAN, 0.9, np.sqrt(0.9 * 0.45), 0.45, 0.45])
    assert np.isnan(held_out_ratio(metadata.model_copy(update={"held_out": {}}), np.array([60]), 3)).all()


def test_a_model_is_compared_with_the_best_reference_at_each_lead() -> None:
    errors = np.empty((3, 2, 4, 2))
    errors[0], errors[1], errors[2] = 1.0, 2.0, 0.5
    errors[2, 1] = NAN
    np.testing.assert_allclose(relative_rmse(errors), [2.0, 0.5])
    errors[0, 0, :, 1] = NAN
    np.testing.assert_allclose(relative_rmse(errors), [NAN, 0.5])


def test_origins_are_spread_and_counted_without_overlap() -> None:
    assert spread_origins(13, 12).tolist() == []
    assert spread_origins(13, 15).tolist() == [13, 14, 15]
    origins = spread_origins(13, 45)
    assert (origins[0], origins[-1], len(origins)) == (13, 45, 8)
    assert independent_forecasts(origins, 16) == 3.0
    assert independent_forecasts(origins, 1) == 8.0
    assert independent_forecasts(origins[:0], 1) == 0.0


def test_each_cell_is_judged_by_the_nearest_of_every_few() -> None:
    assert neighbours(7, 3).tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert neighbours(3, 1).tolist() == [0, 1, 2]
    assert neighbours(5, 64).tolist() == [0, 0, 0, 0, 0]
