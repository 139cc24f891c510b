"""Columnar bodies, and the responses to them."""

import io
from collections.abc import Mapping
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as papq

from forecasting.series.sst_series import SstSeries

ARROW = "application/vnd.apache.arrow.stream"
PARQUET = "application/vnd.apache.parquet"


def long_table(series: Mapping[str, SstSeries]) -> pa.Table:
    """Return a row for each value."""
    ids = np.repeat(list(series), [len(member) for member in series.values()])
    times = np.concatenate([member.times for member in series.values()])
    values = np.concatenate([member.values for member in series.values()])
    return pa.table({"id": ids, "time": times, "sst": pa.array(values, from_pandas=True)})


def arrow_bytes(table: pa.Table, chunk: int | None = None, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as stream:
        stream.write_table(table, max_chunksize=chunk)
    return sink.getvalue()


def post(client: httpx.Client, content: bytes, accept: str = "*/*", **query: Any) -> httpx.Response:
    headers = {"Content-Type": ARROW, "Accept": accept}
    return client.post("/forecast", params=query, content=content, headers=headers)


def read(response: httpx.Response) -> pd.DataFrame:
    assert response.status_code == 200, response.text
    if response.headers["content-type"] == PARQUET:
        table = papq.read_table(io.BytesIO(response.content))
    else:
        assert response.headers["content-type"] == ARROW
        table = pa.ipc.open_stream(response.content).read_all()
    frame: pd.DataFrame = table.to_pandas()
    return frame


def refusal(response: httpx.Response, status: int) -> str:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    detail: str = response.json()["detail"]
    return detail
