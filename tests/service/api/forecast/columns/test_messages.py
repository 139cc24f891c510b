"""What an Arrow stream takes in memory while it arrives, however a client cuts and compresses it."""

import tracemalloc
from collections.abc import AsyncIterator

import anyio
import numpy as np
import pyarrow as pa

from service.api.forecast.columns.reading.flatbuffer import RECORD_BATCH
from service.api.forecast.columns.reading.messages import MAX_PLAIN, Arrival, read_messages
from service.api.forecast.columns.spool import SpoolSpace
from tests.service.api.forecast.columns.bodies import arrow_bytes


def arrivals(body: bytes, piece: int) -> list[Arrival]:
    """Return what arrives of a body in pieces of this size."""

    async def pieces() -> AsyncIterator[tuple[bytes, bool]]:
        for begin in range(0, len(body), piece):
            yield body[begin : begin + piece], begin + piece >= len(body)

    async def main() -> list[Arrival]:
        return [arrival async for arrival in read_messages(pieces(), SpoolSpace(2**20)) if arrival.messages]

    return anyio.run(main)


def test_tiny_pieces_take_no_more_memory_than_large_ones() -> None:
    body = arrow_bytes(pa.table({"sst": np.random.default_rng(0).normal(size=20_000)}))
    tracemalloc.start()
    try:
        received = arrivals(body, piece=2)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert sum(map(len, received[-1].messages[0].content)) > 160_000
    assert peak < 20 * len(body)


def test_messages_that_arrive_together_are_decompressed_a_few_at_a_time() -> None:
    body = arrow_bytes(pa.table({"sst": np.zeros(8_000_000)}), 1_000_000, compression="zstd")
    assert len(body) < 2**20
    received = arrivals(body, piece=len(body))
    batches = [[message for message in arrival.messages if message.kind == RECORD_BATCH] for arrival in received]
    assert sum(map(len, batches)) == 8
    assert max(sum(message.plain_size for message in group) for group in batches) < 2 * MAX_PLAIN
