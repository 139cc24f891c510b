"""How far a window lies from training, as a number."""

import numpy as np
import pytest

from forecasting.training_range import TrainingRange

RANGE = TrainingRange(minimum=10, maximum=20, spread=0.5, calmest=0.5, liveliest=1.5, months=(1, 2, 3))


def test_level_is_the_distance_from_the_middle_in_halves_of_the_range() -> None:
    windows = np.asarray([[15.0, 15.0], [20.0, 20.0], [9.0, 11.0], [5.0, 5.0]])
    level, _ = RANGE.distances(windows)
    assert level == pytest.approx([0, 1, 1, 2])


def test_spread_is_the_distance_from_the_middle_between_calmest_and_liveliest() -> None:
    windows = np.asarray([[15.0, 16.0, 15.0], [15.0, 15.5, 15.0], [15.0, 16.5, 15.0], [15.0, 17.0, 15.0]])
    _, spread = RANGE.distances(windows)
    assert spread == pytest.approx([0, 1, 1, 2])


def test_a_training_part_without_any_range_is_no_division_by_zero() -> None:
    constant = RANGE.model_copy(update={"maximum": 10.0, "liveliest": 0.5})
    level, spread = constant.distances(np.asarray([[10.0, 10.5, 10.0], [10.0, 10.0, 10.0]]))
    assert np.isfinite([*level, *spread]).all()
