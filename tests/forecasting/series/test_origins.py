import numpy as np

from forecasting.series.origins import origins
from forecasting.series.shape import ForecastShape
from tests.conftest import daily


def test_each_step_of_a_part_is_a_target_of_every_lead() -> None:
    usable = origins(daily(np.arange(20.0)), ForecastShape(3, 4, 0), begin=10, end=20)
    for lead in range(4):
        column = usable.targets[:, lead]
        assert column[np.isfinite(column)].tolist() == list(range(10, 20))


def test_a_window_ends_before_its_target_and_may_begin_before_the_part() -> None:
    usable = origins(daily(np.arange(20.0)), ForecastShape(3, 1, 0), begin=10, end=12)
    assert usable.windows.tolist() == [[7, 8, 9], [8, 9, 10]]
    assert (
        usable.valid_time.astype("datetime64[D]").tolist()
        == np.arange(np.datetime64("2001-01-11"), np.datetime64("2001-01-13")).tolist()
    )


def test_nothing_is_filled_by_looking_ahead() -> None:
    """A window that ends in a gap is not an origin; one that ends after it is, filled from its own values."""
    values = np.arange(12.0)
    values[[5, 6]] = np.nan
    usable = origins(daily(values), ForecastShape(4, 1, 2), begin=4, end=12)
    assert usable.position.tolist() == [4, 8, 9, 10, 11]
    assert usable.windows[1].tolist() == [4, 5, 6, 7]
    later = values.copy()
    later[9:] += 5
    assert origins(daily(later), ForecastShape(4, 1, 2), 4, 12).windows[1].tolist() == usable.windows[1].tolist()


def test_a_long_gap_and_a_missing_target_leave_origins_out() -> None:
    values = np.arange(12.0)
    values[[3, 4, 5]] = np.nan
    assert origins(daily(values), ForecastShape(2, 1, 2), begin=0, end=12).position.tolist() == [2, 8, 9, 10, 11]


def test_a_part_without_origins_is_empty() -> None:
    usable = origins(daily(np.arange(5.0)), ForecastShape(5, 2, 0), begin=0, end=5)
    assert len(usable) == 0
    assert usable.targets.shape == (0, 2)
