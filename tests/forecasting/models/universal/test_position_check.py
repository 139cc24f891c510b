import numpy as np
import pytest

from forecasting.climatology.annual_cycle import evaluate
from forecasting.climatology.global_climatology import Coefficients, GlobalClimatology
from forecasting.climatology.usual import Agreement
from forecasting.models.universal.contexts import climatology_of_steps, compare_with_climatology
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep

DAY = TimeStep.parse("day")
LAST = np.asarray(["1995-06-30"], dtype="datetime64[s]")


def values_at(latitude: float, longitude: float, *, cycle: float = 1.0) -> Floats:
    """200 days of weather about a share of the usual cycle, °C ``(1, 200)``."""
    usual = evaluate(usual_at(latitude, longitude)[0].astype(np.float64), DAY.shift(LAST[0], np.arange(-199, 1)))
    weather = np.convolve(np.random.default_rng(0).normal(0, 0.2, 219), np.full(20, 0.3), "valid")
    values: Floats = usual.mean() + cycle * (usual - usual.mean()) + weather
    return values[None]


def usual_at(latitude: float, longitude: float) -> Coefficients:
    return GlobalClimatology.load().coefficients([latitude], [longitude])


def test_a_mooring_on_the_equator_is_not_accused_of_a_wrong_position() -> None:
    for cycle in (0.0, -0.5):
        values = values_at(0.0, -155.0, cycle=cycle)
        assert compare_with_climatology(values, LAST, usual_at(0.0, -155.0), DAY) == Agreement.AGREES


@pytest.mark.parametrize("wrong", [(-43.6, 9.1), (43.6, -9.1 - 40), (0.0, -155.0)])
def test_a_wrong_position_is_found_out(wrong: tuple[float, float]) -> None:
    values = values_at(43.6, 9.1)
    assert compare_with_climatology(values, LAST, usual_at(43.6, 9.1), DAY) == Agreement.AGREES
    assert compare_with_climatology(values, LAST, usual_at(*wrong), DAY) == Agreement.IGNORED


@pytest.mark.parametrize("name", ["hour", "day", "week", "month"])
def test_the_climatology_of_steps_is_that_of_their_middle(name: str) -> None:
    step = TimeStep.parse(name)
    last = np.asarray(["1987-03-01", "2024-12-01", "1987-03-01"], dtype="datetime64[s]")
    coefficients = np.random.default_rng(0).normal(0, 2, (3, 7)).astype(np.float32)
    coefficients[:, 0] = 15.0
    coefficients[2] = np.nan
    usual = climatology_of_steps(coefficients, last, range(-800, 13, 3), step)
    for row in range(3):
        starts, ends = (step.shift(last[row], np.arange(-800, 13, 3) + end) for end in (0, 1))
        middle = evaluate(coefficients[row].astype(np.float64), starts + (ends - starts) / 2)
        assert usual[row] == pytest.approx(middle, abs=1e-6, nan_ok=True)
