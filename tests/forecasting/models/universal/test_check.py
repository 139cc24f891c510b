import numpy as np
import pytest

from forecasting.models.universal.checks import Check, check_series
from forecasting.models.universal.release import UniversalRelease
from forecasting.series.times import Floats
from tests.forecasting.models.universal.tiny import series, walk

N = 100
GOOD, NOT_EVALUATED, SUSPECT, MISSING = 1, 2, 3, 9


def checked(release: UniversalRelease, values: Floats, step: str = "day", last: int | None = None) -> Check:
    """The check of ``values`` by a network that expects the last value, give or take 2.5 °C."""
    return check_series(release.networks["gru"], series(values, step), last=last)


def sea(n: int = N) -> Floats:
    return walk(n).values.copy()


def test_a_spike_is_suspect_and_does_not_condemn_the_value_after_it(daily: UniversalRelease) -> None:
    values = sea()
    values[50] += 6
    check = checked(daily, values)
    assert check.suspects.tolist() == [50]
    assert check.lower[50] == pytest.approx(values[49] - 2.5, abs=0.1)
    assert check.upper[50] == pytest.approx(values[49] + 2.5, abs=0.1)
    assert np.isnan(check.without_suspects().values[50])


@pytest.mark.parametrize("count", [1, 2, 5])
def test_values_that_are_bad_one_after_the_other_are_all_suspect(daily: UniversalRelease, count: int) -> None:
    values = sea()
    values[50 : 50 + count] = [35, 3, 35, 3, 35][:count]
    assert checked(daily, values).suspects.tolist() == [*range(50, 50 + count)]


def test_a_sensor_stuck_at_an_implausible_value_is_suspect_throughout(daily: UniversalRelease) -> None:
    values = sea()
    values[50:58] = 30.0
    assert checked(daily, values).suspects.tolist() == [*range(50, 58)]


@pytest.mark.parametrize("change", [-6.0, 6.0])
def test_a_change_of_level_that_lasts_condemns_only_its_first_value(daily: UniversalRelease, change: float) -> None:
    values = sea()
    values[50:] += change
    assert checked(daily, values).suspects.tolist() == [50]


def test_several_spikes_in_one_series_are_each_found(daily: UniversalRelease) -> None:
    values, spikes = sea(1500), [20, 23, 40, 41, 700, 1100, 1499]
    values[spikes] += 8
    assert checked(daily, values).suspects.tolist() == spikes


def test_values_without_enough_before_them_are_not_evaluated(daily: UniversalRelease) -> None:
    values = sea(40)
    values[3] += 9
    values[20:22] = np.nan
    flags = checked(daily, values).flags
    assert flags[:14].tolist() == [NOT_EVALUATED] * 14
    assert flags[14:].tolist() == [GOOD] * 6 + [MISSING] * 2 + [GOOD] * 18


def test_a_gap_longer_than_the_horizon_starts_afresh(daily: UniversalRelease) -> None:
    values = sea()
    values[40:60] = np.nan
    values[60] += 9
    assert checked(daily, values).flags[60] == NOT_EVALUATED


def test_only_the_last_values_are_checked_on_request(daily: UniversalRelease) -> None:
    values = sea()
    values[[30, 95]] += 6
    check = checked(daily, values, last=10)
    assert check.suspects.tolist() == [95]
    assert check.flags[:90].tolist() == [NOT_EVALUATED] * 90


def test_months_are_checked_once_the_season_is_known(monthly: UniversalRelease) -> None:
    flags = checked(monthly, sea(40), "month").flags
    assert flags.tolist() == [NOT_EVALUATED] * 24 + [GOOD] * 16


@pytest.mark.parametrize("values", [[], [np.nan] * 30, [18.0], [18.0] * 30], ids=["none", "missing", "one", "equal"])
def test_a_series_with_nothing_to_compare_has_no_suspects(daily: UniversalRelease, values: list[float]) -> None:
    assert not len(checked(daily, np.asarray(values, dtype=np.float64)).suspects)


def test_a_spike_among_equal_values_is_suspect(daily: UniversalRelease) -> None:
    values = np.full(60, 18.0)
    values[50] = 35.0
    assert checked(daily, values).suspects.tolist() == [50]


def test_a_climatology_that_disagrees_is_ignored(daily: UniversalRelease) -> None:
    values = sea()
    values[50] += 6
    coefficients = np.asarray([-1.0, 0, 0, 0, 0, 0, 0], dtype=np.float32)
    check = check_series(daily.networks["gru"], series(values), coefficients)
    assert check.suspects.tolist() == [50]
