from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from forecasting.models.checkpoint import CPU, script
from forecasting.models.universal.metadata import WeatherPrior
from forecasting.models.universal.network import UniversalForecaster, load
from forecasting.models.universal.release import UniversalRelease
from forecasting.models.universal.report import parse_universal_report
from forecasting.models.universal.weather import PREDICTORS
from forecasting.releases.release import open_current
from forecasting.series.weather import COVARIATES, Weather
from research.pretraining.real_series import RealSeries
from research.pretraining.run import pretrain
from research.pretraining.weather import fit_weather, real_weather, simulated_weather, weather_moments
from research.pretraining.weather_scores import score_weather
from research.spec import SPECS
from tests.forecasting.models.universal.conftest import daily, universal_artifacts
from tests.forecasting.models.universal.test_weather import sea, weathered
from tests.forecasting.models.universal.tiny import LastValue
from tests.research.pretraining.test_run import TINY

__all__ = ["daily", "universal_artifacts", "weathered"]

DAY = replace(SPECS["day"], weather_contexts=(40, 60))
NOWHERE = np.full(7, np.nan)


def prior_of(seas: int) -> WeatherPrior:
    moments = [weather_moments(DAY, [script(LastValue("day"))], simulated_weather(DAY, 1, seas, 60))]
    return fit_weather(DAY, moments)


def test_simulated_water_follows_warm_air_ahead_and_not_that_of_today() -> None:
    prior = prior_of(150)
    assert prior.leads == DAY.knots
    of_lead_3 = dict(zip(PREDICTORS, prior.mean[2], strict=True))
    assert of_lead_3["air ahead"] + of_lead_3["air at the lead"] > 0.2
    assert abs(of_lead_3["air now"]) < 0.2
    assert all(0 < noise < 1.5 for noise in prior.noise)
    for precision in prior.precision:
        assert np.linalg.eigvalsh(np.asarray(precision)).min() > 0


def test_all_networks_of_a_release_share_the_prior() -> None:
    seas = simulated_weather(DAY, 2, 30, 60)
    same = weather_moments(DAY, [script(LastValue("day")), script(LastValue("day"))], seas)
    one = weather_moments(DAY, [script(LastValue("day"))], seas)
    assert len(same.gram) == 2 * len(one.gram)
    for both, single in zip(same, one, strict=True):
        torch.testing.assert_close(both.mean(0), single.mean(0))


def place(name: str, region: str, days: int = 400, seed: int = 0) -> RealSeries:
    whole, weather = sea(seed, days)
    return RealSeries(name, region, replace(whole.part(0, days), weather=weather), NOWHERE)


def test_stretches_of_real_series_have_the_weather_of_their_days() -> None:
    of_water = place("a", "north").series
    days = np.arange(300.0)
    # Weather that begins a week after the series, and ends before it: each value says its day.
    weather = Weather(of_water.times[7], np.stack([days + 7, -days - 7], axis=1))
    real = RealSeries("a", "north", replace(of_water, weather=weather), NOWHERE)
    cut = real_weather(
        DAY, [real, replace(real, series=replace(of_water, weather=None))], 20, 40, np.random.default_rng(0)
    )
    assert len(cut.contexts) > 10
    for last, values, over in zip(cut.contexts.last_time, cut.contexts.values, cut.weather, strict=True):
        end = int((last - of_water.start) / np.timedelta64(1, "D"))
        expected = np.arange(end - 39, end + 1.0)
        assert values == pytest.approx(of_water.values[end - 39 : end + 1], nan_ok=True)
        expected[(expected < 7) | (expected >= 307)] = np.nan
        assert over == pytest.approx(np.stack([expected, -expected], axis=1), nan_ok=True)


@pytest.mark.long
def test_the_worth_of_weather_is_scored_by_region_and_kind(weathered: UniversalRelease) -> None:
    air_alone = place("c", "south", seed=3)
    assert air_alone.series.weather is not None
    values = air_alone.series.weather.values * [1.0, np.nan]
    air_alone = replace(
        air_alone, series=replace(air_alone.series, weather=replace(air_alone.series.weather, values=values))
    )
    places = [place("a", "north"), place("b", "north", seed=1), air_alone, place("short", "south", 50)]
    plain = replace(place("d", "north", seed=4).series, weather=None)
    rows = score_weather(weathered.networks, DAY, [*places, RealSeries("d", "north", plain, NOWHERE)])
    assert {(row.region, row.context, row.places) for row in rows} == {
        (region, context, places) for region, places in (("north", 2), ("south", 1)) for context in (40, 60)
    }
    assert {row.lead for row in rows} == {*DAY.knots}
    for row in rows:
        kinds = {"north": {"air and wind", "observed", "wind"}, "south": {"air", "observed"}}[row.region]
        assert row.relative_rmse.keys() == kinds
        assert row.coverage_80.keys() == {"none", *kinds}
        if row.lead in (2, 3):
            # Forecasts of the weather are worth most of what the weather was worth that happened.
            first = row.relative_rmse["air and wind" if row.region == "north" else "air"]
            assert row.relative_rmse["observed"] < first < 0.8
        assert row.relative_rmse.get("wind", 1.0) > 0.95


@pytest.mark.long
def test_a_run_tells_what_weather_is_worth_in_its_networks_and_card(tmp_path: Path) -> None:
    day = replace(DAY, training_steps=120, contexts=(30, 60))
    settings = replace(TINY, real_series=[place("a", "north")], held_out_series=[place("b", "south", seed=1)])
    pretrain(day, settings, tmp_path)
    release = open_current(tmp_path, "ocean-daily")
    networks: dict[str, UniversalForecaster] = {c: load(release.read(f"{c}.pt"), CPU) for c in ("rnn", "lstm", "gru")}
    for network in networks.values():
        assert network.metadata.covariates == COVARIATES
        assert network.metadata.weather == networks["gru"].metadata.weather
    assert networks["gru"].metadata.weather is not None
    assert networks["gru"].metadata.weather.leads == day.knots
    report = parse_universal_report(release.read("report.json"))
    assert {(row.region, row.context) for row in report.weather} == {("south", 40), ("south", 60)}
    section = release.read("MODEL_CARD.md").decode().split("## With weather")[1].split("## ")[0]
    first = next(row for row in report.weather if (row.context, row.lead) == (40, 1))
    line = next(line for line in section.splitlines() if "air and wind" in line and "| 40" in line.replace("  ", ""))
    assert f"{first.relative_rmse['air and wind']:.2f} ({100 * first.coverage_80['air and wind']:.0f})" in line
