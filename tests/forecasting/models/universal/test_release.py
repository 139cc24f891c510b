import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from forecasting.climatology.global_climatology import Coefficients
from forecasting.errors import ReleaseError, RequestError, SeriesError, UnknownNameError
from forecasting.forecasts.forecast import Forecast
from forecasting.models.universal.distribution import Quantiles
from forecasting.models.universal.release import UniversalRelease
from forecasting.releases.release import SeaRelease
from forecasting.series.times import Floats
from tests.forecasting.models.universal.tiny import noise, publish, series, walk

NOWHERE = np.full(7, np.nan, dtype=np.float32)


def temperate(mean: float = 15.0) -> Coefficients:
    """A climatology that varies by 5 °C to either side of ``mean``."""
    return np.asarray([mean, -4.0, -3.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)


def seasonal(n: int, mean: float = 15.0) -> Floats:
    """Daily values of :func:`temperate` from 2020 on, with weather that lasts some days."""
    turns = (np.arange(n) + 18_262) / 365.25 * 2 * np.pi
    weather = np.convolve(np.random.default_rng(0).normal(0.0, 0.3, n + 9), np.full(10, 0.3), "valid")
    return mean - 4.0 * np.cos(turns) - 3.0 * np.sin(turns) + weather


def codes(forecast: Forecast[Quantiles]) -> list[str]:
    return [warning.code for warning in forecast.warnings]


def test_a_named_network_forecasts_the_steps_after_the_end(daily: UniversalRelease) -> None:
    values = walk(60).values
    forecast = daily.forecast(series(values, start="2020-01-01"), 3, model="gru")
    assert forecast.model == "ocean-daily-gru"
    assert forecast.times.astype(str).tolist() == [f"2020-03-0{day}T00:00:00" for day in (1, 2, 3)]
    assert forecast.sst == pytest.approx([values[-1]] * 3, abs=1e-5)
    assert forecast.chosen is None
    assert forecast.baselines["persistence"].tolist() == [values[-1]] * 3


def test_a_batch_of_any_lengths_gives_the_forecasts_of_each_series(daily: UniversalRelease) -> None:
    members = [walk(n, seed=n) for n in (14, 60, 60, 61, 200, 390, 500)]
    for backtest in (True, False):
        together = daily.forecast_many(members, 5, backtest=backtest)
        for member, forecast in zip(members, together, strict=True):
            alone = daily.forecast(member, 5, backtest=backtest)
            assert not isinstance(forecast, SeriesError)
            assert forecast.model == alone.model
            assert forecast.sst == pytest.approx(alone.sst, abs=1e-5)
            assert forecast.baselines.keys() == alone.baselines.keys()
            for name, values in alone.baselines.items():
                assert forecast.baselines[name] == pytest.approx(values, abs=1e-6)


def test_a_bad_series_does_not_spoil_the_others(daily: UniversalRelease) -> None:
    good, bad, other = daily.forecast_many([walk(40), walk(13), series(np.ones(40) * 3, "hour")], 2)
    assert not isinstance(good, SeriesError)
    assert str(bad) == "a forecast needs at least 14 daily values, but the series has 13: send 1 more"
    assert str(other).startswith(
        "the series has a step of one hour, but ocean-daily forecasts series with a step of one"
    )


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([np.nan] * 30, "every value of the series is missing"),
        ([], "every value of the series is missing"),
        ([12.5] * 30, "all 30 values are 12.5 °C: a forecast needs values that vary"),
        (
            np.linspace(60, 70, 30),
            "value 0 is 60 °C, outside the range of sea temperatures (-2.5 to 38); the values look",
        ),
        ([39.0, 15.0], "value 0 is 39 °C, outside the range of sea temperatures (-2.5 to 38); if the values are in °F"),
        (
            [15.0, -2.7],
            "value 1 is -2.7 °C, outside the range of sea temperatures (-2.5 to 38); if the values are in °F",
        ),
        (
            np.linspace(290, 291, 30),
            "value 0 is 290 °C, outside the range of sea temperatures (-2.5 to 38); the values",
        ),
    ],
)
def test_a_series_that_cannot_be_forecast_is_refused(
    daily: UniversalRelease, values: npt.ArrayLike, sentence: str
) -> None:
    with pytest.raises(SeriesError) as refused:
        daily.forecast(series(values))
    assert str(refused.value).startswith(sentence)


def test_missing_values_at_the_end_are_forecast_too_and_make_it_late(daily: UniversalRelease) -> None:
    values = np.append(walk(40).values, [np.nan] * 4)
    forecast = daily.forecast(series(values), 10, model="gru", backtest=False)
    assert forecast.times[0] == np.datetime64("2020-02-14")
    assert codes(forecast) == ["late"]
    assert "from 2020-02-09, is 4 days before the end of the series" in forecast.warnings[0].message
    # The spread is that of lead 5.
    assert forecast.interval(80)[1][0] - forecast.sst[0] == pytest.approx(1.2816 * 0.5 * 5**0.5, abs=1e-3)
    with pytest.raises(SeriesError, match=r"reaches 15 steps of one day .* up to 14: ask for at most 10"):
        daily.forecast(series(values), 11)
    with pytest.raises(SeriesError, match=r"ends in 20 missing values.* send newer values"):
        daily.forecast(series(np.append(walk(40).values, [np.nan] * 20)), 1)


def test_gaps_are_bridged(daily: UniversalRelease) -> None:
    values = walk(200).values
    values[50:120] = np.nan
    values[190::2] = np.nan
    values[:3] = np.nan
    forecast = daily.forecast(series(values, start="2020-01-01"), 7)
    assert np.isfinite(forecast.sst).all()
    assert [(warning.code, warning.message) for warning in forecast.warnings] == [
        ("gap_filled", "75 missing values bridged: 2020-02-20, 2020-02-21, 2020-02-22, …")
    ]


def test_months_need_less_with_a_position(monthly: UniversalRelease) -> None:
    turns = np.arange(23) / 12 * 2 * np.pi
    values = 15 - 4 * np.cos(turns) - 3 * np.sin(turns) + np.random.default_rng(0).normal(0, 0.3, 23)
    with pytest.raises(
        SeriesError, match=r"at least 24 monthly values, but the series has 23: send 1 more, or a position"
    ):
        monthly.forecast(series(values, "month"), 2)
    forecast = monthly.forecast(series(values, "month"), 2, coefficients=temperate())
    assert forecast.times.astype("datetime64[M]").astype(str).tolist() == ["2021-12", "2022-01"]
    assert codes(forecast) == []
    with pytest.raises(SeriesError, match=r"at least 6 monthly values, but the series has 5: send 1 more"):
        monthly.forecast(series(values[:5], "month"), 2, coefficients=temperate())


def test_a_position_gives_references_their_season(daily: UniversalRelease) -> None:
    forecast = daily.forecast(series(seasonal(300)), 7, coefficients=temperate())
    assert set(forecast.baselines) == {"persistence", "climatology", "damped", "linear", "usual_change"}
    assert codes(forecast) == []
    without = daily.forecast(series(seasonal(300)), 7)
    assert set(without.baselines) == {"persistence", "damped", "linear"}


@pytest.mark.parametrize("wrong", [temperate() * [1, -1, -1, 1, 1, 1, 1], temperate(24.0)])
def test_a_climatology_that_disagrees_is_ignored_from_half_a_year_on(
    daily: UniversalRelease, wrong: Coefficients
) -> None:
    forecast = daily.forecast(series(seasonal(300)), 7, coefficients=wrong.astype(np.float32))
    assert codes(forecast) == ["no_climatology"]
    assert "usual_change" not in forecast.baselines
    short = daily.forecast(series(seasonal(60)), 7, coefficients=wrong.astype(np.float32))
    assert codes(short) == ["doubtful_position"]


def test_values_that_suit_fahrenheit_suggest_the_unit(daily: UniversalRelease) -> None:
    polar = np.asarray([1.0, -0.5, -0.4, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
    values = 34.0 + noise(200).values * 0.3 - 4.5
    (warning,) = daily.forecast(series(values), 3, coefficients=polar).warnings
    assert "but would agree if they were in °F: check the units" in warning.message


def test_a_horizon_or_model_that_is_not_offered_is_refused(daily: UniversalRelease) -> None:
    with pytest.raises(
        RequestError, match=r"horizon 15 is out of range: ocean-daily forecasts 1 to 14 steps of one day"
    ):
        daily.forecast(walk(40), 15)
    with pytest.raises(UnknownNameError, match=r"no model 'rnn'; available: best, lstm, gru, ocean-daily-lstm"):
        daily.forecast(walk(40), model="rnn")


def test_a_climatology_of_another_shape_is_refused(daily: UniversalRelease) -> None:
    with pytest.raises(RequestError, match=r"coefficients of the shape \(7,\) do not fit 1 series: expected \(1, 7\)"):
        daily.forecast_many([walk(40)], coefficients=NOWHERE)


def test_the_network_that_did_best_on_held_out_seas_answers_without_a_backtest(daily: UniversalRelease) -> None:
    forecast = daily.forecast(walk(20))
    assert forecast.model == "ocean-daily-lstm"
    assert forecast.chosen
    assert forecast.chosen.by == "held_out_seas"
    assert daily.forecast(walk(300), backtest=False).model == "ocean-daily-lstm"


def test_the_network_that_is_best_on_held_out_seas_is_mixed_with_references(daily: UniversalRelease) -> None:
    values = seasonal(300)
    values[-1] = np.nan  # so that weights at the second step after the last value are those of the first lead
    forecast = daily.forecast(series(values), 3)
    assert forecast.model == "mixture"
    assert forecast.chosen
    assert (forecast.chosen.by, forecast.chosen.origins) == ("own_past", 59)
    rmse, weights = forecast.chosen.rmse, forecast.chosen.weights
    assert rmse["mixture"] < min(value for name, value in rmse.items() if name.startswith("ocean"))
    assert [name for name in weights if name.startswith("ocean")] == ["ocean-daily-lstm"]
    members = {"ocean-daily-lstm": daily.forecast(series(values), 3, model="lstm").sst, **forecast.baselines}
    assert forecast.sst == pytest.approx(sum(row * members[name] for name, row in weights.items()), abs=1e-5)


def test_references_that_are_clearly_better_have_most_of_the_weight(daily: UniversalRelease) -> None:
    values = noise(300)
    forecast = daily.forecast(values, 2)
    assert forecast.chosen
    networks = sum(row for name, row in forecast.chosen.weights.items() if name.startswith("ocean"))
    assert np.max(networks) < 0.25
    assert forecast.sst == pytest.approx([15.0, 15.0], abs=0.5)
    named = daily.forecast(values, 2, model="gru")
    assert named.model == "ocean-daily-gru"
    assert named.chosen is None
    assert codes(named) == ["reference_is_better"]
    assert "over 39 past forecasts of this series, the reference " in named.warnings[0].message


def test_an_absurd_member_has_no_weight(biased: UniversalRelease) -> None:
    forecast = biased.forecast(walk(300), 3)
    assert forecast.chosen
    assert "ocean-daily-lstm" not in forecast.chosen.weights
    assert codes(forecast) == ["implausible_forecast"]
    assert "the mixture leaves it out" in forecast.warnings[0].message
    assert forecast.calibrated
    assert forecast.sst == pytest.approx([walk(300).values[-1]] * 3, abs=0.3)


def test_quantiles_are_recalibrated_on_the_own_past(tmp_path: Path) -> None:
    folder = publish(tmp_path, "ocean-daily", "day", {"gru": 0.0}, spread=0.1)
    release = SeaRelease.open(folder).universal
    values = walk(400, scale=0.4)
    plain = release.forecast(values, 2, model="gru", backtest=False)
    recalibrated = release.forecast(values, 2, model="gru")
    assert recalibrated.sst == pytest.approx(plain.sst, abs=1e-5)
    ratio = (recalibrated.distribution.at_leads[:, -1] - recalibrated.distribution.at_leads[:, 0]) / (
        plain.distribution.at_leads[:, -1] - plain.distribution.at_leads[:, 0]
    )
    assert (ratio > 1.2).all()
    assert (ratio <= 1.5 + 1e-6).all()


def test_a_pickled_network_forecasts_the_same(daily: UniversalRelease) -> None:
    network = daily.networks["gru"]
    loaded = pickle.loads(pickle.dumps(network))
    context = walk(30).values[None], np.zeros(1), NOWHERE[None]
    assert (loaded.predict(*context) == network.predict(*context)).all()


def test_a_checkpoint_of_another_release_is_refused(universal_artifacts: Path, tmp_path: Path) -> None:
    folder = publish(tmp_path, "ocean-weekly", "week", {"gru": 0.0})
    other = next((universal_artifacts / "ocean-monthly").glob("2*")) / "gru.pt"
    (folder / "gru.pt").write_bytes(other.read_bytes())
    with pytest.raises(ReleaseError, match="has changed since it was published"):
        SeaRelease.open(folder).load()


@pytest.fixture(scope="module")
def biased(tmp_path_factory: pytest.TempPathFactory) -> UniversalRelease:
    """A release whose network for short series is 20 °C too warm."""
    folder = publish(tmp_path_factory.mktemp("biased"), "ocean-daily", "day", {"lstm": 20.0, "gru": 0.0})
    return SeaRelease.open(folder).universal


def test_a_forecast_outside_what_the_past_allows_is_never_clipped(biased: UniversalRelease) -> None:
    short = walk(20)
    forecast = biased.forecast(short, 3)
    assert forecast.model == "ocean-daily-lstm"
    assert forecast.sst == pytest.approx([short.values[-1] + 20.0] * 3, abs=1e-5)
    assert not forecast.calibrated
    (warning,) = forecast.warnings
    assert warning.code == "implausible_forecast"
    assert warning.message.startswith("ocean-daily-lstm forecasts 3")
    assert "the forecast is not calibrated" in warning.message


def test_a_named_network_that_leaves_the_range_forecasts_without_confidence(biased: UniversalRelease) -> None:
    for backtest in (True, False):
        forecast = biased.forecast(walk(100), 3, model="lstm", backtest=backtest)
        assert forecast.sst == pytest.approx([walk(100).values[-1] + 20.0] * 3, abs=1e-4)
        assert not forecast.calibrated
        assert "implausible_forecast" in codes(forecast)


def test_a_forecast_does_not_depend_on_a_late_series_beside_it(daily: UniversalRelease) -> None:
    values, late = noise(300), walk(300).values.copy()
    late[-6:] = np.nan
    alone, beside = daily.forecast(values, 3), daily.forecast_many([values, series(late)], 3)[0]
    assert isinstance(beside, Forecast)
    assert beside.sst == pytest.approx(alone.sst, abs=1e-5)
    assert beside.interval(80)[1] == pytest.approx(alone.interval(80)[1], abs=1e-5)
