"""Series as columns over HTTP: the forecasts, and the answer for each series."""

from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from forecasting.series.sst_series import SstSeries
from service.settings import Settings
from tests.service.plugins.columns.bodies import (
    ARROW,
    PARQUET,
    arrow_bytes,
    long_table,
    post,
    read,
    refusal,
)
from tests.service.requests import answered
from tests.serving import serve

PLACE: dict[str, Any] = {"dataset": "nino12", "model": "gru"}


@pytest.fixture(scope="module")
def months(nino12: SstSeries) -> pa.Table:
    """Three series of thirty months, which differ."""
    part = nino12.part(len(nino12) - 30, len(nino12))
    return long_table({f"n{i}": SstSeries(part.values + i / 10, part.start, part.step) for i in range(3)})


def by_json(client: httpx.Client, table: pa.Table, **fields: object) -> pd.DataFrame:
    """Return the forecasts of the same series as JSON has them."""
    series = []
    for name, rows in table.to_pandas().groupby("id", sort=False):
        values = [None if np.isnan(value) else value for value in rows["sst"]]
        series.append({"id": name, "timestamps": [time.isoformat() for time in rows["time"]], "values": values})
    forecasts = answered(client.post("/forecast", json={"series": series, **fields}))["forecasts"]
    rows = []
    for forecast in forecasts:
        for lead, time in enumerate(forecast["timestamps"]):
            intervals = {
                f"{side}_{interval['level']}": interval[side][lead]
                for interval in forecast["intervals"]
                for side in ("lower", "upper")
            }
            exceedance = {
                f"exceedance_{entry['threshold']:g}": entry["probability"][lead] for entry in forecast["exceedance"]
            }
            baselines = {f"baseline_{name}": values[lead] for name, values in forecast["baselines"].items()}
            usual = forecast.get("usual")
            if usual:
                baselines |= {
                    "usual_years": "-".join(map(str, usual["years"])),
                    "usual_source": usual["source"],
                }
            row = {"station": forecast["id"], "time": pd.Timestamp(time), "sst": forecast["sst"][lead]}
            rows.append(row | intervals | exceedance | baselines)
    return pd.DataFrame(rows)


def assert_agree(answer: pd.DataFrame, expected: pd.DataFrame) -> None:
    columns = expected.columns.tolist()
    pd.testing.assert_frame_equal(answer[columns], expected, check_dtype=False, atol=2e-4)


@pytest.mark.parametrize("units", ["celsius", "kelvin"])
def test_columns_are_forecast_as_json_is(client: httpx.Client, months: pa.Table, units: str) -> None:
    offset = 273.15 if units == "kelvin" else 0.0
    sent = months.set_column(2, "sst", pa.array(months["sst"].to_numpy() + offset))
    query = PLACE | {"horizon": 2, "level": 80, "threshold": 24.5 + offset, "units": units}
    answer = read(post(client, arrow_bytes(sent), **query))
    options = {"horizon": 2, "levels": [80], "thresholds": [24.5 + offset], "units": units}
    assert_agree(answer, by_json(client, sent, **PLACE, **options))
    assert answer["lead"].tolist() == [1, 2] * 3
    assert set(answer["model"]) == {"nino12-gru"}
    assert answer["error"].isna().all()
    assert (answer["issued"] == pd.Timestamp(months["time"][29].as_py(), tz="UTC")).all()


def test_arrow_and_parquet_responses_have_the_same_forecasts(client: httpx.Client, months: pa.Table) -> None:
    expected = post(client, arrow_bytes(months), **PLACE)
    assert expected.headers["content-type"] == ARROW
    for accept in (ARROW, PARQUET):
        response = post(client, arrow_bytes(months), accept=accept, **PLACE)
        assert response.headers["content-type"] == accept
        pd.testing.assert_frame_equal(read(response), read(expected), check_dtype=False)


@pytest.mark.parametrize("chunk", [1, 7, 45])
def test_a_series_may_go_on_in_the_next_record_batches(client: httpx.Client, months: pa.Table, chunk: int) -> None:
    expected = read(post(client, arrow_bytes(months), **PLACE))
    pd.testing.assert_frame_equal(read(post(client, arrow_bytes(months, chunk), **PLACE)), expected)


def test_types_that_data_frames_write_are_read(client: httpx.Client, months: pa.Table) -> None:
    expected = read(post(client, arrow_bytes(months), **PLACE))
    times = months["time"].combine_chunks()
    forms = {
        "categories": {"id": months["id"].dictionary_encode()},
        "large text": {"id": months["id"].cast(pa.large_string())},
        "text views": {"id": months["id"].cast(pa.string_view())},
        "float32": {"sst": months["sst"].cast(pa.float32())},
        "decimals": {"sst": pa.array(np.round(months["sst"].to_numpy(), 4)).cast(pa.decimal128(12, 4), safe=False)},
        "dates": {"time": times.cast(pa.date32())},
        "nanoseconds in UTC": {"time": times.cast(pa.timestamp("ns")).cast(pa.timestamp("ns", "UTC"))},
        "milliseconds": {"time": times.cast(pa.timestamp("ms"))},
    }
    for form, columns in forms.items():
        table = months
        for name, column in columns.items():
            table = table.set_column(table.column_names.index(name), name, column)
        answer = read(post(client, arrow_bytes(table), **PLACE))
        assert answer["sst"].tolist() == pytest.approx(expected["sst"].tolist(), abs=1e-3), form
        assert (answer["time"] == expected["time"]).all(), form


def test_months_follow_the_calendar_of_their_time_zone(client: httpx.Client, months: pa.Table) -> None:
    local = months["time"].to_pandas().dt.tz_localize("Pacific/Auckland")
    sent = months.set_column(1, "time", pa.array(local))
    answer, expected = (read(post(client, arrow_bytes(table), **PLACE)) for table in (sent, months))
    pd.testing.assert_frame_equal(answer, expected)


def test_whole_numbers_as_ids_and_a_missing_column_of_ids_are_read(client: httpx.Client, months: pa.Table) -> None:
    numbers = months.set_column(0, "id", pa.array(np.repeat([7, 8, 9], 30)))
    assert read(post(client, arrow_bytes(numbers), **PLACE))["station"].tolist() == ["7", "8", "9"]
    alone = months.slice(0, 30).drop_columns(["id"])
    assert read(post(client, arrow_bytes(alone), **PLACE))["station"].tolist() == ["0"]


def test_polars_sends_and_reads_it(client: httpx.Client, months: pa.Table) -> None:
    frame = pl.from_arrow(months)
    assert isinstance(frame, pl.DataFrame)
    answer = pl.read_ipc_stream(post(client, frame.write_ipc_stream(None).getvalue(), **PLACE).content)
    assert answer["station"].to_list() == ["n0", "n1", "n2"]
    assert answer["sst"].null_count() == 0
    categories = frame.with_columns(pl.col("id").cast(pl.Categorical))
    assert pl.read_ipc_stream(post(client, categories.write_ipc_stream(None).getvalue(), **PLACE).content).equals(
        answer
    )


def test_a_bad_series_alone_fails_as_a_row_with_its_error(client: httpx.Client, months: pa.Table) -> None:
    table = months.to_pandas()
    parts = [table[table["id"] == name].copy() for name in ("n0", "n1", "n2")]
    parts.insert(1, parts[0].tail(3).assign(id="short"))
    parts.insert(3, parts[0].assign(id="hot", sst=99.0))
    parts.append(parts[0].assign(id="undated", time=pd.NaT))
    parts.append(parts[0].assign(id=None))
    response = post(client, arrow_bytes(pa.Table.from_pandas(pd.concat(parts))), **PLACE, horizon=2)
    answer = read(response)
    failed = answer[answer["error"].notna()].set_index("station")
    assert answer["station"].tolist() == ["n0", "n0", "short", "n1", "n1", "hot", "n2", "n2", "undated", ""]
    assert failed.loc["short", "error"] == "3 values are too few: nino12-gru needs at least 24"
    assert "outside the range of sea temperatures" in str(failed.loc["hot", "error"])
    assert failed.loc["undated", "error"] == "time 0 of the series, counted from 0, is missing"
    assert failed.loc["", "error"] == "the id is missing"
    assert failed["sst"].isna().all()
    assert failed["quality"].tolist() == [9] * 4
    reader = pa.ipc.open_stream(response.content)
    *_, last = reader.iter_batches_with_custom_metadata()
    assert last.custom_metadata is not None
    assert dict(last.custom_metadata) == {b"series": b"7", b"failed": b"4"}


def test_rows_that_are_not_sorted_by_series_are_recognized(client: httpx.Client, months: pa.Table) -> None:
    table = months.to_pandas().sort_values(["time", "id"], ignore_index=True)
    answer = read(post(client, arrow_bytes(pa.Table.from_pandas(table)), **PLACE))
    assert answer["error"].iloc[-1] == "the id 'n2' appears again after another: sort the rows by id, then by time"


def test_missing_values_and_skipped_months_are_filled_as_in_json(client: httpx.Client, months: pa.Table) -> None:
    values = months["sst"].to_numpy().copy()
    values[[20, 50]] = np.nan
    sent = months.set_column(2, "sst", pa.array(values, from_pandas=True)).take([*range(75), *range(76, 90)])
    answer = read(post(client, arrow_bytes(sent), **PLACE))
    assert_agree(answer, by_json(client, sent, **PLACE))
    assert answer["warnings"].tolist() == ["gap_filled"] * 3
    assert answer["messages"].str.startswith("gap_filled: 1 missing value interpolated: 20").all()


def test_every_model_answers_series_by_series(client: httpx.Client, months: pa.Table) -> None:
    answer = read(post(client, arrow_bytes(months), dataset="nino12", model="all", horizon=2))
    assert answer["station"].tolist() == ["n0"] * 6 + ["n1"] * 6 + ["n2"] * 6
    assert answer["model"].tolist() == [f"nino12-{cell}" for cell in ("rnn", "lstm", "gru") for _ in range(2)] * 3


def test_strict_refuses_the_request_and_names_the_series(client: httpx.Client, months: pa.Table) -> None:
    detail = refusal(post(client, arrow_bytes(months.slice(25)), **PLACE, strict=True), 422)
    assert detail == "series 'n0': 5 values are too few: nino12-gru needs at least 24"


def test_a_series_with_too_many_values_alone_fails(artifacts: Path, months: pa.Table) -> None:
    with serve(Settings(artifacts=artifacts, max_values=29)) as client:
        few = months.filter(pa.compute.not_equal(months["id"], "n1")).slice(1, 29)
        for chunk in (None, 4):
            answer = read(post(client, arrow_bytes(pa.concat_tables([few, months.slice(30, 60)]), chunk), **PLACE))
            assert answer["error"].fillna("").tolist() == [
                "",
                *["30 values are too many: send at most 29 in one series"] * 2,
            ]


def test_universal_networks_forecast_columns_as_json_with_positions(seas_client: httpx.Client) -> None:
    days = pd.date_range("2020-01-01", periods=60)
    rng = np.random.default_rng(1)
    table = pd.concat(
        [
            pd.DataFrame({"id": name, "time": days, "sst": 15 + rng.normal(0, 0.2, 60).cumsum() / 5})
            for name in ("a", "b")
        ]
    )
    sent = pa.Table.from_pandas(table, preserve_index=False)
    answer = read(post(seas_client, arrow_bytes(sent), horizon=3))
    assert_agree(answer, by_json(seas_client, sent, horizon=3))
    assert set(answer["step"]) == {"day"}
    assert set(answer["chosen"]) <= {"own_past", "held_out_seas"}
    placed = read(post(seas_client, arrow_bytes(pa.Table.from_pandas(table.assign(latitude=50.0, longitude=10.0)))))
    assert placed["warnings"].str.contains("no_climatology").all()
    assert (placed["quality"] == 3).all()
    moving = table.assign(latitude=np.linspace(40, 50, 120), longitude=5.0)
    errors = read(post(seas_client, arrow_bytes(pa.Table.from_pandas(moving))))["error"]
    assert errors.str.contains("latitude ranges from").all()


def test_minus_zero_as_a_threshold_does_not_rename_the_column_of_zero(client: httpx.Client, months: pa.Table) -> None:
    for threshold in ("-0", "0"):
        answer = read(post(client, arrow_bytes(months), **PLACE, threshold=threshold))
        assert answer[f"exceedance_{threshold}"].tolist() == [1.0] * 3
