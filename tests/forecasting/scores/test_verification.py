import numpy as np
import pytest

from forecasting.scores.verification import LeadVerification, ModelVerification, Observed, Pairs, Verification
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep

OBSERVED = np.array([10.0, 11.0, np.nan, 13.0])
PREDICTED = np.array([10.5, 10.0, 12.0, 13.0])


def scores(pairs: Pairs, lead: int = 1) -> LeadVerification:
    """Return the scores of some pairs, of which all are in one group."""
    verification = Verification[None]()
    verification.add(lead, pairs, {None: np.arange(pairs.observed.size)})
    return verification.at(None, lead, "best")


def models(pairs: Pairs) -> tuple[ModelVerification, ...]:
    return scores(pairs).models


def test_a_forecast_counts_only_where_there_is_an_observation() -> None:
    lead = scores(Pairs(OBSERVED, PREDICTED), 2)
    (issued,) = lead.models
    assert (lead.lead, lead.n, issued.n, issued.kind) == (2, 3, 3, "issued")
    assert issued.mae == 0.5
    assert issued.bias == pytest.approx(-1 / 6, abs=1e-6)
    assert issued.rmse == pytest.approx(np.sqrt(1.25 / 3), abs=1e-6)
    assert issued.crps is None
    assert issued.coverage == {}


def test_forecasts_of_others_are_compared_on_the_pairs_that_both_have() -> None:
    theirs = np.array([12.0, np.nan, 1.0, 13.0])
    issued, other = models(Pairs(OBSERVED, PREDICTED, others={"theirs": theirs}))
    assert (issued.n, other.model, other.kind, other.n, other.mae) == (3, "theirs", "baseline", 2, 1.0)
    assert issued.skill == {"theirs": 0.75}  # 1 − √(0.25 / 2) / √(4 / 2)


def test_forecasts_of_others_that_have_no_pair_have_no_scores() -> None:
    nothing = np.full(4, np.nan)
    (issued,) = models(Pairs(OBSERVED, PREDICTED, others={"theirs": nothing}))
    assert issued.skill == {"theirs": None}


def test_all_models_are_compared_on_the_pairs_that_nearly_all_forecasts_have() -> None:
    observed = np.append(np.full(20, 15.0), np.nan)
    usual, rare = np.full(21, 14.0), np.full(21, np.nan)
    usual[3], rare[:17] = np.nan, 14.0
    pairs, verification = Pairs(observed, np.full(21, 15.5), {"usual": usual, "rare": rare}), Verification[str]()
    halves = {"first": np.arange(10), "second": np.arange(10, 21)}
    assert np.flatnonzero(~verification.add(1, pairs, halves)).tolist() == [3, 20]
    for half, n in (("first", 9), ("second", 10)):
        (lead,) = verification.leads(half)
        assert [(model.model, model.n) for model in lead.models] == [("best", n), ("usual", n)]
    assert (verification.issued, verification.verified) == (21, 20)
    assert Pairs(np.full(21, np.nan), observed, {"usual": usual}).shown_references() == ()


def test_pairs_that_are_added_in_parts_have_the_scores_of_all_of_them() -> None:
    random = np.random.default_rng(3)
    observed, forecast, usual = random.normal(15, 1, (3, 40, 5)).astype(np.float32)
    intervals = {level: (forecast - level / 50, forecast + level / 50) for level in (50, 80, 95)}
    weights = random.random((40, 5))

    def part(rows: slice) -> Pairs:
        bounds = {level: (lower[rows], upper[rows]) for level, (lower, upper) in intervals.items()}
        references = {"usual": usual[rows]}
        return Pairs(observed[rows], forecast[rows], references, intervals=bounds, weights=weights[rows])

    verification = Verification[None](["usual"])
    for rows in (slice(0, 15), slice(15, 40)):
        pairs = part(rows)
        verification.add(1, pairs, {None: np.arange(pairs.observed.size)})
    for ours, theirs in zip(verification.at(None, 1, "best").models, models(part(slice(None))), strict=True):
        assert (ours.n, ours.skill, ours.coverage) == (theirs.n, theirs.skill, theirs.coverage)
        errors = [(each.mae, each.rmse, each.bias) for each in (ours, theirs)]
        assert errors[0] == pytest.approx(errors[1], abs=1e-6)
        assert ours.crps == pytest.approx(theirs.crps, abs=1e-6)


def test_without_observations_there_are_no_scores() -> None:
    lead = scores(Pairs(np.full(4, np.nan), PREDICTED, {"persistence": PREDICTED}))
    assert (lead.n, lead.models) == (0, ())


def test_coverage_is_by_level_and_kind_of_interval() -> None:
    narrow, wide = (PREDICTED - 0.5, PREDICTED + 0.5), (PREDICTED - 1, PREDICTED + 1)
    (issued,) = models(Pairs(OBSERVED, PREDICTED, intervals={80: wide}, plain={95: wide, 80: narrow}))
    assert issued.coverage == {"80": {"plain": pytest.approx(2 / 3, abs=1e-6), "issued": 1.0}, "95": {"plain": 1.0}}
    assert list(issued.coverage) == ["80", "95"]


def normal_sample() -> tuple[Floats, Floats, dict[int, tuple[Floats, Floats]]]:
    """Return observations, and normal forecasts with their intervals."""
    scores = {50: 0.674490, 80: 1.281552, 95: 1.959964}
    observed = np.random.default_rng(1).normal(15, 2, 20_000)
    centre = np.full(len(observed), 15.0)
    return observed, centre, {level: (centre - 2 * score, centre + 2 * score) for level, score in scores.items()}


def test_crps_of_a_normal_forecast_is_near_that_of_its_formula() -> None:
    observed, centre, intervals = normal_sample()
    (issued,) = models(Pairs(observed, centre, intervals=intervals))
    assert issued.crps == pytest.approx(2 / np.sqrt(np.pi), rel=0.05)
    # Two intervals leave too much of the distribution open.
    two = {level: intervals[level] for level in (80, 95)}
    assert models(Pairs(observed, centre, intervals=two))[0].crps is None


def test_a_level_that_none_of_the_forecasts_has_does_not_take_their_crps() -> None:
    observed, centre, intervals = normal_sample()
    absent = np.full(len(observed), np.nan)
    scored = [
        models(Pairs(observed, centre, intervals=each))[0] for each in (intervals, {**intervals, 90: (absent, absent)})
    ]
    assert scored[0] == scored[1]


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
