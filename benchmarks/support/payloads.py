"""Realistic request bodies: stretches of a shipped series, with an offset and noise."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from forecasting.readers import read_csv
from forecasting.series.times import Floats, Times, iso, unix_seconds

WINDOW: Final = 24
"""Window of the networks on nino12."""

_SERIES: Final = Path(__file__).parents[2] / "data" / "nino12.csv"
_MODELS: Final = ("rnn", "lstm", "gru", "best")
_LONGEST: Final = 40
_BATCH_ROWS: Final = 65_536


@dataclass(frozen=True)
class Stretch:
    """Consecutive months."""

    values: Floats
    times: Times

    @property
    def valid_time(self) -> float:
        """Unix seconds of the month to forecast."""
        return float(unix_seconds(self.times[-1:])[0])


def stretches(n: int, shortest: int = WINDOW, longest: int = WINDOW) -> list[Stretch]:
    """Draw ``n`` different stretches; the same in every call."""
    random = np.random.default_rng(n)
    series = read_csv(_SERIES)
    drawn = []
    for _ in range(n):
        length = int(random.integers(shortest, longest + 1))
        begin = int(random.integers(0, len(series) - length))
        noise = random.normal(random.uniform(-0.5, 0.5), 0.1, length)
        values = np.round(series.values[begin : begin + length] + noise, 2)
        drawn.append(Stretch(values, series.times[begin : begin + length + 1]))
    return drawn


def simple(n: int) -> list[dict[str, Any]]:
    """Make ``n`` series as long as the window, with a start."""
    return [
        {"id": f"buoy-{i}", "start": iso(stretch.times[0]), "values": stretch.values.tolist()}
        for i, stretch in enumerate(stretches(n))
    ]


def general(n: int) -> list[dict[str, Any]]:
    """Make ``n`` series of 24 to 40 values: half with one to three nulls, a third with a time for each value."""
    random = np.random.default_rng(n)
    series = []
    for i, stretch in enumerate(stretches(n, WINDOW, _LONGEST)):
        values: list[float | None] = list(stretch.values.tolist())
        if i % 2:
            for position in random.integers(1, len(values) - 1, size=int(random.integers(1, 4))):
                values[position] = None
        entry: dict[str, Any] = {"id": f"buoy-{i}", "values": values}
        if i % 3:
            entry["start"] = iso(stretch.times[0])
        else:
            entry["timestamps"] = [iso(time) for time in stretch.times[:-1]]
        series.append(entry)
    return series


def simple_bodies(n: int) -> list[bytes]:
    """Make ``n`` bodies with one series each, all for GRU."""
    return [_body("gru", [series]) for series in simple(n)]


def mixed_bodies(n: int) -> list[bytes]:
    """Make ``n`` bodies with one series each from :func:`general`, for each network and ``best`` in turn."""
    return [_body(_MODELS[i // 6 % len(_MODELS)], [series]) for i, series in enumerate(general(n))]


def large_body(series: Sequence[dict[str, Any]]) -> bytes:
    """Make one body with all series, for GRU."""
    return _body("gru", series)


def arrow_body(n: int, length: int = 36) -> bytes:
    """Make an Arrow stream of ``n`` series of ``length`` months, with categories as IDs, in batches of 65 536 rows."""
    drawn = stretches(n, length, length)
    codes = pa.array(np.repeat(np.arange(n, dtype=np.int32), length))
    table = pa.table(
        {
            "id": pa.DictionaryArray.from_arrays(codes, pa.array([f"buoy-{i}" for i in range(n)])),
            "time": np.concatenate([stretch.times[:-1] for stretch in drawn]),
            "sst": np.concatenate([stretch.values for stretch in drawn]),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table, max_chunksize=_BATCH_ROWS)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def write(path: Path, bodies: Sequence[bytes]) -> Path:
    """Write one body per line, for post.lua; returns ``path``."""
    if len(set(bodies)) < len(bodies):
        raise ValueError("two bodies are equal")
    path.write_bytes(b"\n".join(bodies) + b"\n")
    return path


def _body(model: str, series: Sequence[dict[str, Any]]) -> bytes:
    return json.dumps({"dataset": "nino12", "model": model, "series": series}, separators=(",", ":")).encode()
