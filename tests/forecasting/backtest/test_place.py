"""Backtest through a caller's series: what is scored, and that nothing looks ahead."""

from collections.abc import Sequence

import numpy as np
import pytest

from forecasting.backtest.backtest import Backtest, NetworkFacts
from forecasting.backtest.place import rolling_through
from forecasting.errors import SeriesError
from forecasting.models.place.forecaster import Forecaster
from forecasting.references.baselines import BASELINES
from forecasting.releases.catalog import Catalog
from forecasting.scores.accuracy import Accuracy, diebold_mariano
from forecasting.series.sst_series import SstSeries
from forecasting.series.timestep import MONTH, TimeStep

WINDOW = 24


@pytest.fixture(scope="module")
def networks(catalog: Catalog) -> Sequence[Forecaster]:
    return list(catalog.dataset("nino12").forecasters.values())


@pytest.fixture(scope="module")
def buoy(catalog: Catalog) -> Sequence[Forecaster]:
    return list(catalog.dataset("buoy").forecasters.values())


def monthly(n: int, seed: int = 0) -> SstSeries:
    noise = np.random.default_rng(seed).normal(0, 0.5, n)
    return SstSeries(23 + 3 * np.sin(np.arange(n) * np.pi / 6) + noise, np.datetime64("1969-12-01", "s"), MONTH)


def half_hourly(n: int) -> SstSeries:
    noise = np.random.default_rng(3).normal(0, 0.05, n)
    return SstSeries(6 + np.cumsum(noise) * 0.1, np.datetime64("2016-03-01", "s"), TimeStep.parse("PT30M"))


def roll_through(series: SstSeries, networks: Sequence[Forecaster], horizon: int) -> Backtest:
    """All pieces of :func:`rolling_through`."""
    rolling = rolling_through(series, networks, horizon)
    while True:
        try:
            next(rolling)
        except StopIteration as done:
            rolled: Backtest = done.value
            return rolled


def test_every_step_after_the_first_full_window_is_scored(networks: Sequence[Forecaster]) -> None:
    series = monthly(100)
    rolled = roll_through(series, networks, 1)
    assert rolled.times.tolist() == series.times[WINDOW:].tolist()
    assert rolled.observed.tolist() == series.values[WINDOW:].tolist()
    assert list(rolled.predicted) == ["rnn", "lstm", "gru", *BASELINES]
    assert all(np.isfinite(column).all() for column in rolled.predicted.values())
    assert rolled.predicted["persistence"].tolist() == series.values[WINDOW - 1 : -1].tolist()


@pytest.mark.parametrize("horizon", [1, 4])
def test_each_step_is_forecast_from_the_window_before_it(networks: Sequence[Forecaster], horizon: int) -> None:
    """As if the series had been sent when it ended there."""
    series = monthly(80)
    rolled = roll_through(series, networks, horizon)
    for i in (0, 20, len(rolled.times) - 1):
        then = series.part(0, WINDOW + i)
        for network in networks:
            due = network.forecast(then, horizon)
            assert due.times[-1] == rolled.times[i]
            assert due.sst[-1] == pytest.approx(rolled.predicted[network.metadata.cell][i], abs=1e-5)


@pytest.mark.parametrize("horizon", [1, 3])
def test_later_values_change_no_forecast(networks: Sequence[Forecaster], horizon: int) -> None:
    series = monthly(200)
    changed = series.values.copy()
    changed[130:] = np.random.default_rng(9).normal(10, 4, 70)
    rolled, other = (
        roll_through(SstSeries(values, series.start, MONTH), networks, horizon) for values in (series.values, changed)
    )
    before = 130 - WINDOW
    for name in rolled.predicted:
        before_change, after_change = rolled.predicted[name], other.predicted[name]
        assert before_change[: before + 1].tolist() == after_change[: before + 1].tolist(), name
        assert not np.allclose(before_change[before + 1 :], after_change[before + 1 :]) or name == "climatology"


def test_references_are_refitted_as_the_series_grows(networks: Sequence[Forecaster]) -> None:
    """A climatology of two years is farther from the true one than that of twenty."""
    rolled = roll_through(monthly(300), networks, 1)
    true = 23 + 3 * np.sin(np.arange(WINDOW, 300) * np.pi / 6)
    off = np.abs(rolled.predicted["climatology"] - true)
    assert off[-100:].mean() < 0.7 * off[:30].mean()


def test_scores_are_those_of_the_forecasts(networks: Sequence[Forecaster]) -> None:
    rolled = roll_through(monthly(120), networks, 2)
    scores = {model.name: model for model in rolled.reports(2, "celsius")}
    best = min(BASELINES, key=lambda name: scores[name].accuracy["test"].rmse[0])
    for name, column in rolled.predicted.items():
        assert scores[name].accuracy["test"] == Accuracy.of(rolled.observed[:, None], column[:, None])
    gru = rolled.predicted["gru"] - rolled.observed
    expected = diebold_mariano(gru, rolled.predicted[best] - rolled.observed, 2)
    assert scores["gru"].p_value == pytest.approx((expected,), abs=1e-6)
    coverage = scores["gru"].coverage
    assert coverage is not None
    errors = next(model.metadata.errors for model in networks if model.metadata.cell == "gru")
    width = errors.half_widths(80, rolled.times[:, None], np.ones(len(gru)), lead=2)[:, 0]
    assert coverage[80] == pytest.approx((np.mean(np.abs(gru) <= width),), abs=1e-6)


def test_errors_are_in_the_requested_units(networks: Sequence[Forecaster]) -> None:
    rolled = roll_through(monthly(60), networks, 1)
    celsius, fahrenheit = (rolled.reports(1, units) for units in ("celsius", "fahrenheit"))
    for model, other in zip(celsius, fahrenheit, strict=True):
        assert other.accuracy["test"].rmse[0] == pytest.approx(1.8 * model.accuracy["test"].rmse[0], abs=1e-5)
        assert (other.p_value, other.coverage) == (model.p_value, model.coverage)


def test_gaps_are_skipped_and_reported(networks: Sequence[Forecaster]) -> None:
    series = monthly(120)
    series.values[60] = np.nan
    series.values[80:90] = np.nan
    rolled = roll_through(series, networks, 1)
    scored = set(rolled.times.tolist())
    assert not scored & set(series.times[[60, 61, *range(80, 90 + WINDOW)]].tolist())
    assert {series.times[62].item(), series.times[90 + WINDOW].item()} <= scored
    assert [warning.code for warning in rolled.warnings] == ["gap_filled"]
    assert "11 of 120 values are missing" in rolled.warnings[0].message


def test_a_series_too_short_for_a_climatology_has_persistence_only(buoy: Sequence[Forecaster]) -> None:
    rolled = roll_through(half_hourly(500), buoy, 1)
    assert list(rolled.predicted) == ["rnn", "lstm", "gru", "persistence"]
    assert len(rolled.times) == 500 - WINDOW
    assert [warning.code for warning in rolled.warnings if warning.code != "outside_training"] == ["no_climatology"]


def test_steps_before_the_first_climatology_are_skipped_for_every_model(buoy: Sequence[Forecaster]) -> None:
    """Half-hours of four years: those of the first 1.8 cannot be scored beside a climatology."""
    rolled = roll_through(half_hourly(4 * 17_532), buoy[:1], 1)
    assert list(rolled.predicted) == ["rnn", *BASELINES]
    assert {len(column) for column in rolled.predicted.values()} == {4 * 17_532 - 31_558}
    (later,) = [warning for warning in rolled.warnings if warning.code == "scored_later"]
    assert later.message.startswith(f"{31_558 - WINDOW} steps before 2017-12-18")


def test_a_sea_unlike_the_training_data_gets_a_warning(networks: Sequence[Forecaster]) -> None:
    series = monthly(60)
    cold = SstSeries(series.values - 18, series.start, MONTH)
    warnings = {warning.code: warning.message for warning in roll_through(cold, networks, 1).warnings}
    assert warnings["outside_training"].startswith(
        "36 of 36 windows are unlike the training data; the first, before 1971-12"
    )
    assert "the training data from 18.95 to 29.24 °C" in warnings["outside_training"]


@pytest.mark.parametrize(("n", "horizon", "needs"), [(24, 1, "24, and 1 more"), (30, 7, "24, and 7 more")])
def test_a_series_that_ends_with_its_first_window_is_refused(
    networks: Sequence[Forecaster], n: int, horizon: int, needs: str
) -> None:
    with pytest.raises(SeriesError, match=f"{n} values are too few: nino12-rnn needs {needs} to compare with"):
        roll_through(monthly(n), networks, horizon)


def test_a_series_without_a_whole_window_is_refused(networks: Sequence[Forecaster]) -> None:
    series = monthly(60)
    for begin in (10, 30, 50):
        series.values[begin : begin + 8] = np.nan
    with pytest.raises(SeriesError, match="no window of 24 values"):
        roll_through(series, networks, 1)


def test_a_series_past_the_year_9999_is_refused(networks: Sequence[Forecaster]) -> None:
    late = SstSeries(monthly(60).values, np.datetime64("9997-01-01", "s"), MONTH)
    with pytest.raises(SeriesError, match="past the year 9999"):
        roll_through(late, networks, 1)


def test_pooled_series_have_the_models_that_all_of_them_have() -> None:
    times = np.asarray(["2001-01-01", "2001-02-01"], dtype="datetime64[s]")
    facts = {"gru": NetworkFacts("nino12-gru", "recurrent", 1, 1.0, None)}
    first = Backtest(
        times,
        np.asarray([1.0, 2.0]),
        {"gru": np.zeros(2), "persistence": np.ones(2), "damped": np.ones(2)},
        {"gru": {80: (np.zeros(2), np.ones(2))}},
        facts,
    )
    second = Backtest(
        times[1:],
        np.asarray([3.0]),
        {"gru": np.full(1, 9.0), "persistence": np.ones(1)},
        {"gru": {80: (np.full(1, 8.0), np.full(1, 10.0))}},
        facts,
    )
    pooled = Backtest.pooled([first, second])
    assert pooled.observed.tolist() == [1, 2, 3]
    assert pooled.predicted["gru"].tolist() == [0, 0, 9]
    assert list(pooled.predicted) == ["gru", "persistence"]
    assert pooled.period.n == 3
    assert pooled.bounds["gru"][80][1].tolist() == [1, 1, 10]
    assert [report.p_value for report in pooled.reports(1, "celsius") if report.kind != "baseline"] == [(None,)]
