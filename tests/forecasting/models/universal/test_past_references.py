import numpy as np
import pytest

from forecasting.climatology.annual_cycle import evaluate
from forecasting.models.universal.contexts import Contexts
from forecasting.models.universal.references import Past, forecast_references, usual_at_end
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep

LEADS = 7
CYCLE = np.asarray([15.0, -4.0, -3.0, 0.5, 0.0, 0.0, 0.0], dtype=np.float32)


def past(values: Floats, origins: list[int], *, position: bool = False, step: str = "day", leads: int = LEADS) -> Past:
    """The past of one series that ends on the first of June 2020."""
    contexts = Contexts(
        step=TimeStep.parse(step),
        row=np.zeros(1, dtype=np.int64),
        values=values[None],
        last_time=np.asarray(["2020-06-01"], dtype="datetime64[s]"),
        missing_after=np.zeros(1, dtype=np.int64),
        coefficients=(CYCLE if position else CYCLE * np.float32(np.nan))[None],
    )
    return Past.of(contexts, np.asarray(origins, dtype=np.int64), leads)


def weather(n: int, seed: int = 0, *, persistence: float = 0.9) -> Floats:
    """Red noise, °C."""
    shocks = np.random.default_rng(seed).normal(0.0, 0.3, n)
    values = np.zeros(n)
    for i in range(1, n):
        values[i] = persistence * values[i - 1] + shocks[i]
    return values


def cycle(n: int) -> Floats:
    """The usual SST of the position on the ``n`` days until the first of June 2020 and the ``LEADS`` after it."""
    noon = np.asarray("2020-06-01T12:00", dtype="datetime64[s]")
    return evaluate(CYCLE.astype(np.float64), TimeStep.parse("day").shift(noon, np.arange(1 - n, LEADS + 1)))


@pytest.mark.parametrize("position", [True, False])
@pytest.mark.parametrize("n", [40, 400, 1_000])
def test_no_reference_sees_what_came_after_its_origin(n: int, position: bool) -> None:
    values = 15.0 + weather(n)
    values[5:9] = np.nan
    origins = [n - 21, n - 11]
    forecasts = forecast_references(past(values, [*origins, n - 1], position=position))
    changed = values.copy()
    changed[n - 10 :] += 5.0
    again = forecast_references(past(changed, [*origins, n - 1], position=position))
    for name in forecasts:
        assert again[name][0, :2] == pytest.approx(forecasts[name][0, :2], abs=1e-9, nan_ok=True), name
        if name != "climatology":
            assert (again[name][0, 2] != forecasts[name][0, 2]).all(), name


def test_forecasts_from_a_past_step_are_those_of_the_series_until_then() -> None:
    values = 15.0 + weather(300)
    together = forecast_references(past(values, [250, 299]))
    # The first origin is fitted to what came before it; its dates do not matter without a season.
    alone = forecast_references(past(values[:251], [250]))
    for name in ("persistence", "damped"):
        assert together[name][0, 0] == pytest.approx(alone[name][0, 0])


def test_the_usual_change_follows_the_climatology_from_the_last_value() -> None:
    usual = cycle(200)
    values = usual[:200] + 2.0
    forecast = forecast_references(past(values, [199], position=True), fitted=False)
    assert set(forecast) == {"persistence", "usual_change"}
    assert forecast["usual_change"][0, 0] == pytest.approx(usual[200:] + 2.0, abs=1e-6)
    values[-1] += 1.0
    bumped = forecast_references(past(values, [199], position=True), fitted=False)["usual_change"][0, 0]
    remaining = (bumped - usual[200:] - 2.0 - 1 / 200) / (1 - 1 / 200)
    assert remaining == pytest.approx(0.97 ** np.arange(1, LEADS + 1), abs=1e-6)


def test_damping_is_that_of_the_series() -> None:
    values = 15.0 + weather(3_000, persistence=0.8)
    forecast = forecast_references(past(values, [2_999], step="PT30M"))["damped"][0, 0]
    mean = values.mean()
    assert (forecast - mean) / (values[-1] - mean) == pytest.approx(0.8 ** np.arange(1, LEADS + 1), abs=0.05)


def test_the_autoregression_recovers_the_process() -> None:
    rng = np.random.default_rng(1)
    values = np.zeros(2_000)
    for i in range(2, 2_000):
        values[i] = 1.5 * values[i - 1] - 0.6 * values[i - 2] + rng.normal(0, 0.1)
    expected, before = [values[-1]], [values[-2]]
    for _ in range(LEADS):
        expected.append(1.5 * expected[-1] - 0.6 * before[-1])
        before.append(expected[-2])
    forecast = forecast_references(past(15 + values, [1_999]))["linear"][0, 0]
    assert forecast == pytest.approx(15 + np.asarray(expected[1:]), abs=0.05)


def test_the_own_climatology_is_used_where_the_past_is_long_enough() -> None:
    usual = cycle(1_500)
    forecasts = forecast_references(past(usual[:1_500] + weather(1_500, persistence=0.5), [300, 1_499]))
    assert np.isnan(forecasts["climatology"][0, 0]).all()
    assert forecasts["climatology"][0, 1] == pytest.approx(usual[1_500:], abs=0.3)
    assert forecasts["damped"][0, 1, -1] == pytest.approx(usual[-1], abs=0.4)


def test_a_short_series_has_the_climatology_of_its_position_whatever_its_level() -> None:
    usual = cycle(100)
    known = past(usual[:100] - 1.5, [99], position=True)
    forecasts, (rests_on,) = forecast_references(known), usual_at_end(known)
    assert forecasts["climatology"][0, 0] == pytest.approx(usual[100:], abs=1e-5)
    assert rests_on is not None
    assert rests_on[:2] == ((2010, 2020), "position")
    assert rests_on.sst == pytest.approx(usual[99], abs=1e-5)


@pytest.mark.parametrize("position", [True, False])
def test_a_long_series_has_a_climatology_of_its_own_years(position: bool) -> None:
    usual = cycle(1_500)
    values = usual[:1_500] - 1.5
    values[:40] = np.nan
    known = past(values, [1_499], position=position)
    forecasts, (rests_on,) = forecast_references(known), usual_at_end(known)
    assert forecasts["climatology"][0, 0] == pytest.approx(usual[1_500:] - 1.5, abs=1e-3)
    assert rests_on is not None
    assert rests_on[:2] == ((2016, 2020), "series")
    assert rests_on.sst == pytest.approx(usual[1_499] - 1.5, abs=1e-3)


def test_nothing_is_usual_for_a_short_series_without_a_position() -> None:
    known = past(cycle(100)[:100], [99])
    forecasts, usual = forecast_references(known), usual_at_end(known)
    assert (usual, "climatology" in forecasts) == ([None], False)


def test_an_autoregression_is_fitted_again_where_the_past_has_grown_by_a_tenth() -> None:
    begins = [begin for begin, _ in past(weather(400), [*range(400)]).refits(100)]
    assert begins[:5] == [100, 111, 123, 136, 150]


def test_an_autoregression_that_grows_without_end_is_not_stable() -> None:
    calm = 15.0 + weather(200)
    growing = 15.0 + 0.01 * np.power(1.03, np.arange(200))
    assert past(calm, [150, 199]).autoregression.stable.tolist() == [True]
    assert past(growing, [150, 199]).autoregression.stable.tolist() == [False]


def test_the_linear_reference_is_not_clipped_at_the_end_of_the_series() -> None:
    smooth = 24.0 + np.sin(np.arange(120) / 5)
    smooth[-1] = 36.9
    assert np.isnan(forecast_references(past(smooth, [100, 119]))["linear"][0, -1]).all()
