"""The flag that past forecasts support."""

import numpy as np
import pytest

from forecasting.qartod import GOOD, NOT_EVALUATED, SUSPECT
from scoring.quality import evaluate, held_out_ratio, neighbours
from tests.forecasting.models.universal import tiny

NAN = float("nan")


@pytest.mark.parametrize(
    ("to_persistence", "to_best", "independent", "held_out", "flag"),
    [
        (0.9, 0.95, 20, NAN, GOOD),
        (1.1, 1.1, 20, NAN, SUSPECT),
        (0.5, 0.5, 2, NAN, NOT_EVALUATED),
        (NAN, NAN, 0, NAN, NOT_EVALUATED),
        (NAN, NAN, 0, 0.9, GOOD),
        (NAN, NAN, 0, 1.1, SUSPECT),
        # Against persistence, ten forecasts of held-out seas outweigh two of the own past, and thirty outweigh them.
        (1.1, 1.1, 2, 0.9, GOOD),
        (1.1, 1.1, 30, 0.9, SUSPECT),
        # Held-out seas say nothing about the other references.
        (0.5, 1.1, 8, 0.5, SUSPECT),
    ],
)
def test_a_forecast_is_good_only_where_past_forecasts_support_it(
    to_persistence: float, to_best: float, independent: float, held_out: float, flag: int
) -> None:
    evidence = (np.array([x]) for x in (to_persistence, to_best, independent, held_out))
    assert evaluate(*evidence).tolist() == [flag]


def test_held_out_seas_are_interpolated_between_contexts_and_leads() -> None:
    described = tiny.metadata(tiny.LastValue("day"), "ocean-daily", "gru", "day", 0.9)
    held_out = {"30": {"1": 0.8, "3": 1.0}, "120": {"1": 0.4, "3": 0.5}}
    metadata = described.model_copy(update={"held_out": held_out})
    ratios = held_out_ratio(metadata, np.array([29, 30, 60, 120, 700]), 3)
    np.testing.assert_allclose(ratios, [NAN, 0.9, np.sqrt(0.9 * 0.45), 0.45, 0.45])
    assert np.isnan(held_out_ratio(metadata.model_copy(update={"held_out": {}}), np.array([60]), 3)).all()


def test_each_cell_is_judged_by_the_nearest_of_every_few() -> None:
    assert neighbours(7, 3).tolist() == [0, 0, 1, 1, 1, 2, 2]
    assert neighbours(3, 1).tolist() == [0, 1, 2]
    assert neighbours(5, 64).tolist() == [0, 0, 0, 0, 0]
