"""The JSON of forecasts, as bytes for responses and as objects for all else."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from orjson import loads

from forecasting.forecasts.forecast import WeatherUse
from forecasting.forecasts.json import entries_of, objects_of
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.checkpoint import CPU
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesByStep
from forecasting.series.sst_series import SstSeries
from forecasting.series.units import Units
from tests.conftest import daily

RANDOM = np.random.default_rng(3)
SERIES = [
    *(daily((15 + RANDOM.normal(size=n).cumsum() / 9).round(3)) for n in (20, 60, 500)),
    SstSeries(daily([9.0] * 900).values, np.datetime64("2019-06-01", "s"), daily([9.0]).step, ("a note",)),
]
POSITIONS = np.array([[np.nan, np.nan], [43.0, -40.0], [43.0, -40.0], [48.0, 10.0]])
USE = WeatherUse(("wind_speed",), np.datetime64("2011-03-01", "s"), 0.84321, 60, "mast")


@pytest.mark.parametrize("units", ["celsius", "fahrenheit"])
@pytest.mark.parametrize("model", ["best", "gru"])
def test_an_object_is_what_the_bytes_of_an_entry_say(seas: Path, model: str, units: Units) -> None:
    selection = Catalog.open(seas, CPU, None).select(model, None)
    options = ForecastOptions(3, (50, 80), (14.5, 60.0), units)
    (forecasts,) = selection.forecast(SeriesByStep.of(SERIES, POSITIONS), options)
    forecasts = replace(forecasts, weather=[None, USE, replace(USE, until=None, source=None), None])
    objects = objects_of(forecasts)
    assert objects == [loads(b"{" + entry) for entry in entries_of(forecasts)]
    assert [[*each] for each in objects] == [[*loads(b"{" + entry)] for entry in entries_of(forecasts)]
    # Some series have references, a climatology and warnings, and some do not.
    assert len({(len(each["baselines"]), "usual" in each, len(each["warnings"])) for each in objects}) > 2


def test_a_number_that_json_cannot_have_is_null(seas: Path) -> None:
    selection = Catalog.open(seas, CPU, None).select("best", None)
    (forecasts,) = selection.forecast(SeriesByStep.of(SERIES[1:2]), ForecastOptions(3, ()))
    forecasts.table[0, 0] = [np.nan, np.inf, 9]
    (written,) = objects_of(forecasts)
    assert written["sst"] == [None, None, 9]
    assert written == loads(b"{" + entries_of(forecasts)[0])
