import re
from collections.abc import Callable

import numpy as np
import pytest

from forecasting.errors import RequestError, SeriesError
from forecasting.events.baseline import DAYS, Baseline, Period
from forecasting.events.definitions import HeatStress, Percentile, Side, ThresholdEvent
from forecasting.events.evaluate import evaluate
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Floats
from forecasting.series.timestep import TimeStep
from tests.forecasting.events.outlooks import outlook

WARM = ThresholdEvent("net washing", "above", 24.0, duration=5, within=4)

ALWAYS = [25.0] * 4
ONLY_TWO = [25.0, 25, 23, 23]
NEVER = [23.0] * 4


@pytest.mark.parametrize(
    ("past", "probability", "steps"),
    [
        ([23.0], 0, 0),
        ([23.0, 25], 1 / 3, 1),
        ([23.0, 25, 25, 25], 2 / 3, 3),
        ([25.0, 25, 25, 23], 0, 0),
        ([25.0, 25, np.nan, 25], 1 / 3, 1),
        ([25.0] * 9, 2 / 3, 9),
    ],
    ids=["none behind", "one behind", "three behind", "interrupted", "interrupted by a missing value", "already"],
)
def test_past_days_of_a_run_count(past: list[float], probability: float, steps: int) -> None:
    forecast = evaluate(WARM, outlook(past, [ALWAYS, ONLY_TWO, NEVER]))
    assert forecast.probability == pytest.approx(probability)
    assert forecast.by_lead.tolist() == pytest.approx([2 / 3, 2 / 3, 1 / 3, 1 / 3])
    assert (forecast.state.steps, forecast.state.active) == (steps, steps >= 5)
    assert forecast.state.since == (outlook(past, [ALWAYS]).past.times[-steps] if steps else None)


@pytest.mark.parametrize("side", ["above", "below"])
def test_below_is_the_mirror_of_above(side: Side) -> None:
    sign = 1.0 if side == "above" else -1.0
    random = np.random.default_rng(1)
    weather = random.normal(size=(400, 10)).cumsum(axis=1)
    event = ThresholdEvent("extreme", side, 10 + sign * 1.0, duration=3)
    forecast = evaluate(event, outlook([10.0, 10 + sign * 2], 10 + sign * weather))
    mirrored = evaluate(ThresholdEvent("extreme", "above", 11.0, duration=3), outlook([10.0, 12], 10 + weather))
    assert forecast.probability == mirrored.probability
    assert forecast.by_lead == pytest.approx(mirrored.by_lead)
    assert forecast.longest_mean == mirrored.longest_mean
    assert forecast.onset == mirrored.onset
    assert 10 - sign * (forecast.peak.median - 10) == pytest.approx(20 - mirrored.peak.median)


def test_every_run_in_every_path_counts() -> None:
    random = np.random.default_rng(2)
    paths = random.normal(size=(300, 9)).cumsum(axis=1)
    forecast = evaluate(ThresholdEvent("warm", "above", 0.5, duration=3, within=7), outlook([0.0], paths))
    runs = [re.findall("1+", "".join("1" if sst > 0.5 else "0" for sst in path[:7])) for path in paths]
    longest = [max(map(len, path), default=0) for path in runs]
    assert forecast.probability == np.mean([days >= 3 for days in longest])
    assert forecast.longest_mean == pytest.approx(np.mean(longest))
    assert forecast.peak.upper == pytest.approx(np.quantile(paths[:, :7].max(axis=1), 0.9))


def test_the_onset_is_the_first_step_of_the_first_run_even_in_the_past() -> None:
    event = ThresholdEvent("warm", "above", 24.0, duration=2)
    begun, later, twice, never = [25.0, 23, 23, 23], [23.0, 23, 25, 25], [23.0, 25, 25, 23], [23.0] * 4
    forecast = evaluate(event, outlook([23.0, 25], [begun, later, twice, never]))
    assert forecast.onset is not None
    onset = forecast.onset
    assert [str(onset.lower), str(onset.median), str(onset.upper)] == [
        "2025-06-30T00:00:00",
        "2025-07-02T00:00:00",
        "2025-07-03T00:00:00",
    ]
    assert evaluate(event, outlook([23.0], [never])).onset is None


def test_one_step_is_as_probable_as_by_lead_says() -> None:
    exact = outlook([23.0], np.full((10, 2), 25.0), exceedance=lambda threshold: np.array([0.312, 0.4]))
    assert evaluate(ThresholdEvent("warm", "above", 24.0, within=1), exact).probability == 0.312
    assert evaluate(ThresholdEvent("cold", "below", 24.0, within=1), exact).probability == 1 - 0.312
    assert evaluate(ThresholdEvent("cold", "below", 24.0), exact).probability == 1 - 0.312
    assert evaluate(ThresholdEvent("warm", "above", 24.0), exact).probability == 0.712


def test_an_event_that_needs_more_steps_than_there_are_says_so() -> None:
    (warning,) = evaluate(WARM, outlook([23.0], [ALWAYS])).warnings
    assert warning.code == "short_horizon"
    assert warning.message == (
        "The event needs 5 consecutive steps, but only 4 leads count, so its probability is 0. "
        "Ask for more leads, or for fewer consecutive steps."
    )
    assert evaluate(WARM, outlook([23.0, 25], [ALWAYS])).warnings == ()


def test_an_event_cannot_be_about_leads_without_a_forecast() -> None:
    event = ThresholdEvent("bloom", "above", 20.0, within=10)
    with pytest.raises(RequestError, match=r"event 'bloom' covers 10 leads, but the forecast has 4: ask for") as error:
        evaluate(event, outlook([18.0], [ALWAYS]))
    assert error.value.field == "events"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: ThresholdEvent("a", "above", 1.0, 0),
            "'a': the number of consecutive steps must be at least 1",
        ),
        (
            lambda: ThresholdEvent("a", "above", 1.0, 1, 0),
            "'a': the number of leads considered must be at least 1",
        ),
        (lambda: ThresholdEvent("a", "above", np.nan), "event 'a': the threshold must be a finite number"),
        (lambda: Percentile(100), "a percentile must be from 1 to 99, not 100"),
        (lambda: HeatStress("a", np.inf), "event 'a': the maximum monthly mean must be a finite number"),
    ],
)
def test_an_event_without_meaning_is_refused(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(RequestError, match=sentence):
        make()


def by_day(sst: float) -> Floats:
    return np.full(DAYS, sst)


@pytest.mark.parametrize("side", ["above", "below"])
def test_a_percentile_follows_the_day_of_the_year(side: Side) -> None:
    threshold = by_day(20.0)
    threshold[181] = 22.0  # 30 June
    threshold[183] = 24.0  # 2 July
    event = ThresholdEvent("unusual", side, Percentile(90), duration=2)
    forecast = evaluate(
        event, outlook([21.0, 21], [[21.0, 21], [21.0, 25]], baseline=Baseline(by_day(15.0), threshold))
    )
    assert forecast.threshold.tolist() == [20, 24]
    assert forecast.by_lead.tolist() == ([1, 0.5] if side == "above" else [0, 0.5])
    assert forecast.probability == (0.5 if side == "above" else 0)


@pytest.mark.parametrize("percent", [10.0, 75.0, 95.0])
def test_a_percentile_comes_from_ten_years_of_the_past(percent: float) -> None:
    random = np.random.default_rng(3)
    past = SstSeries(random.normal(15, 1, 4_000), np.datetime64("2010-01-01T00:00:00"), TimeStep.parse("day"))
    forecast = evaluate(ThresholdEvent("unusual", "above", Percentile(percent)), outlook(past, [[14.0, 14]]))
    assert forecast.threshold == pytest.approx(np.percentile(past.values, percent), abs=0.2)


def test_a_percentile_of_a_short_past_is_less_certain() -> None:
    past = SstSeries(np.zeros(4_383), np.datetime64("2012-01-01T00:00:00"), TimeStep.parse("day"))
    (warning,) = evaluate(ThresholdEvent("unusual", "above", Percentile(90)), outlook(past, [[1.0]])).warnings
    assert warning.code == "short_baseline"
    assert warning.message.startswith("The baseline covers 12 years; thirty are recommended.")


def test_a_percentile_of_days_that_were_never_observed_is_refused() -> None:
    past = SstSeries(np.full(4_383, 15.0), np.datetime64("2012-03-01T00:00:00"), TimeStep.parse("day"))
    spring = np.isin(past.times.astype("datetime64[M]").astype(int) % 12, [2, 3])
    past.values[spring] = np.nan
    with pytest.raises(SeriesError, match=r"no year of the baseline has values around 03-06 \(month and day\): send"):
        evaluate(ThresholdEvent("unusual", "above", Percentile(90)), outlook(past, np.zeros((2, 30))))


SERIES_OF_HOURS = SstSeries(np.full(9, 18.0), np.datetime64("2025-01-01T00:00:00"), TimeStep.parse("hour"))
NINETIES = Period(np.datetime64("1990-01-01"), np.datetime64("2000-12-31"))
ABOVE, BELOW = (Baseline(by_day(15.0), by_day(threshold)) for threshold in (20.0, 10.0))


@pytest.mark.parametrize(
    ("percent", "past", "baseline", "sentence"),
    [
        (
            95,
            [18.0],
            ABOVE,
            "is above its climatology, so it counts as percentile 90, but this event needs",
        ),
        (
            90,
            [18.0],
            BELOW,
            "is below its climatology, so it counts as percentile 10, but this event needs",
        ),
        (90, [18.0], None, r"the series has 0\.0 years, but a baseline needs 10 years"),
        (90, [18.0], NINETIES, "no values between 1990-01-01 and 2000-12-31"),
        (
            90,
            SERIES_OF_HOURS,
            None,
            "the step is one hour, but .* percentiles of the day of the year need daily",
        ),
    ],
)
def test_a_percentile_needs_days_and_a_baseline_for_it(
    percent: float, past: SstSeries | list[float], baseline: Baseline | Period | None, sentence: str
) -> None:
    event = ThresholdEvent("unusual", "above", Percentile(percent))
    with pytest.raises(SeriesError, match=sentence):
        evaluate(event, outlook(past, [ALWAYS], baseline=baseline))
