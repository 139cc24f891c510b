"""Throughput and latency of one worker, compared with servers that do nothing and with the obvious implementation."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks.support import load
from benchmarks.support.comparison import Row, compare
from benchmarks.support.payloads import mixed_bodies, simple_bodies, write
from benchmarks.support.servers import ECHO, SERVICE, THREAD_POOL, VALIDATING, serving

BODIES: Final = 500
_ROUNDS: Final = 5


def measure() -> Iterator[str]:
    """Yield a table with a row for each server and kind of request."""
    yield "POST /forecast, one series per request, one worker, load generator on the same machine:"
    if not load.is_available():
        yield load.INSTALL
        return
    simple, mixed = simple_bodies(BODIES), mixed_bodies(BODIES)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        simple_file, mixed_file = write(folder / "simple", simple), write(folder / "mixed", mixed)
        servers = {
            program: stack.enter_context(serving(program, simple[0]))
            for program in (ECHO, VALIDATING, THREAD_POOL, SERVICE)
        }
        for program in (THREAD_POOL, SERVICE):
            for body in simple + mixed:
                servers[program].post(body)
        echo, no_op, pool = (
            Row(program.name, servers[program].url, simple_file) for program in (ECHO, VALIDATING, THREAD_POOL)
        )
        service = [Row(SERVICE.name, servers[SERVICE].url, simple_file)]
        service += [Row(f"{SERVICE.name}, mixed", servers[SERVICE].url, mixed_file)]
        yield from compare(echo, no_op, [pool, *service], _ROUNDS)
    yield (
        f"Payload: {BODIES} different bodies. Mixed: rnn, lstm, gru and best in turn, 24 to 40 values, nulls in "
        f"half, timestamps in a third (mean {_mean_size(mixed)} bytes); otherwise gru, 24 values and a start "
        f"({_mean_size(simple)} bytes)."
    )


def _mean_size(bodies: list[bytes]) -> int:
    return round(sum(map(len, bodies)) / len(bodies))
