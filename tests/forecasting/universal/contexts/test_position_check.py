import numpy as np
import pytest

from forecasting.climatology.annual_cycle import evaluate
from forecasting.series.timestep import TimeStep
from forecasting.universal.contexts.position_check import climatology_of_steps


@pytest.mark.parametrize("name", ["hour", "day", "week", "month"])
def test_the_climatology_of_steps_is_that_of_their_times(name: str) -> None:
    step = TimeStep.parse(name)
    last = np.asarray(["1987-03-01", "2024-12-01", "1987-03-01"], dtype="datetime64[s]")
    coefficients = np.random.default_rng(0).normal(0, 2, (3, 7)).astype(np.float32)
    coefficients[:, 0] = 15.0
    coefficients[2] = np.nan
    usual = climatology_of_steps(coefficients, last, range(-800, 13, 3), step)
    for row in range(3):
        times = step.shift(last[row], np.arange(-800, 13, 3))
        assert usual[row] == pytest.approx(evaluate(coefficients[row].astype(np.float64), times), abs=1e-6, nan_ok=True)
