"""Weather in the columns of tables."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forecasting.forecasts.forecast import WeatherUse
from forecasting.forecasts.options import ForecastOptions
from forecasting.models.place.forecaster import Forecaster
from forecasting.readers import ReadingOptions
from forecasting.series.batch import SeriesBatch
from forecasting.series.sst_series import SstSeries, to_sst_series
from forecasting.series.timestep import TimeStep
from scoring.events import EvaluatedEvents, EventRequest
from scoring.tables.output import TableForecasts, read_part, to_bytes
from scoring.tables.staging import ReadStations, read_stations, stage_rows
from tests.forecasting.series.test_weather import SERIES, assert_same, frame
from tests.scoring.commands import score
from tests.scoring.tables.sample import station, walk


def table() -> pd.DataFrame:
    """Rows of a pier with weather ahead, of a buoy with wind only, and of a mole without weather."""
    rows = frame().assign(sst=[*SERIES.values, np.nan]).reset_index()
    buoy, mole = rows.assign(air_temperature=np.nan), rows.assign(air_temperature=np.nan, wind_speed=np.nan)
    return pd.concat([rows.assign(station="pier"), buoy.assign(station="buoy"), mole.assign(station="mole")])


def staged(path: Path, folder: Path, **options: Any) -> ReadStations:
    folder.mkdir()
    known = stage_rows([path], ReadingOptions(**options), 100_000, folder)
    return read_stations(folder, 0, known, None, options.get("resample"))


@pytest.mark.parametrize("name", ["in.csv", "in.parquet"])
def test_columns_of_weather_are_those_that_python_reads(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    rows = table().sample(frac=1, random_state=1).sort_values("station", kind="stable")
    rows.to_csv(path, index=False) if name == "in.csv" else rows.to_parquet(path, index=False)
    read = staged(path, tmp_path / "staged")
    series = {read.known.names[i]: series for i, series in read.series.items()}
    assert [len(member) for member in series.values()] == [4, 4, 4]
    assert_same(series["pier"].weather, to_sst_series(SERIES, weather=frame()).weather)
    assert_same(series["buoy"].weather, to_sst_series(SERIES, weather=frame()[["wind_speed"]]).weather)
    assert series["mole"].weather is None


def test_units_in_the_header_and_marks_of_missing_values_count(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    rows = table().query("station == 'pier'")
    knots = rows["wind_speed"] * 3600 / 1852
    rows = rows.assign(air_temperature=(rows["air_temperature"] + 273.15).fillna(-999), wind_speed=knots)
    rows.rename(columns={"air_temperature": "air_temperature (K)", "wind_speed": "wind_speed (kn)"}).to_csv(
        path, index=False
    )
    read = staged(path, tmp_path / "staged", missing=(-999.0,))
    assert_same(read.series[0].weather, to_sst_series(SERIES, weather=frame()).weather)


def test_weather_is_averaged_with_the_series(tmp_path: Path) -> None:
    hours = pd.date_range("2026-03-01", periods=72, freq="h")
    sst = np.where(hours.day < 3, 12.0 + hours.day, np.nan)
    pd.DataFrame({"time": hours, "sst": sst, "wind_speed": hours.day}).to_csv(tmp_path / "in.csv", index=False)
    series = staged(tmp_path / "in.csv", tmp_path / "staged", resample=TimeStep.parse("day")).series[0]
    assert series.values.tolist() == [13.0, 14.0]
    assert series.weather is not None
    assert series.weather.values[:, 1].tolist() == [1.0, 2.0, 3.0]


def test_times_on_a_local_clock_are_those_of_the_series(tmp_path: Path) -> None:
    hours = pd.date_range("2026-10-25", periods=48, freq="h", tz="Europe/Rome")
    rows = pd.DataFrame({"time": hours.tz_localize(None), "sst": 12.0, "air_temperature": np.arange(48) / 4})
    rows.to_csv(tmp_path / "in.csv", index=False)
    series = staged(tmp_path / "in.csv", tmp_path / "staged", timezone="Europe/Rome").series[0]
    assert series.weather is not None
    assert (series.weather.start, len(series)) == (series.start, 48)
    assert series.weather.values[:, 0].tolist() == (np.arange(48) / 4).tolist()


def test_forecasts_follow_the_last_sst_and_say_what_became_of_weather(
    seas: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sst = np.append(walk(60), [np.nan] * 5)
    frames = [
        station("plain", walk(60)),
        station("windy", sst).assign(air_temperature=16.0, wind_speed=5.0),
        station("wild", sst).assign(wind_speed=99.0),
    ]
    pd.concat(frames).to_csv(tmp_path / "in.csv", index=False)
    assert score(tmp_path / "in.csv", tmp_path / "out.csv", "--artifacts", seas) == 0
    assert "weather_ignored: station 'wild': weather: wind_speed is 99 m/s at" in capsys.readouterr().err
    rows = pd.read_csv(tmp_path / "out.csv").set_index("station")
    assert set(rows["time"]) == {"2023-03-02T00:00:00Z"}
    assert rows["sst"].nunique() == 1
    assert rows["warnings"].fillna("").to_dict() == {"plain": "", "windy": "weather_ignored", "wild": "weather_ignored"}
    assert rows["error"].isna().all()
    assert rows[["weather_used", "past_rmse_ratio"]].isna().all(axis=None)
    plain = station("plain", walk(60))
    plain.to_csv(tmp_path / "plain.csv", index=False)
    assert score(tmp_path / "plain.csv", tmp_path / "plain-out.csv", "--artifacts", seas) == 0
    assert "weather_used" not in pd.read_csv(tmp_path / "plain-out.csv")


def test_the_rows_say_what_weather_was_worth(gru: Forecaster, nino12: SstSeries) -> None:
    options = ForecastOptions(2, (80,))
    forecasts = gru.forecast_batch(SeriesBatch.of([nino12] * 3, gru.step), options)
    uses = [WeatherUse(("air_temperature", "wind_speed"), None, 0.84, 60), None, WeatherUse((), None, None, 0)]
    evaluated, flags = EvaluatedEvents.none(EventRequest(), 3, 2), np.zeros(3, dtype=np.int8)
    scored = TableForecasts(list("abc"), replace(forecasts, weather=uses), flags, [[]] * 3, evaluated, {})
    rows = read_part(to_bytes(scored, EventRequest(), weather=True)).to_pandas().groupby("station").first()
    assert rows["weather_used"].fillna("none").tolist() == ["air_temperature;wind_speed", "none", ""]
    assert rows["past_rmse_ratio"].tolist() == pytest.approx([0.84, np.nan, np.nan], nan_ok=True)
