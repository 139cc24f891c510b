"""Columnar bodies that are not valid, or would take too much: each is refused with a sentence."""

import asyncio
import io
import json
import os
import signal
import socket
import tracemalloc
from contextlib import AsyncExitStack, aclosing, suppress
from http.client import HTTPResponse
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as papq
import pytest
from starlette.types import Message, Receive

from forecasting.series.sst_series import SstSeries
from service.http.problems import ProblemError
from service.plugins.columns.readers import ColumnReaders
from service.settings import Settings
from tests.service.plugins.columns.bodies import (
    ARROW,
    arrow_bytes,
    long_table,
    post,
    read,
    refusal,
)
from tests.serving import serve

PLACE = {"dataset": "nino12", "model": "gru"}


@pytest.fixture(scope="module")
def months(nino12: SstSeries) -> pa.Table:
    return long_table({f"n{i}": nino12.part(len(nino12) - 30, len(nino12)) for i in range(3)})


def body_of(*pieces: bytes, then: float | None = None) -> Receive:
    """Return what gives the ``pieces`` of a body, and no more of it if it is not to end."""
    waiting = [*pieces]

    async def receive() -> Message:
        if not waiting:
            await asyncio.sleep(then or 0)
        return {"type": "http.request", "body": waiting.pop(0), "more_body": then is not None or bool(waiting)}

    return receive


def test_a_process_that_reads_bodies_gets_no_settings_and_an_empty_folder(
    months: pa.Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SST_STORE_PASSWORD", "secret")

    children = Children()

    async def seen() -> tuple[str, list[Path]]:
        readers = ColumnReaders(caller_share=1)
        async with aclosing(readers.read(body_of(arrow_bytes(months)), 10, 2**20, "me")) as read:
            assert [rows.is_last async for rows in read if rows.parts] == [False] * 8 + [True]
            (process,) = children()
            environment, folder = (process / "environ").read_text(), [*(process / "cwd").iterdir()]
        await readers.close()
        assert children() == []
        return environment, folder

    environment, folder = asyncio.run(seen())
    assert "PYTHONPATH=" in environment
    assert "SST_" not in environment
    assert folder == []


class Children:
    """The processes that read for this one, without those of services that other tests have started."""

    def __init__(self) -> None:
        self._others = self._all()

    def __call__(self) -> list[Path]:
        return [process for process in self._all() if process not in self._others]

    def _all(self) -> list[Path]:
        return [process for process in Path("/proc").glob("[0-9]*") if reads_for_us(process)]


def reads_for_us(process: Path) -> bool:
    with suppress(OSError):  # others end meanwhile
        parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
        return parent == str(os.getpid()) and "columns.process" in (process / "cmdline").read_text()
    return False


@pytest.mark.long
def test_a_process_is_used_again_until_it_meets_a_damaged_or_large_body(months: pa.Table) -> None:
    children = Children()

    async def used(readers: ColumnReaders, content: bytes) -> list[Path]:
        async with aclosing(readers.read(body_of(content), 2**20, 2**25, "me")) as read:
            with suppress(ProblemError):
                async for _ in read:
                    pass
        return children()

    async def main() -> None:
        readers = ColumnReaders(caller_share=1)
        good, large = arrow_bytes(months), arrow_bytes(pa.concat_tables([months] * 10_000))
        first = await used(readers, good)
        assert len(first) == 1
        assert await used(readers, good) == first
        assert await used(readers, good[:-8]) == first
        assert await used(readers, good.replace(b"n0n1", b"n\xff\xff1")) == []
        second = await used(readers, good)
        assert len(second) == 1
        assert second != first
        killed = int(second[0].name)
        os.kill(killed, signal.SIGKILL)
        with suppress(ChildProcessError):  # asyncio may have noticed its end already
            await asyncio.to_thread(os.waitid, os.P_PID, killed, os.WEXITED | os.WNOWAIT)
        third = await used(readers, good)
        assert len(third) == 1
        assert await used(readers, large) == []
        await readers.close()

    asyncio.run(main())


@pytest.mark.long
def test_a_caller_has_a_share_of_the_processes(months: pa.Table) -> None:
    stream = arrow_bytes(pa.concat_tables([months] * 1_000))
    begun, children = stream[: 2**20 + 1], Children()

    async def main() -> None:
        readers = ColumnReaders(caller_share=0.5)
        async with AsyncExitStack() as stack:
            held = []
            for _ in range(2):
                unfinished = readers.read(body_of(begun, b"", then=3_600), 10, 2**25, "greedy")
                held.append(await stack.enter_async_context(aclosing(unfinished)))
                while not (await anext(held[-1])).parts:
                    pass
            assert len(children()) == 2
            again = await stack.enter_async_context(
                aclosing(readers.read(body_of(arrow_bytes(months)), 10, 2**25, "greedy"))
            )
            assert not (await anext(again)).parts
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(again), 0.2)
            other = readers.read(body_of(arrow_bytes(months)), 100, 2**25, "modest")
            assert [len(rows.parts) async for rows in other] == [0, 1]
        await readers.close()

    asyncio.run(main())


def replaced(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return table.set_column(table.column_names.index(name), name, column)


def test_columns_that_no_request_has_are_named(client: httpx.Client, months: pa.Table) -> None:
    n = months.num_rows
    nested = pa.array([[1.0]] * n)
    cases = {
        "unknown column 'depth': the columns are id, time and sst": months.append_column("depth", nested),
        "the column sst is missing: send id, time and sst": months.drop_columns(["sst"]),
        "the column time is missing": months.select([]),
        "the column sst appears 2 times: send it once": months.append_column("sst", months["sst"]),
        "the column longitude is missing: send both": months.append_column("latitude", months["sst"]),
        "the column time holds text: convert it to timestamps": replaced(
            months, "time", months["time"].cast(pa.string())
        ),
        "the column sst holds list<": replaced(months, "sst", nested),
        "the column sst holds text: send numbers": replaced(months, "sst", pa.array(["20"] * n)),
        "the column time holds double: send timestamps or dates": replaced(months, "time", months["sst"]),
        "the column id holds double: send text": replaced(months, "id", months["sst"]),
    }
    for sentence, table in cases.items():
        assert sentence in refusal(post(client, arrow_bytes(table), **PLACE), 422)


def test_a_wrong_schema_is_refused_before_the_whole_body_arrives(wire: socket.socket, months: pa.Table) -> None:
    stream = arrow_bytes(pa.concat_tables([months] * 1_000).rename_columns(["id", "time", "temperature"]), 100)
    lines = [
        "POST /forecast?model=gru HTTP/1.1",
        "Host: localhost",
        f"Content-Type: {ARROW}",
        f"Content-Length: {len(stream)}",
    ]
    wire.sendall("\r\n".join([*lines, "", ""]).encode() + stream[: 2**20 + 1])
    with HTTPResponse(wire) as response:
        response.begin()
        assert response.status == 422
        assert "unknown column 'temperature'" in json.load(response)["detail"]


def test_bodies_that_are_something_else_are_recognized(client: httpx.Client, months: pa.Table) -> None:
    stream, file = arrow_bytes(months), io.BytesIO()
    papq.write_table(months, file)
    cases = {
        b"": "it is empty",
        b"ARROW1\0\0" + stream: "it is an Arrow file; write it as a stream",
        file.getvalue(): "it is a Parquet file; read it and send an Arrow stream, or forecast it with sst score",
        b"{}": "it ends too early",
        b'{"series": []}': "a message does not begin with the continuation marker",
        stream + stream: "there is data after its end: send one stream",
    }
    for content, reason in cases.items():
        assert reason in refusal(post(client, content, **PLACE), 400)


def test_a_body_that_is_cut_off_says_so(client: httpx.Client, months: pa.Table) -> None:
    stream = arrow_bytes(months, 20)
    for end in (3, 8, 100, len(stream) // 2, len(stream) - 8, len(stream) - 1):
        assert "it ends too early and may be truncated" in refusal(post(client, stream[:end], **PLACE), 400)


def test_small_bodies_that_claim_to_be_large_are_refused(client: httpx.Client, months: pa.Table) -> None:
    zeros = pa.table(
        {"time": months["time"].take(pa.array(np.zeros(3_000_000, dtype=np.int64))), "sst": np.zeros(3_000_000)}
    )
    stream = arrow_bytes(zeros, compression="zstd")
    assert len(stream) < 2**20
    assert "a decompressed message of the Arrow stream has 48000000 bytes" in refusal(
        post(client, stream, **PLACE), 413
    )


@pytest.mark.long
def test_record_batches_over_the_limit_are_refused(artifacts: Path, months: pa.Table) -> None:
    with serve(Settings(artifacts=artifacts, max_spool_bytes=1_024)) as client:
        assert "a record batch of the Arrow stream has" in refusal(post(client, arrow_bytes(months), **PLACE), 413)
        assert len(read(post(client, arrow_bytes(months, 10), **PLACE))) == 3


def test_a_large_record_batch_is_read_while_it_arrives(client: httpx.Client, months: pa.Table) -> None:
    many = pa.concat_tables(
        [replaced(months, "id", pa.array(np.repeat([i, i + 1, i + 2], 30))) for i in range(0, 1_800, 3)]
    )
    stream = arrow_bytes(many)
    assert len(stream) > 2**20
    answer = read(post(client, stream, **PLACE))
    assert answer["station"].tolist() == [str(i) for i in range(1_800)]
    assert answer["error"].isna().all()


@pytest.mark.long
def test_damaged_streams_are_answered_with_a_sentence(client: httpx.Client, months: pa.Table) -> None:
    stream = arrow_bytes(replaced(months, "id", months["id"].dictionary_encode()), 30)
    rng = np.random.default_rng(1)
    for _ in range(8):
        damaged = bytearray(stream)
        for place in rng.integers(0, len(stream), 3):
            damaged[place] = rng.integers(256)
        assert post(client, bytes(damaged), **PLACE).status_code in (200, 400, 413, 422)


def test_queries_and_headers_that_do_not_fit_are_refused(client: httpx.Client, months: pa.Table) -> None:
    stream = arrow_bytes(months)
    assert "paths are not available in Arrow or Parquet" in refusal(post(client, stream, **PLACE, paths=3), 422)
    assert "events are not available in Arrow or Parquet" in refusal(
        post(client, stream, **PLACE, events='[{"name": "a", "above": 24}]'), 422
    )
    assert "horizon 99 is out of range" in refusal(post(client, stream, **PLACE, horizon=99), 422)
    assert "unknown query parameter" in refusal(post(client, stream, **PLACE, levels=80), 422)
    assert "gets a columnar response: accept" in refusal(post(client, stream, accept="application/json", **PLACE), 406)
    headers = {"Content-Type": ARROW, "Content-Encoding": "gzip"}
    assert "a compressed Arrow body is not supported" in refusal(
        client.post("/forecast", content=stream, headers=headers), 415
    )
    refusal(post(client, stream, model="nino12-cnn"), 404)


@pytest.mark.long
def test_tiny_pieces_take_no_more_memory_than_large_ones() -> None:
    times = np.arange(20_000).astype("datetime64[D]").astype("datetime64[s]")
    body = arrow_bytes(pa.table({"time": times, "sst": np.random.default_rng(0).normal(size=20_000)}))
    begins = iter(range(0, len(body), 2))

    async def receive() -> Message:
        begin = next(begins)
        return {"type": "http.request", "body": body[begin : begin + 2], "more_body": begin + 2 < len(body)}

    async def main() -> int:
        readers = ColumnReaders(caller_share=1)
        count = 0
        async for rows in readers.read(receive, 2**20, 2**20, "me"):
            count += sum(len(part.values) for part in rows.parts)
        await readers.close()
        return count

    tracemalloc.start()
    try:
        count = asyncio.run(main())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 20_000
    assert peak < 20 * len(body)
