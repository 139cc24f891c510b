"""Random histories of a station in SQLite; ``tests/containers/test_histories.py`` has those in PostgreSQL."""

import pytest

from tests.histories.history import search
from tests.histories.sides import Sides

PARTS = 4
"""Which may run side by side."""


def test_a_station_does_what_its_model_says_in_few_histories(sqlite_sides: Sides) -> None:
    search(sqlite_sides, seed=PARTS, share=20)


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_a_station_does_what_its_model_says(sqlite_sides: Sides, part: int) -> None:
    search(sqlite_sides, seed=part, share=PARTS)
