"""Weather in JSON and in columns reaches the models as it does from Python."""

import io
import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.forecasts.forecast import WeatherUse
from forecasting.forecasts.forecasts import Forecasts
from forecasting.forecasts.json import entries_of
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.place.forecaster import Forecaster
from forecasting.releases.catalog import Catalog
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries, to_sst_series
from forecasting.series.timestep import TimeStep
from service.engine.forecasting import Job, RequestOptions
from service.engine.reading import InputSeries, parse
from service.plugins.columns.cutting import SeriesCutter
from service.plugins.columns.rows import read_rows, rows_of, write_rows
from service.plugins.columns.series_columns import SeriesColumns
from service.plugins.columns.writing import form_of, to_batch
from tests.forecasting.series.test_weather import AIR, SERIES, WIND, assert_same, frame

DAY = TimeStep.parse("day")
VALUES = [12.0, 12.5, None, 13.0]
JSON_AIR = [None if np.isnan(value) else value for value in AIR]
WEATHER = {"air_temperature": JSON_AIR, "wind_speed": WIND}
REGULAR = {"start": "2026-03-01", "values": VALUES}
STAMPED = {"timestamps": ["2026-03-01", "2026-03-02", "2026-03-04"], "values": [12.0, 12.5, 13.0]}


def series(weather: Any, given: Any = REGULAR) -> InputSeries:
    return InputSeries.model_validate_json(json.dumps({**given, "weather": weather}), context=[])


@pytest.mark.parametrize("given", [REGULAR, STAMPED])
@pytest.mark.parametrize(
    "weather",
    [
        WEATHER,
        {"start": "2026-03-01T00:00:00Z", **WEATHER},
        {"start": "2026-02-28", "air_temperature": [None, *JSON_AIR], "wind_speed": [None, *WIND]},
        {"wind_units": "km/h", "air_temperature": JSON_AIR, "wind_speed": [3.6 * speed for speed in WIND]},
    ],
)
def test_json_is_the_weather_that_python_makes_of_a_data_frame(weather: Any, given: Any) -> None:
    batch, errors = parse([series(None), series(weather, given)], "celsius", DAY)
    assert (errors, [*batch.weather]) == ({}, [1])
    assert_same(batch.weather[1], to_sst_series(SERIES, weather=frame()).weather)


def test_units_of_the_request_are_those_of_the_air() -> None:
    kelvin = [None if value is None else value + 273.15 for value in JSON_AIR]
    given = {**REGULAR, "values": [285.15, 285.65, None, 286.15]}
    batch, errors = parse([series({**WEATHER, "air_temperature": kelvin}, given)], "kelvin", DAY)
    assert not errors
    assert_same(batch.weather[0], to_sst_series(SERIES, weather=frame()).weather)


def test_source_and_older_forecasts_are_kept() -> None:
    issued = [{"issued": "2026-03-02T05:00Z", "wind_speed": [1.0, 2.0]}]
    batch, errors = parse([series({**WEATHER, "source": "mast", "issued": issued})], "celsius", DAY)
    older = frame([np.nan] * 2, [1.0, 2.0], "2026-03-03").assign(issued="2026-03-02")
    table = pd.concat([frame().assign(issued=None), older])
    assert not errors
    assert_same(batch.weather[0], SERIES.with_weather(table, source="mast").weather)


@pytest.mark.parametrize(
    ("weather", "sentence"),
    [
        ({"start": "soon", **WEATHER}, "weather.start: time 'soon' is not an ISO 8601 time"),
        (
            {**WEATHER, "issued": [{"issued": "x", "wind_speed": [1.0]}]},
            "weather.issued[0].issued: time 'x' is not an ISO 8601 time",
        ),
        ({"source": "mast"}, "weather: it has no values: give air_temperature, wind_speed or both"),
        ({"wind_speed": [90.0]}, "weather: wind_speed is 90 m/s at 2026-03-01"),
    ],
)
def test_an_error_of_weather_is_one_of_its_series(weather: Any, sentence: str) -> None:
    batch, errors = parse([series(weather), series(WEATHER)], "celsius", DAY)
    assert [*errors] == [0]
    assert str(errors[0]).startswith(sentence)
    assert [*batch.weather] == [1]


def test_a_series_with_an_error_of_its_own_keeps_it() -> None:
    _, errors = parse([series({"wind_speed": [90.0]}, {**REGULAR, "values": [99.0]})], "celsius", DAY)
    assert "outside the range of sea temperatures" in str(errors[0])


def long_table(sst: list[float | None], air: list[float | None], wind: list[float | None]) -> pa.Table:
    """Two series of days, the second with weather."""
    times = pa.array(np.datetime64("2026-03-01", "s") + np.arange(len(sst)).astype("timedelta64[D]"))
    one = {"id": ["n"] * len(sst), "time": times, "sst": sst}
    empty = pa.nulls(len(sst), pa.float64())
    columns = {"air_temperature": pa.array(air, pa.float64()), "wind_speed": pa.array(wind, pa.float64())}
    parts = [{**one, **dict.fromkeys(columns, empty)}, {**one, **columns}]
    tables = [pa.table({**part, "id": [name] * len(sst)}) for name, part in zip("ab", parts, strict=True)]
    return pa.concat_tables(tables)


def in_columns(table: pa.Table, rows: int) -> SeriesColumns:
    """Return the series of a body whose record batches have so many rows."""
    cutter = SeriesCutter(1_000)
    for batch in table.to_batches(max_chunksize=rows):
        sink = io.BytesIO()
        write_rows([read_rows(batch)], sink, is_last=False)
        line, _, content = sink.getvalue().partition(b"\n")
        for part in rows_of(json.loads(line)["sizes"], content):
            cutter.add(part)
    series = cutter.end()
    assert series is not None
    return series


@pytest.mark.parametrize("rows", [1, 4, 100])
def test_columns_are_the_weather_that_python_makes_of_a_data_frame(rows: int) -> None:
    columns = in_columns(long_table([*VALUES, None], JSON_AIR, [*WIND]), rows)
    batch, errors = columns.parse("celsius", DAY)
    assert (errors, [*batch.weather]) == ({}, [1])
    assert_same(batch.weather[1], to_sst_series(SERIES, weather=frame()).weather)
    # Without weather, a row without a value is a missing one; with it, the series ends where its SST does.
    assert batch.lengths.tolist() == [5, 4]
    taken, _ = columns.take([1]).parse("celsius", DAY)
    parted, _ = columns.part(1, 2).parse("celsius", DAY)
    assert_same(taken.weather[0], batch.weather[1])
    assert_same(parted.weather[0], batch.weather[1])


def test_weather_in_columns_may_be_of_one_kind_and_is_checked() -> None:
    table = long_table([*VALUES, None], [None] * 5, [4.0, 5.0, 6.0, 7.0, 90.0]).drop_columns("air_temperature")
    batch, errors = in_columns(table, 100).parse("celsius", DAY)
    assert [*errors] == [1]
    assert str(errors[1]).startswith("weather: wind_speed is 90 m/s at 2026-03-05")
    assert not batch.weather


def test_what_a_forecast_made_of_weather_is_written_and_kept_when_forecasts_are_joined(
    gru: Forecaster, nino12: SstSeries, catalog: Catalog
) -> None:
    until = np.datetime64("2011-03-01", "s")
    uses = [WeatherUse(("wind_speed",), until, 0.84321, 60, "mast"), WeatherUse((), None, None, 0)]
    forecasts = gru.forecast_batch(SeriesBatch.of([nino12] * 3, gru.step), ForecastOptions())
    with_weather = replace(forecasts, weather=[uses[0], None, uses[1]])
    first, second, third = [json.loads(b"{" + entry) for entry in entries_of(with_weather)]
    known = {"used": ["wind_speed"], "until": "2011-03-01T00:00:00Z", "past_rmse_ratio": 0.843, "origins": 60}
    assert first["weather"] == {**known, "source": "mast"}
    assert "weather" not in second
    assert third["weather"] == {"used": [], "origins": 0}
    assert [with_weather[i].weather for i in range(3)] == [uses[0], None, uses[1]]
    assert forecasts[0].weather is None
    form = form_of(Job(catalog.select("gru", "nino12"), (), RequestOptions(ForecastOptions())))
    ids = pa.array(["a", "b", "c"])
    batch = to_batch(ids, [with_weather], [{}], form).to_pandas().set_index("station")
    assert batch["weather_used"].fillna("none").tolist() == ["wind_speed", "none", ""]
    assert batch["past_rmse_ratio"].dropna().to_dict() == {"a": 0.843}
    assert to_batch(ids, [forecasts], [{}], form).column("weather_used").null_count == 3
    others = forecasts.for_rows(np.array([3, 4, 5]), {})
    assert Forecasts.joined([others, with_weather]).weather == [uses[0], None, uses[1], None, None, None]
    assert not Forecasts.joined([others, forecasts]).weather
