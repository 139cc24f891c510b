import numpy as np
import pytest

from forecasting.scores.verification import Observed, common_pairs, quantiles_of, verify_lead
from forecasting.series.timestep import TimeStep

OBSERVED = np.array([10.0, 11.0, np.nan, 13.0])
PREDICTED = np.array([10.5, 10.0, 12.0, 13.0])


def test_a_forecast_counts_only_where_there_is_an_observation() -> None:
    scores = verify_lead(2, OBSERVED, PREDICTED, {})
    (issued,) = scores.models
    assert (scores.lead, scores.n, issued.n, issued.kind) == (2, 3, 3, "issued")
    assert issued.mae == 0.5
    assert issued.bias == pytest.approx(-1 / 6, abs=1e-6)
    assert issued.rmse == pytest.approx(np.sqrt(1.25 / 3), abs=1e-6)
    assert issued.crps is None
    assert issued.coverage == {}


def test_skill_compares_the_pairs_that_forecast_and_baseline_both_have() -> None:
    persistence = np.array([12.0, np.nan, 1.0, 13.0])
    issued, baseline = verify_lead(1, OBSERVED, PREDICTED, {"persistence": persistence}).models
    assert (baseline.model, baseline.kind, baseline.n, baseline.mae) == ("persistence", "baseline", 2, 1.0)
    assert issued.skill == {"persistence": 0.75}  # 1 − √(0.25 / 2) / √(4 / 2)


def test_a_baseline_that_was_never_issued_has_no_scores() -> None:
    nothing = np.full(4, np.nan)
    (issued,) = verify_lead(1, OBSERVED, PREDICTED, {"linear": nothing}).models
    assert issued.skill == {"linear": None}


def test_all_models_are_compared_on_the_pairs_that_nearly_all_forecasts_have() -> None:
    observed = np.append(np.full(20, 15.0), np.nan)
    usual, rare = np.full(21, 14.0), np.full(21, np.nan)
    usual[3], rare[:17] = np.nan, 14.0
    pairs = common_pairs(observed, np.full(21, 15.5), {"usual": usual, "rare": rare})
    assert pairs.baselines == ("usual",)
    assert np.flatnonzero(~pairs.counts).tolist() == [3, 20]
    assert common_pairs(np.full(21, np.nan), observed, {"usual": usual}).baselines == ()


def test_without_observations_there_are_no_scores() -> None:
    scores = verify_lead(1, np.full(4, np.nan), PREDICTED, {"persistence": PREDICTED})
    assert (scores.n, scores.models) == (0, ())


def test_coverage_is_by_level_and_kind_of_interval() -> None:
    plain, recalibrated = (PREDICTED - 0.5, PREDICTED + 0.5), (PREDICTED - 1, PREDICTED + 1)
    kinds = {"plain": {95: recalibrated, 80: plain}, "recalibrated": {80: recalibrated}}
    (issued,) = verify_lead(1, OBSERVED, PREDICTED, {}, intervals=kinds).models
    assert issued.coverage == {
        "80": {"plain": pytest.approx(2 / 3, abs=1e-6), "recalibrated": 1.0},
        "95": {"plain": 1.0},
    }
    assert list(issued.coverage) == ["80", "95"]


def test_crps_of_a_normal_forecast_is_near_that_of_its_formula() -> None:
    scores = {50: 0.674490, 80: 1.281552, 95: 1.959964}
    observed = np.random.default_rng(1).normal(15, 2, 20_000)
    centre = np.full(len(observed), 15.0)
    intervals = {level: (centre - 2 * score, centre + 2 * score) for level, score in scores.items()}
    (issued,) = verify_lead(1, observed, centre, {}, quantiles=quantiles_of(centre, intervals)).models
    assert issued.crps == pytest.approx(2 / np.sqrt(np.pi), rel=0.05)
    # Two intervals leave too much of the distribution open.
    two = quantiles_of(centre, {level: intervals[level] for level in (80, 95)})
    assert verify_lead(1, observed, centre, {}, quantiles=two).models[0].crps is None


HOUR, START = TimeStep.parse("hour"), np.datetime64("2026-01-01T00:00:00")


def observed(minutes: list[int], values: list[float]) -> Observed:
    return Observed.of(START + np.array(minutes).astype("timedelta64[m]"), np.array(values), HOUR, START)


def test_an_observation_verifies_forecasts_of_its_step() -> None:
    valid = HOUR.range(START, 4)
    np.testing.assert_array_equal(observed([0, 65, 180], [1.0, 2.0, 3.0]).at(valid), [1.0, 2.0, np.nan, 3.0])


def test_of_several_observations_in_one_step_the_last_counts_as_for_a_forecast() -> None:
    assert observed([55, 60, 65, 120], [1.0, 2.0, 3.0, 4.0]).at(HOUR.range(START, 3)[1:]).tolist() == [3.0, 4.0]


def test_observations_between_two_steps_and_missing_ones_do_not_count() -> None:
    assert np.isnan(observed([30, 60, 90], [1.0, np.nan, 2.0]).at(HOUR.range(START, 3))).all()
    assert np.isnan(observed([], []).at(HOUR.range(START, 3))).all()


def test_a_value_of_a_month_counts_whatever_its_day() -> None:
    times = np.array(["2026-01-15", "2026-02-01"], dtype="datetime64[s]")
    january = np.datetime64("2026-01-01T00:00:00")
    months = Observed.of(times, np.array([1.0, 2.0]), TimeStep.parse("month"), january)
    assert months.at(TimeStep.parse("month").range(january, 2)).tolist() == [1.0, 2.0]
