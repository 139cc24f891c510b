"""What one worker answers, beside servers that do nothing and the obvious way to write it."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from benchmarks import load
from benchmarks.comparison import Row, compare
from benchmarks.payloads import mixed_bodies, simple_bodies, write
from benchmarks.servers import ECHO, NO_OP, SERVICE, THREAD_POOL, serving

BODIES: Final = 500
_ROUNDS: Final = 5


def measure() -> Iterator[str]:
    """A table, a row a server and kind of request."""
    yield "POST /forecast, one series a request, one worker, load generator on the same machine:"
    if not load.is_available():
        yield load.INSTALL
        return
    simple, mixed = simple_bodies(BODIES), mixed_bodies(BODIES)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        simple_file, mixed_file = write(folder / "simple", simple), write(folder / "mixed", mixed)
        servers = {
            program: stack.enter_context(serving(program, simple[0])) for program in (ECHO, NO_OP, THREAD_POOL, SERVICE)
        }
        for program in (THREAD_POOL, SERVICE):
            for body in simple + mixed:
                servers[program].post(body)
        echo, no_op, pool = (Row(one.name, servers[one].url, simple_file) for one in (ECHO, NO_OP, THREAD_POOL))
        own = [Row(SERVICE.name, servers[SERVICE].url, simple_file)]
        own += [Row(f"{SERVICE.name}, mixed", servers[SERVICE].url, mixed_file)]
        yield from compare(echo, no_op, [pool, *own], _ROUNDS)
    yield (
        f"Payload: {BODIES} bodies, no two alike. Mixed: rnn, lstm, gru and best in turn, 24 to 40 values, nulls in "
        f"half, timestamps in a third (mean {_mean_size(mixed)} bytes); else gru, 24 values and a start "
        f"({_mean_size(simple)} bytes)."
    )


def _mean_size(bodies: list[bytes]) -> int:
    return round(sum(map(len, bodies)) / len(bodies))
