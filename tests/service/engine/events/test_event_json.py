from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from forecasting.climatology.usual import OF_BASELINE, OF_POSITION, Usual
from forecasting.errors import SeriesError
from forecasting.events.baseline import Period
from forecasting.events.event_json import event_in_units, outcome_json
from forecasting.events.outcomes import (
    EventOutcome,
    EventState,
    HeatStressOutcome,
    MarineOutcome,
    RunState,
    Spread,
    ThresholdOutcome,
    TimeSpread,
)
from forecasting.forecast_warning import ForecastWarning
from forecasting.series.units import Units
from service.api.forecast.schemas import EventForecast

ANSWERS = TypeAdapter[EventForecast](EventForecast)
DAYS = [np.datetime64(f"2026-07-0{day}", "s") for day in (4, 3, 6)]
WARNING = ForecastWarning("short_baseline", "The baseline covers 12 years.")

WARM = ThresholdOutcome(
    name="net washing",
    state=RunState(False, DAYS[1], 2),
    probability=0.123456,
    by_lead=np.array([0.1, 0.25]),
    threshold=np.array([24.0, 24.0]),
    onset=TimeSpread(*DAYS),
    longest_mean=1.5,
    peak=Spread(24.5, 23.5, 25.5),
    calibrated=True,
)
HEATWAVE = MarineOutcome(
    name="heatwave",
    kind="marine_heatwave",
    state=EventState(True, np.datetime64("2026-07-01"), 2, "Moderate", 2.0),
    probability=np.array([0.9, 0.8]),
    category_probability={"Moderate": np.array([0.9, 0.7]), "Strong": np.array([0.0, 0.1])},
    onset_within=np.array([0.0, 0.05]),
    ends_within=np.array([0.1, 0.2]),
    climatology=np.array([18.0, 18.1]),
    threshold=np.array([20.0, 20.1]),
    baseline=Period(np.datetime64("1983-01-01"), np.datetime64("2012-12-31")),
    usual=Usual((1983, 2012), "series"),
    calibrated=False,
    warnings=(WARNING,),
)
BLEACHING = HeatStressOutcome(
    name="bleaching",
    maximum_monthly_mean=28.4,
    source="position",
    usual=OF_POSITION,
    now=4.0,
    level="Alert Level 1",
    median=np.array([4.0, 4.5]),
    lower=np.array([4.0, 4.0]),
    upper=np.array([4.0, 5.0]),
    level_probability={"Alert Level 1": np.array([1.0, 1.0])},
    calibrated=True,
)


@pytest.mark.parametrize("outcome", [WARM, HEATWAVE, BLEACHING])
def test_each_kind_of_event_fits_the_schema(outcome: EventOutcome) -> None:
    fields = outcome_json(outcome, "celsius")
    assert ANSWERS.validate_python(fields).model_dump() == fields


@pytest.mark.parametrize("outcome", [WARM, HEATWAVE, BLEACHING])
@pytest.mark.parametrize("units", ["celsius", "kelvin", "fahrenheit"])
def test_an_event_that_was_written_in_celsius_can_be_read_in_other_units(outcome: EventOutcome, units: Units) -> None:
    assert event_in_units(outcome_json(outcome, "celsius"), units) == outcome_json(outcome, units)
    assert event_in_units({"name": "a", "error": "too short"}, units) == {"name": "a", "error": "too short"}


def test_numbers_are_rounded_and_times_written_in_iso_8601() -> None:
    warm = outcome_json(WARM, "celsius")
    assert warm["probability"] == 0.1235
    assert warm["onset"] == {
        "median": "2026-07-04T00:00:00Z",
        "lower": "2026-07-03T00:00:00Z",
        "upper": "2026-07-06T00:00:00Z",
    }
    heatwave = outcome_json(HEATWAVE, "celsius")
    assert heatwave["state"]["since"] == "2026-07-01"
    assert heatwave["baseline"] == {"start": "1983-01-01", "end": "2012-12-31"}
    assert heatwave["usual"] == {"years": [1983, 2012], "source": "series"}
    assert heatwave["warnings"] == [{"code": "short_baseline", "message": "The baseline covers 12 years."}]


def test_temperatures_are_converted_and_differences_only_scaled() -> None:
    warm, heatwave, bleaching = (outcome_json(outcome, "fahrenheit") for outcome in (WARM, HEATWAVE, BLEACHING))
    assert warm["threshold"] == [75.2, 75.2]
    assert warm["peak"] == {"median": 76.1, "lower": 74.3, "upper": 77.9}
    assert heatwave["climatology"] == [64.4, 64.58]
    assert heatwave["state"]["intensity"] == 3.6
    assert (bleaching["mmm"], bleaching["now"], bleaching["median"]) == (83.12, 7.2, [7.2, 8.1])


def test_an_event_without_onset_or_state_says_null() -> None:
    quiet = MarineOutcome(
        name="cold spell",
        kind="marine_cold_spell",
        state=EventState(False, None, 0, None, -0.5),
        probability=np.zeros(1),
        category_probability={},
        onset_within=np.zeros(1),
        ends_within=None,
        climatology=np.array([18.0]),
        threshold=np.array([16.0]),
        baseline=None,
        usual=OF_BASELINE,
        calibrated=True,
    )
    fields = outcome_json(quiet, "celsius")
    assert (fields["ends_within"], fields["baseline"]) == (None, None)
    assert fields["state"] == {"active": False, "since": None, "days": 0, "category": None, "intensity": -0.5}


def test_a_day_without_climatology_is_an_error_and_never_nan() -> None:
    sparse = replace(HEATWAVE, climatology=np.array([18.0, np.nan]))
    with pytest.raises(SeriesError, match="the baseline has no value for some of the days: send a more complete"):
        outcome_json(sparse, "celsius")
