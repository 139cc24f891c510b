"""Servers side by side under the same load, as a table."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.support.load import Load, drive

CONNECTIONS: Final = 32
_SECONDS: Final = 3
_SECONDS_ALONE: Final = 1

_HEAD: Final = (
    "server",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "p99 / p50",
    "of echo",
    "of no-op",
    "p50 ms alone",
    "of no-op's alone",
)


@dataclass(frozen=True)
class Row:
    """A server under one kind of load: its URL, and a file with one request body per line."""

    name: str
    url: str
    bodies: Path


@dataclass(frozen=True)
class _Run:
    together: Load
    alone: Load


def compare(echo: Row, no_op: Row, others: Sequence[Row], rounds: int) -> Iterator[str]:
    """Yield the lines of the table: medians over rounds; ratios are computed within each round.

    Every round visits every server, so that other load on the machine affects all of them.
    """
    rows = (echo, no_op, *others)
    runs: dict[str, list[_Run]] = {row.name: [] for row in rows}
    for _ in range(rounds):
        for row in rows:
            together = drive(row.url, row.bodies, CONNECTIONS, _SECONDS)
            runs[row.name].append(_Run(together, drive(row.url, row.bodies, 1, _SECONDS_ALONE)))
    yield "| " + " | ".join(_HEAD) + " |"
    yield "|---|" + "---:|" * (len(_HEAD) - 1)
    for row in rows:
        cells = _cells(runs[row.name], runs[echo.name], runs[no_op.name])
        yield f"| {row.name} | " + " | ".join(cells) + " |"
    yield f"{CONNECTIONS} connections for {_SECONDS} s, then one for {_SECONDS_ALONE} s; medians of {rounds} rounds."


def _cells(runs: Sequence[_Run], echo: Sequence[_Run], no_op: Sequence[_Run]) -> list[str]:
    return [
        f"{median(run.together.rate for run in runs):.0f}",
        f"{median(run.together.p50 for run in runs):.2f}",
        f"{median(run.together.p99 for run in runs):.2f}",
        f"{median(run.together.p99 / run.together.p50 for run in runs):.2f}",
        f"{median(run.together.rate / floor.together.rate for run, floor in zip(runs, echo, strict=True)):.2f}",
        f"{median(run.together.rate / floor.together.rate for run, floor in zip(runs, no_op, strict=True)):.2f}",
        f"{median(run.alone.p50 for run in runs):.2f}",
        f"{median(run.alone.p50 / floor.alone.p50 for run, floor in zip(runs, no_op, strict=True)):.2f}",
    ]
