"""Tables of polars and Arrow are forecast as the same series in pandas."""

from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from forecasting.series.sst_series import SstSeries
from service.client.bodies import FEWEST_SERIES
from tests.service.client.conftest import Ask

Frame = pd.DataFrame

PLACE: dict[str, Any] = {"dataset": "nino12", "model": "gru"}


@pytest.fixture(scope="module")
def months(nino12: SstSeries) -> Frame:
    """Two stations with times in UTC, one with a gap."""
    recent = nino12.to_pandas().tail(30).tz_localize(None).tz_localize("UTC")
    frame = pd.DataFrame({"pier": recent, "buoy": recent + 0.5})
    frame.iloc[20, 1] = np.nan
    return frame.rename_axis("month")


def wide(frame: Frame) -> pl.DataFrame:
    """Return a column of times, and one for each station."""
    times = pd.DatetimeIndex(frame.index).tz_localize(None).to_numpy().astype("datetime64[us]")
    columns = {str(name): pl.Series(column, nan_to_null=True) for name, column in frame.items()}
    return pl.DataFrame({"month": times, **columns}).with_columns(pl.col("month").dt.replace_time_zone("UTC"))


def long(frame: Frame, kind: Any = pl.String) -> pl.DataFrame:
    """Return a row for each value."""
    table = wide(frame).rename({"month": "time"}).unpivot(index="time", variable_name="id", value_name="sst")
    return table.with_columns(pl.col("id").cast(kind))


def test_tables_of_polars_and_arrow_give_the_result_of_pandas(ask: Ask, url: str, months: Frame) -> None:
    expected = ask(url, "forecast", months, **PLACE)
    tables: dict[str, Any] = {
        "wide": wide(months),
        "wide, times last": wide(months).select("pier", "buoy", "month"),
        "long": long(months),
        "long, categories": long(months, pl.Categorical),
        "long, by time": long(months).sort("time", maintain_order=True),
        "pyarrow": pa.table(wide(months)),
        "by name": {name: wide(months[[name]]) for name in months},
        "by name, mixed": {"pier": months["pier"], "buoy": wide(months[["buoy"]])},
    }
    for form, table in tables.items():
        pd.testing.assert_frame_equal(ask(url, "forecast", table, **PLACE), expected, obj=form)


def test_months_in_the_time_zone_of_a_table_are_those_of_its_calendar(ask: Ask, url: str, months: Frame) -> None:
    local = wide(months).with_columns(pl.col("month").dt.replace_time_zone("Pacific/Auckland"))
    dates = wide(months).with_columns(pl.col("month").dt.date())
    expected = ask(url, "forecast", months, **PLACE)
    for table in (local, dates):
        pd.testing.assert_frame_equal(ask(url, "forecast", table, **PLACE), expected)


def test_many_series_in_a_table_go_by_columns(ask: Ask, url: str, months: Frame) -> None:
    many = pd.DataFrame({f"n{i}": months["buoy"] + i / 100 for i in range(FEWEST_SERIES)})
    expected = ask(url, "forecast", many, **PLACE)
    for table in (wide(many), long(many)):
        pd.testing.assert_frame_equal(ask(url, "forecast", table, **PLACE), expected)


def test_whole_numbers_name_the_series_of_a_table(ask: Ask, url: str, months: Frame) -> None:
    table = long(months).with_columns(pl.col("id").replace_strict({"pier": 7, "buoy": 8}, return_dtype=pl.UInt32))
    assert ask(url, "forecast", table, **PLACE)["station"].tolist() == [7, 8]


def test_other_calls_take_tables_too(ask: Ask, url: str, months: Frame) -> None:
    compared = [ask(url, "compare_series", series, **PLACE) for series in (months, wide(months))]
    pd.testing.assert_frame_equal(compared[1], compared[0])


DAYS = pl.date_range(pl.date(2010, 1, 1), pl.date(2010, 1, 3), eager=True)
NOWHERE = pa.table({"month": pa.array([0], pa.timestamp("s", "Nowhere/Land")), "a": [1.0]})
LONG = {"id": ["a"] * 3, "time": DAYS, "sst": [1.0, 2.0, 3.0]}


@pytest.mark.parametrize(
    ("series", "kind", "message"),
    [
        (pl.Series([1.0, 2.0]), TypeError, "series is a polars Series without times: expected a table"),
        (pl.LazyFrame({"time": DAYS}), TypeError, "series is a polars LazyFrame: expected"),
        (pl.DataFrame({"a": [1.0]}), ValueError, "series has no time column: convert one"),
        (pl.DataFrame({"time": ["2010-01-01"], "a": [1.0]}), ValueError, "series has no time column: convert one"),
        (pl.DataFrame({"time": DAYS, "until": DAYS, "a": [1.0] * 3}), ValueError, "'time' and 'until': leave out all"),
        (pl.DataFrame({"time": DAYS}), ValueError, "there is no series"),
        (pl.DataFrame({"time": DAYS, "a": ["x"] * 3}), ValueError, "series 'a': its values must be numbers"),
        (
            pl.DataFrame({"time": [*DAYS[:2], None], "a": [1.0] * 3}),
            ValueError,
            "series 'a': the time at position 2 is missing",
        ),
        (pl.DataFrame({**LONG, "depth": 1.0}), ValueError, "a column id and a column 'depth': pass id, time and sst"),
        (pl.DataFrame(LONG).drop("sst"), ValueError, "series has a column id and no column sst: pass id, time"),
        (pl.DataFrame({**LONG, "time": ["2010"] * 3}), ValueError, "series: the column time holds text: convert"),
        (
            pl.DataFrame({**LONG, "id": [[1], [2], [3]]}),
            ValueError,
            "the column id holds .*list<.*: pass text",
        ),
        (pl.DataFrame({**LONG, "id": [{"n": 1}] * 3}), ValueError, "the column id holds struct<.*: pass text"),
        (
            pl.DataFrame({**LONG, "id": [1.0, 2.0, 3.0]}),
            ValueError,
            "the column id holds double: pass text",
        ),
        (
            NOWHERE,
            ValueError,
            r"the column month holds timestamp\[s, tz=Nowhere/Land\], which pandas cannot read: convert",
        ),
        (
            NOWHERE.rename_columns(["time", "sst"]).append_column("id", [["a"]]),
            ValueError,
            r"the column time holds timestamp\[s, tz=Nowhere/Land\], which pandas cannot read: convert",
        ),
        (pl.DataFrame({**LONG, "id": ["a", None, "a"]}), ValueError, "series: row 1, counted from 0, has no id"),
        ({"a": pl.DataFrame(LONG)}, ValueError, "series 'a' needs exactly one column of values: pass times and values"),
        (pa.table([[1], [2]], names=["a", "a"]), ValueError, "series has 2 columns with the name 'a': rename all"),
    ],
)
def test_tables_that_are_not_series_are_refused_before_they_are_sent(
    ask: Ask, series: Any, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        ask("http://127.0.0.1:9", "forecast", series)
