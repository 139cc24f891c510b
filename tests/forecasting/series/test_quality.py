"""Which readings are suspect, and which the readings after them confirm."""

import numpy as np
import pytest

from forecasting.qartod import GOOD, NOT_EVALUATED, SUSPECT
from forecasting.series.quality import QualityCheck

DAY, HOUR = 86_400, 3_600
PAST = (20 + np.random.default_rng(3).normal(0, 0.2, 60)).round(2).tolist()
COARSE = [round(value, 1) for value in PAST]


def run(
    values: list[float],
    past: list[float] = PAST,
    step: int = DAY,
    usual: float = np.nan,
    expected: tuple[float, float] | None = None,
) -> tuple[list[int], list[tuple[str, ...]]]:
    """Return the flags of the values, which all arrive at once, and the tests that they fail."""
    n, new = len(past), len(values)
    flags = np.repeat([GOOD, NOT_EVALUATED], [n, new])
    result = QualityCheck(
        np.array([*past, *values]),
        np.arange(n + new, dtype=np.float64),
        step,
        flags,
        np.arange(n + new) >= n,
        lambda places: np.full(len(places), usual),
        lambda i: expected,
    )
    result.run()
    return result.flags[n:].tolist(), [result.tests.get(i, ()) for i in range(n, n + new)]


@pytest.mark.parametrize(
    ("values", "flags"),
    [
        ([20.4], [1]),
        ([20.95], [1]),
        ([29.0], [3]),
        ([29.0, 20.1], [4, 1]),
        ([29.0, 29.2], [1, 1]),
        ([29.0, 11.0], [3, 3]),
        ([29.0, 11.0, 20.0], [4, 4, 1]),
        ([29.0, 11.0, 11.3], [4, 1, 1]),
        ([29.0, 29.0], [3, 3]),
        ([29.0, 29.0, 29.1], [1, 1, 1]),
        ([23.0, 26.0, 29.0, 30.0], [1, 1, 1, 1]),
        ([29.0, np.nan, 29.2], [1, 2, 1]),
    ],
)
def test_a_jump_is_suspect_until_the_next_readings_tell(values: list[float], flags: list[int]) -> None:
    known = [value for value in values if np.isfinite(value)]
    assert run(known)[0] == [flag for flag, value in zip(flags, values, strict=True) if np.isfinite(value)]


def test_a_suspect_reading_is_good_once_the_one_before_it_is_corrected_to_be_near() -> None:
    values, flags = np.array([*PAST, 29.0, 29.4]), np.array([GOOD] * 61 + [SUSPECT])
    check = QualityCheck(values, np.arange(62.0), DAY, flags, np.zeros(62, np.bool_))
    check.run()
    assert (check.flags[-1], check.tests) == (GOOD, {})


def test_a_repeated_value_confirms_a_jump_only_where_readings_are_coarse() -> None:
    assert run([29.0, 29.0], past=PAST)[0] == [3, 3]
    assert run([29.0, 29.0], past=COARSE)[0] == [1, 1]


def test_at_a_short_step_a_jump_has_to_last() -> None:
    level = [29.0, 29.2, 28.9, 29.1, 29.0, 29.3]
    assert run(level[:5], step=HOUR)[0] == [3] * 5
    assert run(level, step=HOUR)[0] == [1] * 6


@pytest.mark.parametrize("count", [0, 5, 9])
def test_too_few_readings_are_not_evaluated(count: int) -> None:
    assert run([35.0], past=PAST[:count])[0] == [NOT_EVALUATED]


def test_each_test_is_named() -> None:
    rough = [20 + 2 * (-1) ** i + i % 3 / 10 for i in range(60)]
    assert run([27.0], past=rough) == ([1], [()])
    assert run([30.5], past=rough, usual=20.0)[1] == [("climatology",)]
    assert run([30.5], past=rough, expected=(14.0, 26.0))[1] == [("forecast",)]
    assert run([30.5], past=rough, expected=(14.0, 31.0))[1] == [()]
    assert run([36.9])[1] == [("gross_range", "rate_of_change")]
    assert run([29.0, 20.0])[1] == [("rate_of_change", "spike"), ()]


def test_a_sensor_that_is_stuck_is_suspect_once_the_other_readings_do_not_explain_it() -> None:
    flags, tests = run([20.13] * 40)
    assert flags == [*[1] * 12, *[3] * 28]
    assert tests[-1] == ("flat_line",)
    assert run([-1.8] * 40, past=[-1.7, -1.8] * 30)[0] == [1] * 40
