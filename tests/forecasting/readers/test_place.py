"""The places that a file gives its rows."""

import numpy as np
import pytest

from forecasting.readers.place import fixed_places

NORTH = 43.0
KM = 1 / 111.195
"""Degrees of latitude."""


@pytest.mark.parametrize(("km", "are_one"), [(9.9, True), (10.1, False)])
def test_moorings_are_two_if_they_are_more_than_10_km_apart(km: float, are_one: bool) -> None:
    points = np.array([[NORTH, 9.0]] * 40 + [[NORTH + km * KM, 9.0]] * 30)
    places = fixed_places(points, np.ones(len(points), dtype=np.bool_))
    assert (places is None) == are_one
    if places is not None:
        assert places.tolist() == points.tolist()


def test_a_position_with_fewer_than_30_rows_is_no_fixed_place() -> None:
    points = np.array([[NORTH, 9.0]] * 40 + [[NORTH + 1, 9.0]] * 29)
    assert fixed_places(points, np.ones(len(points), dtype=np.bool_)) is None
