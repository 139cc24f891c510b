"""IDs as categories: the dictionaries of an Arrow stream, which clients replace, extend or lay out their own way."""

import io
import struct
from collections.abc import Iterator

import httpx
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from forecasting.series.sst_series import SstSeries
from service.plugins.columns.process import MAX_PLAIN
from tests.service.plugins.columns.bodies import ARROW, PARQUET, long_table, post, read, refusal

PLACE = {"dataset": "nino12", "model": "gru"}

LARGE = MAX_PLAIN - 400
"""Bytes of an entry that no row refers to: nearly as many as the entries of a stream may have."""

NOT_TEXT = pa.Array.from_buffers(
    pa.string(), 2, [None, pa.py_buffer(np.array([0, 1, 2], np.int32)), pa.py_buffer(b"a\xff")]
)


@pytest.fixture(scope="module")
def months(nino12: SstSeries) -> pa.Table:
    """Two series of thirty months."""
    return long_table({f"n{i}": nino12.part(begin, begin + 30) for i, begin in enumerate((0, 90))})


def batch_of(rows: pa.Table, place: int, entries: pa.Array) -> pa.RecordBatch:
    """Return ``rows`` as one record batch, with the entry at ``place`` as their ID."""
    ids = pa.DictionaryArray.from_arrays(pa.array([place] * rows.num_rows, pa.int32()), entries, safe=False)
    (batch,) = rows.set_column(0, "id", ids).to_batches()
    return batch


def stream_of(batches: list[pa.RecordBatch], *, deltas: bool = False, compression: str | None = None) -> bytes:
    sink = io.BytesIO()
    options = pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas, compression=compression)
    with pa.ipc.new_stream(sink, batches[0].schema, options=options) as stream:
        for batch in batches:
            stream.write_batch(batch)
    return sink.getvalue()


@pytest.mark.parametrize("deltas", [False, True], ids=["replaced", "extended"])
def test_a_new_dictionary_names_the_series_that_follow(client: httpx.Client, months: pa.Table, deltas: bool) -> None:
    first, second = pa.array(["a", "b"]), pa.array(["a", "b", "c"])
    batches = [batch_of(months.slice(0, 30), 1, first), batch_of(months.slice(30), 2, second)]
    answer = read(post(client, stream_of(batches, deltas=deltas), **PLACE))
    assert answer["station"].tolist() == ["b", "c"]
    assert answer["error"].isna().all()


@pytest.mark.parametrize(
    ("rows", "second"),
    [(30, NOT_TEXT), (0, NOT_TEXT), (30, pa.array(["c"]))],
    ids=["not text", "not text, after a record batch without rows", "too short"],
)
def test_a_dictionary_that_replaces_another_is_validated(
    client: httpx.Client, months: pa.Table, rows: int, second: pa.Array
) -> None:
    before = batch_of(months.slice(0, 30), 0, pa.array(["a"])).slice(0, rows)
    content = stream_of([before, batch_of(months.slice(30), 1, second)])
    assert refusal(post(client, content, **PLACE), 400).startswith("the body is not a valid Arrow stream: ")


def with_longer_offsets(stream: bytes) -> bytes:
    """Return a stream, whose dictionary is a, b and c, with 18 bytes for its 16 bytes of offsets."""
    offsets = struct.pack("<4i", 0, 1, 2, 3)
    buffers, longer = (struct.pack("<6q", 0, 0, 0, size, text, 3) for size, text in ((16, 16), (18, 24)))
    head, text = stream.split(offsets, 1)
    assert head.count(buffers) == 1
    before, size, after = head.rpartition(struct.pack("<q", 24))
    assert size
    return (before + struct.pack("<q", 32) + after).replace(buffers, longer) + offsets + bytes(8) + text


def test_offsets_may_have_more_bytes_than_needed(client: httpx.Client, months: pa.Table) -> None:
    stream = stream_of([batch_of(months.slice(0, 30), 1, pa.array(["a", "b", "c"]))])
    longer = with_longer_offsets(stream)
    expected = read(post(client, stream, **PLACE))
    assert expected["station"].tolist() == ["b"]

    def pieces() -> Iterator[bytes]:
        yield longer[:-8]
        # It is answered only after the first piece has been read.
        httpx.get(f"{client.base_url}/health/live").raise_for_status()
        yield longer[-8:]

    for content in (longer, pieces()):
        response = client.post("/forecast", params=PLACE, content=content, headers={"Content-Type": ARROW})
        pd.testing.assert_frame_equal(read(response), expected)


@pytest.mark.long
def test_each_record_batch_may_have_a_large_dictionary_of_its_own(client: httpx.Client, months: pa.Table) -> None:
    names = [f"s{i}" for i in range(80)]
    rows = months.slice(0, 30)
    stream = stream_of([batch_of(rows, 0, pa.array([name, "x" * LARGE])) for name in names], compression="zstd")
    assert read(post(client, stream, accept=PARQUET, **PLACE))["station"].tolist() == names


def test_a_dictionary_over_the_limit_is_refused(client: httpx.Client, months: pa.Table) -> None:
    stream = stream_of([batch_of(months.slice(0, 30), 0, pa.array(["a", "x" * MAX_PLAIN]))], compression="zstd")
    assert "a set of dictionaries of the Arrow stream has 16777" in refusal(post(client, stream, **PLACE), 413)
