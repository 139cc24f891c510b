import numpy as np

from forecasting.models.past_skill import PastSkills, spread_origins


def test_a_model_is_compared_with_each_reference_on_the_forecasts_they_have_in_common() -> None:
    errors = np.empty((3, 3, 4, 2))
    errors[0], errors[1], errors[2] = 1.0, 2.0, 0.5
    errors[2, 1, 0] = 100.0
    errors[0, 1, 0] = np.nan  # the model has no forecast there
    errors[2, 2, :2, 1] = np.nan  # too few in common
    skills = PastSkills.of(errors, np.arange(4))
    np.testing.assert_allclose(skills.to_persistence, 0.5)
    np.testing.assert_allclose(skills.to_best, [2.0, 2.0, 0.5])


def test_errors_of_rounding_make_no_reference_better() -> None:
    errors = np.zeros((2, 1, 4, 2))
    errors[0] = 0.004
    skills = PastSkills.of(errors, np.arange(4))
    assert (skills.to_persistence.tolist(), skills.to_best.tolist()) == ([1.0], [1.0])


def test_origins_are_spread_and_counted_without_overlap() -> None:
    assert spread_origins(13, 12).tolist() == []
    assert spread_origins(13, 15).tolist() == [13, 14, 15]
    origins = spread_origins(13, 45)
    assert (origins[0], origins[-1], len(origins)) == (13, 45, 8)
    for leads, independent in ((16, 3.0), (1, 8.0)):
        assert PastSkills.of(np.ones((2, 1, 8, leads)), origins).independent.tolist() == [independent]
