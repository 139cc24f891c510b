from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import pytest

from forecasting.errors import SeriesError
from forecasting.events.baseline import DAYS, Baseline, Kind, Period, day_of_year
from forecasting.events.definitions import MarineEvent
from forecasting.events.detection import CATEGORIES, Category, find_events
from forecasting.events.evaluate import evaluate
from forecasting.events.outlook import Outlook
from forecasting.series.sst_series import SstSeries
from forecasting.series.times import Bools, Floats
from tests.forecasting.events.outlooks import DAILY, continued_paths, outlook

HEATWAVE = MarineEvent("heatwave")
FLAT = Baseline(np.full(DAYS, 18.0), np.full(DAYS, 19.0))
SST = {".": 18.5, "#": 19.5, "?": np.nan, "2": 20.5, "3": 21.5, "4": 22.5, "9": 27.0}


def days(pattern: str) -> list[float]:
    return [SST[day] for day in pattern]


def ahead(
    past: str, paths: Sequence[str], baseline: Baseline = FLAT, *, unobserved: int = 0, after: int = 0
) -> Outlook:
    sampled = [days(path) for path in paths]
    return outlook(days(past), sampled, baseline=baseline, unobserved=unobserved, after=after)


class Expected(NamedTuple):
    """Whether each lead of each path is in an event, by category, in another event, and after the active one."""

    inside: Bools
    category: dict[Category, Bools]
    begun: Bools
    over: Bools


def path_by_path(given: Outlook, baseline: Baseline, kind: Kind) -> Expected:
    """Append each path to the past, and find the events."""
    past, leads = given.past, len(given.times)
    last, first_lead = past.times[-1].astype("datetime64[D]"), given.times[0].astype("datetime64[D]")
    active = any(event.end == last for event in find_events(past, baseline, kind))
    day = day_of_year(past.step.shift(past.times[-1], np.arange(1, given.unobserved + leads + 7)))
    paths = continued_paths(given.paths, past, baseline, day)
    shape = (len(paths), leads)
    inside, begun, over = (np.zeros(shape, dtype=bool) for _ in range(3))
    category: dict[Category, Bools] = {name: np.zeros(shape, dtype=bool) for name in CATEGORIES}
    for i, path in enumerate(paths):
        values = np.concatenate([past.values, path])
        events = find_events(SstSeries(values, past.start, past.step), baseline, kind)
        for lead, time in enumerate(given.times):
            day = time.astype("datetime64[D]")
            for event in events:
                is_active = active and event.start <= last <= event.end
                begun[i, lead] |= event.start <= day and event.end >= first_lead and not is_active
                over[i, lead] |= is_active and event.end < day
                inside[i, lead] |= event.start <= day <= event.end
            usual, limit = (
                by_day[day_of_year(given.times)][lead] for by_day in (baseline.climatology, baseline.threshold)
            )
            sst = path[given.unobserved + lead]
            multiple = min(max(int((sst - usual) // (limit - usual)), 1), 4)
            category[CATEGORIES[multiple - 1]][i, lead] = inside[i, lead]
    return Expected(inside, category, begun, over)


def check(given: Outlook, baseline: Baseline, kind: Kind = "marine_heatwave") -> None:
    """Compare a forecast with the events of each path."""
    forecast = evaluate(MarineEvent("extreme", kind), given)
    expected = path_by_path(given, baseline, kind)
    np.testing.assert_array_equal(forecast.probability, expected.inside.mean(axis=0))
    np.testing.assert_array_equal(forecast.onset_within, expected.begun.mean(axis=0))
    for name, members in expected.category.items():
        np.testing.assert_array_equal(forecast.category_probability[name], members.mean(axis=0))
    if forecast.ends_within is not None:
        np.testing.assert_array_equal(forecast.ends_within, expected.over.mean(axis=0))
    events = find_events(given.past, baseline, kind)
    last = given.past.times[-1].astype("datetime64[D]")
    active = [event for event in events if event.end == last]
    assert forecast.state.active == (forecast.ends_within is not None) == bool(active)
    if active:
        assert forecast.state.since == active[0].start
        assert (forecast.state.days, forecast.state.category) == (active[0].days, active[0].category)


EVERY_PATH = ["".join(path) for path in product(".#", repeat=6)]


@pytest.mark.parametrize(
    "past",
    [
        ".",
        "#",
        "....",
        "####",
        ".####",
        "..#####",
        "#####.",
        "#####..",
        "#####...",
        "#####.#",
        "#####..##",
        "#####..####",
        "#####.####",
        "#####...####",
        "####.####",
        "####..#####",
        "#####..#####",
        "#####?#####",
        "#####.?",
        "###?",
        "?####",
        "9##3#..2####",
    ],
)
@pytest.mark.parametrize(("unobserved", "after"), [(0, 0), (2, 0), (0, 3), (1, 2)])
def test_every_path_continues_the_past_as_detection_sees_it(past: str, unobserved: int, after: int) -> None:
    check(ahead(past, EVERY_PATH, unobserved=unobserved, after=after), FLAT)


def seasonal(kind: Kind) -> Baseline:
    """A climatology with a season, and a threshold whose distance from it changes from day to day."""
    random = np.random.default_rng(5)
    climatology = 15 + 5 * np.sin(np.arange(DAYS) * 2 * np.pi / DAYS)
    distance = random.uniform(0.5, 1.5, DAYS)
    return Baseline(climatology, climatology + (distance if kind == "marine_heatwave" else -distance))


@pytest.mark.parametrize("kind", ["marine_heatwave", "marine_cold_spell"])
@pytest.mark.parametrize("last", ["2024-02-24", "2023-02-26", "2024-12-27", "2100-02-25", "2025-06-30T12:00:00"])
@pytest.mark.parametrize("seed", range(3))
def test_paths_over_leap_days_and_years_are_those_of_detection(kind: Kind, last: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    baseline = seasonal(kind)
    start = np.datetime64(last, "s") - np.timedelta64(59, "D")
    usual = baseline.climatology[day_of_year(DAILY.range(start, 70))]
    sign = 1 if kind == "marine_heatwave" else -1
    weather = sign + np.sqrt(0.3) * random.normal(size=(40, 70)).cumsum(axis=1) * random.choice([0.5, 1.0])
    past = SstSeries(np.where(random.random(60) < 0.05, np.nan, (usual + weather)[0, :60]), start, DAILY)
    shifted = weather[:, 60:] - weather[:, 59:60] + weather[0, 59]
    check(outlook(past, usual[60:] + shifted, baseline=baseline), baseline, kind)


def test_an_event_that_began_four_days_ago_needs_one_more_day() -> None:
    forecast = evaluate(HEATWAVE, ahead("..####", ["#..........", ".##########"], after=6))
    assert not forecast.state.active
    assert (str(forecast.state.since), forecast.state.days, forecast.state.category) == ("2025-06-27", 4, None)
    assert forecast.probability.tolist() == [0.5, 0.5, 0.5, 0.5, 0.5]
    assert forecast.onset_within.tolist() == [0.5, 1, 1, 1, 1]
    assert forecast.ends_within is None


def test_a_forecast_of_an_active_event_says_when_it_ends_and_whether_another_begins() -> None:
    lasting, ending, pausing, two = "2222222222", "33........", "#..#######", "#...######"
    later = ["######", "......", "######", "######"]
    paths = [path + rest for path, rest in zip([lasting, ending, pausing, two], later, strict=True)]
    forecast = evaluate(HEATWAVE, ahead("..###3#", paths, after=6))
    state = forecast.state
    assert (state.active, str(state.since), state.days, state.category) == (True, "2025-06-26", 5, "Severe")
    assert state.intensity == 1.5
    assert forecast.ends_within is not None
    assert forecast.ends_within.tolist() == [0, 0.25] + [0.5] * 8
    assert forecast.onset_within.tolist() == [0] * 4 + [0.25] * 6
    assert forecast.probability.tolist() == [1, 0.75, 0.5, 0.5] + [0.75] * 6
    assert forecast.category_probability["Strong"].tolist() == [0.25] * 10
    assert forecast.category_probability["Severe"].tolist() == [0.25, 0.25] + [0] * 8


def test_an_event_that_paused_is_over_until_a_path_resumes_it() -> None:
    forecast = evaluate(HEATWAVE, ahead("..#####.", [".###########", "..##########"], after=6))
    assert (forecast.state.active, forecast.state.since, forecast.ends_within) == (False, None, None)
    assert forecast.probability.tolist() == [0.5, 0.5, 1, 1, 1, 1]
    assert forecast.onset_within.tolist() == [0.5, 0.5, 1, 1, 1, 1]


def test_days_after_the_horizon_decide_whether_the_last_leads_are_in_an_event() -> None:
    paths = [".#####..", ".###....", ".#.#####"]
    assert evaluate(HEATWAVE, ahead("..", paths, after=6)).probability.tolist() == [0, pytest.approx(1 / 3)]
    assert evaluate(HEATWAVE, ahead("..", paths, after=4)).probability.tolist() == pytest.approx(
        [0, 1 / 3, 1 / 3, 2 / 3]
    )


def test_days_that_were_not_observed_can_begin_and_end_an_event() -> None:
    """The state is that of the last observation; the paths say what may have happened since."""
    forecast = evaluate(HEATWAVE, ahead("..#####", ["##......", "........", "........"], unobserved=1, after=6))
    assert (forecast.state.active, forecast.state.days) == (True, 5)
    assert forecast.ends_within is not None
    assert forecast.ends_within.tolist() == pytest.approx([2 / 3])
    begun = evaluate(HEATWAVE, ahead("..###", ["###.......", "..........", "####......"], unobserved=2, after=6))
    assert (begun.state.active, begun.state.days, begun.ends_within) == (False, 3, None)
    assert begun.probability.tolist() == pytest.approx([2 / 3, 1 / 3])


def test_a_cold_spell_has_a_negative_intensity() -> None:
    cold = Baseline(np.full(DAYS, 18.0), np.full(DAYS, 17.0))
    forecast = evaluate(MarineEvent("cold", "marine_cold_spell"), outlook([16.0] * 5, [[15.5, 18.0]], baseline=cold))
    assert (forecast.state.intensity, forecast.state.category) == (-2.0, "Strong")
    assert forecast.category_probability["Strong"].tolist() == [1, 0]
    assert forecast.probability.tolist() == [1, 0]


def sea(years: int) -> SstSeries:
    random = np.random.default_rng(6)
    n = round(years * 365.25)
    return SstSeries(random.normal(15, 1, n), np.datetime64("1990-01-01T00:00:00"), DAILY)


@pytest.mark.parametrize(("years", "codes"), [(12, ["short_baseline"]), (31, [])])
def test_the_baseline_comes_from_the_past(years: int, codes: list[str]) -> None:
    past = sea(years)
    forecast = evaluate(HEATWAVE, outlook(past, [[15.0, 15.0]]))
    assert [warning.code for warning in forecast.warnings] == codes
    assert forecast.baseline is not None
    assert str(forecast.baseline.start) == "1990-01-01"
    fitted = Baseline.fit(past, "marine_heatwave")
    np.testing.assert_array_equal(forecast.threshold, fitted.at(past.step.shift(past.times[-1], np.array([1, 2])))[1])


def test_the_baseline_comes_from_a_period_of_the_past() -> None:
    period = Period(np.datetime64("1991-01-01"), np.datetime64("2001-12-31"))
    forecast = evaluate(HEATWAVE, outlook(sea(20), [[15.0, 15.0]], baseline=period))
    assert forecast.baseline == period


def test_a_given_baseline_has_no_period_and_is_not_short() -> None:
    forecast = evaluate(HEATWAVE, ahead("..", [".."]))
    assert (forecast.baseline, forecast.warnings) == (None, ())
    assert (forecast.climatology.tolist(), forecast.threshold.tolist()) == ([18, 18], [19, 19])


@pytest.mark.parametrize(
    ("given", "kind", "sentence"),
    [
        (outlook([18.0], [[18.0]]), "marine_heatwave", r"the series has 0\.0 years, but a baseline needs 10 years"),
        (ahead(".", ["."]), "marine_cold_spell", "is above its climatology, so it counts as percentile 90"),
    ],
    ids=["no baseline", "threshold of the other kind"],
)
def test_an_event_without_a_baseline_is_refused(given: Outlook, kind: Kind, sentence: str) -> None:
    with pytest.raises(SeriesError, match=sentence):
        evaluate(MarineEvent("extreme", kind), given)


def test_a_baseline_without_the_last_day_of_the_past_is_refused() -> None:
    unknown: Floats = np.full(DAYS, 18.0)
    unknown[181] = np.nan
    with pytest.raises(SeriesError, match=r"no year of the baseline has values around 06-30 \(month and day\)"):
        evaluate(HEATWAVE, outlook([18.0], [[18.0]], baseline=Baseline(unknown, unknown + 1)))
