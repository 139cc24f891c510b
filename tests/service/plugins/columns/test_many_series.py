"""Many series as columns: what is worked out for all of them at once is what each of them gets alone."""

from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.series.sst_series import SstSeries
from tests.service.plugins.columns.bodies import ARROW, arrow_bytes, long_table, post, read, refusal

PLACE: dict[str, Any] = {"dataset": "nino12", "model": "gru"}


@pytest.fixture(scope="module")
def many(nino12: SstSeries) -> pa.Table:
    """Seventy series of thirty months, which differ, and begin in different months."""
    parts = [nino12.part(begin, begin + 30) for begin in range(0, 280, 4)]
    return long_table(
        {f"n{i}": SstSeries(part.values + i / 100, part.start, part.step) for i, part in enumerate(parts)}
    )


def alone(client: httpx.Client, table: pa.Table, **query: Any) -> pd.DataFrame:
    """Return the answers to a request for each series."""
    frame = table.to_pandas()
    parts = [pa.Table.from_pandas(rows, preserve_index=False) for _, rows in frame.groupby("id", sort=False)]
    return pd.concat([read(post(client, arrow_bytes(part), **query)) for part in parts], ignore_index=True)


def without(table: pa.Table, row: int) -> pa.Table:
    return pa.concat_tables([table.slice(0, row), table.slice(row + 1)])


def with_value(table: pa.Table, row: int, value: float) -> pa.Table:
    values = table["sst"].to_numpy().copy()
    values[row] = value
    return table.set_column(2, "sst", pa.array(values))


@pytest.mark.parametrize("change", ["none", "a skipped month", "a missing value", "no sea"])
def test_many_series_are_forecast_as_each_alone(client: httpx.Client, many: pa.Table, change: str) -> None:
    sent = {
        "none": many,
        "a skipped month": without(many, 75),
        "a missing value": with_value(many, 75, np.nan),
        "no sea": with_value(many, 75, 99.0),
    }[change]
    query = PLACE | {"horizon": 2, "level": 80, "threshold": 24.0}
    answer = read(post(client, arrow_bytes(sent), **query))
    # Networks compute in float32: two units in the last place at 16 to 32 °C, rounded to six decimals.
    pd.testing.assert_frame_equal(answer, alone(client, sent, **query), rtol=0, atol=5e-6)


def test_categories_that_count_down_keep_their_names(client: httpx.Client, many: pa.Table) -> None:
    codes = pa.array(np.repeat([255, 0, 1], 30), pa.uint8())
    ids = pa.DictionaryArray.from_arrays(codes, pa.array([f"c{i}" for i in range(256)]))
    answer = read(post(client, arrow_bytes(many.slice(0, 90).set_column(0, "id", ids)), **PLACE))
    assert answer["station"].tolist() == ["c255", "c0", "c1"]


def test_a_category_that_is_not_there_is_refused_in_every_record_batch(client: httpx.Client, many: pa.Table) -> None:
    codes = np.repeat([0, 1, 2], 30)
    for place in (10, 70):
        wrong = codes.copy()
        wrong[place] = 3
        ids = pa.DictionaryArray.from_arrays(pa.array(wrong), pa.array(["a", "b", "c"]), safe=False)
        body = arrow_bytes(many.slice(0, 90).set_column(0, "id", ids), 45)
        assert refusal(post(client, body, **PLACE), 400).startswith("the body is not a valid Arrow stream")


def test_an_id_that_comes_again_later_in_the_body_is_an_error(client: httpx.Client, many: pa.Table) -> None:
    again = pa.concat_tables([many, many.slice(30, 30)])
    answer = read(post(client, arrow_bytes(again, 600), **PLACE))
    assert answer["station"].iloc[-1] == "n1"
    assert "appears again" in answer["error"].iloc[-1]
    assert answer["error"].iloc[:-1].isna().all()


def test_a_stream_that_comes_message_by_message_is_answered_at_once(client: httpx.Client, many: pa.Table) -> None:
    body = arrow_bytes(many, 900)
    schema = len(many.schema.serialize())

    def pieces() -> Iterator[bytes]:
        yield body[:schema]
        yield from (body[begin : begin + 5_000] for begin in range(schema, len(body), 5_000))

    response = client.post("/forecast", params=PLACE, content=pieces(), headers={"Content-Type": ARROW})
    assert int(response.headers["content-length"]) == len(response.content)
    pd.testing.assert_frame_equal(read(response), read(post(client, arrow_bytes(many), **PLACE)))
